"""Help, version and shell completion of the command line."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from daemon.commands.options import _motion_names, _retarget_names
from daemon.version import version

COMMANDS = ["animate", "render", "annotate", "measure", "motions", "run", "config", "check", "jobs"]
WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env=WIDE)
    assert done.exit_code == 0, done.output
    return done.output


def test_help_names_every_command() -> None:
    text = shown("--help")
    assert [command for command in COMMANDS if not re.search(rf"\b{command}\b", text)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    assert "--help" in shown(command, "--help")


def test_help_shows_defaults() -> None:
    """Rich takes square brackets for markup and drops them."""
    text = shown("animate", "--help")
    assert all(default in text for default in ("default: wave", "default: 500x500", "default: 25", "default: embedded"))


def test_prints_version() -> None:
    assert shown("--version") == f"doodled {version()}\n"


def test_completes_names_of_motions_and_retarget_configurations() -> None:
    assert "dance" in _motion_names("da")
    assert _motion_names("no such") == []
    assert _retarget_names("")
