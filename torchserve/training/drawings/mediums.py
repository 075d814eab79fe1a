"""What people draw with: width, colour, opacity, grain and pressure of its lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.colours import any_of
from drawings.figures.marks import Colour

GREYS: tuple[Colour, ...] = ((45, 45, 48), (70, 70, 74), (95, 95, 98))
PENS: tuple[Colour, ...] = ((25, 35, 120), (30, 50, 160), (20, 20, 25), (20, 20, 25), (160, 30, 40), (20, 100, 60))
MARKERS: tuple[Colour, ...] = (
    (20, 20, 20), (20, 20, 20), (200, 30, 40), (40, 40, 140), (60, 30, 130), (20, 110, 60), (230, 110, 20), (120, 60, 30), (220, 60, 140), (20, 130, 190),
)  # fmt: skip
WAXES: tuple[Colour, ...] = (
    (60, 50, 50), (200, 60, 60), (60, 90, 190), (50, 140, 70), (230, 130, 40), (130, 80, 160), (230, 110, 150), (120, 80, 50), (40, 150, 170), (215, 180, 40),
)  # fmt: skip
CHALKS: tuple[Colour, ...] = ((245, 245, 240), (245, 245, 240), (250, 230, 120), (245, 170, 190), (150, 210, 240), (170, 230, 160))
PIXELS: tuple[Colour, ...] = ((0, 0, 0), (0, 0, 0), (0, 0, 0), (230, 30, 30), (30, 60, 220), (20, 140, 50), (120, 40, 160), (50, 50, 50))


@dataclass(frozen=True)
class Medium:
    """One kind of pen.

    Attributes:
        widths: of its lines, per mille of the figure's height (from, to).
        opacity: of its lines (from, to).
        grain: texture that eats into it, and how deep (0 none, 1 down to bare paper).
        pressure: how much lines change in width and strength along the way.
        covers: paints over what is below instead of darkening it.
        screens: only on screens; otherwise only on real papers.
        fills: how areas are coloured: "flood", "scribble", "rub" (dense strokes), and "hatch".
    """

    name: str
    widths: tuple[float, float]
    colours: tuple[Colour, ...]
    opacity: tuple[float, float]
    grain: str
    depth: float
    pressure: float
    covers: bool
    ground: str
    fills: tuple[str, ...]
    filled: float


MEDIUMS: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        Medium("pencil", (4, 11), GREYS, (0.45, 0.9), "grain", 0.45, 0.5, False, "paper", ("rub", "hatch", "scribble"), 0.15),
        Medium("ballpoint", (3.5, 8), PENS, (0.7, 1.0), "fine", 0.2, 0.35, False, "paper", ("hatch", "scribble"), 0.1),
        Medium("felt_tip", (7, 17), MARKERS, (0.75, 1.0), "soft", 0.08, 0.15, False, "paper", ("rub", "scribble", "flood"), 0.35),
        Medium("marker", (14, 38), MARKERS, (0.75, 1.0), "soft", 0.1, 0.12, False, "paper", ("rub", "scribble", "flood"), 0.25),
        Medium("crayon", (11, 30), WAXES, (0.6, 0.95), "tooth", 0.75, 0.4, False, "paper", ("rub", "scribble"), 0.5),
        Medium("coloured_pencil", (5, 13), WAXES, (0.5, 0.9), "grain", 0.55, 0.45, False, "paper", ("rub", "hatch", "scribble"), 0.55),
        Medium("watercolour", (8, 22), WAXES, (0.4, 0.8), "patch", 0.35, 0.3, False, "paper", ("flood",), 0.8),
        Medium("whiteboard_marker", (8, 20), MARKERS, (0.7, 0.95), "soft", 0.2, 0.2, False, "whiteboard", ("scribble",), 0.08),
        Medium("chalk", (10, 24), CHALKS, (0.65, 0.95), "tooth", 0.7, 0.4, True, "blackboard", ("rub", "scribble"), 0.2),
        Medium("mouse", (3.5, 14), PIXELS, (1.0, 1.0), "", 0.0, 0.0, True, "screen", ("flood",), 0.25),
        Medium("finger", (9, 28), PIXELS, (1.0, 1.0), "", 0.0, 0.06, True, "screen", ("flood", "scribble"), 0.25),
        Medium("vector", (5, 18), PIXELS, (1.0, 1.0), "", 0.0, 0.0, True, "screen", ("flood",), 0.95),
    )
}
HELD_OUT: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        Medium("charcoal", (14, 34), GREYS, (0.5, 0.85), "tooth", 0.6, 0.6, False, "paper", ("rub",), 0.15),
        Medium("brush_app", (8, 26), MARKERS, (0.7, 0.95), "soft", 0.15, 0.7, True, "screen", ("flood", "scribble"), 0.4),
        Medium(
            "gel_pen",
            (5, 11),
            (*PENS, (150, 60, 160), (230, 90, 140)),
            (0.9, 1.0),
            "fine",
            0.08,
            0.15,
            False,
            "paper",
            ("hatch", "scribble"),
            0.2,
        ),
    )
}


@dataclass(frozen=True)
class Pen:
    """A medium in use: its width in pixels and its colours chosen."""

    medium: Medium
    width: float
    opacity: float
    ink: Colour


def sampled_pen(rng: np.random.Generator, medium: Medium, size: float) -> Pen:
    """A pen for a figure `size` pixels high."""
    low, high = medium.widths
    width = low * (high / low) ** rng.random() * size / 1000
    ink = any_of(rng, medium.colours) if medium.ground != "screen" else medium.colours[rng.integers(len(medium.colours))]
    return Pen(medium, max(width, 0.8), rng.uniform(*medium.opacity), ink)
