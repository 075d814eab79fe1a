"""The command line of `doodled jobs`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import OptionError

if TYPE_CHECKING:
    from daemon.settings import Settings
    from daemon.spool.layout import Layout

app = typer.Typer(
    name="jobs",
    help="List waiting, running and failed drawings; retry, approve or discard what a person decides about.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The daemon's settings file, which names its folder.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Names in failed/ or review/, or ids from the list.")]
All = Annotated[bool, typer.Option("--all", help="All failed drawings.")]
Hooks = Annotated[bool, typer.Option("--hooks", help="All deliveries of hooks that were given up.")]


@contextmanager
def _spool(config: Path | None) -> Iterator[tuple[Layout, Settings]]:
    """The spool of the settings, and the settings. Raises SpoolUnusable in place of any OSError inside."""
    from daemon.settings import read_settings, root_folder
    from daemon.spool.layout import Layout, SpoolUnusable, unusable

    settings = read_settings(config, os.environ)
    layout = Layout(root_folder(settings, os.environ), is_private=settings.inbox.private)
    try:
        if not layout.work.is_dir():
            raise SpoolUnusable(f"{layout.root} has no spool", hint="name the daemon's folder with --config or DOODLED_ROOT")
        yield layout, settings
    except OSError as error:
        hint = "run this as the daemon's user" if isinstance(error, PermissionError) else ""
        raise unusable(error, error.filename or layout.root, hint) from error


@app.command("list")
def list_jobs(
    config: Config = None,
    done: Annotated[bool, typer.Option("--done", help="List published drawings, too.")] = False,  # noqa: FBT002 - an option
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002 - an option
) -> None:
    """List the drawings in inbox, spool, failed/ and review/, and deliveries of hooks that were given up."""
    from daemon.commands.jobs import job_table
    from daemon.commands.jobs import list_jobs as find_jobs

    with _spool(config) as (layout, settings):
        rows = find_jobs(layout, done=done, max_depth=settings.inbox.max_depth)
    typer.echo(json.dumps([row.as_json() for row in rows], indent=2) if as_json else job_table(rows))


@app.command()
def show(
    job: Annotated[str, typer.Argument(metavar="DRAWING", help="An id, name, or folder and name, as in the list.")], config: Config = None
) -> None:
    """Show state, files and error report of a drawing, or of all drawings with this name, as JSON."""
    from daemon.commands.jobs import describe_job

    with _spool(config) as (layout, settings):
        typer.echo(describe_job(layout, job, max_depth=settings.inbox.max_depth))


@app.command()
def retry(names: Names = None, config: Config = None, everything: All = False, hooks: Hooks = False) -> None:  # noqa: FBT002 - options
    """Move drawings back to the inbox, with their sidecars, to be tried again; deliver again what hooks gave up."""
    from daemon.commands.job_decisions import Selection, retry_jobs

    with _spool(config) as (layout, _):
        for path in retry_jobs(layout, Selection(names or [], everything=everything, hooks=hooks)):
            typer.echo(path)


@app.command()
def approve(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Names in review/, or job ids.")] = None,
    config: Config = None,
    everything: Annotated[bool, typer.Option("--all", help="All drawings that wait for review.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Let drawings that wait for review be animated as they are."""
    from daemon.commands.job_decisions import approve_jobs

    with _spool(config) as (layout, _):
        for path in approve_jobs(layout, names or [], everything=everything):
            typer.echo(path)


@app.command()
def discard(
    names: Names = None,
    config: Config = None,
    everything: All = False,  # noqa: FBT002 - options
    hooks: Hooks = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --all or --hooks delete.")] = False,  # noqa: FBT002
) -> None:
    """Delete drawings that failed or wait for review, and deliveries of hooks that were given up."""
    from daemon.commands.job_decisions import Selection, count_selected, discard_jobs

    selection = Selection(names or [], everything=everything, hooks=hooks)
    with _spool(config) as (layout, _):
        if (everything or hooks) and not yes:
            _ask_before_deleting(count_selected(layout, selection))
        for name in discard_jobs(layout, selection):
            typer.echo(name)


def _ask_before_deleting(count: int) -> None:
    """Ask at a terminal. Raises OptionError where no user can answer, Abort for a no."""
    if not count:
        return
    what = f"{count} {'drawing or delivery' if count == 1 else 'drawings or deliveries'}"
    if not is_terminal():
        raise OptionError(f"this deletes {what} for good", hint="add --yes if that is meant")
    typer.confirm(f"Delete {what} for good?", abort=True)


def is_terminal() -> bool:
    """Whether a user can answer."""
    return sys.stdin.isatty()
