"""The command line: arguments and options of every command, parsed and handed to its module in `daemon.commands`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands import config_cli, jobs_cli, motions_cli, report_cli, web_cli
from daemon.commands.console import print_notes, print_result, print_timings, with_progress, write_timings
from daemon.commands.options import (
    AllFiguresOption,
    BackgroundOption,
    CameraOption,
    DrawingArgument,
    DrawingsArgument,
    DumpOption,
    FacingOption,
    FormatOption,
    GLOption,
    InferenceOption,
    KeepAnnotationsOption,
    KeyFileOption,
    LayersOption,
    LoopOption,
    MeshOption,
    MotionOption,
    MotionsOption,
    OutputOption,
    QuietOption,
    RateOption,
    RetargetOption,
    ShowOption,
    SizeOption,
    TargetArgument,
    TimingsOption,
    TogetherOption,
    TravelOption,
    UpOption,
    UrlsOption,
    WhitenOption,
)
from daemon.log.stages import IMPORTS
from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceRequest
from daemon.version import version
from pipeline.errors import OptionError
from pipeline.types import LayerMode

app = typer.Typer(
    name="doodled",
    help="Animate drawn figures: photographs of drawings and motions in, animations out.",
    epilog="Try: doodled animate photo.jpg --motion dance -o me.gif",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DRAWINGS, DAEMON, MACHINE = "Drawings", "The daemon", "This machine"
app.add_typer(motions_cli.app, rich_help_panel=DRAWINGS)
app.add_typer(jobs_cli.app, rich_help_panel=DAEMON)
app.add_typer(web_cli.app, rich_help_panel=DAEMON)
app.add_typer(config_cli.app, rich_help_panel=DAEMON)
app.command(rich_help_panel=DAEMON)(report_cli.report)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        typer.echo(f"doodled {version()}")
        raise typer.Exit


@app.callback()
def doodled(
    _: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")] = False,  # noqa: FBT002
) -> None:
    """Animate drawn figures: photographs of drawings and motions in, animations out."""


@app.command(rich_help_panel=DRAWINGS)
def animate(  # noqa: PLR0917 - as above
    drawings: DrawingsArgument,
    output: OutputOption = None,
    motion: MotionsOption = None,
    all_figures: AllFiguresOption = False,  # noqa: FBT002 - an option
    together: TogetherOption = False,  # noqa: FBT002 - an option
    retarget: RetargetOption = None,
    travel: TravelOption = None,
    loop: LoopOption = False,  # noqa: FBT002 - an option
    up: UpOption = None,
    facing: FacingOption = None,
    size: SizeOption = None,
    fps: RateOption = None,
    background: BackgroundOption = None,
    whiten: WhitenOption = False,  # noqa: FBT002 - an option
    camera: CameraOption = None,
    output_format: FormatOption = None,
    show: ShowOption = None,
    layers: LayersOption = LayerMode.AUTO,
    gl: GLOption = None,
    timings: TimingsOption = None,
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
    keep_annotations: KeepAnnotationsOption = None,
    quiet: QuietOption = False,  # noqa: FBT002 - an option
) -> None:
    """Find the figures in photographs of drawings and animate them."""
    stopwatch = WallStopwatch()
    with stopwatch.lap(IMPORTS):
        from daemon.commands.animate import AnimateRequest, FigureChoice, animate_drawings
        from daemon.options.scene_builder import RenderRequest
        from pipeline.motion.derived import MotionChoices

    moves = MotionChoices(up=up, facing=facing, travel=travel, loop=loop)
    request = RenderRequest(
        drawings[0],
        output,
        motion,
        retarget,
        size,
        fps,
        background,
        camera,
        output_format,
        tuple(show or ()),
        context=gl,
        moves=moves,
        layers=layers,
        whiten=whiten,
    )
    models = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    if together and all_figures:
        raise OptionError("--together and --all-figures exclude each other", hint="--together makes one file of all figures")
    which = FigureChoice.TOGETHER if together else FigureChoice.EACH if all_figures else FigureChoice.BEST
    wanted = AnimateRequest(tuple(drawings), request, which, keep_annotations=keep_annotations, timings=timings)
    if failed := animate_drawings(wanted, models, os.environ, stopwatch, quiet=quiet):
        typer.echo(f"doodled: {len(failed)} of {len(drawings)} files can't be animated, or not all of their pages", err=True)
        raise typer.Exit(1)


@app.command(rich_help_panel=DRAWINGS)
def render(  # noqa: PLR0917 - every option of the command is a parameter here
    target: TargetArgument,
    output: OutputOption = None,
    motion: MotionsOption = None,
    retarget: RetargetOption = None,
    travel: TravelOption = None,
    loop: LoopOption = False,  # noqa: FBT002 - an option
    up: UpOption = None,
    facing: FacingOption = None,
    size: SizeOption = None,
    fps: RateOption = None,
    background: BackgroundOption = None,
    camera: CameraOption = None,
    output_format: FormatOption = None,
    show: ShowOption = None,
    layers: LayersOption = LayerMode.AUTO,
    gl: GLOption = None,
    timings: TimingsOption = None,
    dump: DumpOption = None,
    mesh: MeshOption = None,
    quiet: QuietOption = False,  # noqa: FBT002 - an option
) -> None:
    """Animate a character that is already cut out and rigged."""
    stopwatch = WallStopwatch()
    with stopwatch.lap(IMPORTS):
        from daemon.commands.render import each_motion
        from daemon.commands.render import render as do_render
        from daemon.options.scene_builder import RenderRequest
        from daemon.options.targets import check_file_to_write
        from pipeline.motion.derived import MotionChoices

    check_file_to_write(timings)
    moves = MotionChoices(up=up, facing=facing, travel=travel, loop=loop)
    wanted = RenderRequest(
        target,
        output,
        motion,
        retarget,
        size,
        fps,
        background,
        camera,
        output_format,
        tuple(show or ()),
        context=gl,
        dump=dump,
        mesh=mesh,
        moves=moves,
        layers=layers,
    )
    results = []
    for request in each_motion(wanted, os.environ, stopwatch):
        result = with_progress(partial(do_render, request, os.environ, stopwatch), quiet=quiet)
        if not quiet:
            print_notes(result.notes)
        print_result(result)
        results.append(result)
    if timings:
        write_timings(timings, results, stopwatch)
    if not quiet:
        print_timings(results, stopwatch)


@app.command(rich_help_panel=DRAWINGS)
def annotate(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write to.")],
    all_figures: Annotated[bool, typer.Option("--all-figures", help="Annotate every figure, each in a folder of its own.")] = False,  # noqa: FBT002
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
) -> None:
    """Cut out and rig the figure in a photograph; write AnimatedDrawings' annotation folder."""
    from daemon.commands.drawings import annotate_drawing

    models = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    for folder, figure in annotate_drawing(drawing, output, models, os.environ, WallStopwatch(), all_figures=all_figures):
        print_notes(figure.quality.reasons)
        typer.echo(f"{folder} (quality {figure.quality.score:.2f})")


