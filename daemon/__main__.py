"""The process's entry: run a command, and turn errors of our tree into one line and an exit status."""

from __future__ import annotations

import atexit
import errno
import os
import sys

from daemon.cli import app
from daemon.commands.console import error_text
from daemon.log.writer import is_journal
from daemon.worker.resource_tracker import stop_resource_tracker
from pipeline.errors import DoodledError, OptionError, TransientError, UnknownName

EXIT_PERMANENT = 1
EXIT_USAGE = 2
"""The command line is wrong: Click's status, too."""

EXIT_TRANSIENT = 75
"""EX_TEMPFAIL of sysexits.h: the same command may succeed later."""

_MACHINE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE})
"""Errors of a disk or a limit, and not of the path that was named."""


def open_standard_streams() -> None:
    """Open what our parent closed of stdin, stdout and stderr, or the next file that is opened would be taken for one of them."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


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


def main() -> None:
    """Run the command line and leave with its exit status."""
    open_standard_streams()
    atexit.register(stop_resource_tracker)  # before a command imports multiprocessing: what is registered first is called last
    try:
        app()
    except OSError as error:
        if error.filename is None:  # a bug: the trace helps to find it
            raise
        print_error(f"doodled: {error.filename}: {error.strerror}")
        sys.exit(EXIT_TRANSIENT if error.errno in _MACHINE_ERRORS else EXIT_PERMANENT)
    except DoodledError as error:
        print_error(error_text(error))
        sys.exit(exit_status(error))


if __name__ == "__main__":
    main()
