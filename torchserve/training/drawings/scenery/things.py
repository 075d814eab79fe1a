"""Suns, houses, trees and other things that children draw, each about as big as the unit square, y down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drawings.figures.colors import BRIGHT, any_of
from drawings.figures.faces import face_marks
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Color, Mark, Points
from drawings.figures.shapes import arc, oval, points, smooth

Thing = Callable[[Hand, float], list[Mark]]
"""Draws a thing; the number is the probability that a part is colored in."""


def fill_of(hand: Hand, filled: float, color: Color | None = None) -> Color | None:
    """A color for a part of a thing, or bare paper."""
    if hand.rng.random() >= filled:
        return None
    return any_of(hand.rng, (color,) if color is not None else BRIGHT)


def middle(x: float, y: float) -> Points:
    """One point."""
    return np.array([x, y], float)


def sun(hand: Hand, filled: float) -> list[Mark]:
    """Round with rays, often with a face."""
    rng = hand.rng
    size = rng.uniform(0.2, 0.34)
    rays = np.linspace(0, 2 * np.pi, int(rng.integers(6, 18)), endpoint=False) + rng.uniform(0, 1)
    near, far = size * rng.uniform(1.0, 1.3), 0.5
    lines = [0.5 + np.array([[np.cos(a) * near, np.sin(a) * near], [np.cos(a) * far, np.sin(a) * far]]) for a in rays]
    ink = INK if rng.random() < 0.6 else any_of(rng, ((240, 190, 30), (240, 140, 20)))
    marks = [hand.strokes(*lines, ink=ink), hand.shape(oval((0.5, 0.5), size, size), fill=fill_of(hand, filled, (250, 210, 60)), ink=ink)]
    return marks + (face_marks(hand, middle(0.5, 0.5), size, size)[0] if rng.random() < 0.5 else [])


def corner_sun(hand: Hand, filled: float) -> list[Mark]:
    """A quarter of a sun."""
    rays = np.linspace(0.1, np.pi / 2 - 0.1, int(hand.rng.integers(4, 8)))
    lines = [np.array([[np.cos(a), np.sin(a)], [1.8 * np.cos(a), 1.8 * np.sin(a)]]) * 0.5 for a in rays]
    quarter = np.concatenate([arc((0, 0), 0.45, 0.45, 0, np.pi / 2), points((0, 0))])
    return [hand.shape(quarter, fill=fill_of(hand, filled, (250, 210, 60)), closed=False), hand.strokes(*lines)]


def house(hand: Hand, filled: float) -> list[Mark]:
    """Walls, a roof, a door, windows with crosses, smoke."""
    rng = hand.rng
    eave = rng.uniform(0.35, 0.55)
    marks = [hand.shape(points((0.1, 1), (0.1, eave), (0.9, eave), (0.9, 1)), fill=fill_of(hand, filled))]
    marks.append(hand.shape(points((0.0, eave), (0.5, 0.0), (1.0, eave)), fill=fill_of(hand, filled)))
    door = rng.uniform(0.2, 0.6)
    marks.append(hand.shape(points((door, 1), (door, 0.7), (door + 0.16, 0.7), (door + 0.16, 1)), fill=fill_of(hand, filled)))
    for x in (0.25, 0.72)[: int(rng.integers(0, 3))]:
        window = points((x - 0.08, eave + 0.08), (x + 0.08, eave + 0.08), (x + 0.08, eave + 0.24), (x - 0.08, eave + 0.24))
        marks += [
            hand.shape(window, see_through=True),
            hand.strokes(points((x, eave + 0.08), (x, eave + 0.24)), points((x - 0.08, eave + 0.16), (x + 0.08, eave + 0.16))),
        ]
    return marks


def tree(hand: Hand, filled: float) -> list[Mark]:
    """A trunk with a crown, or a fir."""
    rng = hand.rng
    trunk = hand.shape(points((0.43, 0.55), (0.41, 1), (0.6, 1), (0.57, 0.55)), fill=fill_of(hand, filled, (120, 80, 50)), closed=False)
    if rng.random() < 0.3:
        return [
            trunk,
            *(
                hand.shape(points((0.5, y - 0.3), (0.2 - y * 0.15, y), (0.8 + y * 0.15, y)), fill=fill_of(hand, filled, (50, 140, 60)))
                for y in (0.62, 0.45, 0.3)
            ),
        ]
    lobes = (
        0.5
        + np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, 9, endpoint=False)]) * rng.uniform(0.27, 0.4, (9, 1))
        - (0, 0.18)
    )
    crown = smooth(lobes, closed=True) if rng.random() < 0.6 else oval((0.5, 0.33), 0.33, 0.33)
    marks = [trunk, hand.shape(crown, fill=fill_of(hand, filled, (70, 160, 60)))]
    apples = [
        hand.shape(oval(rng.uniform((0.3, 0.15), (0.7, 0.5)), 0.035, 0.035, count=9), fill=fill_of(hand, filled, (210, 40, 40)))
        for _ in range(int(rng.integers(0, 5)))
    ]
    return marks + apples


def flower(hand: Hand, filled: float) -> list[Mark]:
    """Petals on a stem with leaves, now and then with a face."""
    rng = hand.rng
    count, size = int(rng.integers(4, 9)), rng.uniform(0.09, 0.14)
    stem = smooth(points((0.5, 0.35), (0.5 + rng.normal(0, 0.05), 0.65), (0.5, 1.0)), closed=False)
    marks = [hand.strokes(stem, ink=INK if rng.random() < 0.6 else (60, 140, 60))]
    marks += [
        hand.shape(smooth(points((0.5, 0.8), (0.5 + s * 0.14, 0.68), (0.5 + s * 0.22, 0.72), (0.5 + s * 0.12, 0.8)), closed=True))
        for s in (-1, 1)[: int(rng.integers(0, 3))]
    ]
    color = fill_of(hand, filled)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    marks += [
        hand.shape(oval((0.5 + np.cos(a) * size * 1.5, 0.25 + np.sin(a) * size * 1.5), size * 0.9, size * 0.9, count=14), fill=color)
        for a in angles
    ]
    marks.append(hand.shape(oval((0.5, 0.25), size, size, count=16), fill=fill_of(hand, filled, (250, 210, 60))))
    return marks + (face_marks(hand, middle(0.5, 0.25), size, size)[0] if rng.random() < 0.2 else [])


def cloud(hand: Hand, filled: float) -> list[Mark]:
    """Bows in a ring."""
    rng = hand.rng
    ring = np.array([[np.cos(a) * 0.5, np.sin(a) * 0.25] for a in np.linspace(0, 2 * np.pi, int(rng.integers(6, 11)), endpoint=False)])
    outer = np.repeat(ring, 2, axis=0)
    outer[1::2] = (ring + np.roll(ring, -1, axis=0)) * 0.72
    return [hand.shape(smooth(outer + 0.5, closed=True), fill=fill_of(hand, filled, (190, 215, 240)))]


def ball(hand: Hand, filled: float) -> list[Mark]:
    """A ball with seams."""
    seams = [arc((0.5, 0.5), 0.45 * w, 0.45, -np.pi / 2, np.pi / 2) for w in hand.rng.uniform(-0.8, 0.8, int(hand.rng.integers(0, 4)))]
    marks = [hand.shape(oval((0.5, 0.5), 0.45, 0.45), fill=fill_of(hand, filled))]
    return [*marks, hand.strokes(*seams)] if seams else marks


def balloon(hand: Hand, filled: float) -> list[Mark]:
    """A balloon on a string."""
    string = smooth(points((0.5, 0.55), (0.55, 0.7), (0.45, 0.85), (0.5, 1.0)), closed=False)
    return [hand.shape(oval((0.5, 0.28), 0.22, 0.28), fill=fill_of(hand, filled)), hand.strokes(string)]


def heart(hand: Hand, filled: float) -> list[Mark]:
    """A heart."""
    corners = points((0.5, 0.3), (0.3, 0.1), (0.08, 0.25), (0.2, 0.6), (0.5, 0.95), (0.8, 0.6), (0.92, 0.25), (0.7, 0.1))
    return [hand.shape(smooth(corners, closed=True), fill=fill_of(hand, filled, (220, 50, 80)))]


def star(hand: Hand, filled: float) -> list[Mark]:
    """Five points, outlined or in one line."""
    angles = np.linspace(0, 2 * np.pi, 11)[:-1] - np.pi / 2
    if hand.rng.random() < 0.5:
        order = angles[::2][[0, 2, 4, 1, 3, 0]]
        return [hand.strokes(0.5 + 0.5 * np.column_stack([np.cos(order), np.sin(order)]))]
    radii = np.where(np.arange(10) % 2, 0.2, 0.5)[:, None]
    return [hand.shape(0.5 + radii * np.column_stack([np.cos(angles), np.sin(angles)]), fill=fill_of(hand, filled, (250, 210, 60)))]


def car(hand: Hand, filled: float) -> list[Mark]:
    """From the side."""
    hull = points((0, 0.75), (0, 0.5), (0.2, 0.47), (0.32, 0.25), (0.68, 0.25), (0.8, 0.48), (1.0, 0.53), (1.0, 0.75))
    wheels = [hand.shape(oval((x, 0.77), 0.11, 0.11, count=18), fill=fill_of(hand, filled, (50, 50, 50))) for x in (0.22, 0.78)]
    glass = hand.shape(points((0.36, 0.31), (0.5, 0.31), (0.5, 0.46), (0.3, 0.46)), see_through=True)
    return [hand.shape(hull, fill=fill_of(hand, filled)), glass, *wheels]


def gadget(hand: Hand, filled: float) -> list[Mark]:
    """A box with knobs: radio, television, present, robot's head."""
    rng = hand.rng
    top = rng.uniform(0.1, 0.35)
    marks = [hand.shape(points((0.05, top), (0.95, top), (0.95, 0.95), (0.05, 0.95)), fill=fill_of(hand, filled))]
    marks += [
        hand.shape(
            oval(rng.uniform((0.2, top + 0.2), (0.8, 0.8)), rng.uniform(0.04, 0.14), rng.uniform(0.04, 0.14), count=14), see_through=True
        )
        for _ in range(int(rng.integers(1, 6)))
    ]
    return marks


