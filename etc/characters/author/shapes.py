"""Outlines that the sketches are put together from: lists of (x, y) in px, y down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from crayons import Color, Pen, Point, Sheet


def oval(x: float, y: float, rx: float, ry: float, *, count: int = 14) -> list[Point]:
    """An ellipse's points, from the top, clockwise."""
    turns = np.linspace(-np.pi / 2, 1.5 * np.pi, count, endpoint=False)
    return [(float(x + rx * np.cos(turn)), float(y + ry * np.sin(turn))) for turn in turns]


def polygon(corners: Sequence[Point], *, closed: bool = True, pieces: int = 6) -> list[Point]:
    """The corners with points between them, so that a smooth line through all keeps the corners."""
    ends = [*corners[1:], corners[0]] if closed else corners[1:]
    points = [
        (a[0] + (b[0] - a[0]) * part / pieces, a[1] + (b[1] - a[1]) * part / pieces)
        for a, b in zip(corners, ends, strict=False)
        for part in range(pieces)
    ]
    return points if closed else [*points, corners[-1]]


def tube(spine: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """Both sides of a limb along `spine`: down one side, up the other; open at the start."""
    middle = np.array(spine, dtype=np.float64)
    along = np.gradient(middle, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    half = np.array(widths, dtype=np.float64)[:, None] / 2
    sides = np.concatenate([middle + half * across, (middle - half * across)[::-1]])
    return [(float(x), float(y)) for x, y in sides]


def mirrored(points: Sequence[Point], axis: float) -> list[Point]:
    """The points on the other side of the vertical line x = axis."""
    return [(2 * axis - x, y) for x, y in points]


def colored(sheet: Sheet, outline: Sequence[Point], fill: tuple[Pen, Color] | None, line: tuple[Pen, Color], *, angle: float = 60) -> None:
    """A closed shape: whatever lies below is covered, then it is scribbled in and outlined."""
    sheet.blank(outline)
    sheet.solid(outline)
    if fill is not None:
        sheet.fill(outline, *fill, angle=angle)
    sheet.line(outline, *line, closed=True)


def box(sheet: Sheet, corners: Sequence[Point], pen: Pen, color: Color, *, overshoot: float = 3.0) -> None:
    """Straight sides, one stroke each, that run a little past the corners."""
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = float(np.hypot(bx - ax, by - ay))
        dx, dy = (bx - ax) / length * overshoot, (by - ay) / length * overshoot
        sheet.line(polygon([(ax - dx, ay - dy), (bx + dx, by + dy)], closed=False, pieces=3), pen, color)
