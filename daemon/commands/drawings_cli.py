"""The command lines of the commands for drawings and characters: animate, render, annotate, edit, measure."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from daemon.commands.console import print_notes, print_result, print_timings, with_progress, write_timings
from daemon.commands.model_options import InferenceOption, KeyFileOption, OipUrlsOption, UrlsOption, requested_models
from daemon.commands.options import (
    AllFiguresOption,
    BackgroundOption,
    CameraOption,
    DrawingArgument,
    DrawingBackgroundOption,
    DrawingCameraOption,
    DrawingRateOption,
    DrawingsArgument,
    DrawingSizeOption,
    DumpOption,
    FacingOption,
    FormatOption,
    GLOption,
    KeepAnnotationsOption,
    LayersOption,
    LoopOption,
    MeshOption,
    MotionOption,
    MotionsOption,
    OutputOption,
    PreviewOption,
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
    WhitenOption,
)
from daemon.commands.preload import preload_opengl, preload_predictor
from daemon.log.stages import IMPORTS
from daemon.log.stopwatch import WallStopwatch
from pipeline.errors import OptionError
from pipeline.types import LayerMode


def animate(  # noqa: PLR0917 - every option of the command is a parameter here
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
    size: DrawingSizeOption = None,
    fps: DrawingRateOption = None,
    background: DrawingBackgroundOption = None,
    whiten: WhitenOption = False,  # noqa: FBT002 - an option
    camera: DrawingCameraOption = None,
    output_format: FormatOption = None,
    show: ShowOption = None,
    layers: LayersOption = LayerMode.AUTO,
    gl: GLOption = None,
    timings: TimingsOption = None,
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
    oip_url: OipUrlsOption = None,
    keep_annotations: KeepAnnotationsOption = None,
    preview: PreviewOption = False,  # noqa: FBT002 - an option
    quiet: QuietOption = False,  # noqa: FBT002 - an option
) -> None:
    """Find the figures in photographs of drawings and animate them."""
    stopwatch = WallStopwatch()
    inference_request = requested_models(inference, torchserve_url, torchserve_key_file, oip_url)
    with stopwatch.lap(IMPORTS):
        preload_opengl(gl, os.environ)
        models = preload_predictor(inference_request, os.environ)
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
    if together and all_figures:
        raise OptionError("--together and --all-figures exclude each other", hint="--together makes one file of all figures")
    which = FigureChoice.TOGETHER if together else FigureChoice.EACH if all_figures else FigureChoice.BEST
    wanted = AnimateRequest(tuple(drawings), request, which, keep_annotations=keep_annotations, timings=timings, preview=preview)
    if failed := animate_drawings(wanted, models, os.environ, stopwatch, quiet=quiet):
        typer.echo(f"doodled: {len(failed)} of {len(drawings)} files can't be animated, or not all of their pages", err=True)
        raise typer.Exit(1)


def render(  # noqa: PLR0917 - as above
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
        preload_opengl(gl, os.environ)
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
        print_result(result, quiet=quiet)
        results.append(result)
    if timings:
        write_timings(timings, results, stopwatch)
    if not quiet:
        print_timings(results, stopwatch)


def annotate(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write to.")],
    all_figures: Annotated[bool, typer.Option("--all-figures", help="Annotate every figure, each in a folder of its own.")] = False,  # noqa: FBT002
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
    oip_url: OipUrlsOption = None,
) -> None:
    """Cut out and rig the figure in a photograph; write AnimatedDrawings' annotation folder."""
    from daemon.commands.annotate import annotate_drawing

    models = requested_models(inference, torchserve_url, torchserve_key_file, oip_url)
    for folder, figure in annotate_drawing(drawing, output, models, os.environ, WallStopwatch(), all_figures=all_figures):
        print_notes(figure.quality.reasons)
        typer.echo(f"{folder} (quality {figure.quality.score:.2f})")


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
    oip_url: OipUrlsOption = None,
) -> None:
    """Correct a figure's box, mask, layers and joints in the browser, with a live preview of its motion."""
    from daemon.commands.edit import EditRequest, edit_figures
    from daemon.options.scene_builder import RenderRequest

    models = requested_models(inference, torchserve_url, torchserve_key_file, oip_url)
    render_request = RenderRequest(target, motion=motion, retarget=retarget, context=gl)
    edit_figures(EditRequest(target, output, render_request, models, port), os.environ, typer.echo)


def measure(  # noqa: PLR0917 - as above
    drawing: DrawingArgument,
    motion: MotionOption = None,
    size: DrawingSizeOption = None,
    fps: DrawingRateOption = None,
    repeat: Annotated[int, typer.Option(min=1, help="Number of warm runs after the cold one.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the seconds of every run by stage, as JSON.")] = False,  # noqa: FBT002
    cpu: Annotated[bool, typer.Option("--cpu", help="Measure processor time instead, by stage and thread.")] = False,  # noqa: FBT002
    inference: InferenceOption = None,
    torchserve_url: UrlsOption = None,
    torchserve_key_file: KeyFileOption = None,
    oip_url: OipUrlsOption = None,
) -> None:
    """Measure how long each stage takes from photograph to animation, cold and warm."""
    from daemon.commands import measure as command
    from daemon.options.scene_builder import RenderRequest

    request = RenderRequest(drawing, motion=motion, size=size, rate=fps)
    models = requested_models(inference, torchserve_url, torchserve_key_file, oip_url)
    if cpu:
        cpu_runs = command.measure_cpu(request, models, os.environ, repeat=repeat)
        typer.echo(json.dumps(cpu_runs, indent=2) if as_json else command.cpu_table(cpu_runs))
    else:
        runs = command.measure(request, models, os.environ, repeat=repeat)
        typer.echo(json.dumps(runs, indent=2) if as_json else command.timing_table(runs))