def furniture(hand: Hand, filled: float) -> list[Mark]:
    """A table, a bed or a chair."""
    marks = [hand.shape(points((0, 0.45), (1, 0.42), (1, 0.52), (0, 0.55)), fill=fill_of(hand, filled))]
    legs = [points((x, 0.5), (x, 1.0)) for x in (0.06, 0.94, *((0.3, 0.7) if hand.rng.random() < 0.3 else ()))]
    back = [points((0.03, 0.45), (0.03, 0.0), (0.2, 0.02), (0.2, 0.45))] if hand.rng.random() < 0.4 else []
    return [*marks, hand.strokes(*legs, *back)]


def boat(hand: Hand, filled: float) -> list[Mark]:
    """A hull, a mast, sails."""
    hull = hand.shape(points((0.05, 0.7), (0.95, 0.7), (0.78, 0.95), (0.22, 0.95)), fill=fill_of(hand, filled, (130, 85, 50)))
    sails = [
        hand.shape(points((0.5, 0.05), (0.5, 0.6), (0.5 + s * 0.36, 0.6)), fill=fill_of(hand, filled))
        for s in (-1, 1)[: int(hand.rng.integers(1, 3))]
    ]
    return [hand.strokes(points((0.5, 0.02), (0.5, 0.7))), *sails, hull]


