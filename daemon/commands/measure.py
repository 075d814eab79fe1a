"""`doodled measure`: how long each stage takes for one drawing, cold and warm, and how much processor time it costs in which threads."""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

from daemon.commands.annotate import find_figures
from daemon.commands.console import table_text
from daemon.log.cpu_stopwatch import MAIN, CpuStopwatch
from daemon.log.stages import ANALYSIS_STAGES, BREAKDOWN, OTHER, STAGES
from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import InferenceRequest, open_predictor
from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.options.values import output_format
from daemon.rendering import SceneRendering
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.annotate import AnnotateOptions
from pipeline.ports import Stopwatch

Spent = TypeVar("Spent")
TOTAL: Final = "total"
ALL: Final = "all"
"""All threads together."""
MIN_S: Final = 0.001
"""Kinds of threads that spend less get no column."""

Run = dict[str, float]
CpuRun = dict[str, dict[str, float]]


def measure(request: RenderRequest, inference: InferenceRequest, environ: Mapping[str, str], *, repeat: int) -> list[Run]:
    """Animate a drawing `repeat` + 1 times; return each run's seconds by stage and "total".

    The first run is cold, the others reuse OpenGL context, models and motions.

    Raises:
        DoodledError: as `doodled animate` does.
    """
    stopwatches = _runs(request, inference, environ, WallStopwatch, repeat=repeat)
    return [{**spent_s, TOTAL: total_s} for spent_s, total_s in stopwatches]


def measure_cpu(request: RenderRequest, inference: InferenceRequest, environ: Mapping[str, str], *, repeat: int) -> list[CpuRun]:
    """As `measure`, but each run's seconds of processor time by stage and kind of thread (`daemon.log.cpu_stopwatch`)."""
    stopwatches = _runs(request, inference, environ, CpuStopwatch, repeat=repeat)
    return [{**spent_s, TOTAL: {ALL: total_s}} for spent_s, total_s in stopwatches]


class _Stopwatch(Stopwatch, Protocol[Spent]):
    @property
    def spent_s(self) -> dict[str, Spent]: ...

    @property
    def total_s(self) -> float: ...


def _runs(
    request: RenderRequest,
    inference: InferenceRequest,
    environ: Mapping[str, str],
    make_stopwatch: Callable[[], _Stopwatch[Spent]],
    *,
    repeat: int,
) -> Iterator[tuple[dict[str, Spent], float]]:
    """What each run took by stage, and as a whole."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doodled-")))
        suffix = (request.output or Path("x.gif")).suffix
        request = replace(request, output=folder / f"animation{suffix}")
        stopwatch = make_stopwatch()
        with stopwatch.lap("context"):
            predictor, _ = stack.enter_context(open_predictor(inference, environ))
            renderer = stack.enter_context(GLRenderer.open(request.context, environ))
        library = motion_library(environ)
        for _ in range(repeat + 1):
            _, figures = find_figures(request.target, predictor, AnnotateOptions(), stopwatch)
            with stopwatch.lap("read"):
                plan = character_plan(figures[0].character, request, environ, library)
            SceneRendering(plan, stopwatch).write(plan.output, output_format(plan.output), renderer)
            yield stopwatch.spent_s, stopwatch.total_s
            stopwatch = make_stopwatch()


def cpu_table(runs: list[CpuRun]) -> str:
    """Median milliseconds of processor time of the warm runs (of the cold one if there is no other), by stage and kind of thread."""
    warm = [_by_group(run) for run in runs[1:] or runs]
    found = {thread for run in warm for thread, spent_s in run[TOTAL].items() if spent_s >= MIN_S}
    threads = sorted(found, key=lambda thread: (thread != MAIN, thread == ALL, thread))
    rows = []
    for name in warm[0]:
        cells = (1000 * statistics.median(run[name].get(thread, 0.0) for run in warm) for thread in threads)
        rows.append((name, *(f"{cell:.0f} ms" for cell in cells)))
    return table_text(("stage", *threads), rows, right_aligned=threads)


def _by_group(run: CpuRun) -> CpuRun:
    """Seconds by thread in each group of steps of the table, then in all steps and outside of them."""
    groups = {**{stage: STAGES[stage] for stage in ANALYSIS_STAGES}, **BREAKDOWN}
    spent: dict[str, Counter[str]] = {name: Counter() for name in groups}
    for name, steps in groups.items():
        for step in steps:
            spent[name].update(run.get(step, {}))
    together = sum(spent.values(), Counter())
    rows: CpuRun = {name: {**of_group, ALL: of_group.total()} for name, of_group in spent.items()}
    rows[OTHER] = {ALL: max(0.0, run[TOTAL][ALL] - together.total())}
    rows[TOTAL] = {**together, **run[TOTAL]}
    return rows


def timing_table(runs: list[Run]) -> str:
    """Milliseconds by stage of the cold run, and median and maximum of the warm runs, under the names of the printed timing lines."""
    analysis = {stage: STAGES[stage] for stage in ANALYSIS_STAGES}
    rows = [_row("image_to_annotations", runs, _all_steps(analysis))]
    rows += [_row(f"  {stage}", runs, steps) for stage, steps in analysis.items()]
    rows.append(_row("annotations_to_animation", runs, _all_steps(BREAKDOWN)))
    rows += [_row(f"  {name}", runs, stages) for name, stages in BREAKDOWN.items()]
    rows.append(_row(TOTAL, runs, [TOTAL]))
    columns = ("cold", "warm median", "warm maximum")[: len(rows[0]) - 1]
    return table_text(("stage", *columns), rows, right_aligned=columns)


def _all_steps(groups: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [step for steps in groups.values() for step in steps]


def _row(name: str, runs: list[Run], steps: Sequence[str]) -> tuple[str, ...]:
    sums = [1000 * sum(run.get(step, 0.0) for step in steps) for run in runs]
    warm = sums[1:]
    cells = (sums[0], statistics.median(warm), max(warm)) if warm else (sums[0],)
    return (name, *(f"{cell:.0f} ms" for cell in cells))
