"""What is shown of the path that a figure travels: all of it, none of it, or what remains when a camera follows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pipeline.types import Floats, Travel

ROOM_ASIDE, ROOM_UP = 0.6, 1.2
"""How far a figure may be from the middle of the image before the camera follows, in lengths of its longer side."""
CAMERA_S = 0.35
"""How softly the camera moves: the standard deviation of its smoothing, s."""
TREAD_S = 0.7
"""Swaying faster than about this stays when a figure moves in place, s."""


def shown_path(path: Floats, times: Sequence[Fraction], travel: Travel, *, loops: bool) -> Floats:
    """The path (T, 2) of the root as it is shown at `times`, unit square's scale."""
    if travel is Travel.FULL or len(path) < 2:
        return path
    step_s = float(times[1] - times[0])
    if travel is Travel.IN_PLACE:
        steady = _drift(path[:, 0]) if loops else _smoothed(path[:, 0], TREAD_S / step_s)
        return np.stack([path[:, 0] - steady, path[:, 1]], axis=1)
    camera = np.stack(
        [_smoothed(_followed(path[:, axis], room), CAMERA_S / step_s) for axis, room in ((0, ROOM_ASIDE), (1, ROOM_UP))], axis=1
    )
    shown: Floats = path - camera
    return shown


def _drift(positions: Floats) -> Floats:
    """A steady path from the first position to where the loop begins again."""
    count = len(positions)
    last_step = positions[-1] - positions[-2]
    line: Floats = (positions[-1] + last_step - positions[0]) * np.arange(count) / count
    return line


def _followed(positions: Floats, room: float) -> Floats:
    """Positions of a camera that moves only as far as it must to keep the figure within `room` of its middle."""
    if np.abs(positions).max() <= room:
        return np.zeros_like(positions)
    camera = np.zeros_like(positions)
    at = 0.0
    for index, position in enumerate(positions.tolist()):
        at = min(max(at, position - room), position + room)
        camera[index] = at
    return camera


def _smoothed(positions: Floats, sigma: float) -> Floats:
    """A Gaussian mean; ends are continued by reflection in the point, so that a steady path stays steady."""
    from scipy.ndimage import gaussian_filter1d  # slow to import, and most motions are not smoothed

    margin = min(len(positions) - 1, int(4 * sigma) + 1)
    before = 2 * positions[0] - positions[margin:0:-1]
    after = 2 * positions[-1] - positions[-2 : -margin - 2 : -1]
    smooth: Floats = gaussian_filter1d(np.concatenate([before, positions, after]), sigma, mode="nearest")
    return smooth[margin : margin + len(positions)]
