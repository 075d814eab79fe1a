"""Which leg is which in a stride seen from the side, where a pose model can't tell.

From the side, hips and shoulders are in one place, and either leg may be the right one: a model that is unsure chooses by chance. Arms
and legs of opposite sides swing together in walking and running (Elftman, "The function of the arms in walking", Human Biology 11, 1939),
so the arms decide.

Points are (17, 2 or more) float64, x and y in any unit, in COCO's order.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import Floats, Singles
from pipeline.types.keypoints import ANKLES, HIPS, KNEES, SHOULDERS, WRISTS

FRONTAL = 0.35
"""Shoulders of a figure that faces us are more than this far apart, in lengths of the trunk."""

SPREAD = 0.5
"""Hands and feet are to both sides if they are more than this far apart, in lengths of the trunk."""

BEND = 0.15
"""Sine of the angle from which on a knee is bent."""

UNSURE = 1.0
"""A model can't tell the legs apart if the joints of one are less than e times as likely there as those of the other.

Of 37 synthetic figures (of 4,500 drawings, seeds from 20000000) that stride so in the model's eyes, six of eight below 0.8 have the legs
exchanged, and two of the 29 above.
"""

REACH = 2
"""Cells around a joint's place in which the chance of the other side's joint counts."""


def faces_viewer(points: Floats) -> bool:
    """Whether the shoulders are far apart, so that their places show which is the right one."""
    return bool(np.ptp(points[list(SHOULDERS), 0]) > FRONTAL * _trunk(points))


def with_legs_distinguished(peaks: Floats, chances: Singles) -> Floats:
    """`peaks` (17, 3) x, y in shares of the square, chance; with the legs exchanged if they stride with the arms and the model is unsure.

    Args:
        chances: (17, C, C) float32, the chance of each place for each joint.
    """
    if faces_viewer(peaks) or not _strides(peaks) or not _swing_together(peaks) or _evidence(peaks, chances) > UNSURE:
        return peaks
    exchanged = peaks.copy()
    for left, right in (HIPS, KNEES, ANKLES):
        exchanged[[left, right]] = peaks[[right, left]]
    return exchanged


def _trunk(points: Floats) -> float:
    chest, hip = (points[list(pair), :2].mean(axis=0) for pair in (SHOULDERS, HIPS))
    return max(float(np.linalg.norm(chest - hip)), 1e-6)


def _strides(points: Floats) -> bool:
    """Whether hands and feet are to both sides, and both knees bend the same way, as only a figure seen from the side bends them."""
    bends = [_bend(points[[hip, knee, ankle], :2]) for hip, knee, ankle in zip(HIPS, KNEES, ANKLES, strict=True)]
    same_way = bends[0] * bends[1] > 0 and min(abs(bend) for bend in bends) > BEND
    apart = min(abs(_across(points, pair)) for pair in (WRISTS, ANKLES))
    return same_way and apart > SPREAD * _trunk(points)


def _swing_together(points: Floats) -> bool:
    """Whether hand and foot of one side are on the same side of the page."""
    return _across(points, WRISTS) * _across(points, ANKLES) > 0


def _across(points: Floats, pair: tuple[int, int]) -> float:
    return float(points[pair[0], 0] - points[pair[1], 0])


def _bend(leg: Floats) -> float:
    """Sine of the angle at the middle of a leg (3, 2)."""
    (x0, y0), (x1, y1) = np.diff(leg, axis=0)
    return float((x0 * y1 - y0 * x1) / max(np.hypot(x0, y0) * np.hypot(x1, y1), 1e-9))


def _evidence(peaks: Floats, chances: Singles) -> float:
    """How much likelier knees and ankles are where they are than those of the other leg, mean of nats."""
    joints = [(one, other) for pair in (KNEES, ANKLES) for one, other in (pair, pair[::-1])]
    own, others = ([_highest_near(chances[pair[leg]], peaks[pair[0], :2]) for pair in joints] for leg in (0, 1))
    return float(np.mean(np.log(np.array(own) / np.array(others))))


def _highest_near(chances: Singles, point: Floats) -> float:
    column, row = (point * len(chances)).astype(int)
    window = chances[max(0, row - REACH) : row + REACH + 1, max(0, column - REACH) : column + REACH + 1]
    return float(window.max(initial=0.0)) + 1e-3
