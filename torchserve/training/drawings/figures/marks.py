"""A figure between its plan and its painting: marks in drawing order, and its joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.figures.parts import BodyPart

Points = NDArray[np.float64]
Color = tuple[int, int, int]

ABSENT, GUESSED, VISIBLE = 0.0, 1.0, 2.0
"""How joints are seen, as COCO counts it."""
INK: Color = (-1, -1, -1)
"""Placeholder for the medium's own color."""


@dataclass(frozen=True)
class Mark:
    """Some lines, and perhaps an area that they enclose.

    Attributes:
        strokes: polylines `(N,2)` float64, in figure units.
        area: polygon `(N,2)` that belongs to the figure, hides what was drawn before it and may be filled.
        ink: color of the lines; `INK` for the medium's.
        fill: color of the area, `INK` for the medium's, None for bare paper.
        width: of the lines, as a multiple of the pen's.
        loose: drawn, but no part of the figure (shadow on the ground, motion lines).
        see_through: does not hide what was drawn before.
        joints: rows of the joints of the limb that it is part of.
        part: the `BodyPart` that it belongs to. Marks of a limb carry the part at its root, or `BOTH_LEGS`.
    """

    strokes: tuple[Points, ...] = ()
    area: Points | None = None
    ink: Color = INK
    fill: Color | None = None
    width: float = 1.0
    loose: bool = False
    see_through: bool = False
    joints: tuple[int, ...] = ()
    part: int = BodyPart.TRUNK

    @property
    def is_solid(self) -> bool:
        """Whether the mark is a part of the figure that hides earlier marks."""
        return self.area is not None and len(self.area) > 2 and not (self.see_through or self.loose)

    @property
    def box_area(self) -> float:
        """Of the box around its area: the trunk or the head has the largest one of its part."""
        return 0.0 if self.area is None else float(np.ptp(self.area, axis=0).prod())

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
    is_one_area: bool = False
    """No lines inside: a limb in front of the body is as hidden as one behind it."""

    def seen_joints(self, *, opaque: bool) -> NDArray[np.float64]:
        """The joints; those that another part covers can only be guessed. If nothing is `opaque`, lines show through everything."""
        joints = self.joints.copy()
        covers = [(row, mark) for row, mark in enumerate(self.marks) if mark.is_solid]
        for joint in {joint for mark in self.marks for joint in mark.joints} if opaque or self.is_one_area else ():
            drawn = max(row for row, mark in enumerate(self.marks) if joint in mark.joints)
            for row, mark in covers:
                is_over = self.is_one_area or row > drawn
                if joints[joint, 2] == VISIBLE and is_over and joint not in mark.joints and _holds(mark.area, joints[joint, :2]):
                    joints[joint, 2] = GUESSED
        return joints

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


def _holds(area: Points | None, point: Points) -> bool:
    return area is not None and cv2.pointPolygonTest(area.astype(np.float32), (float(point[0]), float(point[1])), measureDist=False) > 0
