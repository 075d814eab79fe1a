"""The process's entry: opens the standard streams, and answers `--version` and `--help` before anything heavy is imported."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    open_standard_streams()
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from daemon.version import version

        sys.stdout.write(f"doodled {version()}\n")
    elif arguments in (["--help"], ["-h"]):
        from daemon.commands.overview import overview

        sys.stdout.write(overview())
    else:
        from daemon import cli
        from daemon.worker.process_end import skip_teardown

        with skip_teardown():
            cli.main()


def open_standard_streams() -> None:
    """Open what our parent closed of stdin, stdout and stderr, or the next file that is opened would be taken for one of them."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


if __name__ == "__main__":
    main()
