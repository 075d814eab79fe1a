"""`doodled annotate`: find figures in a photograph and write their annotations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceRequest, open_predictor
from daemon.options.targets import check_drawing, check_folder_of
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.annotate import AnnotateOptions, annotate
from pipeline.errors import keep_notes
from pipeline.files.annotation_files import write_annotations
from pipeline.files.character_names import figure_folder
from pipeline.ports import Predictor, Stopwatch
from pipeline.types import AnnotatedFigure, Drawing


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
    folders = [folder / figure_folder(number) for number in range(1, len(figures) + 1)] if all_figures else [folder]
    for target, figure in zip(folders, figures, strict=False):
        write_annotations(target, drawing, figure)
    return list(zip(folders, figures, strict=False))


def find_figures(
    path: Path, predictor: Predictor, options: AnnotateOptions, stopwatch: Stopwatch
) -> tuple[Drawing, tuple[AnnotatedFigure, ...]]:
    """Read a drawing and find its figures, best first. Raises DoodledError."""
    with stopwatch.lap("decode"):
        drawing = read_drawing(path)
    with keep_notes(drawing.notes):
        return drawing, annotate(drawing, predictor, options=options, stopwatch=stopwatch)
