"""The command line: what people type, handed to the module that does it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from daemon.commands import jobs_cli, motions_cli, report_cli
from daemon.commands.options import (
    BackgroundOption,
    CameraOption,
    DrawingArgument,
    DumpOption,
    FacingOption,
    FormatOption,
    GLOption,
    InferenceOption,
    KeepAnnotationsOption,
    KeyFileOption,
    LoopOption,
    MeshOption,
    MotionOption,
    OutputOption,
    RateOption,
    RetargetOption,
    ShowOption,
    SizeOption,
    TargetArgument,
    TimingsOption,
    TravelOption,
    UpOption,
    UrlsOption,
)
from daemon.log.stopwatch import WallStopwatch, timing_lines
from daemon.options.inference import InferenceRequest
from daemon.version import version
from pipeline.types import Quality

if TYPE_CHECKING:
    from daemon.commands.render import Rendered

_T = TypeVar("_T")

app = typer.Typer(
    name="doodled",
    help="Drawn figures come to life: drawings and motions in, animations out.",
    epilog="Try: doodled animate photo.jpg --motion dance -o me.gif",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DRAWINGS, DAEMON, MACHINE = "Drawings", "The daemon", "This machine"
app.add_typer(motions_cli.app, rich_help_panel=DRAWINGS)
app.add_typer(jobs_cli.app, rich_help_panel=DAEMON)
app.command(rich_help_panel=DAEMON)(report_cli.report)


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        typer.echo(f"doodled {version()}")
        raise typer.Exit


@app.callback()
def doodled(
    _: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")] = False,  # noqa: FBT002
) -> None:
    """Drawn figures come to life: drawings and motions in, animations out."""


@app.command(rich_help_panel=DRAWINGS)
def animate(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    output: OutputOption = None,
    motion: MotionOption = None,
    retarget: RetargetOption = None,
    travel: TravelOption = None,
    loop: LoopOption = False,  # noqa: FBT002 - an option
    up: UpOption = None,
    facing: FacingOption = None,
    size: SizeOption = None,
    fps: RateOption = None,
    background: BackgroundOption = None,
    camera: CameraOption = None,
    kind: FormatOption = None,
    show: ShowOption = None,
    gl: GLOption = None,
    timings: TimingsOption = None,
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
    keep_annotations: KeepAnnotationsOption = None,
) -> None:
    """Find the figure in a picture and animate it."""
    stopwatch = WallStopwatch()
    from daemon.commands.drawings import animate_drawing
    from daemon.options.scene_builder import RenderRequest
    from pipeline.motion.derived import MotionChoices

    moves = MotionChoices(up=up, facing=facing, travel=travel, loop=loop)
    request = RenderRequest(
        drawing, output, motion, retarget, size, fps, background, camera, kind, tuple(show or ()), context=gl, moves=moves
    )
    asked = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    done = _with_progress(
        lambda on_frame: animate_drawing(request, asked, os.environ, stopwatch, keep_annotations=keep_annotations, on_frame=on_frame)
    )
    _tell_quality(done.figure.quality)
    _tell(done.rendered, stopwatch, timings, inference=done.inference)


@app.command(rich_help_panel=DRAWINGS)
def render(  # noqa: PLR0917 - every option of the command is a parameter here
    target: TargetArgument,
    output: OutputOption = None,
    motion: MotionOption = None,
    retarget: RetargetOption = None,
    travel: TravelOption = None,
    loop: LoopOption = False,  # noqa: FBT002 - an option
    up: UpOption = None,
    facing: FacingOption = None,
    size: SizeOption = None,
    fps: RateOption = None,
    background: BackgroundOption = None,
    camera: CameraOption = None,
    kind: FormatOption = None,
    show: ShowOption = None,
    gl: GLOption = None,
    timings: TimingsOption = None,
    dump: DumpOption = None,
    mesh: MeshOption = None,
) -> None:
    """Animate a character that is already cut out and rigged."""
    stopwatch = WallStopwatch()
    from daemon.commands.render import render as do_render
    from daemon.options.scene_builder import RenderRequest
    from pipeline.motion.derived import MotionChoices

    moves = MotionChoices(up=up, facing=facing, travel=travel, loop=loop)
    request = RenderRequest(
        target,
        output,
        motion,
        retarget,
        size,
        fps,
        background,
        camera,
        kind,
        tuple(show or ()),
        context=gl,
        dump=dump,
        mesh=mesh,
        moves=moves,
    )
    done = _with_progress(lambda on_frame: do_render(request, os.environ, stopwatch, on_frame))
    _tell(done, stopwatch, timings)


@app.command(rich_help_panel=DRAWINGS)
def annotate(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write.")],
    all_figures: Annotated[bool, typer.Option("--all-figures", help="Every figure, each into a folder of its own.")] = False,  # noqa: FBT002
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
) -> None:
    """Cut figures out and rig them: AnimatedDrawings' folder of annotations."""
    from daemon.commands.drawings import annotate_drawing

    asked = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    written = annotate_drawing(drawing, output, asked, os.environ, WallStopwatch(), all_figures=all_figures)
    for place, figure in written:
        _tell_quality(figure.quality)
        typer.echo(f"{place} (quality {figure.quality.score:.2f})")


