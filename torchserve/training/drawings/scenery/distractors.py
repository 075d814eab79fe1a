# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Distractors: things that touch a figure and are no part of it, such as a dog on a lead, balloons, speech bubbles, arrows, rain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from drawings.figures.colors import BRIGHT, any_of
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Color, DrawnFigure, Mark, Points
from drawings.figures.parts import ARM, LEG, LIMB_ROWS
from drawings.figures.shapes import arc, oval, points, smooth
from drawings.scenery.animals import beast
from drawings.scenery.letters import caption
from drawings.scenery.things import ball, balloon, cloud, flower, furniture, heart, star, sun
from pipeline.types.keypoints import ANKLES, ELBOWS, HIPS, KNEES, NOSE, SHOULDERS

ALONE_SHARE = 0.8
"""Share of figures without distractors."""
SIDES = (-1, 1)


@dataclass(frozen=True)
class _Subject:
    """The figure that things are drawn next to, in figure units, and the hand that draws them.

    Attributes:
        filled: the probability that a thing is colored in.
    """

    hand: Hand
    figure: DrawnFigure
    filled: float

    @cached_property
    def low(self) -> Points:
        return np.array(self.figure.bounds()[:2])

    @cached_property
    def high(self) -> Points:
        return np.array(self.figure.bounds()[2:])

    def joint(self, row: int) -> Points:
        return np.asarray(self.figure.joints[row, :2])

    def color(self) -> Color | None:
        return any_of(self.hand.rng, BRIGHT) if self.hand.rng.random() < self.filled else None

    def grip(self) -> tuple[Points, int]:
        """Where a string is held, and on which side: a wrist, or the shoulder of an arm that is not drawn."""
        side = SIDES[int(self.hand.rng.integers(2))]
        shoulder, _, wrist = LIMB_ROWS[ARM[side]]
        return self.joint(wrist if self.figure.joints[wrist, 2] else shoulder), side

    def put(self, thing: Callable[[Hand, float], list[Mark]], middle: Points, size: float) -> list[Mark]:
        """A thing, which is drawn in the unit square, at a place and of a size."""
        return [mark.moved(lambda shape: (shape - 0.5) * size + middle) for mark in thing(self.hand, self.filled)]


def _dog(subject: _Subject) -> list[Mark]:
    """A dog on a lead that the figure holds."""
    rng = subject.hand.rng
    grip, side = subject.grip()
    size = rng.uniform(0.18, 0.4)
    middle = np.array([grip[0] + side * rng.uniform(0.15, 0.4), subject.high[1] - size * rng.uniform(0.3, 0.5)])
    collar = middle + (side * 0.1 * size, -0.15 * size)
    sag = (grip + collar) / 2 + (0, rng.uniform(0, 0.08))
    return [subject.hand.strokes(smooth(np.array([grip, sag, collar]), closed=False)), *subject.put(beast, middle, size)]


def _balloons(subject: _Subject) -> list[Mark]:
    rng = subject.hand.rng
    grip, side = subject.grip()
    marks: list[Mark] = []
    for _ in range(int(rng.integers(1, 4))):
        top = grip + (side * rng.uniform(-0.05, 0.25), -rng.uniform(0.25, 0.55))
        bend = (grip + top) / 2 + rng.normal(0, 0.02, 2)
        size = rng.uniform(0.14, 0.26)
        knob = oval(top - (0, size * 0.45), size * 0.4, size * 0.5)
        marks.append(subject.hand.strokes(smooth(np.array([grip, bend, top]), closed=False)))
        marks.append(subject.hand.shape(knob, fill=subject.color()))
    return marks


def _ball(subject: _Subject) -> list[Mark]:
    rng = subject.hand.rng
    side = SIDES[int(rng.integers(2))]
    size = rng.uniform(0.08, 0.22)
    ankle = LIMB_ROWS[LEG[side]][-1]
    return subject.put(ball, subject.joint(ankle) + (side * (0.04 + size * 0.5), 0.02), size)


