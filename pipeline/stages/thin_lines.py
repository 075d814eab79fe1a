"""Thin line stage: widens limbs that are drawn as hair-thin lines, so that they don't vanish from a small animation.

A line that is half a pixel wide in the output covers no pixel's center, or none by half: a GIF, which knows no half-transparent pixels,
loses it, and a video shows dots. Such lines become just wide enough to be seen, in their own color.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.ink.regions import nearest_index
from pipeline.mesh.depth import depth_inside, middle_line
from pipeline.types import Bools, Character, View

MIN_HALF_WIDTH = 0.6
"""Half of the least width of a line, output px: wherever it is, it then covers more than half of some pixel."""

SOFT_RIM_PX = 0.5
"""Added to half of the least width of a line, image px: its outermost pixels are half transparent."""

FIGURE_OF_VIEW = 0.75
"""The unit square of a figure as a share of the output's shorter side, at least, where the camera follows the figure."""

LONG = 8.0
"""Lines are at least this many times as long as half their least width; shorter parts of a mask are corners and tips."""


def visible_character(character: Character, view: View) -> Character:
    """The character with lines that are wide enough for an output of this size; the same object if they all are."""
    side = max(character.mask.shape)
    return thickened(character, MIN_HALF_WIDTH * side / (FIGURE_OF_VIEW * min(view.width, view.height)) + SOFT_RIM_PX)


def thickened(character: Character, half_width_px: float) -> Character:
    """The character with lines that are at least so wide, in the color of their middle; the same object if they all are.

    Args:
        half_width_px: half of the least width, image px.
    """
    depth = depth_inside(character.mask, kernel=3)
    middle = middle_line(character.mask, depth) & _lines(character.mask, depth > half_width_px, half_width_px)
    if not middle.any():
        return character
    index, distance = nearest_index(middle)
    added = (distance <= half_width_px) & ~character.mask
    nearest = index[added.ravel()]
    rgba, mask = character.rgba.copy(), character.mask | added
    rgba[added] = character.rgba.reshape(-1, 4)[nearest]
    labels = character.layer_labels
    if labels is not None:
        labels = labels.copy()
        labels[added] = labels.ravel()[nearest]
    return replace(character, rgba=rgba, mask=mask, layer_labels=labels)


def _lines(mask: Bools, core: Bools, half_width_px: float) -> Bools:
    """Long parts (h, w) of a mask that a disc of this radius does not fit into.

    Args:
        core: (h, w) bool, where the disc's center may be.
        half_width_px: the disc's radius, px.
    """
    reach = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 3) if core.any() else np.full(mask.shape, np.inf)
    thin = (mask & (reach > half_width_px + 1.0)).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(thin)  # nothing, or a small window, of most figures
    lines = np.zeros_like(mask)
    if width and height:
        window = np.s_[top : top + height, left : left + width]
        _, pieces, boxes, _ = cv2.connectedComponentsWithStats(thin[window], connectivity=8)
        is_long = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= LONG * half_width_px
        is_long[0] = False
        lines[window] = is_long[pieces]
    return lines
