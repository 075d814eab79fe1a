"""Stopwatch for the steps of a job, and the two printed timing lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from daemon.log.stages import ANALYSIS_STAGES, BREAKDOWN, stage_times


class WallStopwatch:
    """Adds up what each stage takes (`pipeline.ports.Stopwatch`).

    Args:
        now: seconds on a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._started = now()
        self._spent: dict[str, float] = {}

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        """Add the time inside to `stage`, also when it ends with an error."""
        start = self._now()
        try:
            yield
        finally:
            self._spent[stage] = self._spent.get(stage, 0.0) + self._now() - start

    @property
    def spent_s(self) -> dict[str, float]:
        """Seconds by stage, in order of first appearance."""
        return dict(self._spent)

    @property
    def total_s(self) -> float:
        """Seconds since the stopwatch was made."""
        return self._now() - self._started


def timing_lines(spent_s: Mapping[str, float], total_s: float, *, kind: str, inference: str = "") -> list[str]:
    """The lines `[Pipeline timing]` and `[Animation breakdown]`. Users of the original service parse them: their form never changes.

    Args:
        spent_s: seconds by step.
        kind: format of the output, such as GIF.
        inference: name of the backend that found the figure, such as TorchServe; "" if the annotations were given.
    """
    by_stage = stage_times(spent_s)
    analysis = sum(by_stage.get(stage, 0.0) for stage in ANALYSIS_STAGES)
    first = f"image_to_annotations ({inference}): {analysis:.2f} s | " if inference else ""
    rest = f"annotations_to_animation (retarget+render+{kind}): {total_s - analysis:.2f} s | total: {total_s:.2f} s"
    parts = (f"{name}: {sum(spent_s.get(step, 0.0) for step in steps):.2f} s" for name, steps in BREAKDOWN.items())
    return [f"[Pipeline timing] {first}{rest}", f"[Animation breakdown] {' | '.join(parts)}"]
