"""Imperfections of hand-drawn lines: wobble, tremor, overshoot, gaps, lines drawn twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.marks import INK, Color, Mark, Points
from drawings.figures.shapes import arc_lengths

STEP = 0.018
"""Distance between the points of a drawn line, in figure units."""


@dataclass(frozen=True)
class Hand:
    """How steadily a hand draws; amplitudes in figure units.

    Attributes:
        wobble: slow deviation from the intended line.
        tremor: fast deviation.
        slip: how far a closed line misses its own start (positive: overshoots, else a gap), as a share of its length.
        twice: the chance that a line is drawn a second time.
        corner: how far lines overshoot where two should meet.
    """

    rng: np.random.Generator
    wobble: float = 0.006
    tremor: float = 0.0015
    slip: float = 0.03
    twice: float = 0.0
    corner: float = 0.0

    @classmethod
    def sampled(cls, rng: np.random.Generator, *, steady: bool = False) -> Hand:
        """The hand of anyone between a steady adult and a three-year-old; steady: more often a drawing program's curves."""
        if steady and rng.random() < 0.7:
            return cls(rng=rng, wobble=0.001, tremor=0.0, slip=0.0)
        skill = rng.random() ** 1.5
        return cls(
            rng=rng,
            wobble=0.002 + 0.012 * skill * rng.uniform(0.6, 1.3),
            tremor=0.0004 + 0.0028 * skill * rng.random(),
            slip=rng.uniform(0.0, 0.05),
            twice=rng.choice([0.0, 0.0, 0.12, 0.5]),
            corner=rng.choice([0.0, 0.0, 0.01, 0.025]),
        )

    def line(self, ideal: Points, *, closed: bool = False) -> Points:
        """The line as it gets drawn, evenly sampled. A closed one ends with its first point."""
        path = np.concatenate([ideal, ideal[:1]]) if closed else ideal
        lengths = arc_lengths(path)
        total = float(lengths[-1])
        count = int(np.clip(total / STEP, 2, 160)) + 1
        at = np.arange(count) * (total / (count - 1))
        even = np.empty((count, 2))
        even[:, 0], even[:, 1] = np.interp(at, lengths, path[:, 0]), np.interp(at, lengths, path[:, 1])
        rng = self.rng
        amount = min(self.wobble, 0.12 * total + 1e-9)
        if closed:
            cycles = np.array([1.0, 2.0, 3.0, 5.0])
            waves = 2 * np.pi * cycles / max(total, 1e-9)
        else:
            waves = 2 * np.pi / rng.uniform(0.1, 0.9, 4)
        phases = rng.uniform(0, 2 * np.pi, (2, 4))
        sizes = rng.normal(0, 0.75, (2, 4)) * amount * np.minimum(np.sqrt(9.0 / waves), 1.6)
        drawn: Points = even + np.einsum("ij,ijk->ki", sizes, np.sin(waves[None, :, None] * at + phases[:, :, None]))
        if self.tremor > 0:
            drawn += rng.normal(0, self.tremor, drawn.shape)
        if closed:
            drawn[-1] = drawn[0]
        return drawn

    def _ending(self, drawn: Points) -> Points:
        """A closed line as it really ends: short of its start, or past it beside the line."""
        slip = round(float(self.rng.normal(0, 1)) * self.slip * len(drawn))
        if slip < 0:
            return drawn[: max(slip + len(drawn), 3)]
        if slip == 0:
            return drawn
        drift = np.linspace(0, 1, slip + 1)[1:, None] * self.rng.normal(0, self.wobble + 0.006, 2)
        return np.concatenate([drawn, drawn[1 : slip + 1] + drift])

    def shape(
        self,
        ideal: Points,
        *,
        fill: Color | None = None,
        ink: Color = INK,
        width: float = 1.0,
        closed: bool = True,
        see_through: bool = False,
    ) -> Mark:
        """An outline with its area. With `closed` false the outline is open between the last point and the first, the area is not."""
        drawn = self.line(ideal, closed=closed)
        strokes = [self._ending(drawn) if closed else self._overshot(drawn)]
        if self.rng.random() < self.twice:
            strokes.append(self.line(drawn))
        return Mark(strokes=tuple(strokes), area=drawn, ink=ink, fill=fill, width=width, see_through=see_through)

    def strokes(self, *ideal: Points, ink: Color = INK, width: float = 1.0) -> Mark:
        """Mere lines."""
        drawn = [self._overshot(self.line(line)) for line in ideal]
        if self.rng.random() < self.twice:
            drawn += [self.line(line) for line in ideal]
        return Mark(strokes=tuple(drawn), ink=ink, width=width)

    def blob(self, ideal: Points, color: Color = INK, width: float = 1.0) -> Mark:
        """A filled spot."""
        drawn = self.line(ideal, closed=True)
        return Mark(strokes=(drawn,), area=drawn, ink=color, fill=color, width=width, see_through=True)

    def _overshot(self, drawn: Points) -> Points:
        if self.corner <= 0 or len(drawn) < 4:
            return drawn
        ends = drawn.copy()
        for end, before in ((0, 2), (-1, -3)):
            way = drawn[end] - drawn[before]
            ends[end] = drawn[end] + way / max(float(np.hypot(*way)), 1e-9) * self.corner * self.rng.normal(0.3, 1)
        return ends
