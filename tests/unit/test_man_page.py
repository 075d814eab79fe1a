"""The manual pages: two that a script writes from the commands and the settings file, and one written by hand."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from daemon.settings import Settings

DOC = Path(__file__).parents[2] / "etc" / "doc"
WRITE = "python etc/doc/man_page.py"
PAGES = ("doodled.1", "doodled.toml.5", "doodled.8")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(DOC / "man_page.py"))


@pytest.mark.parametrize("name", ["doodled.1", "doodled.toml.5"])
def test_pages_say_what_commands_and_settings_say(script: dict[str, Any], name: str) -> None:
    assert (DOC / name).read_text(encoding="utf-8") == script["PAGES"][name](), f"write it anew: {WRITE}"


def test_every_command_is_in_it() -> None:
    page = (DOC / "doodled.1").read_text(encoding="utf-8")
    for command in ("animate", "render", "run", "report", "health", "jobs list", "jobs retry", "motions", "web"):
        assert re.search(rf"^\.SS doodled {command}( [A-Z\[]|$)", page, re.MULTILINE), command


def test_every_setting_is_in_it() -> None:
    page = (DOC / "doodled.toml.5").read_text(encoding="utf-8")
    for name, section in Settings():
        for key in type(section).model_fields if name != "root" else [name]:
            assert re.search(rf"^\.B {key} = ", page, re.MULTILINE), key


def test_settings_have_comments_of_several_lines(script: dict[str, Any]) -> None:
    text = "# About the file.\n\n# Where.\n# Or there.\n# root = 1\n\n[log]   # (restart)\nlevel = 2   # one, #2\n            # or more\n"
    expected = (
        ".TP .B root = 1 Where. Or there. (An example; it is not set by default.) .SS [log] (restart) .TP .B level = 2 one, #2 or more"
    )
    assert " ".join(script["settings_lines"](text)) == expected


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_troff_has_nothing_to_say_against_it(name: str) -> None:
    page = (DOC / name).read_text(encoding="utf-8")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