@app.command(rich_help_panel=DRAWINGS)
def joints(
    character: Annotated[
        Path,
        typer.Argument(metavar="CHARACTER", help="A character folder, such as `annotate` writes."),
    ],
    motion: MotionOption = None,
    retarget: RetargetOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen, on this machine alone; 0 is any that is free.")] = 0,
    gl: GLOption = None,
) -> None:
    """Correct a character's joints in the browser, and see at once how it moves."""
    from daemon.commands.joints import correct_joints
    from daemon.options.scene_builder import RenderRequest

    correct_joints(RenderRequest(character, motion=motion, retarget=retarget, context=gl), os.environ, typer.echo, port=port)


@app.command(rich_help_panel=DRAWINGS)
def measure(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    motion: MotionOption = None,
    size: SizeOption = None,
    fps: RateOption = None,
    repeat: Annotated[int, typer.Option(min=1, help="Warm runs after the cold one.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Every run's seconds by stage, as JSON.")] = False,  # noqa: FBT002
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
) -> None:
    """Say where the time goes from a picture to its animation, cold and warm."""
    from daemon.commands.measure import measured, table
    from daemon.options.scene_builder import RenderRequest

    request = RenderRequest(drawing, motion=motion, size=size, rate=fps)
    asked = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    runs = measured(request, asked, os.environ, repeat=repeat)
    typer.echo(json.dumps(runs, indent=2) if as_json else table(runs))


@app.command(rich_help_panel=DAEMON)
def run(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings (default: DOODLED_CONFIG, or /etc/doodled/doodled.toml if there is one)."),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when everything that is there has been done.")] = False,  # noqa: FBT002
) -> None:
    """Watch the inbox and animate what is dropped there."""
    from daemon.service.main import run as do_run

    raise typer.Exit(do_run(config, os.environ, drain=drain))


@app.command(rich_help_panel=MACHINE)
def health(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The daemon's settings, for its folder."),
    ] = None,
    patience_s: Annotated[float, typer.Option("--patience", metavar="SECONDS", help="How long its loop may stand still.")] = 30.0,
) -> None:
    """Say whether the daemon of this host is alive, and what it does. Exit status 1 if it is not. To be asked as the daemon's user."""
    from daemon.commands.health import health as health_below
    from daemon.settings import read_settings, root_folder
    from daemon.spool.layout import Layout

    found = health_below(Layout(root_folder(read_settings(config, os.environ), os.environ)), patience_s=patience_s)
    typer.echo(found.text)
    if not found.is_good:
        raise typer.Exit(1)


@app.command(rich_help_panel=MACHINE)
def check(torchserve_url: UrlsOption = None, torchserve_key_file: KeyFileOption = None) -> None:
    """Say what this machine offers: OpenGL contexts, codecs, networks. Exit status 1 if nothing could be rendered."""
    from daemon.commands.machine import machine_report

    asked = InferenceRequest(None, tuple(torchserve_url or ()), torchserve_key_file)
    text, can_render = machine_report(os.environ, asked)
    typer.echo(text)
    if not can_render:
        raise typer.Exit(1)


def _tell(done: Rendered, stopwatch: WallStopwatch, timings: Path | None, *, inference: str = "") -> None:
    """What was done, for people (notes and times on stderr, the file on stdout) and, if wanted, for programs."""
    animation = done.animation
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    for line in timing_lines(stopwatch.spent_s, stopwatch.total_s, kind=animation.format.upper(), inference=inference):
        typer.echo(line, err=True)
    if timings:
        report = {
            "total_s": stopwatch.total_s,
            "stages_s": stopwatch.spent_s,
            "frames": animation.frame_count,
            "bytes": animation.byte_count,
            "renderer": done.renderer,
            "inference": inference or None,
        }
        timings.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    size_text = f"{animation.width}x{animation.height}, {animation.frame_count} frames, {float(animation.duration):.2f} s"
    typer.echo(f"{animation.path} ({size_text}, {animation.byte_count / 1e6:.2f} MB)")


def _tell_quality(quality: Quality) -> None:
    for reason in quality.reasons:
        typer.echo(f"note: {reason}", err=True)


def _with_progress(work: Callable[[Callable[[int, int], None]], _T]) -> _T:
    """Do `work` with a progress bar on a terminal, and silently elsewhere."""
    if not sys.stderr.isatty():
        return work(lambda _, __: None)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rendering", total=None)
        return work(lambda done, total: progress.update(task, completed=done, total=total))