def _bubble(subject: _Subject) -> list[Mark]:
    """A speech bubble with its tail at the head."""
    rng = subject.hand.rng
    side = int(rng.choice(SIDES))
    nose = subject.joint(NOSE)
    wide, high = rng.uniform(0.12, 0.25), rng.uniform(0.06, 0.12)
    middle = nose + (side * (wide + rng.uniform(0.08, 0.25)), -rng.uniform(0.0, 0.25))
    tail = points((-0.3, 0.8), (-side * 1.1, 1.5), (0.3, 0.8)) * (wide, high) + middle
    outline = oval(middle, wide, high, squareness=rng.choice([0.0, 0.6]))
    return [subject.hand.shape(outline), subject.hand.strokes(tail), *subject.put(caption, middle, wide * 1.4)]


def _arrow(subject: _Subject) -> list[Mark]:
    """An arrow that points at a joint, perhaps with a label."""
    rng = subject.hand.rng
    tip = subject.joint(int(rng.choice([NOSE, *SHOULDERS, *ELBOWS, *HIPS, *KNEES, *ANKLES])))
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    start = tip + way * rng.uniform(0.2, 0.4)
    head = [tip + 0.05 * np.array([np.cos(angle + turn), np.sin(angle + turn)]) for turn in (-0.5, 0.5)]
    marks = [subject.hand.strokes(np.array([start, tip]), np.array([head[0], tip, head[1]]))]
    return [*marks, *subject.put(caption, start + way * 0.1, 0.2)] if rng.random() < 0.6 else marks


def _name(subject: _Subject) -> list[Mark]:
    """A name over the head, under the feet or beside the trunk, so near that it touches."""
    rng = subject.hand.rng
    size = rng.uniform(0.2, 0.5)
    center = (subject.low + subject.high) / 2
    spots = (
        np.array([center[0], subject.low[1] - rng.uniform(-0.02, 0.06)]),
        np.array([center[0], subject.high[1] + rng.uniform(-0.02, 0.06)]),
        center + (rng.choice(SIDES) * (0.12 + size / 2), rng.uniform(-0.2, 0.2)),
    )
    return subject.put(caption, spots[rng.integers(3)], size)


def _meadow(subject: _Subject) -> list[Mark]:
    """Flowers and tufts at the feet."""
    rng = subject.hand.rng
    level = subject.high[1]
    spots = rng.uniform(subject.low[0] - 0.15, subject.high[0] + 0.15, int(rng.integers(3, 10)))
    tufts = [np.array([(x - 0.02, level - rng.uniform(0.02, 0.08)), (x, level), (x + 0.02, level - 0.05)]) for x in spots]
    marks = [subject.hand.strokes(*tufts, ink=INK if rng.random() < 0.4 else any_of(rng, BRIGHT[3:5]))]
    for x in spots[: int(rng.integers(0, 4))]:
        size = rng.uniform(0.1, 0.25)
        marks += subject.put(flower, np.array([x, level - 0.4 * size]), size)
    return marks


def _ground(subject: _Subject) -> list[Mark]:
    """A line through the feet, or a board below them."""
    rng = subject.hand.rng
    level = subject.high[1] - rng.uniform(0.0, 0.05)
    left, right = subject.low[0] - rng.uniform(0.05, 0.5), subject.high[0] + rng.uniform(0.05, 0.5)
    if rng.random() < 0.6:
        return [subject.hand.strokes(points((left, level), (right, level + rng.normal(0, 0.02))))]
    fill = subject.color()
    deep = rng.uniform(0.03, 0.12)
    return [subject.hand.shape(points((left, level), (right, level), (right, level + deep), (left, level + deep)), fill=fill)]


def _frame(subject: _Subject) -> list[Mark]:
    rng = subject.hand.rng
    low, high = subject.low - rng.uniform(-0.01, 0.1, 2), subject.high + rng.uniform(-0.01, 0.1, 2)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])
    return [subject.hand.strokes(*([corners] if rng.random() < 0.7 else [corners[:2], corners[2:4]]), width=rng.uniform(0.5, 2))]


def _rain(subject: _Subject) -> list[Mark]:
    """Rain or snow: short lines all over."""
    rng = subject.hand.rng
    spots = rng.uniform(subject.low - 0.15, subject.high + 0.15, (int(rng.integers(12, 40)), 2))
    drop = np.array([rng.normal(0, 0.015), rng.uniform(0.02, 0.06)]) if rng.random() < 0.7 else np.array([0.002, 0.002])
    return [Mark(tuple(np.array([spot, spot + drop]) for spot in spots), width=rng.uniform(0.5, 2))]


