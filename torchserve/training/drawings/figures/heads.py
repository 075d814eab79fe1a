"""Heads: their outline, a face, hair, ears, hats and what else may stick out of them."""

from __future__ import annotations

import numpy as np

from drawings.figures.colours import Palette
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Colour, Mark, Points
from drawings.figures.shapes import arc, oval, points, smooth

DARK: Colour = (40, 35, 35)
FEATURES = ("dots", "circles", "lashes", "ovals", "lines", "one", "googly", "crosses")
HAIR = ("none", "none", "spikes", "curls", "long", "pigtails", "bun", "fringe", "scribble", "few", "bob")
HATS = ("none",) * 9 + ("cap", "top", "cone", "crown", "beanie", "bow", "antennae", "horns", "halo")


def head_outline(rng: np.random.Generator, centre: Points, rx: float, ry: float) -> Points:
    """Mostly round, sometimes squarish or narrow below."""
    draw = rng.random()
    outline = oval(centre, rx, ry, squareness=0.0 if draw < 0.7 else rng.uniform(0.15, 0.9), start=rng.uniform(-np.pi, 0))
    if draw > 0.88:
        below = np.clip((outline[:, 1] - centre[1]) / ry, 0, 1)
        outline[:, 0] = centre[0] + (outline[:, 0] - centre[0]) * (1 - 0.45 * below)
    return outline


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


def hat_marks(hand: Hand, centre: Points, rx: float, ry: float, fill: Colour | None) -> list[Mark]:
    """A hat, a bow, horns or antennae."""
    rng = hand.rng
    kind = HATS[rng.integers(len(HATS))]
    scale = np.array([rx, ry])
    shapes: dict[str, Points] = {
        "cap": smooth(points((-1.0, -0.55), (-0.6, -1.15), (0.2, -1.25), (0.9, -0.85), (1.0, -0.55)), closed=False),
        "top": points((-0.7, -0.75), (-0.6, -1.9), (0.6, -1.9), (0.7, -0.75)),
        "cone": points((-0.8, -0.65), (rng.normal(0, 0.15), -rng.uniform(1.8, 2.6)), (0.8, -0.65)),
        "crown": points((-0.75, -0.65), (-0.85, -1.5), (-0.4, -1.05), (0, -1.6), (0.4, -1.05), (0.85, -1.5), (0.75, -0.65)),
        "beanie": smooth(points((-0.98, -0.4), (-0.8, -1.0), (0, -1.35), (0.8, -1.0), (0.98, -0.4)), closed=False),
    }
    if kind in shapes:
        marks = [hand.shape(centre + shapes[kind] * scale, fill=fill)]
        if kind in ("cap", "top"):
            brim = points((-1.25, -0.7), (1.25, -0.7)) if kind == "top" else points((0.5, -0.55), (1.7, -0.5))
            marks.append(hand.strokes(centre + brim * scale, width=1.4))
        if kind in ("beanie", "cone") and rng.random() < 0.6:
            marks.append(hand.shape(oval(centre + (0, (-1.4 if kind == "beanie" else -2.2) * ry), rx * 0.2, rx * 0.2, count=12), fill=fill))
        return marks
    if kind == "bow":
        at = centre + (rng.choice([-0.6, 0.0, 0.6]) * rx, -ry * 1.0)
        wings = points((0, 0), (-0.5, -0.3), (-0.5, 0.3), (0, 0), (0.5, -0.3), (0.5, 0.3))
        return [hand.shape(at + wings * rx, fill=fill)]
    if kind == "antennae":
        tip = np.array([rng.uniform(0.3, 0.9), -rng.uniform(1.5, 2.1)])
        stalks = [centre + smooth(np.array([[s * 0.3, -0.95], [s * 0.35, -1.3], tip * (s, 1)]), closed=False) * scale for s in (-1, 1)]
        balls = [hand.shape(oval(centre + tip * (s * rx, ry), rx * 0.14, rx * 0.14, count=10), fill=fill) for s in (-1, 1)]
        return [hand.strokes(*stalks), *balls]
    if kind == "horns":
        horn = smooth(points((0.35, -0.9), (0.7, -1.15), (0.85, -1.6), (0.95, -1.1), (0.75, -0.65)), closed=False)
        return [hand.shape(centre + horn * (s * rx, ry), fill=fill, closed=False) for s in (-1, 1)]
    if kind == "halo":
        return [hand.shape(oval(centre - (0, 1.35 * ry), rx * 0.8, ry * 0.18, count=18), see_through=True)]
    return []
