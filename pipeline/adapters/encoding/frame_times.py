"""Frame times in a format with coarse ticks: when each frame begins, and which frames are dropped.

A frame at time t begins at round(t * ticks per second), so that rounding errors don't accumulate. A frame that would be shown for less
than the shortest delay that players honor is dropped, rather than slowing the animation down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from pipeline.types import OutputClock


@dataclass(frozen=True)
class Ticks:
    """Time resolution of a format.

    Attributes:
        per_second: ticks per second.
        shortest: shortest delay that players honor, ticks.
        longest: longest delay of one image, ticks.
    """

    per_second: int
    shortest: int
    longest: int

    def split(self, delay: int) -> Iterator[int]:
        """Delays within the limits that add up to `delay`."""
        while delay > self.longest:
            yield self.longest - self.shortest
            delay -= self.longest - self.shortest
        yield delay


@dataclass
class FrameTimes:
    """Begin times in ticks, computed frame by frame.

    Attributes:
        clock: the output clock, which knows when the clip ends.
        ticks: time resolution of the format.
        end: end of the last image, ticks; a clip is never shorter than the shortest delay.
    """

    clock: OutputClock
    ticks: Ticks
    end: int = field(init=False)
    _begin: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.end = max(self.ticks.shortest, round(self.clock.duration * self.ticks.per_second))

    @property
    def duration(self) -> Fraction:
        """Duration as stored in the file, seconds."""
        return Fraction(self.end, self.ticks.per_second)

    def begin(self, pts: Fraction) -> int | None:
        """Begin of the frame at `pts` seconds, ticks; None if it is dropped. The first frame begins at 0 and is never dropped."""
        tick = round(pts * self.ticks.per_second)
        if self._begin is None:
            tick = 0
        elif min(tick - self._begin, self.end - tick) < self.ticks.shortest:
            return None
        self._begin = tick
        return tick
