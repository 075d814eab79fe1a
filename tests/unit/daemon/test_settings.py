"""The settings file, the environment, and what is said about both when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.settings import Settings, SettingsError, read_settings, root_folder
from pipeline.types import Format

SHIPPED = Path(__file__).parents[3] / "etc" / "doodled.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "doodled.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_holds_every_setting_with_its_default() -> None:
    assert read_settings(SHIPPED, {}) == Settings()
    text = SHIPPED.read_text(encoding="utf-8")
    for name, section in Settings():
        keys = type(section).model_fields if hasattr(type(section), "model_fields") else {name: None}
        assert not [key for key in keys if f"\n{key} = " not in text and f"\n# {key} = " not in text], name


def test_all_problems_are_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    path = written(tmp_path, '[jobs]\nworkrs = 2\ndeadline_s = "x"\n[animation]\nsize = "big"\nbackground = "a.jpg"\n[nothing]\n')
    with pytest.raises(SettingsError) as refused:
        read_settings(path, {"DOODLED_LOG_FORMAT": "xml"})
    told = "\n".join(refused.value.problems)
    assert refused.value.path == path
    for word in (
        "jobs.workrs: unknown",
        "jobs.deadline_s",
        "animation.size",
        "animation.background",
        "nothing: unknown",
        "DOODLED_LOG_FORMAT",
    ):
        assert word in told


@pytest.mark.parametrize("text", ["[jobs", "\udcff", "jobs = 3"])
def test_a_file_that_is_no_toml_or_not_ours_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "doodled.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError):
        read_settings(path, {})
    with pytest.raises(SettingsError, match="can't be read"):
        read_settings(tmp_path / "missing.toml", {})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'root = "/somewhere"\n[jobs]\nworkers = 2\nmax_attempts = 5\n')
    environ = {
        "DOODLED_ROOT": "/elsewhere",
        "DOODLED_JOBS_WORKERS": "7",
        "DOODLED_ANIMATION_FORMATS": "gif, mp4",
        "DOODLED_TORCHSERVE_URL": "http://one:8080,http://two:8080",
        "DOODLED_TORCHSERVE_PYTHON": "/usr/bin/python3",
        "PATH": "/bin",
    }
    settings = read_settings(path, environ)
    assert (settings.jobs.workers, settings.jobs.max_attempts) == (7, 5)
    assert settings.animation.formats == (Format.GIF, Format.MP4)
    assert settings.torchserve.url == ("http://one:8080", "http://two:8080")
    assert root_folder(settings, environ) == Path("/elsewhere")


def test_a_misspelt_variable_is_refused_like_a_misspelt_key() -> None:
    with pytest.raises(SettingsError, match="DOODLED_JOBS_WRKERS: unknown"):
        read_settings(None, {"DOODLED_JOBS_WRKERS": "2"})


def test_the_seeds_variable_makes_mp4_the_default_format(tmp_path: Path) -> None:
    assert read_settings(None, {"AD_OUTPUT_MP4": "1"}).animation.formats == (Format.MP4,)
    path = written(tmp_path, '[animation]\nformats = ["webp"]\n')
    assert read_settings(path, {"AD_OUTPUT_MP4": "1"}).animation.formats == (Format.WEBP,)


def test_the_root_is_systemds_folder_or_one_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert root_folder(Settings(), {}) == tmp_path / "var"
    assert root_folder(Settings(), {"STATE_DIRECTORY": "/var/lib/doodled"}) == Path("/var/lib/doodled")


def test_the_digest_tells_settings_apart() -> None:
    assert Settings().digest() == Settings().digest() != read_settings(None, {"DOODLED_JOBS_WORKERS": "3"}).digest()


@pytest.mark.parametrize("url", ["model-server", "http://user:hunter22@host:8080", "ftp://host"])
def test_an_address_that_is_none_is_refused_before_any_drawing_comes_and_secrets_are_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(None, {"DOODLED_TORCHSERVE_URL": url})
    assert "DOODLED_TORCHSERVE_URL" in str(refused.value)
    assert "hunter22" not in str(refused.value)
