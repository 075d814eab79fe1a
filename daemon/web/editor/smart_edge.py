"""Smart edge: within a band that a user paints along a figure's edge, the edge of the mask is placed where color and ink change.

GrabCut (C. Rother, V. Kolmogorov, A. Blake, SIGGRAPH 2004): what is in the mask and what is not, beyond the band, are samples of the
figure's and the ground's colors; the cut between them runs along strong edges of the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from daemon.web.editor.edits import Pixel
from pipeline.errors import OptionError
from pipeline.types import Bools, Bytes

ROUNDS = 2
SAMPLE_WIDTHS = 3.0
"""So far around the band its samples are taken, in widths of the band."""

MAX_PIXELS = 120_000
"""A larger window is reduced, so that the answer comes at once."""

MIN_SAMPLES = 20


def snapped_mask(rgb: Bytes, mask: Bools, points: Sequence[Pixel], radius: float) -> Bools:
    """The mask (h, w) bool with its edge moved within a band.

    Args:
        rgb: (h, w, 3) uint8.
        points: what the user painted, px.
        radius: half the width of the band, px.
    Raises:
        OptionError: no points, or a band that covers all of the figure or of the ground around it.
    """
    if not points or not 0.5 <= radius <= max(mask.shape):
        raise OptionError("the band must have points and a radius")
    band = _band(mask.shape, points, radius)
    if not band.any():
        return mask
    rows, columns = _window(band, round(2 * SAMPLE_WIDTHS * radius))
    inside, near = mask[rows, columns], band[rows, columns]
    scale = min(1.0, (MAX_PIXELS / inside.size) ** 0.5)
    size = (max(1, round(inside.shape[1] * scale)), max(1, round(inside.shape[0] * scale)))
    small_inside, small_near = (_resized(each, size) for each in (inside, near))
    if min(int((part & ~small_near).sum()) for part in (small_inside, ~small_inside)) < MIN_SAMPLES:
        raise OptionError(
            "the band covers all of the figure or of the paper here", hint="use a smaller brush, and paint along the edge only"
        )
    small = np.ascontiguousarray(cv2.resize(rgb[rows, columns], size, interpolation=cv2.INTER_AREA)[..., ::-1])
    kinds = np.where(small_inside, cv2.GC_FGD, cv2.GC_BGD).astype(np.uint8)
    kinds[small_near & small_inside], kinds[small_near & ~small_inside] = cv2.GC_PR_FGD, cv2.GC_PR_BGD
    cv2.setRNGSeed(0)  # its color models begin with k-means: the same band gives the same edge
    cv2.grabCut(small, kinds, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(kinds, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    if scale < 1:
        large = cv2.resize(found, inside.shape[::-1], interpolation=cv2.INTER_LINEAR)
        found = np.asarray(cv2.GaussianBlur(large, (0, 0), 0.8), np.float32)
    result = mask.copy()
    result[rows, columns] = np.where(near, _without_specks(found > 0.5, near), inside)
    return result


def _band(shape: tuple[int, ...], points: Sequence[Pixel], radius: float) -> Bools:
    canvas = np.zeros(shape, np.uint8)
    at = np.asarray(points, np.int32).reshape(-1, 1, 2)
    cv2.polylines(canvas, [at], isClosed=False, color=1, thickness=max(1, round(2 * radius)))
    for x, y in points:
        cv2.circle(canvas, (x, y), max(1, round(radius)), 1, cv2.FILLED)
    return canvas > 0


def _window(area: Bools, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    return slice(max(0, rows[0] - margin), rows[-1] + margin + 1), slice(max(0, columns[0] - margin), columns[-1] + margin + 1)


def _resized(area: Bools, size: tuple[int, int]) -> Bools:
    return np.asarray(cv2.resize(area.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), np.bool_)


def _without_specks(found: Bools, band: Bools) -> Bools:
    """What was found, its edge smooth: a median over five pixels removes single ones."""
    smooth = cv2.medianBlur(found.astype(np.uint8), 5) > 0
    return np.where(band, smooth, found)
