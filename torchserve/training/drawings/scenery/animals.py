# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Animals: pets beside a figure, and animals that a detector of humanoids must not take for one. About the unit square, y down."""

from __future__ import annotations

import numpy as np

from drawings.figures.faces import face_marks
from drawings.figures.hand import Hand
from drawings.figures.limbs import LimbStyle, hand_marks, limb_marks
from drawings.figures.marks import Mark
from drawings.figures.shapes import limb, oval, points, smooth
from drawings.scenery.things import Thing, fill_of, middle


def _flip(hand: Hand, marks: list[Mark]) -> list[Mark]:
    if hand.rng.random() < 0.5:
        return marks
    return [mark.moved(lambda shape: shape * (-1, 1) + (1, 0)) for mark in marks]


def beast(hand: Hand, filled: float) -> list[Mark]:
    """Pig, dog, cat, horse, cow: four legs under a lying body, a head on one side, a tail on the other."""
    rng = hand.rng
    color = fill_of(hand, filled)
    body_y, rx, ry = rng.uniform(0.45, 0.55), rng.uniform(0.28, 0.4), rng.uniform(0.13, 0.26)
    size = rng.uniform(0.12, 0.2)
    head = middle(0.5 + rx + size * rng.uniform(-0.3, 0.6), body_y - ry * rng.uniform(0.2, 1.5))
    feet = rng.uniform(0.86, 1.0)
    radius = rng.uniform(0.02, 0.06)
    spots = 0.5 + rx * (np.array([-0.8, -0.45, 0.4, 0.75]) + rng.normal(0, 0.07, 4))
    lines = rng.random() < 0.4
    legs: list[Mark] = []
    for x in spots:
        axis = np.linspace((x, body_y + ry * 0.5), (x + rng.normal(0, 0.02), feet), 4)
        legs.append(hand.strokes(axis) if lines else hand.shape(limb(axis, radius, radius), fill=color, closed=False))
    tail = smooth(
        points((0.5 - rx, body_y), (0.5 - rx - 0.08, body_y - 0.12), (0.5 - rx - 0.02 - rng.random() * 0.1, body_y - 0.2)), closed=False
    )
    ears = [
        hand.shape(
            head + points((s * 0.3, -0.7), (s * 0.75, -1.5 * rng.uniform(0.7, 1.3)), (s * 0.95, -0.4)) * size, fill=color, closed=False
        )
        for s in (-1, 1)
    ]
    trunk = hand.shape(oval((0.5, body_y), rx, ry, squareness=rng.choice([0.0, 0.0, 0.6])), fill=color)
    parts = [*legs, trunk] if rng.random() < 0.6 else [trunk, *legs]
    skull = hand.shape(oval(head, size, size * rng.uniform(0.8, 1.1)), fill=color)
    return _flip(hand, [*parts, hand.strokes(tail), *ears, skull, *face_marks(hand, head, size, size)[0]])


def bug(hand: Hand, filled: float) -> list[Mark]:
    """Ants, beetles, spiders: a body with three or more pairs of limbs, perhaps with hands, and feelers."""
    rng = hand.rng
    color, pairs = fill_of(hand, filled), int(rng.integers(3, 6))
    rx, ry = rng.uniform(0.1, 0.2), rng.uniform(0.2, 0.3)
    kind = "line" if rng.random() < 0.6 else "outline"
    style = LimbStyle(kind, bool(rng.random() < 0.5), 0.025, 0.02, "fork" if rng.random() < 0.4 else "none", 0.03, color, color)
    marks: list[Mark] = []
    for share in np.linspace(-0.6, 0.6, pairs):
        for side in (-1, 1):
            root = middle(0.5 + side * rx * 0.9 * np.sqrt(1 - share**2), 0.6 + share * ry)
            knee = root + (side * rng.uniform(0.1, 0.16), rng.normal(share * 0.1, 0.04))
            tip = knee + (side * rng.uniform(0.05, 0.15), rng.normal(share * 0.2, 0.06))
            way = (tip - knee) / np.hypot(*(tip - knee))
            marks += [*limb_marks(hand, np.array([root, knee, tip]), style), *hand_marks(hand, tip, way, style)]
    size = rng.uniform(0.1, 0.16)
    head = middle(0.5, 0.6 - ry - size * 0.8)
    marks.append(hand.shape(oval((0.5, 0.6), rx, ry), fill=color))
    marks.append(hand.shape(oval(head, size, size), fill=color))
    feelers = [smooth(head + points((s * 0.4, -0.8), (s * 0.7, -1.4), (s * 1.3, -1.7)) * size, closed=False) for s in (-1, 1)]
    return [*marks, hand.strokes(*feelers), *face_marks(hand, head, size, size)[0]]


