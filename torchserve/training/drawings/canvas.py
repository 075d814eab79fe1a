"""Paints marks with a pen onto a paper, and remembers which pixels are whose."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.figures.marks import INK, Color, Mark, Points
from drawings.mediums import Pen
from drawings.papers import FloatImage
from drawings.textures import cutting

FINER = 2
"""Lines are drawn on a grid this much finer, so that their widths may differ by less than a pixel."""
SHIFT = 4
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Shading:
    """Light on filled areas, as cartoons and anime have it.

    Attributes:
        strength: how much darker the shaded side is, 0 for none.
        towards: where the shade is, a unit vector.
        soft: a gradient across the area, else a band with an edge.
    """

    strength: float = 0.0
    towards: tuple[float, float] = (0.7, 0.7)
    soft: bool = False

    def light(self, coverage: NDArray[np.float32]) -> NDArray[np.float32]:
        """Factors (h, w) for an area's window, 1 where it is not shaded."""
        height, width = coverage.shape
        x, y = self.towards
        if self.soft:
            ramp = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * x + np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * y
            return np.asarray(1 - np.float32(self.strength) * coverage * np.clip(ramp + 0.5, 0, 1))
        reach = 0.22 * min(height, width)
        moved = cv2.warpAffine(coverage, np.array([[1, 0, -x * reach], [0, 1, -y * reach]]), (width, height))
        return np.asarray(1 - np.float32(self.strength) * np.clip(coverage - moved, 0, 1))


class Canvas:
    """A page while it's being drawn on. Pixel centers are at whole coordinates."""

    def __init__(self, paper: FloatImage, rng: np.random.Generator) -> None:
        self.paper = paper
        self.image = paper.copy()
        self.owned: NDArray[np.uint8] = np.zeros((paper.shape[0], paper.shape[1]), np.uint8)
        self.parts: NDArray[np.uint8] = np.zeros_like(self.owned)
        self.shading = Shading()
        self._rng = rng

    def draw(self, mark: Mark, pen: Pen, *, opaque: bool, fill_kind: str) -> None:
        """A mark in pixel coordinates: hides what its area covers, fills it, draws its lines."""
        area = mark.area
        if area is not None and len(area) > 2:
            if opaque and not mark.see_through:
                self._erase(area)
            if not mark.loose:
                cv2.fillPoly(self.owned, [_fixed(area)], 255, shift=SHIFT)
                cv2.fillPoly(self.parts, [_fixed(area)], int(mark.part), shift=SHIFT)
            if mark.fill is not None:
                kind = fill_kind if mark.fill != mark.ink else "flood"
                self._fill(area, pen.ink if mark.fill == INK else mark.fill, pen, kind, part=None if mark.loose else mark.part)
        if mark.strokes:
            ink = pen.ink if mark.ink == INK else mark.ink
            self._lines(mark.strokes, ink, pen, pen.width * mark.width, part=None if mark.loose else mark.part)

    def _window(self, shapes: tuple[Points, ...], margin: float) -> Window | None:
        everything = np.concatenate(shapes) if len(shapes) > 1 else shapes[0]
        low, high = everything.min(axis=0) - margin, everything.max(axis=0) + margin + 1
        height, width = self.owned.shape
        left, top, right, bottom = max(int(low[0]), 0), max(int(low[1]), 0), min(int(high[0]) + 1, width), min(int(high[1]) + 1, height)
        return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None

    def _erase(self, area: Points) -> None:
        window = self._window((area,), 1)
        if window is None:
            return
        inside = np.zeros(self.owned[window].shape, np.uint8)
        cv2.fillPoly(inside, [_fixed(area - (window[1].start, window[0].start))], 255, shift=SHIFT)
        cv2.copyTo(self.paper[window], inside, self.image[window])

    def _coverage(self, window: Window, strokes: list[Points], width: float, pressure: float) -> NDArray[np.float32]:
        """How much of each pixel lines cover, 0 to 1."""
        height, across = window[0].stop - window[0].start, window[1].stop - window[1].start
        fine = np.zeros((height * FINER, across * FINER), np.uint8)
        origin = np.array([window[1].start - 0.25, window[0].start - 0.25])
        runs: dict[int, list[NDArray[np.int32]]] = {}
        for stroke in strokes:
            fixed = np.round((stroke - origin) * (FINER * (1 << SHIFT))).astype(np.int32)
            for thickness, part in _runs(self._rng, fixed, width, pressure):
                runs.setdefault(thickness, []).append(part)
        for thickness, parts in runs.items():
            cv2.polylines(fine, parts, isClosed=False, color=255, thickness=thickness, lineType=cv2.LINE_AA, shift=SHIFT)
        coarse = cv2.resize(fine, (across, height), interpolation=cv2.INTER_AREA)
        return np.asarray(coarse * np.float32(min(1.0, width * FINER) / 255))

    def _blend(self, window: Window, coverage: NDArray[np.float32], color: Color, pen: Pen, *, part: int | None) -> None:
        medium = pen.medium
        if medium.depth > 0:
            height, width = coverage.shape
            eaten = cutting(self._rng, medium.grain, height, width) * np.float32(medium.depth * 0.55) + np.float32(pen.opacity)
            if medium.pressure > 0:
                eaten += cutting(self._rng, "patch", height, width) * np.float32(medium.pressure * 0.25)
            np.clip(eaten, 0.08, 1.0, out=eaten)
            coverage = coverage * eaten
        elif pen.opacity < 1:
            coverage = coverage * np.float32(pen.opacity)
        target = self.image[window]
        share = coverage[:, :, None]
        ink = np.asarray(color, np.float32)
        if medium.covers:
            target += share * (ink - target)
        else:
            target *= 1 - share * (1 - ink / 255)
        if part is not None:
            is_mine = coverage > 0.12
            self.owned[window][is_mine] = 255
            self.parts[window][is_mine] = part

    def _lines(self, strokes: tuple[Points, ...], color: Color, pen: Pen, width: float, *, part: int | None) -> None:
        kept = [stroke for stroke in strokes if len(stroke)]
        window = self._window(tuple(kept), width / 2 + 2) if kept else None
        if window is not None:
            self._blend(window, self._coverage(window, kept, width, pen.medium.pressure), color, pen, part=part)

    def _fill(self, area: Points, color: Color, pen: Pen, kind: str, *, part: int | None) -> None:
        rng = self._rng
        sloppy = area + rng.normal(0, 0.012, 2) * np.ptp(area, axis=0) if kind != "flood" else area
        window = self._window((sloppy,), 2)
        if window is None:
            return
        height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
        inside = np.zeros((height, width), np.uint8)
        cv2.fillPoly(inside, [_fixed(sloppy - (window[1].start, window[0].start))], 255, lineType=cv2.LINE_AA, shift=SHIFT)
        coverage = inside * np.float32(1 / 255)
        if kind != "flood":
            spacing = pen.width * {"rub": 1.1, "scribble": 2.4, "hatch": 3.2}[kind] * rng.uniform(0.8, 1.3) + 0.5
            lines = _zigzag(rng, sloppy, spacing, joined=kind != "hatch")
            coverage *= self._coverage(window, [lines] if kind != "hatch" else list(lines.reshape(-1, 2, 2)), pen.width * 1.1, 0.3)
        self._blend(window, coverage, color, pen, part=part)
        if kind == "flood" and self.shading.strength > 0 and part is not None:
            self.image[window] *= self.shading.light(coverage)[:, :, None]


