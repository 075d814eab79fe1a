"""The command line of `doodled config`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands.console import print_notes

app = typer.Typer(
    name="config",
    help="Check the daemon's settings without starting it; show the effective settings and where each comes from.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file. Default: DOODLED_CONFIG, else ~/.config/doodled/doodled.toml, else /etc/doodled/doodled.toml.",
    ),
]


@app.command()
def check(config: Config = None) -> None:
    """Check the settings as the daemon does at its start, and report all problems. Exit status 78 if it would refuse them."""
    from daemon.commands.config import check_config

    text, notes = check_config(config, os.environ)
    print_notes(notes)
    typer.echo(text)


@app.command()
def show(config: Config = None) -> None:
    """Show all settings as TOML, each with the file or variable that it comes from."""
    from daemon.commands.config import show_config

    typer.echo(show_config(config, os.environ))