def _around(subject: _Subject) -> list[Mark]:
    """Hearts, stars, a sun, a cloud close by."""
    rng = subject.hand.rng
    thing = (heart, star, sun, cloud, balloon, flower)[rng.integers(6)]
    marks: list[Mark] = []
    for _ in range(int(rng.integers(1, 4))):
        at = rng.uniform(subject.low, subject.high)
        at[0] = (subject.low, subject.high)[rng.integers(2)][0] + rng.normal(0, 0.05)
        marks += subject.put(thing, at, rng.uniform(0.1, 0.3))
    return marks


def _fence(subject: _Subject) -> list[Mark]:
    """Rails or bars behind the figure."""
    rng = subject.hand.rng
    low, high = subject.low - 0.15, subject.high + 0.1
    top = rng.uniform(low[1] + 0.3 * (high[1] - low[1]), high[1] - 0.15)
    rails = [points((low[0], level), (high[0], level)) for level in (top + 0.04, (top + high[1]) / 2)]
    bars = [points((x, top), (x, high[1])) for x in np.arange(low[0], high[0], rng.uniform(0.07, 0.16))]
    return [subject.hand.strokes(*rails, *bars)]


def _seat(subject: _Subject) -> list[Mark]:
    """A chair or a table behind the figure."""
    rng = subject.hand.rng
    return subject.put(furniture, (subject.joint(HIPS[0]) + subject.joint(HIPS[1])) / 2 + rng.normal(0, 0.1, 2), rng.uniform(0.35, 0.7))


def _kite(subject: _Subject) -> list[Mark]:
    """A kite on a line from a hand."""
    rng = subject.hand.rng
    grip, side = subject.grip()
    at = grip + (side * rng.uniform(0.1, 0.4), -rng.uniform(0.2, 0.6))
    outline = at + points((0, -0.1), (0.07, 0), (0, 0.12), (-0.07, 0))
    line = smooth(np.array([grip, (grip + at) / 2 + rng.normal(0, 0.04, 2), at]), closed=False)
    return [subject.hand.strokes(line), subject.hand.shape(outline, fill=subject.color())]


def _hoop(subject: _Subject) -> list[Mark]:
    """A rope or a hoop around the figure, in front of it or behind."""
    rng = subject.hand.rng
    center = (subject.low + subject.high) / 2 + (0, rng.normal(0, 0.1))
    wide = float(np.ptp([subject.low[0], subject.high[0]])) * rng.uniform(0.4, 0.8)
    return [subject.hand.strokes(arc(center, wide, wide * rng.uniform(0.15, 1.2), 0, 2 * np.pi * rng.uniform(0.5, 1), count=24))]


BEHIND: tuple[Callable[[_Subject], list[Mark]], ...] = (
    _dog, _balloons, _ball, _bubble, _name, _meadow, _ground, _frame, _around, _fence, _seat, _kite, _hoop,
)  # fmt: skip
IN_FRONT: tuple[Callable[[_Subject], list[Mark]], ...] = (_arrow, _name, _ground, _rain, _hoop, _meadow)
"""Drawn over the figure: only their lines are, so that they hide nothing of it."""


def with_distractors(hand: Hand, figure: DrawnFigure, filled: float) -> DrawnFigure:
    """A figure, in figure units, with a distractor or two behind it or over it, which are loose."""
    rng = hand.rng
    if rng.random() < ALONE_SHARE:
        return figure
    subject = _Subject(hand, figure, filled)
    behind = [mark for _ in range(int(rng.integers(1, 3))) for mark in BEHIND[rng.integers(len(BEHIND))](subject)]
    front = IN_FRONT[rng.integers(len(IN_FRONT))](subject) if rng.random() < 0.3 else []
    loose = [replace(mark, loose=True) for mark in behind]
    over = [replace(mark, loose=True, area=None, fill=None) for mark in front]
    return replace(figure, marks=(*loose, *figure.marks, *over))
