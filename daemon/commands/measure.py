"""`doodled measure`: how long each stage takes for one drawing, cold and warm."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from daemon.commands.console import table_text
from daemon.commands.drawings import find_figures
from daemon.log.stages import ANALYSIS_STAGES, BREAKDOWN, STAGES
from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceRequest, open_predictor
from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.options.values import output_format
from daemon.rendering import SceneRendering
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.annotate import AnnotateOptions

Run = dict[str, float]


def measure(request: RenderRequest, inference: InferenceRequest, environ: Mapping[str, str], *, repeat: int) -> list[Run]:
    """Animate a drawing `repeat` + 1 times; return each run's seconds by stage and "total".

    The first run is cold, the others reuse OpenGL context, models and motions.

    Raises:
        DoodledError: as `doodled animate` does.
    """
    runs = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doodled-")))
        suffix = (request.output or Path("x.gif")).suffix
        request = replace(request, output=folder / f"animation{suffix}")
        stopwatch = WallStopwatch()
        with stopwatch.lap("context"):
            predictor, _ = stack.enter_context(open_predictor(inference, environ))
            renderer = stack.enter_context(GLRenderer.open(request.context, environ))
        library = motion_library(environ)
        for _ in range(repeat + 1):
            _, figures = find_figures(request.target, predictor, AnnotateOptions(), stopwatch)
            with stopwatch.lap("read"):
                plan = character_plan(figures[0].character, request, environ, library)
            SceneRendering(plan, stopwatch).write(plan.output, output_format(plan.output), renderer)
            runs.append({**stopwatch.spent_s, "total": stopwatch.total_s})
            stopwatch = WallStopwatch()
    return runs


def timing_table(runs: list[Run]) -> str:
    """Milliseconds by stage of the cold run, and median and maximum of the warm runs, under the names of the printed timing lines."""
    analysis = {stage: STAGES[stage] for stage in ANALYSIS_STAGES}
    rows = [_row("image_to_annotations", runs, _all_steps(analysis))]
    rows += [_row(f"  {stage}", runs, steps) for stage, steps in analysis.items()]
    rows.append(_row("annotations_to_animation", runs, _all_steps(BREAKDOWN)))
    rows += [_row(f"  {name}", runs, stages) for name, stages in BREAKDOWN.items()]
    rows.append(_row("total", runs, ["total"]))
    columns = ("cold", "warm median", "warm maximum")[: len(rows[0]) - 1]
    return table_text(("stage", *columns), rows, right_aligned=columns)


def _all_steps(groups: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [step for steps in groups.values() for step in steps]


def _row(name: str, runs: list[Run], steps: Sequence[str]) -> tuple[str, ...]:
    sums = [1000 * sum(run.get(step, 0.0) for step in steps) for run in runs]
    warm = sums[1:]
    cells = (sums[0], statistics.median(warm), max(warm)) if warm else (sums[0],)
    return (name, *(f"{cell:.0f} ms" for cell in cells))
