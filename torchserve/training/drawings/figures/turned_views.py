"""Views from half the side: the far half of a figure is narrower, its face is nearer to that edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import DrawnFigure, Points
from drawings.figures.parts import BodyPart
from pipeline.types.keypoints import HIPS, NOSE, SHOULDERS

TURNED_SHARE = 0.14
FAR_SHARES = (0.35, 0.8)
"""Width of the far half, as a share of what it was (from, to)."""
STYLES_LEFT_ALONE = ("profile",)


def with_turned_view(hand: Hand, figure: DrawnFigure) -> DrawnFigure:
    """The figure, in figure units, sometimes seen from half the side: squeezed on that side of its spine."""
    rng = hand.rng
    if rng.random() >= TURNED_SHARE or figure.style in STYLES_LEFT_ALONE:
        return figure
    top, bottom = (figure.joints[list(rows), :2].mean(axis=0) for rows in (SHOULDERS, HIPS))
    side, far, near = rng.choice([-1, 1]), rng.uniform(*FAR_SHARES), rng.uniform(0.85, 1.05)
    slope = (bottom[0] - top[0]) / max(bottom[1] - top[1], 0.05)

    def squeezed(shape: Points) -> Points:
        spine = top[0] + np.clip(slope, -0.4, 0.4) * (shape[:, 1] - top[1])
        away = shape[:, 0] - spine
        return np.column_stack([spine + away * np.where(side * away > 0, far, near), shape[:, 1]])

    skull = [mark for mark in figure.marks if mark.part == BodyPart.HEAD and mark.is_solid]
    if not skull:
        return figure.moved(squeezed)
    # a head is as wide from half the side; its face alone moves
    head = max(skull, key=lambda mark: mark.box_area)
    assert head.area is not None
    middle, reach = head.area.mean(axis=0), float(np.ptp(head.area[:, 0])) / 2
    if abs(figure.joints[NOSE, 0] - middle[0]) > 0.3 * reach:
        return figure.moved(squeezed)  # it looks aside already
    shift = np.array([side * (1 - far) * rng.uniform(0.3, 0.7) * reach, 0.0])
    marks = []
    for mark in figure.marks:
        if mark.part not in (BodyPart.HEAD, BodyPart.HAIR):
            marks.append(mark.moved(squeezed))
        elif mark.part == BodyPart.HEAD and mark is not head and not mark.loose:
            marks.append(mark.moved(lambda shape: shape + shift))
        else:
            marks.append(mark)
    joints = figure.joints.copy()
    joints[SHOULDERS[0] :, :2] = squeezed(joints[SHOULDERS[0] :, :2])
    joints[:3, :2] += shift
    return replace(figure, marks=tuple(marks), joints=joints)