def _fixed(shape: Points) -> NDArray[np.int32]:
    return np.round(shape * (1 << SHIFT)).astype(np.int32)


def _runs(rng: np.random.Generator, fixed: NDArray[np.int32], width: float, pressure: float) -> list[tuple[int, NDArray[np.int32]]]:
    """A stroke cut into parts of one thickness each, in fine pixels."""
    mean = width * FINER
    if pressure <= 0 or len(fixed) < 6 or mean < 2:
        return [(max(1, round(mean)), fixed)]
    count = max(2, len(fixed) // 5)
    deviation = np.cumsum(rng.normal(0, 0.12, count))
    thick = np.maximum(1, np.round(mean * (1 + pressure * np.clip(deviation - deviation.mean(), -0.6, 0.6)))).astype(int).tolist()
    cuts = [part * (len(fixed) - 1) // count for part in range(count + 1)]
    return [(thick[part], fixed[cuts[part] : cuts[part + 1] + 1]) for part in range(count)]


def _zigzag(rng: np.random.Generator, area: Points, spacing: float, *, joined: bool) -> Points:
    """Lines to and fro over an area, at a random angle: `(2 n, 2)`, pairs of ends; as one polyline it is a zigzag."""
    angle = rng.uniform(0, np.pi)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    reach, depth = area @ along, area @ across
    count = int(np.clip(np.ptp(depth) / spacing, 2, 160))
    at = np.linspace(depth.min(), depth.max(), count) + rng.normal(0, spacing * 0.25, count)
    ends = np.array([reach.min(), reach.max()])[None] + rng.normal(0, spacing, (count, 2))
    if joined:
        ends[1::2] = ends[1::2, ::-1]
    lines = ends[:, :, None] * along + (at[:, None, None] + rng.normal(0, spacing * 0.3, (count, 2, 1))) * across
    return np.asarray(lines.reshape(-1, 2))
