"""Exit statuses of wrong command lines (2), of inputs that can't be used (1), and of settings and folders that can't (78)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from daemon import cli
from pipeline.errors import NoFigureFound, keep_notes

ROOT = Path(__file__).parents[4]
KING = str(ROOT / "etc" / "characters" / "stick_king")
PHOTO = str(ROOT / "etc" / "drawings" / "green_crayon.jpg")


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of a command."""
    monkeypatch.setattr(sys, "argv", ["doodled", *arguments])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    return int(exited.value.code or 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("animate", PHOTO, "--size", "big"),
        ("animate", PHOTO, "--fps", "0"),
        ("animate", PHOTO, "--background", "no such color"),
        ("animate", PHOTO, "--gl", "glx"),
        ("animate", PHOTO, "-o", "a.gif", "--format", "mp4"),
        ("animate", PHOTO, "-o", "a.xyz"),
        ("animate", PHOTO, "-o", "nonexist/a.gif"),
        ("animate", PHOTO, "--keep-annotations", "nonexist/figure"),
        ("animate", PHOTO, "--timings", "nonexist/times.json"),
        ("animate", PHOTO, "--torchserve-url", "model-server"),
        ("animate", KING),
        ("annotate", PHOTO, "-o", "nonexist/figure"),
        ("render", KING, "--motion", "moonwlak"),
        ("render", KING, "--retarget", "nobody"),
        ("render", KING, "--mesh", "nonexist.npz"),
        ("render", KING, "--dump", "nonexist/dump.npz"),
        ("render", PHOTO),
        ("motions", "--html", "nonexist/page.html"),
        ("motions", "explain", "nonexist.bvh"),
        ("report", "--json", "--html", "a.html"),
        ("report", "--html", "nonexist/page.html", "log.json"),
        ("report", "--since", "yesterday", "log.json"),
        ("run", "-v", "-q"),
    ],
    ids=" ".join,
)
def test_wrong_command_line_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended(monkeypatch, *arguments) == 2, capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [("animate", "nonexist.jpg"), ("render", "nonexist"), ("animate", __file__)], ids=" ".join)
def test_input_that_can_not_be_animated_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.chdir(tmp_path)
    assert ended(monkeypatch, *arguments) == 1


@pytest.mark.parametrize(
    "arguments", [("run", "--config", "nonexist.toml"), ("config", "check", "--config", "nonexist.toml"), ("jobs", "list")]
)
def test_settings_and_folders_that_can_not_be_used_end_with_78(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DOODLED_ROOT", raising=False)
    assert ended(monkeypatch, *arguments) == 78


def test_explicit_format_names_what_a_suffix_does_not() -> None:
    from daemon.options.targets import check_output
    from pipeline.types import Format

    for name, wanted in (("a", Format.MP4), ("a.bin", Format.GIF), ("a.png", Format.APNG), ("a.gif", None), ("A.GIF", Format.GIF)):
        check_output(Path(name), wanted)


def test_refusal_is_followed_by_notes_about_the_image(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        with keep_notes(["only the first of 3 pages is used"]):
            raise NoFigureFound("no figure found", hint="draw it darker")

    monkeypatch.setattr(cli, "command_line", lambda _: refuse)
    assert ended(monkeypatch) == 1
    assert capsys.readouterr().err == "doodled: no figure found (draw it darker)\nnote: only the first of 3 pages is used\n"
