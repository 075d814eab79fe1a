"""The line that a figure stands on: drawn from border to border, it is no part of the figure and would close the room between its legs."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.regions import dilated, filled, regions_of
from pipeline.types import Bools, Floats, Ints

LOWER_SHARE = 0.6
"""Ground is looked for below this share of the height."""

TOUCH_PX = 4

COVERED = 0.93
"""At least this share of the way from border to border is ink."""

FLAT_SHARE = 0.1
"""The line's highest and lowest point are not farther apart than this share of the width."""

THICKEST_SHARE = 0.025
"""Ground lines are thinner than this share of the longer side."""

BODY_ABOVE = 0.5
"""A room that reaches higher than this share of the figure is its body."""

SOLE_SHARE = 0.035
"""A room that is not wider at the ground, in shares of the longer side, is a leg or a shoe."""

BONE_SHARE = 0.25
"""A line that follows bones for more than this share of its way is a limb."""

STRIP_SHARE, STRIP_DEPTH = 0.6, 0.12
"""A strip covers at least this share of a side, and goes into the crop by at most this share of its other side."""


def without_ground(ink: Bools, limbs: Bools | None = None) -> Bools:
    """The ink (h, w) without a line from the left to the right border; feet and legs that stand on it stay.

    Args:
        limbs: (h, w) bool, where bones are; a line along them is not taken out.
    """
    height, width = ink.shape
    top = int(LOWER_SHARE * height)
    at_borders = ink[top:, :TOUCH_PX].any() and ink[top:, -TOUCH_PX:].any()
    if min(height - top, width) < 16 or not at_borders:
        return ink
    rows, covered = _darkest_way(ink[top:])
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
    left = _cut(ink, rows, above, below, usual)
    return left | _soles(ink, left, limbs)


def _soles(ink: Bools, left: Bools, limbs: Bools | None) -> Bools:
    """(h, w) those stretches of the line that close a shoe, a leg or a skirt: without them the figure's inside would be open.

    The room between two legs is closed by the line as well. It is none of the figure: no bone leads through it, it is wide below and ends
    half-way up.
    """
    drained = regions_of(filled(ink) & ~filled(left) & ~ink, corners_join=False)
    line = ink & ~left
    height, side = ink.shape[0], max(ink.shape)
    rows = np.flatnonzero(ink.any(axis=1))
    kept = np.zeros(len(drained.area), bool)
    for number in range(1, drained.count + 1):
        region = drained.labels == number
        open_px = int((line & dilated(region, 2)).any(axis=0).sum())
        high = int(np.flatnonzero(region.any(axis=1))[0]) < rows[0] + BODY_ABOVE * (height - rows[0])
        on_bone = limbs is not None and int((limbs & region).sum()) > 0.3 * int(region.sum())
        kept[number] = high or on_bone or open_px < SOLE_SHARE * side
    return line & dilated(drained.among(kept), 3)


def _darkest_way(ink: Bools) -> tuple[Ints, float]:
    """The way from left to right that stays on ink as far as it can, one row up or down a step.

    Returns:
        (w,) row of each column; the share of them that is ink.
    """
    height, width = ink.shape
    cost = np.where(ink, 0.0, 1.0).astype(np.float32)
    total = cost[:, 0].copy()
    came_from = np.zeros((width, height), np.int8)
    wide = np.full(height + 2, np.inf, np.float32)
    for column in range(1, width):
        wide[1:-1] = total
        choices = np.stack([wide[1:-1], wide[:-2] + np.float32(0.05), wide[2:] + np.float32(0.05)])
        best = choices.argmin(axis=0)
        came_from[column] = best
        total = choices[best, np.arange(height)] + cost[:, column]
    rows = np.zeros(width, np.int32)
    rows[-1] = int(np.argmin(total))
    for column in range(width - 1, 0, -1):
        rows[column - 1] = rows[column] + (0, -1, 1)[came_from[column, rows[column]]]
    return rows, float(ink[rows, np.arange(width)].mean())


def _thickness(ink: Bools, rows: Ints) -> tuple[Ints, Ints]:
    """(w,) how many px of ink go on above and below each point of the way, itself counted once, below."""
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


def _cut(ink: Bools, rows: Ints, above: Ints, below: Ints, usual: float) -> Bools:
    """Remove the line where nothing stands on it; beneath feet, only the part below the line's upper edge."""
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
    """The values, between trusted ones interpolated, then averaged a little."""
    columns = np.arange(len(values))
    if not trusted.any():
        return values
    clean = np.interp(columns, columns[trusted], values[trusted])
    return np.asarray(cv2.blur(clean.reshape(1, -1), (5, 1), borderType=cv2.BORDER_REPLICATE)[0])


def without_strips_at_the_border(ink: Bools) -> Bools:
    """The ink without what runs along a whole side of the crop: a table's edge, a shadow, grass.

    A strip covers most of a side, is thin, and goes as far in as it does in most places; a leg that stands on it is kept above that. A
    figure that is cut off by the picture's edge is no strip: it goes deeper.
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
            strip = side[: round(1.5 * depth) + 1]
            strip &= np.arange(len(strip))[:, None] >= depths
    return kept
