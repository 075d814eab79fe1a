"""Remove the line that a figure stands on, and strips along the border of its crop.

A ground line is drawn from border to border. It is no part of the figure, and would close the space between its legs. Masks are (h, w)
bool, px at the reduced size.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.regions import dilated, filled, regions_of
from pipeline.types import Bools, Floats, Ints

LOWER_SHARE = 0.6
"""Ground lines are searched below this share of the height."""

TOUCH_PX = 4
"""Ink within this distance of the left and the right border reaches them."""

MIN_SIDE_PX = 16
"""In a smaller area, no ground line is searched."""

STEP_COST = 0.05
"""Cost of each row by which the line rises or falls, where a pixel without ink costs 1."""

COVERED = 0.93
"""At least this share of the line's pixels from border to border are ink."""

FLAT_SHARE = 0.1
"""The line's highest and lowest point are not farther apart than this share of the width."""

THICKEST_SHARE = 0.025
"""Ground lines are thinner than this share of the longer side."""

BODY_ABOVE = 0.5
"""An area that the line closes is the body's if it reaches higher than this share of the drawing's height."""

SOLE_SHARE = 0.035
"""An area that the line closes is a leg or a shoe if it is narrower at the ground than this share of the longer side."""

IN_BONES = 0.3
"""An area that the line closes is the figure's if more than this share of it is on bones."""

BONE_SHARE = 0.25
"""A line with more than this share of its pixels on bones is a limb."""

STRIP_SHARE, STRIP_DEPTH = 0.6, 0.12
"""A strip covers at least this share of a side, and goes into the crop by at most this share of its other side."""

STRIP_MARGIN = 1.5
"""A strip is removed up to this many times its median depth from the border."""


def without_ground(ink: Bools, limbs: Bools | None = None) -> Bools:
    """The ink (h, w) without a ground line from the left to the right border; feet and legs that stand on it stay.

    Args:
        ink: (h, w) bool.
        limbs: (h, w) bool, where bones are; a line along them is not removed.
    """
    height, width = ink.shape
    top = int(LOWER_SHARE * height)
    at_borders = ink[top:, :TOUCH_PX].any() and ink[top:, -TOUCH_PX:].any()
    if min(height - top, width) < MIN_SIDE_PX or not at_borders:
        return ink
    rows, covered = _path_on_ink(ink[top:])
    rows = rows + top
    if covered < COVERED or int(rows.max() - rows.min()) > FLAT_SHARE * width:
        return ink
    columns = np.arange(width)
    if limbs is not None and float(limbs[rows, columns].mean()) > BONE_SHARE:
        return ink
    above, below = _thickness(ink, rows)
    usual = float(np.median(above + below))
    if usual > THICKEST_SHARE * max(height, width):
        return ink
    left = _without_line(ink, rows, above, below, usual)
    return left | _soles(ink, left, limbs)


def _soles(ink: Bools, left: Bools, limbs: Bools | None) -> Bools:
    """Stretches (h, w) of the line that close a shoe, a leg or a skirt: without them the figure's inside would be open.

    The line also closes the space between two legs. That is not the figure's: no bone leads through it, it is wide at the ground, and it
    ends half-way up.

    Args:
        left: the ink without the line.
    """
    opened = regions_of(filled(ink) & ~filled(left) & ~ink, corners_join=False)
    line = ink & ~left
    height, side = ink.shape[0], max(ink.shape)
    rows = np.flatnonzero(ink.any(axis=1))
    kept = np.zeros(len(opened.area), bool)
    for number in range(1, opened.count + 1):
        region = opened.labels == number
        open_px = int((line & dilated(region, 2)).any(axis=0).sum())
        high = int(np.flatnonzero(region.any(axis=1))[0]) < rows[0] + BODY_ABOVE * (height - rows[0])
        on_bone = limbs is not None and int((limbs & region).sum()) > IN_BONES * int(region.sum())
        kept[number] = high or on_bone or open_px < SOLE_SHARE * side
    return line & dilated(opened.among(kept), 3)


