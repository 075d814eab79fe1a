"""Stopwatch for processor time by stage and thread: the work that was done, however busy the machine is.

Reads the kernel's clock of every thread of this process, so it sees the threads of Mesa, ONNX Runtime and OpenCV, too. What a thread does
beside the main one counts for the stage that the main one is in.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MAIN: Final = "main"
LIBRARIES: Final = "libraries"
"""Native threads without a name of their own: those of ONNX Runtime and OpenCV."""
ENDED: Final = "ended"
"""Threads that have ended."""

_OWN_THREADS: Final = Path("/proc/self/task")
_CPUCLOCK_OF_THREAD: Final = 6
"""CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED in the kernel's include/linux/posix-timers_types.h, which clock_getcpuclockid(3) relies on."""


class ThreadTimes:
    """Seconds of processor time by kind of thread, since the process started."""

    def __init__(self) -> None:
        self._kinds: dict[int, str] = {}

    def __call__(self) -> dict[str, float]:
        """By kind: `MAIN`, `LIBRARIES`, `ENDED`, or the name of threads that have one, without their number."""
        times: defaultdict[str, float] = defaultdict(float)
        for number in map(int, os.listdir(_OWN_THREADS)):  # noqa: PTH208 - names are enough, twice in every stage
            with suppress(OSError):  # it has just ended
                spent_s = time.clock_gettime(~number << 3 | _CPUCLOCK_OF_THREAD)
                if number not in self._kinds:
                    self._kinds[number] = _kind(number)
                times[self._kinds[number]] += spent_s
        times[ENDED] = max(0.0, time.process_time() - sum(times.values()))
        return dict(times)


def _kind(number: int) -> str:
    if number == os.getpid():
        return MAIN
    for thread in threading.enumerate():
        if thread.native_id == number:
            return thread.name.rstrip("0123456789").rstrip("_-")
    name = _kernel_name(number)
    return LIBRARIES if name == _kernel_name(os.getpid()) else name.split(":")[0].rstrip("0123456789").rstrip("_-")


def _kernel_name(number: int) -> str:
    return (_OWN_THREADS / str(number) / "comm").read_text(encoding="utf-8", errors="replace").strip()


class CpuStopwatch:
    """Adds up the processor time of each stage by kind of thread (`pipeline.ports.Stopwatch`).

    Args:
        times: seconds by kind of thread since any start; None reads those of this process.
    """

    def __init__(self, times: Callable[[], Mapping[str, float]] | None = None) -> None:
        self._times = times = times or ThreadTimes()
        self._started = sum(times().values())
        self._spent: dict[str, dict[str, float]] = {}

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        """Add the processor time inside to `stage`, also when it ends with an error."""
        start = self._times()
        try:
            yield
        finally:
            spent = self._spent.setdefault(stage, {})
            for kind, spent_s in _difference(self._times(), start).items():
                spent[kind] = spent.get(kind, 0.0) + spent_s

    @property
    def spent_s(self) -> dict[str, dict[str, float]]:
        """Seconds by stage and kind of thread, in order of first appearance."""
        return {stage: dict(spent) for stage, spent in self._spent.items()}

    @property
    def total_s(self) -> float:
        """Seconds of all threads since the stopwatch was made."""
        return sum(self._times().values()) - self._started


def _difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """What was spent in between. When threads end, what they spent moves to `ENDED`: its growth minus their loss is what is new there."""
    moved = sum(max(0.0, spent - after.get(kind, 0.0)) for kind, spent in before.items() if kind != ENDED)
    spent_s = {kind: max(0.0, spent - before.get(kind, 0.0)) for kind, spent in after.items()}
    return {**spent_s, ENDED: max(0.0, spent_s.get(ENDED, 0.0) - moved)}
