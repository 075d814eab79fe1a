"""Patterns of cloth: stripes, checks, dots, stars, camouflage, scribble, clipped to the part that they are on."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from drawings.figures.marks import INK, Color, Mark, Points
from drawings.figures.shapes import kept_runs, unit

GRID = 96
"""Cells along the longer side of an area, in which its points are looked up; a pen's width hides their coarseness."""
PATTERNS = ("stripes", "stripes", "stripes", "checks", "dots", "stars", "blotches", "scribble", "waves", "shade", "shade")
"""Each as often as it is listed."""


def lines_inside(area: Points, lines: Points) -> list[Points]:
    """The runs of polylines `(K, N, 2)` that are inside a polygon."""
    low, span = area.min(axis=0), float(np.ptp(area, axis=0).max())
    if span <= 0 or not len(lines):
        return []
    scale = GRID / span
    cells = np.zeros((GRID + 3, GRID + 3), np.uint8)
    cv2.fillPoly(cells, [np.round((area - low) * scale + 1).astype(np.int32)], 1)
    at = np.round((lines - low) * scale + 1).astype(int).clip(0, GRID + 2)
    inside = cells[at[..., 1], at[..., 0]] > 0
    runs: list[Points] = []
    for line, is_in in zip(lines, inside, strict=True):
        if is_in.any():
            runs += kept_runs(line, is_in)
    return runs


def part_beyond(area: Points, direction: Points, limit: float) -> Points:
    """The part of a polygon beyond a line: where `point @ direction` is at least the limit. Empty if there is none."""
    depth = area @ direction - limit
    after, way = np.roll(depth, -1), np.roll(area, -1, axis=0) - area
    corners: list[Points] = []
    for row in range(len(area)):
        if depth[row] >= 0:
            corners.append(area[row])
        if (depth[row] >= 0) != (after[row] >= 0):
            corners.append(area[row] + way[row] * (depth[row] / (depth[row] - after[row])))
    return np.array(corners).reshape(-1, 2)


def parallel_lines(rng: np.random.Generator, area: Points, along: Points, spacing: float, *, wave: float = 0.0, points: int = 28) -> Points:
    """Lines `(K, N, 2)` over an area in a direction, not quite straight; `wave` is the height of their waves."""
    across = np.array([-along[1], along[0]])
    reach, depth = area @ along, area @ across
    count = int(np.clip(np.ptp(depth) / max(spacing, 1e-6), 1, 24))
    levels = np.linspace(depth.min(), depth.max(), count + 2)[1:-1] + rng.normal(0, 0.08 * spacing, count)
    way = np.linspace(reach.min(), reach.max(), points)
    phases = rng.uniform(0, 2 * np.pi, (count, 1))
    rate = 2 * np.pi / max(float(np.ptp(reach)), 1e-6)
    bend = rng.normal(0, 0.06 * spacing, (count, 1)) * np.sin(rate * way + phases)
    if wave > 0:
        bend = bend + wave * np.sin(rate * np.ptp(reach) / (4 * wave) * way)
    return np.asarray(way[None, :, None] * along + (levels[:, None] + bend)[:, :, None] * across)


def _scattered(rng: np.random.Generator, area: Points, spacing: float) -> Points:
    """Places in an area's box, `(N, 2)`, at least about a spacing apart."""
    low, high = area.min(axis=0), area.max(axis=0)
    columns, rows = (max(1, min(9, int(size / spacing))) for size in high - low)
    grid = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), axis=-1).reshape(-1, 2)
    return np.asarray(low + (grid + rng.uniform(-0.25, 0.25, grid.shape)) / (columns, rows) * (high - low))


def _shaded_side(rng: np.random.Generator, area: Points, spacing: float) -> list[Points]:
    """Hatching on the side away from the light, as pencil drawings have it."""
    towards = np.array([1.0, rng.uniform(0.0, 1.0)]) * rng.choice([-1, 1])
    towards /= np.hypot(*towards)
    depth = area @ towards
    limit = depth.min() + np.ptp(depth) * rng.uniform(0.5, 0.75)
    side = part_beyond(area, towards, float(limit))
    angle = rng.uniform(0, np.pi)
    return lines_inside(side, parallel_lines(rng, side, np.array([np.cos(angle), np.sin(angle)]), spacing))


def pattern_strokes(rng: np.random.Generator, kind: str, area: Points, along: Points) -> tuple[list[Points], float]:
    """The lines of a pattern on an area, along a direction, and their width as a multiple of the pen's."""
    size = float(np.ptp(area, axis=0).min())
    spacing = max(size * rng.uniform(0.18, 0.5), 0.014)
    across = np.array([-along[1], along[0]])
    if kind == "shade":
        return _shaded_side(rng, area, max(0.25 * spacing, 0.01)), 0.7
    if kind in ("stripes", "waves", "checks"):
        direction = unit((across, across, along, along + across * rng.choice([-1, 1]))[rng.integers(4)])
        lines = parallel_lines(rng, area, direction, spacing, wave=0.25 * spacing if kind == "waves" else 0.0)
        if kind == "checks":
            lines = np.concatenate([lines, parallel_lines(rng, area, np.array([-direction[1], direction[0]]), spacing)])
        return lines_inside(area, lines), rng.uniform(0.6, 1.0) if rng.random() < 0.6 else rng.uniform(1.0, 3.0)
    if kind == "scribble":
        lines = parallel_lines(rng, area, along if rng.random() < 0.5 else across, 0.5 * spacing, points=12)
        lines[1::2] = lines[1::2, ::-1]
        return lines_inside(area, lines.reshape(1, -1, 2)), rng.uniform(0.6, 1.2)
    spots = _scattered(rng, area, max(1.4 * spacing, 0.03))[:, None]
    if kind == "dots":
        return lines_inside(area, spots + np.array([[0, 0], [0.001, 0.001]])), rng.uniform(1.3, 3.5)
    if kind == "stars":
        reach, angles = rng.uniform(0.2, 0.35) * spacing, rng.uniform(0, np.pi) + np.arange(3) * np.pi / 3
        rays = np.column_stack([np.cos(angles), np.sin(angles)]) * reach
        return lines_inside(area, (spots[:, None] + rays[None, :, None] * np.linspace(-1, 1, 3)[:, None]).reshape(-1, 3, 2)), 0.8
    # blotches of camouflage: short, thick random walks
    ways = np.cumsum(rng.normal(0, 0.22 * spacing, (len(spots), 6, 2)), axis=1)
    return lines_inside(area, spots + ways), rng.uniform(3.0, 6.0)


def pattern_marks(rng: np.random.Generator, mark: Mark, kind: str, along: Points, color: Color = INK) -> list[Mark]:
    """A pattern on a mark's area; it belongs to the same body part as the mark."""
    if mark.area is None or len(mark.area) < 3:
        return []
    strokes, width = pattern_strokes(rng, kind, mark.area, along)
    return [replace(mark, strokes=tuple(strokes), area=None, fill=None, ink=color, width=width, see_through=True)] if strokes else []
