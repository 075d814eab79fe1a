"""The process's entry: run a command, and turn errors of our tree into one line and an exit status."""

from __future__ import annotations

import os
import sys

from daemon.cli import app
from pipeline.errors import DoodledError, FileProblems, TransientError

EXIT_PERMANENT = 1
EXIT_TRANSIENT = 75
"""EX_TEMPFAIL of sysexits.h: the same command may succeed later."""


def open_standard_streams() -> None:
    """Open what our parent closed of stdin, stdout and stderr, or the next file that is opened would be taken for one of them."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def main() -> None:
    """Run the command line and leave with its exit status."""
    open_standard_streams()
    try:
        app()
    except FileProblems as error:
        lines = [*error.problems, *([f"({error.hint})"] if error.hint else [])]
        print(f"doodled: {error.path}:", *lines, sep="\n  ", file=sys.stderr)  # noqa: T201 - the last word of a command
        sys.exit(getattr(error, "exit_status", EXIT_PERMANENT))
    except DoodledError as error:
        print(f"doodled: {error}", file=sys.stderr)  # noqa: T201 - as above
        sys.exit(getattr(error, "exit_status", EXIT_TRANSIENT if isinstance(error, TransientError) else EXIT_PERMANENT))


if __name__ == "__main__":
    main()
