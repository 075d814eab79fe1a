"""Which frames of a clip a format with coarse time can show, and when.

Owns the rounding: a frame at time t begins at round(t * ticks per second), so rounding never adds up; and a frame that would be shown
for less than the shortest delay that players honour is left out rather than played slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from pipeline.types import OutputClock


@dataclass(frozen=True)
class Ticks:
    """How a format counts time.

    Attributes:
        per_second: ticks in a second.
        shortest: ticks below which players show a picture for longer than they are told.
        longest: the largest delay that one picture can carry.
    """

    per_second: int
    shortest: int
    longest: int

    def split(self, delay: int) -> Iterator[int]:
        """Delays from shortest to longest that sum up to `delay`."""
        while delay > self.longest:
            yield self.longest - self.shortest
            delay -= self.longest - self.shortest
        yield delay


@dataclass
class FrameTimes:
    """Begin times in ticks, asked for one frame after the other.

    Attributes:
        clock: says when the clip ends.
        ticks: how the format counts.
        end: when the last picture ends; a clip is never shorter than the shortest delay.
    """

    clock: OutputClock
    ticks: Ticks
    end: int = field(init=False)
    _begin: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.end = max(self.ticks.shortest, round(self.clock.duration * self.ticks.per_second))

    @property
    def duration(self) -> Fraction:
        """Seconds, as the file will say it."""
        return Fraction(self.end, self.ticks.per_second)

    def begin(self, pts: Fraction) -> int | None:
        """When a frame at `pts` seconds begins; None if it is to be left out. The first one is not, and begins at 0."""
        tick = round(pts * self.ticks.per_second)
        if self._begin is None:
            tick = 0
        elif min(tick - self._begin, self.end - tick) < self.ticks.shortest:
            return None
        self._begin = tick
        return tick
