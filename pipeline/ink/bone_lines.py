"""Bones between keypoints as lines, and masks of them: where a figure surely is, and where one may look through it.

Keypoints are (17, 3) float64: x, y in px, score; COCO's order (`pipeline.types.keypoints`). Those that are not finite or not sure
enough are not used.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bools, Floats
from pipeline.types.keypoints import ANKLES, ELBOWS, HIPS, KNEES, NOSE, SHOULDERS, WRISTS

SURE = 0.3
"""Keypoints scored lower say nothing about where the figure is."""

FARTHEST = 1e6
"""Coordinates beyond this are no place in an image, px; OpenCV's drawing functions would overflow."""


def usable(keypoints: Floats) -> Bools:
    """(17,) bool: which keypoints are finite, within FARTHEST, and scored at least SURE."""
    sane = np.isfinite(keypoints).all(axis=1) & (np.abs(keypoints[:, :2]) < FARTHEST).all(axis=1)
    return np.asarray(sane & (np.where(sane, keypoints[:, 2], 0.0) >= SURE))


def bones(keypoints: Floats) -> Floats:
    """(B, 4) float64: x, y of both ends of each bone whose ends are usable: trunk, neck, arms and legs."""
    sure = usable(keypoints)
    at = np.where(sure[:, None], keypoints[:, :2], np.nan)
    chest, hip = _middle(at, SHOULDERS), _middle(at, HIPS)
    lines = [(at[NOSE], chest), (chest, hip)]
    for side in (0, 1):
        lines += [(chest, at[SHOULDERS[side]]), (at[SHOULDERS[side]], at[ELBOWS[side]]), (at[ELBOWS[side]], at[WRISTS[side]])]
        lines += [(hip, at[HIPS[side]]), (at[HIPS[side]], at[KNEES[side]]), (at[KNEES[side]], at[ANKLES[side]])]
    ends = np.array([np.concatenate(line) for line in lines])
    return np.asarray(ends[np.isfinite(ends).all(axis=1)])


def _middle(at: Floats, pair: tuple[int, int]) -> Floats:
    """(2,) the point between a pair of keypoints; not a number if one of them is not usable."""
    return np.asarray((at[pair[0]] + at[pair[1]]) / 2)


def drawn_lines(lines: Floats, shape: tuple[int, int], *, thickness: int) -> Bools:
    """(h, w) bool: lines (B, 4), x, y of both ends, px, drawn `thickness` px wide; what is outside the image is cut."""
    mask = np.zeros(shape, np.uint8)
    for x0, y0, x1, y1 in np.round(np.clip(lines, -FARTHEST, FARTHEST)).astype(int).tolist():
        visible, start, end = cv2.clipLine((0, 0, shape[1], shape[0]), (x0, y0), (x1, y1))
        if visible:
            cv2.line(mask, start, end, 1, thickness)
    return mask > 0


def see_through_areas(keypoints: Floats, shape: tuple[int, int]) -> Bools:
    """(h, w) bool: where one may look through a figure: between an arm and the trunk or head, and between the legs.

    Areas with a corner at a keypoint (17, 3) that is not usable are left out.
    """
    sure = usable(keypoints)
    mask = np.zeros(shape, np.uint8)
    corners = [[SHOULDERS[s], ELBOWS[s], WRISTS[s], end] for s in (0, 1) for end in (HIPS[s], NOSE)]
    corners.append([HIPS[0], KNEES[0], ANKLES[0], ANKLES[1], KNEES[1], HIPS[1]])
    for polygon in corners:
        if sure[polygon].all():
            points = np.round(np.clip(keypoints[polygon, :2], -FARTHEST / 100, FARTHEST / 100)).astype(np.int32)
            cv2.fillPoly(mask, [points], 1)
    return mask > 0
