# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Distractors: things that touch a figure and are no part of it, such as a dog on a lead, balloons, speech bubbles, arrows, rain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.colours import BRIGHT, any_of
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, DrawnFigure, Mark, Points
from drawings.figures.shapes import arc, oval, points, smooth
from drawings.scenery.animals import beast
from drawings.scenery.letters import caption
from drawings.scenery.things import ball, balloon, cloud, flower, furniture, heart, star, sun

ALONE_SHARE = 0.8
"""Of figures, which have nothing next to them but what the page has."""
WRISTS, ANKLES = (10, 9), (16, 15)
SIDES = (-1, 1)


@dataclass(frozen=True)
class _Place:
    """A figure, its bounds, and who draws next to it."""

    hand: Hand
    figure: DrawnFigure
    filled: float

    @property
    def low(self) -> Points:
        left, top, _, _ = self.figure.bounds()
        return np.array([left, top])

    @property
    def high(self) -> Points:
        _, _, right, bottom = self.figure.bounds()
        return np.array([right, bottom])

    def joint(self, row: int) -> Points:
        return np.asarray(self.figure.joints[row, :2])

    def wrist(self) -> tuple[Points, int]:
        """One of those that are drawn, or else a shoulder; and its side."""
        index = int(self.hand.rng.integers(2))
        row = WRISTS[index] if self.figure.joints[WRISTS[index], 2] else WRISTS[index] - 4
        return self.joint(row), SIDES[index]

    def put(self, thing: Callable[[Hand, float], list[Mark]], middle: Points, size: float) -> list[Mark]:
        """A thing of the unit square about a place."""
        return [mark.moved(lambda shape: (shape - 0.5) * size + middle) for mark in thing(self.hand, self.filled)]


def _dog(place: _Place) -> list[Mark]:
    """On a lead that somebody holds."""
    rng = place.hand.rng
    wrist, side = place.wrist()
    size = rng.uniform(0.18, 0.4)
    middle = np.array([wrist[0] + side * rng.uniform(0.15, 0.4), place.high[1] - size * rng.uniform(0.3, 0.5)])
    collar = middle + (side * 0.1 * size, -0.15 * size)
    sag = (wrist + collar) / 2 + (0, rng.uniform(0, 0.08))
    return [place.hand.strokes(smooth(np.array([wrist, sag, collar]), closed=False)), *place.put(beast, middle, size)]


def _balloons(place: _Place) -> list[Mark]:
    rng = place.hand.rng
    wrist, side = place.wrist()
    marks: list[Mark] = []
    for _ in range(int(rng.integers(1, 4))):
        top = wrist + (side * rng.uniform(-0.05, 0.25), -rng.uniform(0.25, 0.55))
        bend = (wrist + top) / 2 + rng.normal(0, 0.02, 2)
        size = rng.uniform(0.14, 0.26)
        knob = oval(top - (0, size * 0.45), size * 0.4, size * 0.5)
        marks.append(place.hand.strokes(smooth(np.array([wrist, bend, top]), closed=False)))
        marks.append(place.hand.shape(knob, fill=any_of(rng, BRIGHT) if rng.random() < place.filled else None))
    return marks


def _ball(place: _Place) -> list[Mark]:
    rng = place.hand.rng
    index = int(rng.integers(2))
    size = rng.uniform(0.08, 0.22)
    return place.put(ball, place.joint(ANKLES[index]) + (SIDES[index] * (0.04 + size * 0.5), 0.02), size)


def _bubble(place: _Place) -> list[Mark]:
    """Speech, with its tail at the head."""
    rng = place.hand.rng
    side = int(rng.choice(SIDES))
    nose = place.joint(0)
    wide, high = rng.uniform(0.12, 0.25), rng.uniform(0.06, 0.12)
    middle = nose + (side * (wide + rng.uniform(0.08, 0.25)), -rng.uniform(0.0, 0.25))
    tail = points((-0.3, 0.8), (-side * 1.1, 1.5), (0.3, 0.8)) * (wide, high) + middle
    outline = oval(middle, wide, high, squareness=rng.choice([0.0, 0.6]))
    return [place.hand.shape(outline), place.hand.strokes(tail), *place.put(caption, middle, wide * 1.4)]