def _path_on_ink(ink: Bools) -> tuple[Ints, float]:
    """The path from left to right with the fewest pixels without ink, at most one row up or down a column (dynamic programming).

    Returns:
        (w,) int32, its row in each column; the share of its pixels that are ink.
    """
    height, width = ink.shape
    cost = np.where(ink, 0.0, 1.0).astype(np.float32)
    total = cost[:, 0].copy()
    came_from = np.zeros((width, height), np.int8)
    wide = np.full(height + 2, np.inf, np.float32)
    for column in range(1, width):
        wide[1:-1] = total
        choices = np.stack([wide[1:-1], wide[:-2] + np.float32(STEP_COST), wide[2:] + np.float32(STEP_COST)])
        best = choices.argmin(axis=0)
        came_from[column] = best
        total = choices[best, np.arange(height)] + cost[:, column]
    rows = np.zeros(width, np.int32)
    rows[-1] = int(np.argmin(total))
    for column in range(width - 1, 0, -1):
        rows[column - 1] = rows[column] + (0, -1, 1)[came_from[column, rows[column]]]
    return rows, float(ink[rows, np.arange(width)].mean())


def _thickness(ink: Bools, rows: Ints) -> tuple[Ints, Ints]:
    """(w,) int32 each: how many px the ink goes on above and below each pixel of the path; the pixel itself counts below."""
    height, width = ink.shape
    columns = np.arange(width)
    above, below = np.zeros(width, np.int32), np.zeros(width, np.int32)
    for counts, step in ((above, -1), (below, 1)):
        going = np.ones(width, bool)
        for distance in range(1 if step < 0 else 0, height):
            here = rows + step * distance
            going &= (here >= 0) & (here < height)
            going &= ink[np.clip(here, 0, height - 1), columns]
            if not going.any():
                break
            counts[going] += 1
    return above, below


def _without_line(ink: Bools, rows: Ints, above: Ints, below: Ints, usual: float) -> Bools:
    """The ink without the line, but for the columns where ink goes on both above and below it.

    Args:
        rows: (w,) the line's row in each column.
        above, below: (w,) of `_thickness`.
        usual: the line's usual thickness, px.
    """
    left = ink.copy()
    center = _smoothed(rows + (below - above) / 2, np.abs(above + below - usual) < max(2.0, 0.5 * usual))
    half = max(1, round(usual / 2)) + 1
    height, width = ink.shape
    for column in range(width):
        middle = round(float(center[column]))
        low, high = max(0, middle - half), min(height, middle + half + 1)
        stands = low > 1 and bool(ink[max(0, low - 2) : low, column].all())
        hangs = bool(ink[high : high + 2, column].all()) and high + 2 <= height
        if not (stands and hangs):
            left[low:high, column] = False
    return left


def _smoothed(values: Floats, trusted: Bools) -> Floats:
    """The values (w,), interpolated between trusted ones, then averaged over 5 columns."""
    columns = np.arange(len(values))
    if not trusted.any():
        return values
    clean = np.interp(columns, columns[trusted], values[trusted])
    return np.asarray(cv2.blur(clean.reshape(1, -1), (5, 1), borderType=cv2.BORDER_REPLICATE)[0])


def without_strips_at_the_border(ink: Bools) -> Bools:
    """The ink (h, w) without what runs along a whole side of the crop: a table's edge, a shadow, grass.

    A strip covers most of a side and is thin. It is removed up to STRIP_MARGIN times its median depth from the border, so that a leg
    that stands on it stays. A figure that is cut off by the image's edge is no strip: it goes deeper.
    """
    kept = ink.copy()
    for turn in range(4):
        side = np.rot90(kept, turn)  # a view: its first row is a side of the crop
        depths = np.where(side.all(axis=0), len(side), np.argmin(side, axis=0))
        touching = depths > 0
        if touching.mean() < STRIP_SHARE:
            continue
        depth = float(np.median(depths[touching]))
        if depth <= STRIP_DEPTH * len(side):
            strip = side[: round(STRIP_MARGIN * depth) + 1]
            strip &= np.arange(len(strip))[:, None] >= depths
    return kept
