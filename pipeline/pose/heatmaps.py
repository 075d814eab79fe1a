"""Peaks of the networks' maps: places of joints, boxes of figures.

Maps have C x C cells over a network's square; cell centers are at +0.5. Boxes are left, top, right, bottom.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Floats, Singles

NEAR_CELLS = 3
"""Half the width of a peak's neighborhood, cells: its center of gravity is the peak's place, and its sum says how sure that is."""

TAKEN_CELLS = NEAR_CELLS + 1.5
"""Within this distance of a better peak, cells, no other peak of the same joint is searched."""

SAME_BOX_OVERLAP = 0.5
"""Boxes with an intersection over union of more than this are of the same figure, and only the best of them counts."""

BOXES_TRIED = 4
"""How many times as many peaks as boxes are wanted are tried, since several may be of the same figure."""


def joint_chances(logits: Singles) -> Singles:
    """The probability of each cell (J, C, C) float32, a softmax of logits (J, C, C) over the cells of each joint."""
    flat = logits.reshape(len(logits), -1).astype(np.float32)
    powers = np.exp(flat - flat.max(axis=1, keepdims=True))
    chances: Singles = (powers / powers.sum(axis=1, keepdims=True)).reshape(logits.shape)
    return chances


def joint_peaks(logits: Singles, side: float) -> Floats:
    """(J, 3) float64: x, y in px of the square whose side is `side`, and the share of the chance near there; from logits (J, C, C)."""
    return peaks_of_chances(joint_chances(logits), side)


def peaks_of_chances(chances: Singles, side: float) -> Floats:
    """As `joint_peaks`, from chances (J, C, C), each joint's of which sum to 1.

    The neighborhood with the greatest share is found first, then moved to its highest cell; the place is its center of gravity there.
    """
    cells = chances.shape[-1]
    width = 2 * NEAR_CELLS + 1
    peaks = np.empty((len(chances), 3))
    for row, chance in enumerate(chances):
        near = cv2.blur(chance, (width, width), borderType=cv2.BORDER_CONSTANT)
        window, top, left = _window(chance, *divmod(int(np.argmax(near)), cells))
        y, x = divmod(int(np.argmax(window)), window.shape[1])
        window, top, left = _window(chance, top + y, left + x)  # a peak at the rim of the best window would be cut
        total = max(float(window.sum()), 1e-12)
        across, down = np.arange(left, left + window.shape[1]) + 0.5, np.arange(top, top + window.shape[0]) + 0.5
        peaks[row] = (window.sum(axis=0) @ across / total, window.sum(axis=1) @ down / total, min(total, 1.0))
    peaks[:, :2] *= side / cells
    return peaks


def most_likely_peaks(chance: Singles, count: int) -> Floats:
    """(count, 3) peaks of one joint's chances (C, C), best first: x, y in shares of the square's side, and the share of the chance there.

    Each peak is found as by `peaks_of_chances` after the surroundings of better ones are set to 0.
    """
    left, cells = chance.copy(), len(chance)
    at = np.arange(cells) + 0.5
    peaks = np.empty((count, 3))
    for row in range(count):
        peaks[row] = peaks_of_chances(left[None], 1.0)[0]
        x, y = peaks[row, :2] * cells
        left[np.hypot(at[None, :] - x, at[:, None] - y) <= TAKEN_CELLS] = 0.0
    return peaks


def chance_near(chance: Singles, point: Floats) -> float:
    """The share of one joint's chances (C, C) near a point (2 or more), whose x and y are shares of the square's side."""
    x, y = np.clip((point[:2] * len(chance)).astype(int), 0, len(chance) - 1).tolist()
    return float(_window(chance, y, x)[0].sum())


def _window(chance: Singles, y: int, x: int) -> tuple[Floats, int, int]:
    """The neighborhood (h, w) float64 of a cell, cut at the map's border, and its first row and column."""
    top, left = max(0, y - NEAR_CELLS), max(0, x - NEAR_CELLS)
    return chance[top : y + NEAR_CELLS + 1, left : x + NEAR_CELLS + 1].astype(np.float64), top, left


def center_peaks(logits: Singles, sides: Singles, side: float, *, max_count: int = 8, min_score: float = 0.05) -> Floats:
    """Boxes (n, 5) float64 at the peaks of a map of centers: left, top, right, bottom in px of the square, score; best first.

    Args:
        logits: (C, C) of the centers.
        sides: (4, C, C) left, top, right, bottom distances from the middle of each cell, shares of the square's side.
        side: of the square, px.
        max_count: the largest n.
        min_score: scores are more than this, 0..1.
    """
    cells = len(logits)
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -30.0, 30.0)))
    is_peak = (scores >= cv2.dilate(scores, np.ones((3, 3)))) & (scores > min_score)
    rows, columns = np.nonzero(is_peak)
    order = np.argsort(-scores[rows, columns], kind="stable")[: BOXES_TRIED * max_count]
    boxes: list[Floats] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        left, top, right, bottom = sides[:, row, column].astype(np.float64) * side
        x, y = (column + 0.5) * side / cells, (row + 0.5) * side / cells
        box = np.array([x - left, y - top, x + right, y + bottom, scores[row, column]])
        if all(box_overlap(box, other) <= SAME_BOX_OVERLAP for other in boxes):
            boxes.append(box)
    return np.array(boxes[:max_count]).reshape(-1, 5)


def box_overlap(one: Floats, other: Floats) -> float:
    """Intersection over union, 0..1, of two boxes (4 or more): left, top, right, bottom first."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    tall = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    area = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return float(wide * tall / max(area - wide * tall, 1e-9))