def _arrow(place: _Place) -> list[Mark]:
    """At a part of the figure, perhaps with its name."""
    rng = place.hand.rng
    tip = place.joint(int(rng.choice([0, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16])))
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    start = tip + way * rng.uniform(0.2, 0.4)
    head = [tip + 0.05 * np.array([np.cos(angle + turn), np.sin(angle + turn)]) for turn in (-0.5, 0.5)]
    marks = [place.hand.strokes(np.array([start, tip]), np.array([head[0], tip, head[1]]))]
    return [*marks, *place.put(caption, start + way * 0.1, 0.2)] if rng.random() < 0.6 else marks


def _name(place: _Place) -> list[Mark]:
    """In letters over the head, under the feet or beside the trunk, so near that they touch."""
    rng = place.hand.rng
    size = rng.uniform(0.2, 0.5)
    centre = (place.low + place.high) / 2
    spots = (
        np.array([centre[0], place.low[1] - rng.uniform(-0.02, 0.06)]),
        np.array([centre[0], place.high[1] + rng.uniform(-0.02, 0.06)]),
        centre + (rng.choice(SIDES) * (0.12 + size / 2), rng.uniform(-0.2, 0.2)),
    )
    return place.put(caption, spots[rng.integers(3)], size)


def _meadow(place: _Place) -> list[Mark]:
    """Flowers and tufts at the feet."""
    rng = place.hand.rng
    level = place.high[1]
    spots = rng.uniform(place.low[0] - 0.15, place.high[0] + 0.15, int(rng.integers(3, 10)))
    tufts = [np.array([(x - 0.02, level - rng.uniform(0.02, 0.08)), (x, level), (x + 0.02, level - 0.05)]) for x in spots]
    marks = [place.hand.strokes(*tufts, ink=INK if rng.random() < 0.4 else any_of(rng, BRIGHT[3:5]))]
    for x in spots[: int(rng.integers(0, 4))]:
        size = rng.uniform(0.1, 0.25)
        marks += place.put(flower, np.array([x, level - 0.4 * size]), size)
    return marks


def _ground(place: _Place) -> list[Mark]:
    """A line through the feet; a board or a box below them."""
    rng = place.hand.rng
    level = place.high[1] - rng.uniform(0.0, 0.05)
    left, right = place.low[0] - rng.uniform(0.05, 0.5), place.high[0] + rng.uniform(0.05, 0.5)
    if rng.random() < 0.6:
        return [place.hand.strokes(points((left, level), (right, level + rng.normal(0, 0.02))))]
    fill = any_of(rng, BRIGHT) if rng.random() < place.filled else None
    deep = rng.uniform(0.03, 0.12)
    return [place.hand.shape(points((left, level), (right, level), (right, level + deep), (left, level + deep)), fill=fill)]


def _frame(place: _Place) -> list[Mark]:
    rng = place.hand.rng
    low, high = place.low - rng.uniform(-0.01, 0.1, 2), place.high + rng.uniform(-0.01, 0.1, 2)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])
    return [place.hand.strokes(*([corners] if rng.random() < 0.7 else [corners[:2], corners[2:4]]), width=rng.uniform(0.5, 2))]


def _rain(place: _Place) -> list[Mark]:
    """Or snow: short lines all over."""
    rng = place.hand.rng
    spots = rng.uniform(place.low - 0.15, place.high + 0.15, (int(rng.integers(12, 40)), 2))
    drop = np.array([rng.normal(0, 0.015), rng.uniform(0.02, 0.06)]) if rng.random() < 0.7 else np.array([0.002, 0.002])
    return [Mark(tuple(np.array([spot, spot + drop]) for spot in spots), width=rng.uniform(0.5, 2))]


