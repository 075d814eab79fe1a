"""Screen-space bounding boxes of a frame's geometry, so that only this rectangle is drawn, resolved and read back."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, isfinite

import numpy as np

from pipeline.errors import RenderFailed
from pipeline.types import Canvas, Singles

_NEAREST = 1e-6
"""Clip-space w below which a point counts as beside or behind the camera, where division by w is meaningless."""


@dataclass(frozen=True)
class ScreenBox:
    """A rectangle of pixels, top row first; `right` and `bottom` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return max(0, self.right - self.left)

    @property
    def height(self) -> int:
        return max(0, self.bottom - self.top)

    @property
    def is_empty(self) -> bool:
        return self.right <= self.left or self.bottom <= self.top

    def union(self, other: ScreenBox) -> ScreenBox:
        """The smallest box around both; an empty box adds nothing."""
        if self.is_empty:
            return other
        if other.is_empty:
            return self
        return ScreenBox(min(self.left, other.left), min(self.top, other.top), max(self.right, other.right), max(self.bottom, other.bottom))


EMPTY = ScreenBox(0, 0, 0, 0)


class ScreenProjection:
    """Projection from world space to pixels of the canvas.

    Attributes:
        whole: the box of the whole canvas.
    """

    def __init__(self, canvas: Canvas) -> None:
        self.whole = ScreenBox(0, 0, canvas.width, canvas.height)
        x, y, _, w = canvas.view_projection.astype(np.float64)
        rows = np.array(((x + w) * canvas.width / 2, (w - y) * canvas.height / 2, w))
        self._pixels_from_world: Singles = rows.astype(np.float32)
        # Numbers of Python: numpy takes longer for these few than for a figure's vertices.
        self._rows: list[list[float]] = rows.tolist()
        self._is_parallel = not rows[[0, 1, 2, 2], [1, 0, 0, 1]].any()

    def flat_box(self, vertices: Singles, z: float) -> ScreenBox:
        """The box around points (V, 2) in world x, y at depth `z`.

        Raises:
            RenderFailed: a coordinate is not finite.
        """
        if self._is_parallel and len(vertices):
            return self._parallel_box(vertices, z)
        matrix = self._pixels_from_world
        with np.errstate(all="ignore"):
            shift = matrix[:, 2] * np.float32(z) + matrix[:, 3]
            return self._box(matrix[:, :2] @ vertices.T + shift[:, None])

    def _parallel_box(self, vertices: Singles, z: float) -> ScreenBox:
        """The box if the plane at depth `z` is parallel to the image, and x and y to its sides: the vertices' extremes are the box's."""
        (x_scale, _, x_of_z, x), (_, y_scale, y_of_z, y), (_, _, w_of_z, w) = self._rows
        depth = w_of_z * z + w
        if depth <= _NEAREST:
            return self.whole
        ends = vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()
        left, right = sorted((x_scale * end[0] + x_of_z * z + x) / depth for end in ends)
        top, bottom = sorted((y_scale * end[1] + y_of_z * z + y) / depth for end in ends)
        return self._enclosing(left, top, right, bottom)

    def box(self, points: Singles) -> ScreenBox:
        """The box around world points (N, 3).

        Raises:
            RenderFailed: a coordinate is not finite.
        """
        matrix = self._pixels_from_world
        with np.errstate(all="ignore"):
            return self._box(matrix[:, :3] @ points.T + matrix[:, 3:])

    def _box(self, homogeneous: Singles) -> ScreenBox:
        """The box around the (3, N) pixel coordinates x * w, y * w, w."""
        if homogeneous.shape[1] == 0:
            return EMPTY
        w = homogeneous[2]
        if w.min() <= _NEAREST:
            return self.whole
        flat = homogeneous[:2] / w
        return self._enclosing(*flat.min(axis=1).tolist(), *flat.max(axis=1).tolist())

    def _enclosing(self, left: float, top: float, right: float, bottom: float) -> ScreenBox:
        """The box of whole pixels, one wider on each side against rounding."""
        if not (isfinite(left) and isfinite(top) and isfinite(right) and isfinite(bottom)):
            raise RenderFailed("a vertex has a coordinate that is not a finite number")
        box = ScreenBox(
            max(0, floor(left) - 1),
            max(0, floor(top) - 1),
            min(self.whole.right, ceil(right) + 1),
            min(self.whole.bottom, ceil(bottom) + 1),
        )
        return EMPTY if box.is_empty else box
