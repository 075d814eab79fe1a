"""The command line of `doodled jobs`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daemon.spool.layout import Layout

app = typer.Typer(
    name="jobs",
    help="What waits (and why), what runs, what failed; and the way back from quarantine.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The daemon's settings, for its folder.")]
Names = Annotated[list[str] | None, typer.Argument(help="Names in failed/, or job ids.")]
All = Annotated[bool, typer.Option("--all", help="All that failed.")]


def _layout(config: Path | None) -> Layout:
    from daemon.settings import read_settings, root_folder
    from daemon.spool.layout import Layout

    return Layout(root_folder(read_settings(config, os.environ), os.environ))


@app.command("list")
def list_jobs(
    config: Config = None,
    done: Annotated[bool, typer.Option("--done", help="What was published, too.")] = False,  # noqa: FBT002 - an option
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - an option
) -> None:
    """List what lies in inbox, spool and quarantine."""
    from daemon.commands.jobs import rows, table

    found = rows(_layout(config), done=done)
    typer.echo(json.dumps([asdict(row) for row in found], indent=2) if as_json else table(found))


@app.command()
def show(job: Annotated[str, typer.Argument(help="A job's id, or its name in failed/.")], config: Config = None) -> None:
    """Show all that is known of one job."""
    from daemon.commands.jobs import shown

    typer.echo(shown(_layout(config), job))


@app.command()
def retry(names: Names = None, config: Config = None, everything: All = False) -> None:  # noqa: FBT002 - an option
    """Put failed files back into the inbox, with the options they came with."""
    from daemon.commands.jobs import retried

    for place in retried(_layout(config), names or [], everything=everything):
        typer.echo(place)


@app.command()
def discard(names: Names = None, config: Config = None, everything: All = False) -> None:  # noqa: FBT002 - an option
    """Remove failed files for good."""
    from daemon.commands.jobs import discarded

    for name in discarded(_layout(config), names or [], everything=everything):
        typer.echo(name)
