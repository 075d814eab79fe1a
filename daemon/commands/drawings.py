"""`doodled animate` and `doodled annotate`: a photograph becomes characters, and one of them an animation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.commands.render import Rendered, carried_out
from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceRequest, opened_predictor
from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest, character_plan
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.annotate import AnnotateOptions, annotated
from pipeline.files.annotation_files import write_annotations
from pipeline.ports import Predictor
from pipeline.types import AnnotatedFigure, Drawing


@dataclass(frozen=True)
class Animated:
    """What came of a drawing.

    Attributes:
        inference: who found the figure.
        figure: the one that was animated.
    """

    rendered: Rendered
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
) -> Animated:
    """Animate the best figure of the drawing `request.target`.

    Args:
        keep_annotations: a folder to write what was found into.
    Raises:
        DoodledError: as `pipeline.errors` describes it.
    """
    with opened_predictor(inference, environ) as (predictor, name):
        drawing, figures = analysed(request.target, predictor, AnnotateOptions(), stopwatch)
    figure = figures[0]
    if keep_annotations is not None:
        write_annotations(keep_annotations, drawing, figure)
    character = replace(figure.character, name=request.target.stem)
    with stopwatch.lap("read"):
        plan = character_plan(character, request, environ, motion_library(environ))
    plan = replace(plan, notes=(*drawing.notes, *plan.notes))
    return Animated(carried_out(plan, request, environ, stopwatch, on_frame), name, figure)


def annotate_drawing(
    path: Path, folder: Path, inference: InferenceRequest, environ: Mapping[str, str], stopwatch: WallStopwatch, *, all_figures: bool
) -> list[tuple[Path, AnnotatedFigure]]:
    """Write what is found in a drawing: the best figure into `folder`, or each into a folder of its own inside it.

    Raises:
        DoodledError: as `pipeline.errors` describes it.
    """
    with opened_predictor(inference, environ) as (predictor, _):
        drawing, figures = analysed(path, predictor, AnnotateOptions(all_figures=all_figures), stopwatch)
    places = [folder / f"figure_{number}" for number in range(1, len(figures) + 1)] if all_figures else [folder]
    for place, figure in zip(places, figures, strict=False):
        write_annotations(place, drawing, figure)
    return list(zip(places, figures, strict=False))


def analysed(
    path: Path, predictor: Predictor, options: AnnotateOptions, stopwatch: WallStopwatch
) -> tuple[Drawing, tuple[AnnotatedFigure, ...]]:
    """The drawing in a file and its figures, best first."""
    with stopwatch.lap("decode"):
        drawing = read_drawing(path)
    return drawing, annotated(drawing, predictor, options=options, stopwatch=stopwatch)
