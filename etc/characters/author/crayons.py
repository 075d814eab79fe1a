"""Paper and the things children draw with: crayon, pencil and felt pen.

A `Sheet` is drawn on at `FINENESS` times its final size. Points are (x, y) in final px, y down. Everything random comes
from the sheet's own seeded generator, so the same script draws the same image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Point = tuple[float, float]
Color = tuple[int, int, int]

FINENESS = 3
OUTLINE_MARGIN = 2.0
"""How far the cut-out reaches beyond the ink, px."""


@dataclass(frozen=True)
class Pen:
    """A thing to draw with.

    Attributes:
        width: px.
        tooth: how much of the paper's roughness shows through, 0..1.
        edge: softness of the stroke's edge, as a part of its width.
        strength: how much ink a stroke leaves, 0..1.
        wobble: how far a line strays, px.
        passes: how often a line is gone over.
        glazes: it stains what is below (felt pen) instead of covering it (wax).
    """

    width: float
    tooth: float = 0.6
    edge: float = 0.3
    strength: float = 0.95
    wobble: float = 1.6
    passes: int = 1
    glazes: bool = False


CRAYON = Pen(width=6.5, tooth=0.75, edge=0.35, wobble=1.8)
PENCIL = Pen(width=2.6, tooth=0.5, edge=0.35, strength=0.85, wobble=1.3, passes=2)
FELT_PEN = Pen(width=7.0, tooth=0.06, edge=0.08, strength=0.93, wobble=1.5, glazes=True)


class Sheet:
    """A piece of paper, and which part of it the figure covers."""

    def __init__(self, width: int, height: int, seed: int, paper: Color = (247, 242, 230)) -> None:
        self.width, self.height = width, height
        self.random = np.random.default_rng(seed)
        rows, columns = height * FINENESS, width * FINENESS
        self.grain = _evenly_spread(_noise(self.random, rows, columns, 1.3 * FINENESS))
        self.pressure = _evenly_spread(_noise(self.random, rows, columns, 22 * FINENESS))
        shade = 1 + 0.03 * (_evenly_spread(_noise(self.random, rows, columns, 90 * FINENESS)) - 0.5) + 0.025 * (self.grain - 0.5)
        self.color: Floats = np.array(paper) / 255 * shade[..., None]
        self.covered = np.zeros((rows, columns), bool)

    def line(self, points: Sequence[Point], pen: Pen, color: Color, *, closed: bool = False) -> None:
        """A smooth line through the points, in one go of the hand."""
        for _ in range(pen.passes):
            path = self._hand_drawn(points, pen.wobble, closed=closed)
            self._lay_down(self._swept(path, pen), pen, color)

    def dot(self, center: Point, radius: float, pen: Pen, color: Color) -> None:
        """A small filled blob."""
        ring = [(center[0] + radius * 0.55 * np.cos(turn), center[1] + radius * 0.55 * np.sin(turn)) for turn in np.linspace(0, 6.6, 14)]
        self._lay_down(self._swept(self._hand_drawn(ring, 0.3, closed=False), replace(pen, width=radius * 1.2)), pen, color)

    def fill(self, points: Sequence[Point], pen: Pen, color: Color, *, angle: float = 60.0, gap: float = 0.8, closed: bool = True) -> None:
        """Scribbled back and forth at `angle` degrees, lines `gap` pen widths apart, not quite up to the edge and sometimes beyond it."""
        shape = self._inside(points, closed=closed)
        rows, columns = np.nonzero(shape)
        along = np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))])
        across = np.array([-along[1], along[0]])
        places = np.stack([columns, rows], axis=1) / FINENESS
        lengths, offsets = places @ along, places @ across
        track: list[list[float]] = []
        for level in np.arange(offsets.min() + pen.width * 0.3, offsets.max(), gap * pen.width):
            near = np.abs(offsets - level) < 1.0
            if near.any():
                ends = [lengths[near].min(), lengths[near].max()]
                ends = [end + self.random.normal(0, 1.2) for end in (ends if len(track) % 4 == 0 else ends[::-1])]
                track += [list(end * along + (level + self.random.normal(0, pen.width * 0.16)) * across) for end in ends]
        loose = cv2.GaussianBlur(cv2.dilate(shape.astype(np.float32), np.ones((5, 5))), (0, 0), 1.2 * FINENESS)
        coverage = self._swept(self._bent(np.array(track), closed=False, stiff=True), pen) * np.clip(loose * 2 - 0.5, 0, 1)
        self._lay_down(coverage, pen, color)

    def solid(self, points: Sequence[Point], *, closed: bool = True) -> None:
        """Count an area as the figure's, drawn on or not."""
        self.covered |= self._inside(points, closed=closed)

    def blank(self, points: Sequence[Point], color: Color = (250, 247, 240)) -> None:
        """Leave this area white, whatever was filled in below."""
        soft = cv2.GaussianBlur(self._inside(points, closed=True).astype(np.float32), (0, 0), 0.6 * FINENESS)[..., None]
        self.color = self.color * (1 - soft) + np.array(color) / 255 * soft

    def image(self) -> NDArray[np.uint8]:
        """(h, w, 3) uint8, RGB."""
        small = cv2.resize(np.clip(self.color, 0, 1), (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.round(small * 255).astype(np.uint8)

    def cut_out(self) -> NDArray[np.uint8]:
        """(h, w) uint8, 255 inside the figure: all that was drawn, holes filled, the largest piece, a margin around it."""
        margin = int(OUTLINE_MARGIN * FINENESS)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        grown = cv2.dilate(self.covered.astype(np.uint8), disc)
        share = cv2.resize(grown.astype(np.float32), (self.width, self.height), interpolation=cv2.INTER_AREA)
        small = (share >= 0.5).astype(np.uint8)
        outlines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = cv2.drawContours(np.zeros_like(small), [max(outlines, key=cv2.contourArea)], 0, 255.0, cv2.FILLED)
        return filled.astype(np.uint8)

    def _lay_down(self, coverage: Floats, pen: Pen, color: Color) -> None:
        rough = pen.tooth * (0.55 * self.grain + 0.45 * self.pressure)
        ink = np.clip((coverage - rough) / (1.02 - pen.tooth * 0.8), 0, 1)[..., None] * pen.strength
        target = np.array(color) / 255
        self.color = self.color * (1 - ink * (1 - target)) if pen.glazes else self.color * (1 - ink) + target * ink
        self.covered |= coverage > 0.35

    def _swept(self, path: Floats, pen: Pen) -> Floats:
        """Coverage 0..1 of a round tip drawn along `path` (final px), wider and narrower as the hand presses."""
        canvas = np.zeros(self.covered.shape, np.uint8)
        press = 1 + 0.14 * _smooth_row(self.random, len(path), 60)
        for (x, y), radius in zip(path * FINENESS, pen.width / 2 * FINENESS * press, strict=True):
            cv2.circle(canvas, (round(x * 16), round(y * 16)), round(radius * 16), 255, cv2.FILLED, cv2.LINE_AA, 4)
        blurred: Floats = cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), max(pen.edge * pen.width * FINENESS / 2, 0.5))
        return blurred

    def _hand_drawn(self, points: Sequence[Point], wobble: float, *, closed: bool) -> Floats:
        path = self._bent(np.array(points, dtype=np.float64), closed=closed)
        stray = np.stack([_smooth_row(self.random, len(path), 45), _smooth_row(self.random, len(path), 45)], axis=1)
        if closed:  # the hand comes back nearly, not exactly, to where it began, and a little beyond
            path = np.concatenate([path, path[:12]])
            stray = np.concatenate([stray, stray[-12:]])
        strayed: Floats = path + wobble * stray
        return strayed

    def _inside(self, points: Sequence[Point], *, closed: bool) -> NDArray[np.bool_]:
        path = self._bent(np.array(points, dtype=np.float64), closed=closed)
        canvas = np.zeros(self.covered.shape, np.uint8)
        return cv2.fillPoly(canvas, [np.round(path * FINENESS).astype(np.int32)], 1.0).astype(bool)

    @staticmethod
    def _bent(corners: Floats, *, closed: bool, stiff: bool = False) -> Floats:
        """A curve (n, 2), a point each half px, through the corners: Catmull-Rom, or straight pieces."""
        if closed:
            around = np.concatenate([corners[-1:], corners, corners[:2]])
        else:
            around = np.concatenate([2 * corners[:1] - corners[1:2], corners, 2 * corners[-1:] - corners[-2:-1]])
        pieces = []
        for before, start, stop, after in zip(around, around[1:], around[2:], around[3:], strict=False):
            u = np.linspace(0, 1, max(2, int(np.hypot(*(stop - start)) * 2)), endpoint=False)[:, None]
            if stiff:
                pieces.append(start + u * (stop - start))
                continue
            leaving, arriving = (stop - before) / 2, (after - start) / 2
            pieces.append(
                start * (1 + 2 * u) * (1 - u) ** 2 + stop * u**2 * (3 - 2 * u) + leaving * u * (1 - u) ** 2 - arriving * u**2 * (1 - u)
            )
        return np.concatenate(pieces)


def _noise(random: np.random.Generator, rows: int, columns: int, size: float) -> Floats:
    """Clouds of the given size in px, mean 0, deviation 1; large ones are made small and stretched."""
    shrink = max(1, int(size // 4))
    small: Floats = random.normal(size=(rows // shrink + 2, columns // shrink + 2)).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), size / shrink / 2)
    clouds = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC)
    scaled: Floats = (clouds - clouds.mean()) / clouds.std()
    return scaled


def _evenly_spread(noise: Floats) -> Floats:
    """Normal noise as values spread evenly over 0..1 (a logistic stands in for the normal's integral)."""
    spread: Floats = 1 / (1 + np.exp(-1.7 * noise))
    return spread


def _smooth_row(random: np.random.Generator, count: int, size: float) -> Floats:
    """A wandering row of `count` numbers, deviation about 1, that changes over `size` steps."""
    knots = random.normal(size=int(count / size) + 4)
    places = np.arange(count) / size
    low = places.astype(int)
    u = places - low
    ease = u * u * (3 - 2 * u)
    row: Floats = knots[low] * (1 - ease) + knots[low + 1] * ease
    return row
