"""Which pictures of a clip a format with coarse time can show, and when.

Owns the rounding: a picture at time t begins at round(t * ticks per second), so rounding never adds up, and a picture that would be
shown for less than the shortest delay that players honour is left out rather than played slower.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from pipeline.types import OutputClock

SHORTEST_DELAY_CS = 2
"""Browsers play a GIF's delay of 0 or 1 centiseconds as 10."""


@dataclass
class Timetable:
    """Begin times in ticks, given one picture after the other.

    Attributes:
        clock: when the clip ends.
        ticks_per_second: 100 for GIF.
        shortest: ticks that a picture must be shown at least.
    """

    clock: OutputClock
    ticks_per_second: int
    shortest: int
    _begin: int | None = field(default=None, init=False)

    @property
    def end(self) -> int:
        """When the last picture ends, in ticks; a clip is never shorter than one shortest delay."""
        return max(self.shortest, round(self.clock.duration * self.ticks_per_second))

    def begin(self, pts: Fraction) -> int | None:
        """When a picture at `pts` seconds begins, in ticks; None if it is to be left out. The first one never is; it begins at 0."""
        tick = round(pts * self.ticks_per_second)
        if self._begin is None:
            tick = 0
        elif tick - self._begin < self.shortest or self.end - tick < self.shortest:
            return None
        self._begin = tick
        return tick