def fish(hand: Hand, filled: float) -> list[Mark]:
    """A fish, a whale."""
    color = fill_of(hand, filled)
    ry = hand.rng.uniform(0.15, 0.28)
    tail = hand.shape(points((0.2, 0.5), (0.0, 0.5 - ry), (0.04, 0.5), (0.0, 0.5 + ry)), fill=color)
    eye = hand.blob(oval((0.78, 0.45), 0.02, 0.02, count=8))
    return _flip(
        hand, [tail, hand.shape(oval((0.55, 0.5), 0.38, ry), fill=color), eye, hand.strokes(points((0.66, 0.4), (0.63, 0.5), (0.66, 0.6)))]
    )


def bird(hand: Hand, filled: float) -> list[Mark]:
    """A flying V, or a chick with two line legs: a biped without arms is no humanoid."""
    rng = hand.rng
    if rng.random() < 0.4:
        return [hand.strokes(smooth(points((0, 0.4), (0.25, 0.25), (0.5, 0.5), (0.75, 0.25), (1.0, 0.4)), closed=False))]
    color = fill_of(hand, filled)
    head = middle(0.72, 0.3)
    beak = hand.shape(points((0.84, 0.26), (1.0, 0.32), (0.84, 0.37)), fill=fill_of(hand, filled, (240, 150, 40)))
    wing = hand.strokes(smooth(points((0.3, 0.5), (0.42, 0.68), (0.58, 0.52)), closed=False))
    legs = hand.strokes(*(points((x, 0.75), (x, 0.97), (x + 0.08, 1.0)) for x in (0.42, 0.54)))
    body = hand.shape(oval((0.45, 0.55), 0.3, 0.22), fill=color)
    return _flip(hand, [legs, beak, body, wing, hand.shape(oval(head, 0.14, 0.14), fill=color), hand.blob(oval(head, 0.02, 0.02, count=8))])


def snake(hand: Hand, filled: float) -> list[Mark]:
    """A worm, a snake, a caterpillar of circles."""
    count = int(hand.rng.integers(4, 8))
    xs = np.linspace(0.08, 0.92, count)
    ys = 0.6 + 0.12 * np.sin(xs * 9 + hand.rng.uniform(0, 6))
    if hand.rng.random() < 0.5:
        radius = 0.6 / count
        rings = [hand.shape(oval((x, y), radius, radius, count=16), fill=fill_of(hand, filled)) for x, y in zip(xs, ys, strict=True)]
        return [*rings, *face_marks(hand, middle(xs[-1], ys[-1]), radius, radius)[0]]
    return [
        hand.strokes(smooth(np.column_stack([xs, ys]), closed=False), width=hand.rng.uniform(1, 4)),
        hand.shape(oval((0.94, ys[-1]), 0.07, 0.05, count=14)),
    ]


def butterfly(hand: Hand, filled: float) -> list[Mark]:
    """Two pairs of wings on a stick body: its wings must not become arms."""
    color = fill_of(hand, filled)
    wings = [hand.shape(oval((0.5 + s * 0.24, y), 0.22, r), fill=color) for s in (-1, 1) for y, r in ((0.35, 0.22), (0.7, 0.16))]
    feelers = [smooth(points((0.5, 0.2), (0.5 + s * 0.06, 0.1), (0.5 + s * 0.14, 0.05)), closed=False) for s in (-1, 1)]
    return [*wings, hand.shape(oval((0.5, 0.5), 0.04, 0.32), fill=fill_of(hand, filled)), hand.strokes(*feelers)]


ANIMALS: tuple[Thing, ...] = (beast, beast, beast, bug, bug, fish, bird, snake, butterfly)
