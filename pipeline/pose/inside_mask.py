"""Points moved into a mask, and not onto its very edge. Points are (N, 2) float64 px, (x, y), a pixel's center at +0.5."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bools, Floats

DEEP_SHARE = 0.012
"""A pixel is well inside if it is deeper than this share of the mask's longer side. Where a limb is too thin for that, its middle is."""

NEAR_PX = 20
"""The nearest pixel is searched within this distance first, and then within four times as much, until there is one."""


def well_inside(mask: Bools) -> Bools:
    """(h, w) bool, the part of a mask (h, w) that is deep enough, or as deep as the mask gets there; not empty if the mask is not."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)
    ridge = depth >= cv2.dilate(depth, np.ones((5, 5), np.uint8)) - 0.25
    deep = (depth > max(2.0, DEEP_SHARE * max(mask.shape))) | ridge
    return np.asarray(deep[1:-1, 1:-1] & mask)


def moved_inside(points: Floats, good: Bools) -> Floats:
    """The points (N, 2), those outside of `good` moved to the center of its nearest pixel.

    Args:
        points: any values; NaN counts as 0.
        good: (h, w) bool with at least one pixel.
    """
    height, width = good.shape
    framed = np.clip(np.nan_to_num(points, nan=0.0, posinf=width + height, neginf=0.0), 0, [width - 1e-6, height - 1e-6])
    cells = framed.astype(int)
    stays = good[cells[:, 1], cells[:, 0]] & (framed == points).all(axis=1)
    moved = points.astype(np.float64)
    for number in np.flatnonzero(~stays):
        moved[number] = _nearest(good, *cells[number].tolist())
    return moved


def _nearest(good: Bools, x: int, y: int) -> tuple[float, float]:
    """The center of the pixel in `good` that is nearest to the pixel (x, y)."""
    reach = NEAR_PX
    while True:
        left, top = max(0, x - reach), max(0, y - reach)
        rows, columns = np.nonzero(good[top : y + reach + 1, left : x + reach + 1])
        squares = (columns + left - x) ** 2 + (rows + top - y) ** 2
        if squares.size and (squares.min() <= reach**2 or squares.size == np.count_nonzero(good)):
            nearest = int(np.argmin(squares))
            return left + columns[nearest] + 0.5, top + rows[nearest] + 0.5
        reach *= 4


def nudged_apart(point: Floats, away_from: Floats, good: Bools, *, min_px: float, towards: Floats) -> Floats:
    """A point (2,), or another one in `good` if it is closer than `min_px` to `away_from`.

    That is the pixel center nearest to `towards` that is far enough from `away_from`; the one farthest from it if none is far enough.

    Args:
        good: (h, w) bool with at least one pixel.
    """
    if float(np.linalg.norm(point - away_from)) >= min_px:
        return point
    rows, columns = np.nonzero(good)
    cells = np.stack([columns, rows], axis=1) + 0.5
    apart = np.linalg.norm(cells - away_from, axis=1)
    if not (apart >= min_px).any():
        return np.asarray(cells[int(np.argmax(apart))])
    cost = np.where(apart >= min_px, np.linalg.norm(cells - towards, axis=1), np.inf)
    return np.asarray(cells[int(np.argmin(cost))])
