"""What a figure consists of once it is thought out and before it is painted: marks in drawing order, and its joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Colour = tuple[int, int, int]

INK: Colour = (-1, -1, -1)
"""Stands for whatever the medium's own colour is."""


@dataclass(frozen=True)
class Mark:
    """Some lines, and perhaps an area that they enclose.

    Attributes:
        strokes: polylines `(N,2)` float64, in figure units.
        area: polygon `(N,2)` that belongs to the figure, hides what was drawn before it and may be filled.
        ink: colour of the lines; `INK` for the medium's.
        fill: colour of the area, `INK` for the medium's, None for bare paper.
        width: of the lines, as a multiple of the pen's.
        loose: drawn, but no part of the figure (shadow on the ground, motion lines).
        see_through: does not hide what was drawn before.
    """

    strokes: tuple[Points, ...] = ()
    area: Points | None = None
    ink: Colour = INK
    fill: Colour | None = None
    width: float = 1.0
    loose: bool = False
    see_through: bool = False

    def moved(self, move: Callable[[Points], Points]) -> Mark:
        """The same mark elsewhere."""
        return replace(self, strokes=tuple(move(stroke) for stroke in self.strokes), area=None if self.area is None else move(self.area))


@dataclass(frozen=True)
class DrawnFigure:
    """A figure's marks in drawing order and its 17 COCO joints `(17,3)`: x, y, visibility (0 absent, 1 guessed, 2 visible)."""

    marks: tuple[Mark, ...]
    joints: NDArray[np.float64]
    style: str
    traits: tuple[str, ...] = field(default=())

    def moved(self, move: Callable[[Points], Points]) -> DrawnFigure:
        """The same figure elsewhere."""
        joints = np.column_stack([move(self.joints[:, :2]), self.joints[:, 2]])
        return replace(self, marks=tuple(mark.moved(move) for mark in self.marks), joints=joints)

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of all that belongs to the figure."""
        parts = [part for mark in self.marks if not mark.loose for part in (*mark.strokes, mark.area) if part is not None and len(part)]
        everything = np.concatenate(parts)
        (left, top), (right, bottom) = everything.min(axis=0), everything.max(axis=0)
        return float(left), float(top), float(right), float(bottom)
