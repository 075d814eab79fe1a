# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Faces: eyes, a nose, a mouth, any of which may be missing."""

from __future__ import annotations

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Color, Mark, Points
from drawings.figures.shapes import arc, oval, points

RED: Color = (200, 40, 50)
FEATURES = ("dots", "circles", "lashes", "ovals", "lines", "one", "googly", "crosses")


def _eye(hand: Hand, kind: str, at: Points, size: float, ink: Color) -> list[Mark]:
    if kind in ("dots", "one"):
        grown = size * (1.6 if kind == "one" else 0.55)
        return [hand.blob(oval(at, grown, grown, count=8), ink)]
    if kind == "lines":
        return [hand.strokes(at + points((0, -size), (0, size)), ink=ink)]
    if kind == "crosses":
        return [hand.strokes(at + points((-size, -size), (size, size)), at + points((size, -size), (-size, size)), ink=ink)]
    white = (255, 255, 255) if kind == "googly" else None
    marks = [hand.shape(oval(at, size, size * (1.5 if kind == "ovals" else 1.0), count=14), fill=white, ink=ink, see_through=white is None)]
    marks.append(hand.blob(oval(at + hand.rng.normal(0, size * 0.3, 2), size * 0.4, size * 0.4, count=7), ink))
    if kind == "lashes":
        up = np.linspace(-0.8, 0.8, 4)
        marks.append(
            hand.strokes(*(at + size * np.array([[np.sin(a), -np.cos(a)], [1.8 * np.sin(a), -1.8 * np.cos(a)]]) for a in up), ink=ink)
        )
    return marks


def _nose(hand: Hand, at: Points, size: float, ink: Color) -> list[Mark]:
    rng, draw = hand.rng, hand.rng.random()
    if draw < 0.25:
        return [hand.strokes(at + points((0, -size), (-size * 0.8, size), (size * 0.5, size)), ink=ink)]
    if draw < 0.4:
        return [hand.strokes(at + points((0, -size), (0, size)), ink=ink)]
    if draw < 0.6:
        return [hand.shape(oval(at, size * 0.8, size * 0.7, count=10), ink=ink, fill=ink if rng.random() < 0.3 else None, see_through=True)]
    return []


def _mouth(hand: Hand, at: Points, width: float, ink: Color) -> list[Mark]:
    rng, draw = hand.rng, hand.rng.random()
    color = RED if rng.random() < 0.15 else ink
    if draw < 0.58:
        up = rng.uniform(0.4, 1.0) if rng.random() < 0.85 else -0.5
        return [hand.strokes(arc(at - (0, width * 0.4 * up), width, width * up, 0.15, np.pi - 0.15), ink=color)]
    if draw < 0.7:
        return [hand.strokes(at + points((-width, 0), (width, 0)), ink=color)]
    if draw < 0.78:
        teeth = np.linspace(-width, width, 9)
        jagged = np.column_stack([teeth, np.where(np.arange(9) % 2, 0.15, -0.15) * width])
        return [hand.strokes(at + jagged, ink=color)]
    if draw < 0.87:
        return [hand.shape(arc(at, width, width * 0.7, 0, np.pi), ink=ink, fill=RED if rng.random() < 0.5 else None, see_through=True)]
    if draw < 0.94:
        return [hand.shape(oval(at, width * 0.4, width * 0.4, count=10), ink=ink, see_through=True)]
    return []


LENSES: tuple[Color, ...] = ((215, 250, 255), (255, 255, 255), (240, 240, 220), (40, 40, 45), (90, 120, 200))


def _glasses(hand: Hand, left: Points, right: Points, rx: float, ink: Color) -> list[Mark]:
    """Two lenses and what joins them: clear ones with the eyes behind, or opaque ones instead of eyes, up to half as wide as the head."""
    rng = hand.rng
    apart = abs(float(left[0] - right[0])) / 2
    size = rng.uniform(0.7, 1.0) * apart if rng.random() < 0.5 else rng.uniform(0.25, 0.55) * rx
    middle = (left + right) / 2
    spots = [middle + (side * max(apart, size * rng.uniform(1.0, 1.1)), 0) for side in (1, -1)]
    is_opaque = rng.random() < 0.5
    color = LENSES[rng.integers(len(LENSES))] if is_opaque else None
    tall = size * rng.uniform(0.75, 1.1)
    marks = [hand.shape(oval(spot, size, tall, count=18), fill=color, ink=ink, see_through=not is_opaque) for spot in spots]
    if is_opaque and rng.random() < 0.4:
        marks += [hand.blob(oval(spot + rng.normal(0, size * 0.2, 2), size * 0.2, size * 0.2, count=8), ink) for spot in spots]
    sides = [spot + (side * size, 0) for spot, side in zip(spots, (1, -1), strict=True)]
    ends = [middle + (side * rx * 0.98, -size * 0.2) for side in (1, -1)]
    if rng.random() < 0.6:
        marks.append(hand.strokes(*(np.array([near, far]) for near, far in zip(sides, ends, strict=True)), ink=ink))
    return marks


def face_marks(hand: Hand, center: Points, rx: float, ry: float, ink: Color = INK) -> tuple[list[Mark], Points]:
    """Eyes, a nose and a mouth, any of which may be missing; and where nose, left and right eye are (the figure's own), `(3, 2)`."""
    rng = hand.rng
    gap, lift, size = rng.uniform(0.25, 0.5) * rx, rng.uniform(0.0, 0.4) * ry, rng.uniform(0.08, 0.2) * min(rx, ry)
    if rng.random() < 0.12:  # bulging
        size, gap = rng.uniform(0.22, 0.42) * min(rx, ry), rng.uniform(0.35, 0.45) * rx
    middle = center + (rng.normal(0, 0.08) * rx, 0)
    left, right, nose = middle + (gap, -lift), middle - (gap, lift), middle + (0, rng.uniform(0.0, 0.22) * ry)
    landmarks = np.array([nose, left, right])
    if rng.random() < 0.06:
        return [], landmarks
    kind = FEATURES[rng.integers(len(FEATURES))] if rng.random() < 0.6 else "dots"
    marks: list[Mark] = []
    if kind == "one":
        marks += _eye(hand, "circles", middle - (0, lift), size * 2, ink)
    else:
        for eye in (left, right):
            marks += _eye(hand, kind, eye, size, ink)
    width = rng.uniform(0.25, 0.6) * rx
    marks += [*_nose(hand, nose, size, ink), *_mouth(hand, middle + (0, rng.uniform(0.35, 0.55) * ry), width, ink)]
    if rng.random() < 0.1:
        marks += [hand.blob(oval(middle + (s * rx * 0.55, ry * 0.3), size, size, count=10), (240, 150, 160)) for s in (-1, 1)]
    if rng.random() < 0.09:
        marks += _glasses(hand, left, right, rx, ink)
    return marks, landmarks
