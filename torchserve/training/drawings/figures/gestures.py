# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Hands with a palm, a thumb and fingers of their own, in gestures: relaxed, spread, a fist, pointing, a thumb up, two fingers up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drawings.figures.extras import merged
from drawings.figures.hand import Hand
from drawings.figures.marks import DrawnFigure, Mark, Points
from drawings.figures.parts import ARM, HAND, LIMB_ROWS
from drawings.figures.shapes import limb, oval, smooth, unit

MODELLED_SHARE, ALIKE_SHARE = 0.3, 0.6
"""Share of figures with such hands, and of those whose hands are alike."""
SIZES = (0.016, 0.036)
"""Half the palm's width, in figure units (from, to), unless the hand that was there was larger or smaller than that allows."""

_FINGERS = (-0.6, -0.2, 0.2, 0.6)
"""Where they begin across the palm, in half widths: the one next to the thumb first."""
GESTURES: dict[str, tuple[tuple[float, float], ...]] = {
    "relaxed": ((1.3, 4), (1.5, 1), (1.4, -2), (1.1, -6)),
    "spread": ((1.6, -28), (1.9, -9), (1.8, 9), (1.5, 30)),
    "fist": ((0.35, 0), (0.4, 0), (0.4, 0), (0.35, 0)),
    "pointing": ((1.9, -4), (0.4, 0), (0.4, 0), (0.35, 0)),
    "thumb": ((0.35, 0), (0.4, 0), (0.4, 0), (0.35, 0)),
    "two": ((1.8, -14), (1.9, 8), (0.4, 0), (0.35, 0)),
    "curled": ((0.9, 22), (1.0, 26), (0.95, 30), (0.8, 34)),
}
"""Lengths of the fingers in half widths of the palm, and degrees by which they point away from it; positive: away from the thumb."""
THUMBS = {
    "relaxed": (1.2, -35), "spread": (1.5, -70), "fist": (0.7, 60), "pointing": (0.8, 50), "thumb": (1.7, -85), "two": (0.7, 50),
    "curled": (1.0, -20),
}  # fmt: skip
"""The same for the thumb."""


def with_gestures(hand: Hand, figure: DrawnFigure) -> DrawnFigure:
    """The figure, in figure units, sometimes with hands of this kind instead of those that it had."""
    rng = hand.rng
    if figure.is_one_area or rng.random() >= MODELLED_SHARE:
        return figure
    names = list(GESTURES)
    chosen = rng.integers(len(names), size=2)
    both = [names[index] for index in (chosen[[0, 0]] if rng.random() < ALIKE_SHARE else chosen)]
    size, is_plain = rng.uniform(*SIZES), rng.random() < 0.5
    for side, gesture in zip((-1, 1), both, strict=True):
        figure = _with_hand(hand, figure, side, gesture, size, is_plain=is_plain)
    return figure


def _with_hand(hand: Hand, figure: DrawnFigure, side: int, gesture: str, size: float, *, is_plain: bool) -> DrawnFigure:
    rows = [row for row, mark in enumerate(figure.marks) if mark.part == HAND[side] and not mark.loose]
    if not rows:
        return figure
    old = figure.marks[rows[0]]
    chain = figure.joints[list(LIMB_ROWS[ARM[side]]), :2]
    along = unit(chain[2] - chain[1])
    fingers = 3 if hand.rng.random() < 0.25 else 4
    new = [
        replace(mark, joints=old.joints, part=HAND[side])
        for mark in _hand(hand, chain[2], along, gesture, size, int(hand.rng.choice([-1, 1])), fingers, is_plain=is_plain)
    ]
    fill = next((figure.marks[row].fill for row in rows if figure.marks[row].fill is not None), None)
    new = [replace(mark, fill=fill) if mark.is_solid and not mark.strokes else mark for mark in new]
    kept = [mark for row, mark in enumerate(figure.marks) if row not in rows]
    return replace(figure, marks=(*kept[: rows[0]], *new, *kept[rows[0] :]))


def _hand(
    hand: Hand, wrist: Points, along: Points, gesture: str, size: float, thumb_side: int, fingers: int, *, is_plain: bool
) -> list[Mark]:
    """Its marks: one outline around palm and fingers, perhaps with lines between these.

    Args:
        along: unit vector of the forearm.
        size: half the palm's width.
        thumb_side: 1 or -1, across the forearm.
        is_plain: no lines inside.
    """
    rng = hand.rng
    across = np.array([-along[1], along[0]]) * -thumb_side
    turn = np.radians(rng.normal(0, 18))
    along, across = np.cos(turn) * along + np.sin(turn) * across, np.cos(turn) * across - np.sin(turn) * along

    def placed(shape: Points) -> Points:
        return np.asarray(wrist + (shape[:, :1] * along + shape[:, 1:] * across) * size)

    palm = smooth(np.array([(-0.2, -0.65), (0.7, -1.0), (1.7, -0.95), (1.9, 0.0), (1.7, 0.95), (0.7, 0.9), (-0.2, 0.6)]), closed=True)
    parts = [hand.shape(placed(palm))]
    lines: list[Points] = []
    for start, (length, degrees) in list(zip(_FINGERS, GESTURES[gesture], strict=True))[:fingers]:
        way = np.radians(degrees + rng.normal(0, 5))
        first = np.array([1.5, start * (1.0 if fingers == 4 else 1.3)])
        tip = first + np.array([np.cos(way), np.sin(way)]) * (length * rng.uniform(0.85, 1.15) + 0.2)
        parts.append(hand.shape(placed(limb(np.linspace(first, tip, 4), 0.27, 0.22)), closed=False))
        lines.append(placed(np.array([first + (0, 0.22), first + (0.45, 0.22)])))
    length, degrees = THUMBS[gesture]
    way = np.radians(degrees)
    root = np.array([0.7, -0.6])
    tip = root + np.array([np.cos(way), np.sin(way)]) * (length + 0.4)
    parts.append(hand.shape(placed(limb(np.linspace(root, tip, 4), 0.34, 0.26)), closed=False))
    if gesture in ("fist", "thumb") and rng.random() < 0.3:
        parts = [hand.shape(placed(oval((0.9, 0.0), 1.2, 1.0, squareness=0.4, count=16)))]
    marks = merged(parts, None)
    return marks if is_plain else [*marks, hand.strokes(*lines[:-1])]
