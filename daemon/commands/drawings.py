"""`doodled animate` and `doodled annotate`: find figures in a photograph; animate the best, or write their annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.commands.render import RenderResult, render_plan
from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceRequest, open_predictor
from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.options.targets import check_drawing, check_folder_of, check_output
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.annotate import AnnotateOptions, annotated
from pipeline.files.annotation_files import write_annotations
from pipeline.ports import Predictor
from pipeline.types import AnnotatedFigure, Drawing


@dataclass(frozen=True)
class DrawingResult:
    """An animated drawing.

    Attributes:
        inference: where the models ran, for users.
        figure: the figure that is animated.
    """

    result: RenderResult
    inference: str
    figure: AnnotatedFigure


def animate_drawing(
    request: RenderRequest,
    inference: InferenceRequest,
    environ: Mapping[str, str],
    stopwatch: WallStopwatch,
    *,
    keep_annotations: Path | None = None,
    on_frame: Callable[[int, int], None] = lambda _, __: None,
) -> DrawingResult:
    """Animate the best figure of the drawing `request.target`.

    Args:
        keep_annotations: folder for the annotations of the figure, or None.
    Raises:
        DoodledError: an input, option, model, renderer, codec or disk failed.
    """
    check_drawing(request.target)
    check_output(request.output, request.format)
    check_folder_of(keep_annotations)
    with open_predictor(inference, environ) as (predictor, name):
        drawing, figures = find_figures(request.target, predictor, AnnotateOptions(), stopwatch)
    figure = figures[0]
    if keep_annotations is not None:
        write_annotations(keep_annotations, drawing, figure)
    character = replace(figure.character, name=request.target.stem)
    with stopwatch.lap("read"):
        plan = character_plan(character, request, environ, motion_library(environ))
    plan = replace(plan, notes=(*drawing.notes, *plan.notes))
    return DrawingResult(render_plan(plan, request, environ, stopwatch, on_frame), name, figure)


def annotate_drawing(
    path: Path, folder: Path, inference: InferenceRequest, environ: Mapping[str, str], stopwatch: WallStopwatch, *, all_figures: bool
) -> list[tuple[Path, AnnotatedFigure]]:
    """Write the annotations of a drawing: of the best figure to `folder`, or of each to a folder of its own inside it.

    Returns:
        the folder and the figure of each.
    Raises:
        DoodledError: an input, option, model, renderer, codec or disk failed.
    """
    check_drawing(path)
    check_folder_of(folder)
    with open_predictor(inference, environ) as (predictor, _):
        drawing, figures = find_figures(path, predictor, AnnotateOptions(all_figures=all_figures), stopwatch)
    places = [folder / f"figure_{number}" for number in range(1, len(figures) + 1)] if all_figures else [folder]
    for place, figure in zip(places, figures, strict=False):
        write_annotations(place, drawing, figure)
    return list(zip(places, figures, strict=False))


def find_figures(
    path: Path, predictor: Predictor, options: AnnotateOptions, stopwatch: WallStopwatch
) -> tuple[Drawing, tuple[AnnotatedFigure, ...]]:
    """Read a drawing and find its figures, best first. Raises DoodledError."""
    with stopwatch.lap("decode"):
        drawing = read_drawing(path)
    return drawing, annotated(drawing, predictor, options=options, stopwatch=stopwatch)
