"""Faces: eyes, a nose, a mouth, any of which may be missing."""

from __future__ import annotations

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Colour, Mark, Points
from drawings.figures.shapes import arc, oval, points

FEATURES = ("dots", "circles", "lashes", "ovals", "lines", "one", "googly", "crosses")


def _eye(hand: Hand, kind: str, at: Points, size: float, ink: Colour) -> list[Mark]:
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


def face_marks(hand: Hand, centre: Points, rx: float, ry: float, ink: Colour = INK) -> tuple[list[Mark], Points]:
    """Eyes, a nose and a mouth, any of which may be missing; and where nose, left and right eye are (the figure's own), `(3, 2)`."""
    rng = hand.rng
    gap, lift, size = rng.uniform(0.25, 0.5) * rx, rng.uniform(0.0, 0.4) * ry, rng.uniform(0.08, 0.2) * min(rx, ry)
    look = rng.normal(0, 0.08) * rx
    middle = np.array([centre[0] + look, centre[1]])
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
    draw = rng.random()
    if draw < 0.25:
        marks.append(hand.strokes(nose + points((0, -size), (-size * 0.8, size), (size * 0.5, size)), ink=ink))
    elif draw < 0.4:
        marks.append(hand.strokes(nose + points((0, -size), (0, size)), ink=ink))
    elif draw < 0.6:
        marks.append(
            hand.shape(oval(nose, size * 0.8, size * 0.7, count=10), ink=ink, fill=ink if rng.random() < 0.3 else None, see_through=True)
        )
    width, low = rng.uniform(0.25, 0.6) * rx, middle + (0, rng.uniform(0.35, 0.55) * ry)
    draw = rng.random()
    red: Colour = (200, 40, 50)
    if draw < 0.6:
        up = rng.uniform(0.4, 1.0) if rng.random() < 0.85 else -0.5
        marks.append(
            hand.strokes(arc(low - (0, width * 0.4 * up), width, width * up, 0.15, np.pi - 0.15), ink=red if rng.random() < 0.15 else ink)
        )
    elif draw < 0.72:
        marks.append(hand.strokes(low + points((-width, 0), (width, 0)), ink=ink))
    elif draw < 0.84:
        smile = np.concatenate([arc(low, width, width * 0.7, 0, np.pi, 9), low[None] + (-width * 0.5, 0)])
        marks.append(hand.shape(smile, ink=ink, fill=red if rng.random() < 0.5 else None, see_through=True))
    elif draw < 0.92:
        marks.append(hand.shape(oval(low, width * 0.4, width * 0.4, count=10), ink=ink, see_through=True))
    if rng.random() < 0.1:
        marks += [hand.blob(oval(middle + (s * rx * 0.55, ry * 0.3), size, size, count=10), (240, 150, 160)) for s in (-1, 1)]
    return marks, landmarks
