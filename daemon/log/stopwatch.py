"""Wall-clock time by stage, and the lines in which people read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


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


ANALYSIS_STAGES = ("decode", "detect", "segment", "pose", "rig")
BREAKDOWN = {
    "scene": ("read", "context", "scene"),
    "retarget": ("retarget", "deform"),
    "render": ("render",),
    "read+queue": ("encode",),
    "write_file": ("write",),
}
"""The seeds' words for our stages (OPERATIONS.md, section 4): their operators know what to look for."""


def timing_lines(spent_s: Mapping[str, float], total_s: float, *, kind: str, inference: str = "") -> list[str]:
    """The two lines that the seeds of this project printed (OPERATIONS.md, section 4).

    Args:
        kind: of the output, such as GIF.
        inference: who found the figure, such as TorchServe; "" if nobody had to.
    """
    analysis = sum(spent_s.get(stage, 0.0) for stage in ANALYSIS_STAGES)
    first = f"image_to_annotations ({inference}): {analysis:.2f} s | " if inference else ""
    rest = f"annotations_to_animation (retarget+render+{kind}): {total_s - analysis:.2f} s | total: {total_s:.2f} s"
    parts = (f"{name}: {sum(spent_s.get(stage, 0.0) for stage in stages):.2f} s" for name, stages in BREAKDOWN.items())
    return [f"[Pipeline timing] {first}{rest}", f"[Animation breakdown] {' | '.join(parts)}"]
