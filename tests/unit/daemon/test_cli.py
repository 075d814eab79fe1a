"""Help, version and shell completion of the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from daemon import cli
from daemon.cli import command_line
from daemon.commands.options import _motion_names, _retarget_names
from daemon.commands.overview import COMMANDS, overview
from daemon.version import version

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(command_line(), list(arguments), env=WIDE)
    assert done.exit_code == 0, done.output
    return done.output


def test_help_names_every_command() -> None:
    text = shown("--help")
    assert [command for command in COMMANDS if not re.search(rf"^  {command} ", text, re.MULTILINE)] == []


def test_overview_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, overview().splitlines())) <= 60


@pytest.mark.parametrize("name", COMMANDS)
def test_overview_repeats_the_help_of_the_command(name: str) -> None:
    command = get_command(command_line([name])).commands[name]
    assert str(command.help).startswith(COMMANDS[name].purpose)


def test_imports_only_the_command_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(cli, "command_line", lambda names: made.append(tuple(names)) or (lambda: None))
    for arguments in (["run", "--drain"], ["runn"], []):
        monkeypatch.setattr(sys, "argv", ["doodled", *arguments])
        cli.main()
    assert made == [("run",), tuple(COMMANDS), tuple(COMMANDS)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    assert "--help" in shown(command, "--help")


def help_texts(command: Any, path: str) -> Iterator[tuple[str, str]]:
    """The help of a command, its parameters and its subcommands, as they are written."""
    yield path, command.help or ""
    for parameter in command.params:
        yield f"{path} {parameter.name}", getattr(parameter, "help", None) or ""
    for name, inner in getattr(command, "commands", {}).items():
        yield from help_texts(inner, f"{path} {name}")


def test_no_help_loses_words_in_brackets() -> None:
    """Rich takes [log] for markup, and prints nothing for it."""
    texts = list(help_texts(get_command(command_line()), "doodled"))
    assert len(texts) > 100
    assert [path for path, text in texts if re.search(r"(?<!\\)\[/?[A-Za-z]", text)] == []


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