def rainbow(hand: Hand, filled: float) -> list[Mark]:
    """Bows, in colors if there are some."""
    del filled
    bows = np.linspace(0.5, 0.3, int(hand.rng.integers(3, 7)))
    return [
        hand.strokes(
            arc((0.5, 0.6), r, r, np.pi, 2 * np.pi, count=16), ink=any_of(hand.rng, BRIGHT) if hand.rng.random() < 0.7 else INK, width=1.5
        )
        for r in bows
    ]


def lamp(hand: Hand, filled: float) -> list[Mark]:
    """Something round that hangs from a string, with a grid on it."""
    rng = hand.rng
    bands = [arc((0.5, 0.7), 0.28 * w, 0.28, -np.pi / 2, np.pi / 2) for w in (-0.5, 0.1, 0.6)] + [
        points((0.24, y), (0.76, y)) for y in (0.6, 0.75)
    ]
    marks = [hand.strokes(points((0.5, 0.0), (0.5, 0.42))), hand.shape(oval((0.5, 0.7), 0.28, 0.28), fill=fill_of(hand, filled))]
    return [*marks, hand.strokes(*bands)] if rng.random() < 0.6 else marks


def scribble(hand: Hand, filled: float) -> list[Mark]:
    """A tangle, a spiral or a crossed-out spot."""
    del filled
    rng = hand.rng
    draw = rng.random()
    if draw < 0.4:
        way = np.linspace(0, 1, 40)
        return [hand.strokes(0.5 + 0.45 * way[:, None] * np.column_stack([np.cos(way * 22), np.sin(way * 22)]))]
    if draw < 0.7:
        return [hand.strokes(smooth(rng.uniform(0, 1, (int(rng.integers(6, 16)), 2)), closed=False))]
    xs = np.linspace(0, 1, 14)
    return [hand.strokes(np.column_stack([xs, 0.5 + 0.3 * np.where(np.arange(14) % 2, 1, -1)]))]


def portrait(hand: Hand, filled: float) -> list[Mark]:
    """Only a face: a smiley."""
    size = hand.rng.uniform(0.4, 0.5)
    return [
        hand.shape(oval((0.5, 0.5), size, size), fill=fill_of(hand, filled, (250, 215, 90))),
        *face_marks(hand, middle(0.5, 0.5), size, size)[0],
    ]


THINGS: tuple[Thing, ...] = (
    sun, sun, corner_sun, house, house, tree, tree, flower, flower, cloud, cloud, ball, balloon, heart, star, car, gadget, furniture,
    boat, rainbow, lamp, scribble, portrait,
)  # fmt: skip
