"""The command line: imports the module of the command that runs, and turns errors of our tree into one line and an exit status.

`daemon.commands.overview` lists the commands.
"""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from collections.abc import Iterable
from typing import Annotated

import typer
from typer.core import TyperGroup

from daemon.commands.console import error_text
from daemon.commands.overview import COMMANDS, PURPOSE, overview
from daemon.files.durable import MACHINE_ERRORS
from daemon.log.writer import is_journal
from daemon.version import version
from daemon.worker.process_end import stop_multiprocessing
from pipeline.errors import DoodledError, OptionError, TransientError, UnknownName

EXIT_PERMANENT = 1
EXIT_USAGE = 2
"""The command line is wrong: Click's status, too."""

EXIT_TRANSIENT = 75
"""EX_TEMPFAIL of sysexits.h: the same command may succeed later."""


def main() -> None:
    """Run the command line and leave with its exit status."""
    atexit.register(stop_multiprocessing)  # before a command imports multiprocessing: what is registered first is called last
    try:
        command_line(_commands_to_load(sys.argv[1:2]))()
    except OSError as error:
        if error.filename is None and error.errno not in MACHINE_ERRORS:  # a bug: the trace helps to find it
            raise
        if error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would try to write the rest of the output at the exit, and report that
        print_error(f"doodled: {error.filename or 'the output'}: {error.strerror}")
        sys.exit(EXIT_TRANSIENT if error.errno in MACHINE_ERRORS else EXIT_PERMANENT)
    except DoodledError as error:
        print_error(error_text(error))
        sys.exit(exit_status(error))


def command_line(names: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """The application with these commands."""
    app = typer.Typer(
        name="doodled",
        cls=_Overview,
        help=PURPOSE,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_doodled)
    for name in names:
        module = importlib.import_module(f"daemon.commands.{COMMANDS[name].module}")
        if COMMANDS[name].has_subcommands:
            app.add_typer(module.app)
        else:
            app.command(name)(getattr(module, name))
    return app


def _commands_to_load(first: list[str]) -> Iterable[str]:
    """The command that the first argument names; all of them for anything else, such as a typing error or shell completion."""
    return first if set(first) & set(COMMANDS) else COMMANDS


class _Overview(TyperGroup):
    """The commands in sections, as `doodled --help` prints them without importing any."""

    def get_help(self, ctx: object) -> str:  # noqa: ARG002 - a command's help depends on it, this one's does not
        return overview().removesuffix("\n")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        typer.echo(f"doodled {version()}")
        raise typer.Exit


def _doodled(
    _: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")] = False,  # noqa: FBT002
) -> None:
    pass


def print_error(text: str) -> None:
    """Print an error to stderr; where systemd connected stderr to the journal, with priority `err` (sd-daemon(3))."""
    prefix = "<3>" if is_journal(os.environ, file=2) else ""
    print(*(f"{prefix}{line}" for line in text.splitlines()), sep="\n", file=sys.stderr)  # noqa: T201 - output of a command


def exit_status(error: DoodledError) -> int:
    """The exit status for an error: its own, or that of its class."""
    if isinstance(error, OptionError | UnknownName):
        status = EXIT_USAGE
    else:
        status = EXIT_TRANSIENT if isinstance(error, TransientError) else EXIT_PERMANENT
    return int(getattr(error, "exit_status", status))