@app.command(rich_help_panel=DRAWINGS)
def edit(  # noqa: PLR0917 - as above
    target: Annotated[
        Path,
        typer.Argument(metavar="CHARACTER|IMAGE", help="A character folder, such as `doodled annotate` writes, or an image of a drawing."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="The folder to save an image's figure to (default: named after it, in the working directory).",
        ),
    ] = None,
    motion: MotionOption = None,
    retarget: RetargetOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port to listen on, on the loopback interface; 0 is any free port.")] = 0,
    gl: GLOption = None,
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
) -> None:
    """Correct a figure's box, mask, layers and joints in the browser, with a live preview of its motion."""
    from daemon.commands.edit import EditRequest, edit_figures
    from daemon.options.scene_builder import RenderRequest

    models = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    render_request = RenderRequest(target, motion=motion, retarget=retarget, context=gl)
    edit_figures(EditRequest(target, output, render_request, models, port), os.environ, typer.echo)


@app.command(rich_help_panel=DRAWINGS)
def measure(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    motion: MotionOption = None,
    size: SizeOption = None,
    fps: RateOption = None,
    repeat: Annotated[int, typer.Option(min=1, help="Number of warm runs after the cold one.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the seconds of every run by stage, as JSON.")] = False,  # noqa: FBT002
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
) -> None:
    """Measure how long each stage takes from photograph to animation, cold and warm."""
    from daemon.commands.measure import measure as do_measure
    from daemon.commands.measure import timing_table
    from daemon.options.scene_builder import RenderRequest

    request = RenderRequest(drawing, motion=motion, size=size, rate=fps)
    models = InferenceRequest(inference, tuple(torchserve_url or ()), torchserve_key_file)
    runs = do_measure(request, models, os.environ, repeat=repeat)
    typer.echo(json.dumps(runs, indent=2) if as_json else timing_table(runs))


@app.command(rich_help_panel=DAEMON)
def run(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file. Default: DOODLED_CONFIG, else ~/.config/doodled/doodled.toml, else /etc/doodled/doodled.toml.",
        ),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Exit once every drawing in the inbox is done.")] = False,  # noqa: FBT002
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log debug records, too: [log] level = debug.")] = False,  # noqa: FBT002
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only: [log] level = warning.")] = False,  # noqa: FBT002
) -> None:
    """Watch the inbox and animate the drawings that are dropped there."""
    from daemon.service.main import run as do_run

    if verbose and quiet:
        raise OptionError("--verbose and --quiet exclude each other", hint="choose one")
    environ: Mapping[str, str] = os.environ
    if verbose or quiet:  # in the environment, so that a reload of the settings keeps it
        environ = {**environ, "DOODLED_LOG_LEVEL": "debug" if verbose else "warning"}
    raise typer.Exit(do_run(config, environ, drain=drain))


@app.command(rich_help_panel=MACHINE)
def health(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The daemon's settings file, which names its folder."),
    ] = None,
    patience_s: Annotated[float, typer.Option("--patience", metavar="SECONDS", help="Greatest age of the last heartbeat.")] = 30.0,
) -> None:
    """Check whether the daemon on this host is healthy. Exit status 1 if it is not. Run it as the daemon's user."""
    from daemon.commands.health import check_health
    from daemon.settings import read_settings, root_folder
    from daemon.spool.layout import Layout

    found = check_health(Layout(root_folder(read_settings(config, os.environ), os.environ)), patience_s=patience_s)
    typer.echo(found.text)
    if not found.is_good:
        raise typer.Exit(1)


@app.command(rich_help_panel=MACHINE)
def check(torchserve_url: UrlsOption = None, torchserve_key_file: KeyFileOption = None) -> None:
    """Check this machine's OpenGL contexts, codecs and models. Exit status 1 if it can't animate a drawing."""
    from daemon.commands.machine import check_machine

    text, can_animate = check_machine(os.environ, InferenceRequest(None, tuple(torchserve_url or ()), torchserve_key_file))
    typer.echo(text)
    if not can_animate:
        raise typer.Exit(1)
