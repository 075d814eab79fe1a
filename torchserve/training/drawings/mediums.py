"""What people draw with: width, color, opacity, grain and pressure of its lines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.colors import any_of
from drawings.figures.marks import Color

GRAYS: tuple[Color, ...] = ((45, 45, 48), (70, 70, 74), (95, 95, 98))
PENS: tuple[Color, ...] = ((25, 35, 120), (30, 50, 160), (20, 20, 25), (20, 20, 25), (160, 30, 40), (20, 100, 60))
MARKERS: tuple[Color, ...] = (
    (20, 20, 20), (20, 20, 20), (200, 30, 40), (40, 40, 140), (60, 30, 130), (20, 110, 60), (230, 110, 20), (120, 60, 30), (220, 60, 140),
    (20, 130, 190),
)  # fmt: skip
WAXES: tuple[Color, ...] = (
    (60, 50, 50), (200, 60, 60), (60, 90, 190), (50, 140, 70), (230, 130, 40), (130, 80, 160), (230, 110, 150), (120, 80, 50),
    (40, 150, 170), (215, 180, 40),
)  # fmt: skip
CHALKS: tuple[Color, ...] = ((245, 245, 240), (245, 245, 240), (250, 230, 120), (245, 170, 190), (150, 210, 240), (170, 230, 160))
PIXELS: tuple[Color, ...] = ((0, 0, 0), (0, 0, 0), (0, 0, 0), (230, 30, 30), (30, 60, 220), (20, 140, 50), (120, 40, 160), (50, 50, 50))
BLACKS: tuple[Color, ...] = ((0, 0, 0), (0, 0, 0), (0, 0, 0), (60, 60, 60))


@dataclass(frozen=True)
class Medium:
    """One kind of pen.

    Attributes:
        widths: of its lines, per mille of the figure's height (from, to).
        opacity: of its lines (from, to).
        grain: texture that eats into it, and how deep (0 none, 1 down to bare paper).
        pressure: how much lines change in width and strength along the way.
        covers: paints over what is below instead of darkening it.
        ground: what it is used on, a key of `papers.PAPERS`.
        filled: the probability that a part of a figure is colored in.
        fills: how areas are colored: "flood", "scribble", "rub" (dense strokes), and "hatch".
    """

    name: str
    widths: tuple[float, float]
    colors: tuple[Color, ...]
    opacity: tuple[float, float]
    grain: str
    depth: float
    pressure: float
    fills: tuple[str, ...]
    filled: float
    covers: bool = False
    ground: str = "paper"


def _medium(
    name: str,
    widths: tuple[float, float],
    colors: tuple[Color, ...],
    opacity: tuple[float, float],
    texture: tuple[str, float, float],
    fills: str,
    filled: float,
) -> Medium:
    """A medium that darkens paper; fills are a word each."""
    return Medium(name, widths, colors, opacity, *texture, fills=tuple(fills.split()), filled=filled)


def _drawn_on(ground: str, medium: Medium, *, covers: bool) -> Medium:
    return replace(medium, ground=ground, covers=covers)


MEDIUMS: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        _medium("pencil", (4, 11), GRAYS, (0.45, 0.9), ("grain", 0.45, 0.5), "rub hatch scribble", 0.15),
        _medium("ballpoint", (3.5, 8), PENS, (0.7, 1.0), ("fine", 0.2, 0.35), "hatch scribble", 0.1),
        _medium("felt_tip", (7, 17), MARKERS, (0.75, 1.0), ("soft", 0.08, 0.15), "rub scribble flood", 0.35),
        _medium("marker", (14, 38), MARKERS, (0.75, 1.0), ("soft", 0.1, 0.12), "rub scribble flood", 0.25),
        _medium("crayon", (11, 30), WAXES, (0.6, 0.95), ("grain", 0.62, 0.4), "rub rub scribble", 0.5),
        _medium("coloured_pencil", (5, 13), WAXES, (0.5, 0.9), ("grain", 0.55, 0.45), "rub hatch scribble", 0.55),
        _medium("watercolour", (8, 22), WAXES, (0.4, 0.8), ("patch", 0.35, 0.3), "flood", 0.8),
        _drawn_on(
            "whiteboard", _medium("whiteboard_marker", (8, 20), MARKERS, (0.7, 0.95), ("soft", 0.2, 0.2), "scribble", 0.08), covers=False
        ),
        _drawn_on("blackboard", _medium("chalk", (10, 24), CHALKS, (0.65, 0.95), ("grain", 0.6, 0.4), "rub scribble", 0.2), covers=True),
        _drawn_on("screen", _medium("mouse", (3.5, 14), PIXELS, (1.0, 1.0), ("fine", 0.0, 0.0), "flood", 0.25), covers=True),
        _drawn_on("screen", _medium("finger", (9, 28), PIXELS, (1.0, 1.0), ("fine", 0.0, 0.06), "flood scribble", 0.25), covers=True),
        _drawn_on("screen", _medium("vector", (5, 18), PIXELS, (1.0, 1.0), ("fine", 0.0, 0.0), "flood", 0.95), covers=True),
    )
}
LINE_ART = _drawn_on("screen", _medium("line_art", (4, 16), BLACKS, (1.0, 1.0), ("fine", 0.0, 0.0), "flood", 0.0), covers=True)
"""Pages to be colored in, and steps of drawing lessons: clear black lines, nothing filled."""
STEADY = ("vector", "line_art")
"""Mediums whose lines no hand trembles in."""
COMMON: dict[str, float] = {
    "pencil": 0.11, "ballpoint": 0.09, "felt_tip": 0.1, "marker": 0.1, "crayon": 0.14, "coloured_pencil": 0.08, "watercolour": 0.03,
    "whiteboard_marker": 0.04, "chalk": 0.05, "mouse": 0.11, "finger": 0.08, "vector": 0.19,
}  # fmt: skip
"""How often training sees each."""
HELD_OUT: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        _medium("charcoal", (14, 34), GRAYS, (0.5, 0.85), ("tooth", 0.6, 0.6), "rub", 0.15),
        _drawn_on("screen", _medium("brush_app", (8, 26), MARKERS, (0.7, 0.95), ("soft", 0.15, 0.7), "flood scribble", 0.4), covers=True),
        _medium("gel_pen", (5, 11), (*PENS, (150, 60, 160), (230, 90, 140)), (0.9, 1.0), ("fine", 0.08, 0.15), "hatch scribble", 0.2),
    )
}


def common_medium(rng: np.random.Generator) -> Medium:
    """One that training sees, the frequent ones more often."""
    chances = np.cumsum(list(COMMON.values()))
    name = list(COMMON)[int(np.searchsorted(chances, rng.random() * chances[-1]))]
    return MEDIUMS[name]


@dataclass(frozen=True)
class Pen:
    """A medium in use: its width in pixels and its colors chosen."""

    medium: Medium
    width: float
    opacity: float
    ink: Color


def _contrast(medium: Medium, ink: Color, ground: Color) -> float:
    """How far a line differs from its ground, in the channel where it differs most."""
    paper = np.asarray(ground, float)
    seen = np.asarray(ink, float) if medium.covers else paper * np.asarray(ink, float) / 255
    return float(np.abs(paper - seen).max())


def sampled_pen(rng: np.random.Generator, medium: Medium, size: float, ground: Color) -> Pen:
    """A pen for a figure `size` pixels high, that can be seen on its ground."""
    low, high = medium.widths
    width = low * (high / low) ** rng.random() * size / 1000
    for _ in range(6):
        ink = any_of(rng, medium.colors) if medium.ground != "screen" else medium.colors[rng.integers(len(medium.colors))]
        if _contrast(medium, ink, ground) > 60:
            break
    else:
        ink = (250, 250, 250) if medium.covers else (20, 20, 25)
    return Pen(medium, max(width, 0.8), rng.uniform(*medium.opacity), ink)
