"""`doodled config check` and `doodled config show`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from daemon.commands.config import check_config, show_config
from daemon.settings import SettingsError, read_settings


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "doodled.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_check_creates_nothing_and_counts_what_is_set(tmp_path: Path) -> None:
    path = settings_file(tmp_path, f'root = "{tmp_path}/spool"\n[jobs]\nworkers = 2\n')
    assert check_config(path, {}) == (f"{path}: fine (2 keys set, all others have their defaults)", [])
    assert sorted(tmp_path.iterdir()) == [path]


def test_check_refuses_what_the_daemon_refuses(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="moonwlak"):
        check_config(settings_file(tmp_path, '[animation]\nmotions = ["moonwlak"]\n'), {})


def test_check_refuses_a_root_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"root .*/file/spool \(DOODLED_ROOT\) can't be a folder: .*/file is a file"):
        check_config(settings_file(tmp_path, ""), {"DOODLED_ROOT": f"{tmp_path}/file/spool"})


def test_check_notes_files_that_are_missing_now(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        f'root = "{tmp_path}"\n[dask]\nca_file = "/no/authority"\n[torchserve]\nkey_file = "/no/key"\n'
        '[hooks]\nsecret_file = "/no/secret"\non_done = ["/no/program"]\n[metrics]\ntextfile = "/no/folder/doodled.prom"\n',
    )
    _, notes = check_config(path, {"DOODLED_JOB_WORKERS": "2"})
    assert [note.partition(" is ")[0] for note in notes] == [
        "DOODLED_JOB_WORKERS",
        "[dask] ca_file: /no/authority",
        "[torchserve] key_file: /no/key",
        "[hooks] secret_file: /no/secret",
        "[metrics] textfile: /no/folder",
        "[hooks] on_done: /no/program",
    ]


def test_show_is_a_settings_file_with_the_source_of_each_value(tmp_path: Path) -> None:
    path = settings_file(tmp_path, f'root = "{tmp_path}"\n[animation]\nmotions = ["Dance"]\nfps = 30\n')
    environ = {"DOODLED_LOG_LEVEL": "debug"}
    text = show_config(path, environ)
    lines = {line.partition(" = ")[0]: line for line in text.splitlines()}
    assert lines["motions"].endswith(f"# {path}")
    assert lines["level"].endswith("# DOODLED_LOG_LEVEL")
    assert lines["size"].endswith("# default")
    assert "# key_file is not set" in text
    tomllib.loads(text)
    again = tmp_path / "again.toml"
    again.write_text(text, encoding="utf-8")
    assert read_settings(again, {}) == read_settings(path, environ)


def test_show_is_toml_with_letters_of_every_plane(tmp_path: Path) -> None:
    root = tmp_path / "für \U0001f9c4"
    shown = tomllib.loads(show_config(settings_file(tmp_path, f'root = "{root}"\n'), {}))
    assert shown["root"] == str(root)
    assert "\\udcff" in show_config(settings_file(tmp_path, ""), {"HOME": "/\udcff"})


def test_show_escapes_what_toml_and_terminals_do_not_show(tmp_path: Path) -> None:
    root = tmp_path / "a\x7f\x9b\u202e\U000e0001"
    text = show_config(settings_file(tmp_path, ""), {"DOODLED_ROOT": str(root)})
    assert tomllib.loads(text)["root"] == str(root)
    assert all(line.isprintable() for line in text.splitlines())


def test_show_names_the_root_and_hides_the_secret_part_of_webhooks(tmp_path: Path) -> None:
    path = settings_file(tmp_path, '[hooks]\non_done = "https://hooks.example.org/services/hunter22"\n')
    text = show_config(path, {"STATE_DIRECTORY": "/var/lib/doodled"})
    assert 'root = "/var/lib/doodled"' in text
    assert "STATE_DIRECTORY" in text
    assert 'on_done = "https://hooks.example.org/..."' in text
    assert "hunter22" not in text
