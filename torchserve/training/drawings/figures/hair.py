"""Hair and ears, behind heads and before them."""

from __future__ import annotations

import numpy as np

from drawings.figures.colours import Palette
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Colour, Mark, Points
from drawings.figures.shapes import oval, points, smooth

HAIR = ("none", "none", "spikes", "curls", "long", "pigtails", "bun", "fringe", "scribble", "few", "bob")


def ear_marks(hand: Hand, centre: Points, rx: float, ry: float, palette: Palette) -> list[Mark]:
    """Round ears, pointed ones or a bunny's; drawn before the head hides their inner side."""
    rng, draw = hand.rng, hand.rng.random()
    if draw < 0.45:
        size = rng.uniform(0.15, 0.28) * rx
        return [hand.shape(oval(centre + (s * rx * 1.02, 0), size * 0.8, size, count=14), fill=palette.skin) for s in (-1, 1)]
    if draw < 0.65:
        size = rng.uniform(0.3, 0.5) * rx
        return [hand.shape(oval(centre + (s * rx * 0.75, -ry * 0.85), size, size, count=16), fill=palette.skin) for s in (-1, 1)]
    if draw < 0.85:
        tips = points((0.35, -0.8), (0.85, -1.5), (0.95, -0.4))
        return [hand.shape(centre + tips * (s * rx, ry), fill=palette.skin, closed=False) for s in (-1, 1)]
    tall = rng.uniform(0.7, 1.2) * ry
    return [
        hand.shape(oval(centre + (s * rx * 0.45, -ry * 0.8 - tall * 0.7), rx * 0.22, tall, count=18), fill=palette.skin) for s in (-1, 1)
    ]


def hair_marks(hand: Hand, centre: Points, rx: float, ry: float, fill: Colour | None) -> tuple[list[Mark], list[Mark]]:
    """Hair behind the head, and in front of it."""
    rng = hand.rng
    kind = HAIR[rng.integers(len(HAIR))]
    ink = fill if fill is not None and rng.random() < 0.6 else INK
    scale = np.array([rx, ry])
    if kind == "none":
        return [], []
    if kind == "spikes":
        angles = np.linspace(np.pi * 1.08, np.pi * 1.92, 2 * int(rng.integers(4, 9)) + 1)
        radii = np.where(np.arange(len(angles)) % 2, rng.uniform(1.2, 1.55), 0.95)[:, None]
        crown = centre + np.column_stack([np.cos(angles), np.sin(angles)]) * radii * scale
        return [], [hand.shape(crown, fill=fill, ink=ink, closed=False)]
    if kind in ("few", "fringe"):
        angles = np.linspace(np.pi * 1.15, np.pi * 1.85, int(rng.integers(3, 14)))
        inner, outer = (0.95, rng.uniform(1.2, 1.5)) if kind == "few" else (0.6, 1.05)
        rays = [centre + np.array([[np.cos(a), np.sin(a)]]) * np.array([[inner], [outer * rng.uniform(0.9, 1.1)]]) * scale for a in angles]
        return [], [hand.strokes(*rays, ink=ink)]
    if kind == "curls":
        angles = np.linspace(np.pi * 0.95, np.pi * 2.05, int(rng.integers(6, 11)))
        return [
            hand.shape(oval(centre + np.array([np.cos(a), np.sin(a)]) * scale, rx * 0.3, rx * 0.3, count=12), fill=fill, ink=ink)
            for a in angles
        ], []
    if kind in ("long", "bob"):
        low = rng.uniform(0.9, 2.2) if kind == "long" else rng.uniform(0.4, 0.8)
        cap = points((-1.15, low), (-1.2, 0), (-0.85, -0.95), (0, -1.25), (0.85, -0.95), (1.2, 0), (1.15, low))
        if rng.random() < 0.5:
            return [hand.shape(centre + smooth(cap, closed=False) * scale, fill=fill, ink=ink)], []
        strands = [
            centre + smooth(points((s * 0.5, -0.9), (s * 1.05, -0.2), (s * rng.uniform(0.9, 1.4), low)), closed=False) * scale
            for s in (-1, 1)
            for _ in range(3)
        ]
        return [], [hand.strokes(*strands, ink=ink)]
    if kind == "pigtails":
        down, out = rng.uniform(0.2, 1.4), rng.uniform(0.5, 1.1)
        tails = [
            hand.shape(
                centre
                + smooth(points((s * 0.85, -0.6), (s * (1 + out * 0.5), -0.9), (s * (1 + out), down), (s * 1.1, 0.1)), closed=True) * scale,
                fill=fill,
                ink=ink,
            )
            for s in (-1, 1)
        ]
        return tails, []
    if kind == "bun":
        return [hand.shape(oval(centre - (0, ry * 1.15), rx * 0.4, ry * 0.35, count=16), fill=fill, ink=ink)], []
    way = np.linspace(0, 1, 26)
    angles = np.pi * (1.05 + 0.9 * way)
    radii = 1.05 + 0.22 * np.sin(way * 60) + rng.normal(0, 0.05, len(way))
    return [], [hand.strokes(centre + np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None] * scale, ink=ink, width=1.2)]
