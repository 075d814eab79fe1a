"""Tones inside the parts of a figure, as grown-up drawings have them: pencil shades, hatching, ink shadows, screen dots, gleams, gradients.

They belong to no line: each is worked out from the pixels that a part's area covers, and stays inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.textures import cutting

KINDS = ("pencil", "pencil", "hatch", "ink", "dots", "gleam", "gradient", "edge", "edge")
"""Each as often as it is listed."""
MIN_SIDE_PX = 8
"""Of the box around an area that has room for a tone."""
Map = NDArray[np.float32]


@dataclass(frozen=True)
class Tone:
    """How the parts of every figure on a page are shaded.

    Attributes:
        kind: one of `KINDS`.
        strength: how much darker (gleams: lighter) it is where it is strongest, 0 to 1.
        towards: from the light, a unit vector.
        reach: how far it reaches into an area, as a share of the shorter side of the area's box.
        spacing_px: of hatching and dots.
        angle: of hatching, radians.
        tint: levels of what it darkens with, 0 to 1 each; black is (0, 0, 0).
    """

    kind: str
    strength: float
    towards: tuple[float, float]
    reach: float
    spacing_px: float
    angle: float
    tint: tuple[float, float, float]

    @classmethod
    def sampled(cls, rng: np.random.Generator, pen_width_px: float) -> Tone:
        """Any of them; hatching and dots suit the pen."""
        kind = KINDS[rng.integers(len(KINDS))]
        way = rng.uniform(0, 2 * np.pi)
        strength = rng.uniform(0.25, 0.8) if kind != "ink" else rng.uniform(0.85, 1.0)
        tint = tuple(rng.uniform(0, 0.6, 3).tolist()) if rng.random() < 0.3 else (0.0, 0.0, 0.0)
        return cls(
            kind,
            strength,
            (float(np.cos(way)), float(np.sin(way))),
            rng.uniform(0.12, 0.4),
            max(2.2, pen_width_px * rng.uniform(1.5, 3.5)),
            rng.uniform(0, np.pi),
            tint,
        )

    def lay(self, picture: NDArray[np.float32], coverage: Map, rng: np.random.Generator) -> None:
        """Shade the pixels `(h, w, 3)` of a window in place, as far as an area covers them: `(h, w)`, 0 to 1."""
        if min(coverage.shape) < MIN_SIDE_PX:
            return
        amount = self.strength * coverage * _AMOUNTS[self.kind](self, coverage, rng)
        if self.kind == "gleam":
            picture += amount[:, :, None] * (255 - picture)
        else:
            picture *= 1 - amount[:, :, None] * (1 - np.asarray(self.tint, np.float32))


def _side(tone: Tone, coverage: Map) -> Map:
    """The part of an area that is near its edge on the far side of the light."""
    height, width = coverage.shape
    reach = tone.reach * min(height, width)
    x, y = tone.towards
    moved = cv2.warpAffine(coverage, np.array([[1, 0, -x * reach], [0, 1, -y * reach]]), (width, height))
    return np.asarray(np.clip(coverage - moved, 0, 1))


def _ramp(tone: Tone, coverage: Map) -> Map:
    """0 at the light's end of an area's box, 1 at the other."""
    height, width = coverage.shape
    x, y = tone.towards
    ramp = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * x + np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * y
    return np.asarray(np.clip(ramp + 0.5, 0, 1))


def _edge(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """Darker towards all edges."""
    del rng
    return np.asarray(np.clip(1.7 * (1 - cv2.GaussianBlur(coverage, (0, 0), max(0.8, 0.5 * tone.reach * min(coverage.shape)))), 0, 1))


def _pencil(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """Grey that grows towards the far side, with the paper's grain."""
    grain = cutting(rng, "grain", *coverage.shape) * np.float32(0.25) + np.float32(0.8)
    return np.asarray((0.35 * _edge(tone, coverage, rng) + 0.65 * _ramp(tone, coverage) ** 2) * np.clip(grain, 0, 1.3))


def _hatch(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """Parallel strokes on the far side."""
    height, width = coverage.shape
    wobble = cutting(rng, "soft", height, width) * np.float32(0.15)
    x, y = np.float32(np.cos(tone.angle)), np.float32(np.sin(tone.angle))
    phase = (np.arange(width, dtype=np.float32)[None] * x + np.arange(height, dtype=np.float32)[:, None] * y) / np.float32(tone.spacing_px)
    strokes = np.clip(1.5 * np.cos(2 * np.pi * (phase + wobble)), 0, 1)
    is_shaded = cv2.GaussianBlur(_side(tone, coverage), (0, 0), 1.5)
    return np.asarray(strokes * np.clip(2 * is_shaded, 0, 1))


def _ink(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """A solid shadow with a ragged edge on the far side."""
    height, width = coverage.shape
    ragged = cutting(rng, "soft", height, width) * np.float32(0.3)
    blurred = cv2.GaussianBlur(_side(tone, coverage), (0, 0), max(1.0, 0.15 * tone.reach * min(height, width)))
    return np.asarray(np.clip(4 * (blurred + ragged * blurred - 0.4), 0, 1))


def _dots(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """Printed dots that grow towards the far side."""
    del rng
    height, width = coverage.shape
    columns, rows = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    x, y = np.float32(np.cos(tone.angle)), np.float32(np.sin(tone.angle))
    rate = np.float32(2 * np.pi / tone.spacing_px)
    screen = 0.25 * (2 + np.cos(rate * (columns * x + rows * y)) + np.cos(rate * (rows * x - columns * y)))
    return np.asarray(np.clip(4 * (screen + 0.7 * _ramp(tone, coverage) - 1.0), 0, 1))


def _gleam(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """A light patch inside, towards the light."""
    del rng
    height, width = coverage.shape
    reach = tone.reach * min(height, width)
    inner = cv2.erode(coverage, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(0.3 * reach) + 1,) * 2))
    x, y = tone.towards
    moved = cv2.warpAffine(inner, np.array([[1, 0, x * reach * 0.6], [0, 1, y * reach * 0.6]]), (width, height))
    return np.asarray(np.clip(inner - moved, 0, 1))


def _gradient(tone: Tone, coverage: Map, rng: np.random.Generator) -> Map:
    """A smooth change over the whole area."""
    del rng
    return _ramp(tone, coverage)


_AMOUNTS = {
    "edge": _edge, "pencil": _pencil, "hatch": _hatch, "ink": _ink, "dots": _dots, "gleam": _gleam, "gradient": _gradient,
}  # fmt: skip
