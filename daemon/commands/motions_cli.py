"""The command line of `doodled motions`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands.options import FacingOption, RetargetOption, UpOption
from daemon.options.targets import check_file_to_write

app = typer.Typer(
    name="motions",
    help="List the motions that can be asked for by name; explain how a motion file is understood.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def motions(
    context: typer.Context,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page that shows all motions moving.")] = None,
) -> None:
    """List the motions that can be asked for by name."""
    if context.invoked_subcommand is not None:
        return
    check_file_to_write(html)
    if html is not None:
        from daemon.commands.motion_page import write_motion_page

        typer.echo(write_motion_page(html, os.environ))
        return
    from daemon.commands.motions import motion_table

    typer.echo(motion_table(os.environ))


@app.command()
def explain(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A motion capture file; FILE#CLIP for one of several clips in it.")],
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE.yaml", help="Write what is found as a motion YAML file, and a retarget YAML file beside it."),
    ] = None,
    retarget: RetargetOption = None,
    up: UpOption = None,
    facing: FacingOption = None,
) -> None:
    """Show where the body is in a motion file, how sure that is, and why. Exit status 1 if it can't be animated."""
    check_file_to_write(write)
    from daemon.commands import motions as command
    from pipeline.motion.derived import MotionChoices

    choices = MotionChoices(up=up, facing=facing, retarget=retarget)
    text, can_be_animated = command.explain(file, choices, os.environ)
    typer.echo(text)
    if write is not None and can_be_animated:
        for path in command.write_configs(file, choices, write, os.environ):
            typer.echo(f"written: {path}")
    if not can_be_animated:
        raise typer.Exit(1)
