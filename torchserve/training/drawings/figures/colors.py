"""Which colors a figure is filled with, if any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.marks import Color

BRIGHT: tuple[Color, ...] = (
    (214, 40, 40), (242, 120, 30), (250, 205, 40), (90, 170, 60), (40, 130, 70), (60, 170, 220), (40, 80, 190), (130, 70, 170),
    (235, 110, 160), (120, 75, 45), (60, 60, 60), (170, 170, 170), (30, 150, 150), (160, 30, 60), (250, 250, 245),
)  # fmt: skip
SKINS: tuple[Color, ...] = ((250, 214, 185), (240, 190, 150), (200, 145, 100), (140, 90, 60), (95, 60, 40), (255, 225, 200))
HAIRS: tuple[Color, ...] = ((70, 45, 25), (30, 25, 25), (225, 180, 60), (170, 75, 30), (120, 80, 45), (180, 180, 180), (200, 60, 140))


@dataclass(frozen=True)
class Palette:
    """Fills of a figure's parts; None leaves the paper bare."""

    skin: Color | None = None
    top: Color | None = None
    bottom: Color | None = None
    shoes: Color | None = None
    hair: Color | None = None
    accent: Color | None = None


def varied(rng: np.random.Generator, color: Color, spread: float = 16.0) -> Color:
    """Nearly the same color."""
    red, green, blue = np.clip(np.asarray(color) + rng.normal(0, spread, 3), 0, 255).astype(int).tolist()
    return red, green, blue


def any_of(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    """One of them, slightly varied."""
    return varied(rng, colors[rng.integers(len(colors))])


def sampled_palette(rng: np.random.Generator, filled: float) -> Palette:
    """Colors for a figure of which each part is filled with the probability `filled`; skin often stays bare."""

    def maybe(colors: tuple[Color, ...], chance: float) -> Color | None:
        return any_of(rng, colors) if rng.random() < chance else None

    top = maybe(BRIGHT, filled)
    return Palette(
        skin=maybe(SKINS if rng.random() < 0.75 else BRIGHT, filled * 0.6),
        top=top,
        bottom=top if rng.random() < 0.2 else maybe(BRIGHT, filled),
        shoes=maybe(BRIGHT, filled),
        hair=maybe(HAIRS, max(filled, 0.15)),
        accent=maybe(BRIGHT, filled),
    )
