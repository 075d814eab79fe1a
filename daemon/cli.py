"""The command line: what people type, handed to the module that does it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from daemon.choices import CameraChoice, Overlay
from daemon.stopwatch import WallStopwatch, timing_lines
from pipeline.adapters.gl_context import ContextKind
from pipeline.types import Format

_T = TypeVar("_T")

app = typer.Typer(
    name="doodled",
    help="Drawn figures come to life: characters and motions in, animations out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def render(  # noqa: PLR0917 - every option of the command is a parameter here
    target: Annotated[Path, typer.Argument(help="A character folder (char_cfg.yaml, mask.png, texture.png) or a scene file (mvc YAML).")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The file to write; its suffix chooses the format.")] = None,
    motion: Annotated[
        str | None, typer.Option(help="A motion's name (see `doodled motions`), its YAML file, or a BVH file. [default: wave]")
    ] = None,
    retarget: Annotated[
        str | None, typer.Option(help="A retarget configuration's name or YAML file. [default: chosen by the motion's joints]")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Pixels. [default: 500x500, or the scene file's]")] = None,
    fps: Annotated[
        str | None, typer.Option(metavar="N|native", help="Frames a second. [default: 25; native for a scene file; at most 50 in a GIF]")
    ] = None,
    background: Annotated[
        str | None, typer.Option(metavar="COLOUR|PICTURE", help="What is behind the figure. [default: transparent]")
    ] = None,
    camera: Annotated[
        CameraChoice | None,
        typer.Option(help="auto keeps the figure in view; original is AnimatedDrawings'. [default: auto, or the scene file's]"),
    ] = None,
    kind: Annotated[Format | None, typer.Option("--format", help="The format, where no output's suffix says it.")] = None,
    show: Annotated[list[Overlay] | None, typer.Option(help="Draw this, too; may be given several times.")] = None,
    gl: Annotated[ContextKind | None, typer.Option(help="The OpenGL context to use. [default: the first that works]")] = None,
    timings: Annotated[Path | None, typer.Option(metavar="FILE", help="Write where the time went, as JSON.")] = None,
    dump: Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Write joints and vertices over time, to compare.")] = None,
    mesh: Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Deform this mesh (rest_vertices, triangles), not our own.")] = None,
) -> None:
    """Animate a character that is already cut out and rigged."""
    stopwatch = WallStopwatch()
    from daemon.render import RenderRequest
    from daemon.render import render as do_render

    request = RenderRequest(
        target=target,
        output=output,
        motion=motion,
        retarget=retarget,
        size=size,
        rate=fps,
        background=background,
        camera=camera,
        format=kind,
        overlays=tuple(show or ()),
        context=gl,
        dump=dump,
        mesh=mesh,
    )
    done = _with_progress(lambda on_frame: do_render(request, os.environ, stopwatch, on_frame))
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    animation = done.animation
    for line in timing_lines(stopwatch.spent_s, stopwatch.total_s, kind=animation.format.upper()):
        typer.echo(line, err=True)
    if timings:
        report = {
            "total_s": stopwatch.total_s,
            "stages_s": stopwatch.spent_s,
            "frames": animation.frame_count,
            "bytes": animation.byte_count,
            "renderer": done.renderer,
        }
        timings.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    size_text = f"{animation.width}x{animation.height}, {animation.frame_count} frames, {float(animation.duration):.2f} s"
    typer.echo(f"{animation.path} ({size_text}, {animation.byte_count / 1e6:.2f} MB)")


@app.command()
def motions() -> None:
    """List the motions that can be asked for by name."""
    from daemon.motions import motion_table

    typer.echo(motion_table(os.environ))


@app.command()
def check() -> None:
    """Say what this machine offers: OpenGL contexts, codecs. Exit status 1 if nothing could be rendered."""
    from daemon.machine import machine_report

    text, can_render = machine_report(os.environ)
    typer.echo(text)
    if not can_render:
        raise typer.Exit(1)


def _with_progress(work: Callable[[Callable[[int, int], None]], _T]) -> _T:
    """Do `work` with a progress bar on a terminal, and silently elsewhere."""
    if not sys.stderr.isatty():
        return work(lambda _, __: None)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rendering", total=None)
        return work(lambda done, total: progress.update(task, completed=done, total=total))
