# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Hats, bows, horns, antennae: parts that stick out of a head and are not arms."""

from __future__ import annotations

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import Color, Mark, Points
from drawings.figures.shapes import oval, points, smooth

HATS = ("none",) * 16 + ("cap", "top", "cone", "crown", "beanie", "bow", "antennae", "horns", "halo", "witch", "helmet")


def hat_marks(hand: Hand, center: Points, rx: float, ry: float, fill: Color | None) -> list[Mark]:
    """A hat, a bow, horns or antennae."""
    rng = hand.rng
    kind = HATS[rng.integers(len(HATS))]
    scale = np.array([rx, ry])
    shapes: dict[str, Points] = {
        "cap": smooth(points((-1.0, -0.55), (-0.6, -1.15), (0.2, -1.25), (0.9, -0.85), (1.0, -0.55)), closed=False),
        "top": points((-0.7, -0.75), (-0.6, -1.9), (0.6, -1.9), (0.7, -0.75)),
        "cone": points((-0.8, -0.65), (rng.normal(0, 0.15), -rng.uniform(1.8, 2.6)), (0.8, -0.65)),
        "crown": points((-0.75, -0.65), (-0.85, -1.5), (-0.4, -1.05), (0, -1.6), (0.4, -1.05), (0.85, -1.5), (0.75, -0.65)),
        "witch": points((-0.85, -0.7), (rng.normal(0, 0.2), -rng.uniform(1.9, 2.8)), (0.85, -0.7), (1.5, -0.5), (0, -0.8), (-1.5, -0.5)),
        "helmet": smooth(points((-1.1, -0.2), (-0.95, -1.05), (0, -1.35), (0.95, -1.05), (1.1, -0.2)), closed=False),
        "beanie": smooth(points((-0.98, -0.4), (-0.8, -1.0), (0, -1.35), (0.8, -1.0), (0.98, -0.4)), closed=False),
    }
    if kind in shapes:
        marks = [hand.shape(center + shapes[kind] * scale, fill=fill)]
        if kind in ("cap", "top"):
            brim = points((-1.25, -0.7), (1.25, -0.7)) if kind == "top" else points((0.5, -0.55), (1.7, -0.5))
            marks.append(hand.strokes(center + brim * scale, width=1.4))
        if kind in ("beanie", "cone") and rng.random() < 0.6:
            marks.append(hand.shape(oval(center + (0, (-1.4 if kind == "beanie" else -2.2) * ry), rx * 0.2, rx * 0.2, count=12), fill=fill))
        return marks
    if kind == "bow":
        at = center + (rng.choice([-0.6, 0.0, 0.6]) * rx, -ry * 1.0)
        wings = points((0, 0), (-0.5, -0.3), (-0.5, 0.3), (0, 0), (0.5, -0.3), (0.5, 0.3))
        return [hand.shape(at + wings * rx, fill=fill)]
    if kind == "antennae":
        tip = np.array([rng.uniform(0.3, 0.9), -rng.uniform(1.5, 2.1)])
        stalks = [center + smooth(np.array([[s * 0.3, -0.95], [s * 0.35, -1.3], tip * (s, 1)]), closed=False) * scale for s in (-1, 1)]
        balls = [hand.shape(oval(center + tip * (s * rx, ry), rx * 0.14, rx * 0.14, count=10), fill=fill) for s in (-1, 1)]
        return [hand.strokes(*stalks), *balls]
    if kind == "horns":
        horn = smooth(points((0.35, -0.9), (0.7, -1.15), (0.85, -1.6), (0.95, -1.1), (0.75, -0.65)), closed=False)
        return [hand.shape(center + horn * (s * rx, ry), fill=fill, closed=False) for s in (-1, 1)]
    if kind == "halo":
        return [hand.shape(oval(center - (0, 1.35 * ry), rx * 0.8, ry * 0.18, count=18), see_through=True)]
    return []
