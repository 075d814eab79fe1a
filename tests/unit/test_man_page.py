"""The manual page, which a script writes from what the commands say of themselves."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

DOC = Path(__file__).parents[2] / "etc" / "doc"
WRITE = "python etc/doc/man_page.py > etc/doc/doodled.1"


@pytest.fixture(scope="module")
def page() -> str:
    return runpy.run_path(str(DOC / "man_page.py"))["page"]()


def test_the_page_says_what_the_commands_say(page: str) -> None:
    assert (DOC / "doodled.1").read_text(encoding="utf-8") == page, f"write it anew: {WRITE}"


def test_every_command_is_in_it(page: str) -> None:
    for command in ("animate", "render", "run", "report", "health", "jobs list", "jobs retry"):
        assert f".SS doodled {command}" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_troff_has_nothing_to_say_against_it(page: str) -> None:
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