def _around(place: _Place) -> list[Mark]:
    """Hearts, stars, a sun, a cloud close by."""
    rng = place.hand.rng
    thing = (heart, star, sun, cloud, balloon, flower)[rng.integers(6)]
    marks: list[Mark] = []
    for _ in range(int(rng.integers(1, 4))):
        at = rng.uniform(place.low, place.high)
        at[0] = (place.low, place.high)[rng.integers(2)][0] + rng.normal(0, 0.05)
        marks += place.put(thing, at, rng.uniform(0.1, 0.3))
    return marks


def _fence(place: _Place) -> list[Mark]:
    """Rails or bars behind the figure."""
    rng = place.hand.rng
    low, high = place.low - 0.15, place.high + 0.1
    top = rng.uniform(low[1] + 0.3 * (high[1] - low[1]), high[1] - 0.15)
    rails = [points((low[0], level), (high[0], level)) for level in (top + 0.04, (top + high[1]) / 2)]
    bars = [points((x, top), (x, high[1])) for x in np.arange(low[0], high[0], rng.uniform(0.07, 0.16))]
    return [place.hand.strokes(*rails, *bars)]


def _seat(place: _Place) -> list[Mark]:
    """A chair or a table behind the figure."""
    rng = place.hand.rng
    return place.put(furniture, (place.joint(11) + place.joint(12)) / 2 + rng.normal(0, 0.1, 2), rng.uniform(0.35, 0.7))


def _kite(place: _Place) -> list[Mark]:
    """On a line from a hand."""
    rng = place.hand.rng
    wrist, side = place.wrist()
    at = wrist + (side * rng.uniform(0.1, 0.4), -rng.uniform(0.2, 0.6))
    outline = at + points((0, -0.1), (0.07, 0), (0, 0.12), (-0.07, 0))
    line = smooth(np.array([wrist, (wrist + at) / 2 + rng.normal(0, 0.04, 2), at]), closed=False)
    return [place.hand.strokes(line), place.hand.shape(outline, fill=any_of(rng, BRIGHT) if rng.random() < place.filled else None)]


def _hoop(place: _Place) -> list[Mark]:
    """A rope or a hoop around the figure, in front of it or behind."""
    rng = place.hand.rng
    centre = (place.low + place.high) / 2 + (0, rng.normal(0, 0.1))
    wide = float(np.ptp([place.low[0], place.high[0]])) * rng.uniform(0.4, 0.8)
    return [place.hand.strokes(arc(centre, wide, wide * rng.uniform(0.15, 1.2), 0, 2 * np.pi * rng.uniform(0.5, 1), count=24))]


BEHIND: tuple[Callable[[_Place], list[Mark]], ...] = (
    _dog, _balloons, _ball, _bubble, _name, _meadow, _ground, _frame, _around, _fence, _seat, _kite, _hoop,
)  # fmt: skip
IN_FRONT: tuple[Callable[[_Place], list[Mark]], ...] = (_arrow, _name, _ground, _rain, _hoop, _meadow)
"""Only their lines are drawn, so that they cover nothing of the figure."""


def with_distractors(hand: Hand, figure: DrawnFigure, filled: float) -> DrawnFigure:
    """A figure, in figure units, with a thing or two next to it; these are loose."""
    rng = hand.rng
    if rng.random() < ALONE_SHARE:
        return figure
    place = _Place(hand, figure, filled)
    behind = [mark for _ in range(int(rng.integers(1, 3))) for mark in BEHIND[rng.integers(len(BEHIND))](place)]
    front = IN_FRONT[rng.integers(len(IN_FRONT))](place) if rng.random() < 0.3 else []
    loose = [replace(mark, loose=True) for mark in behind]
    over = [replace(mark, loose=True, area=None, fill=None) for mark in front]
    return replace(figure, marks=(*loose, *figure.marks, *over))
