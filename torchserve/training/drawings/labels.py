"""Masks and body parts of figures as labels: limbs split at their middle joints, and a rim around the lines that closes no gap."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.figures.parts import BOTH_LEGS, LEG, LIMB_ROWS

MASK_RIM = 0.008
"""How far a mask reaches beyond the figure's lines, as a share of its longer side; a cut-out needs this to find their edges."""
ONE = np.array([0, 1, 1, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 8], np.uint8)
"""By part: parts with the same number count a narrow gap between them as figure, such as between fingers or strands of hair."""

Map = NDArray[np.uint8]


def split_limbs(parts: Map, joints: NDArray[np.float64]) -> Map:
    """Page codes `(H, W)` with the lower halves of limbs apart from the upper ones; joints `(17, 3)` in px of the page."""
    result = parts.copy()
    for root, rows in LIMB_ROWS.items():
        ys, xs = np.nonzero(parts == root)
        if len(ys):
            far = _distances(np.column_stack([xs, ys]), joints[list(rows), :2])
            result[ys, xs] = root + (far[1] < far[0])
    ys, xs = np.nonzero(parts == BOTH_LEGS)
    if len(ys):
        at = np.column_stack([xs, ys])
        far = np.concatenate([_distances(at, joints[list(LIMB_ROWS[LEG[side]]), :2]) for side in (-1, 1)])
        codes = np.array([LEG[-1], LEG[-1] + 1, LEG[1], LEG[1] + 1], np.uint8)
        result[ys, xs] = codes[far.argmin(axis=0)]
    return result


def _distances(at: NDArray[np.int64], chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """From points `(N, 2)` to each bone of a chain `(3, 2)`, squared: `(2, N)`."""
    found = []
    for first, second in ((chain[0], chain[1]), (chain[1], chain[2])):
        way = second - first
        share = np.clip((at - first) @ way / max(float(way @ way), 1e-9), 0, 1)
        found.append(((at - first - share[:, None] * way) ** 2).sum(axis=1))
    return np.array(found)


def with_rim(parts: Map) -> Map:
    """The parts with a rim around them that is as wide, for the figure, in small images as in large ones. Paper in a gap between two
    different parts, as between arm and trunk or between legs, stays paper however narrow the gap is.
    """
    drawn = parts > 0
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return parts
    rim = MASK_RIM * max(np.ptp(rows), np.ptp(columns))
    margin = int(rim) + 3
    window = (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
    inner = drawn[window]
    far, nearest = cv2.distanceTransformWithLabels((~inner).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    names = np.zeros(int(nearest.max()) + 1, np.uint8)
    names[nearest[inner]] = parts[window][inner]
    grown: Map = names[nearest]
    is_figure = far <= rim + 0.5  # between pixel centers
    result = np.zeros_like(parts)
    result[window] = np.where(is_figure & ~_gaps(inner, ONE[grown], rim), grown, 0)
    return result


def _gaps(drawn: NDArray[np.bool_], groups: Map, rim: float) -> NDArray[np.bool_]:
    """Paper that is so narrow that the rims of two different parts meet in it."""
    reach = 2 * round(rim + 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    closed = cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
    is_between = cv2.dilate(groups, kernel) != cv2.erode(groups, kernel)
    return np.asarray(closed & ~drawn & is_between)
