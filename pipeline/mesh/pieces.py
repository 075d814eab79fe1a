"""Masks made of one piece: separate pieces joined by bars, along which the deformation is transmitted."""

from __future__ import annotations

import math

import cv2
import numpy as np

from pipeline.mesh.depth import nearest_pixels
from pipeline.types import Bools, Ints

MAX_PIECES = 64
"""Most separate pieces of a mask. Distances to all pixels are computed anew for each, and a rig has only about 16 joints to hold them."""


def bridged(mask: Bools) -> Bools:
    """The mask (h, w) bool with its separate pieces (8-connected) joined by bars of 3 px between their closest pixels.

    The largest piece comes first, then always the piece nearest to what is joined already. A mask in one piece is returned unchanged. Bars
    transmit the deformation. Only the MAX_PIECES largest pieces are kept.
    """
    count, labels = _pieces(mask)
    if count < 2:
        return mask
    if count > MAX_PIECES:
        largest = 1 + np.argsort(-np.bincount(labels.ravel())[1:], kind="stable")[:MAX_PIECES]
        mask = np.isin(labels, largest)
        count, labels = _pieces(mask)
    whole = mask.astype(np.uint8)
    left, top, wide, high = cv2.boundingRect(whole)
    window = np.s_[top : top + high, left : left + wide]
    pieces, bars = labels[window], whole[window]
    joined = pieces == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    for _ in range(count - 1):
        distance = cv2.distanceTransform((~joined).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        squares = np.rint(np.square(distance))  # whole numbers, so that equal distances are equal
        index = np.argmin(np.where((pieces > 0) & ~joined, squares, np.inf))
        row, column = (int(number) for number in np.unravel_index(index, joined.shape))
        cv2.line(bars, _nearest(joined, row, column, math.ceil(distance[row, column])), (column, row), 1, thickness=3)
        joined |= pieces == pieces[row, column]
    return whole.astype(bool)


def _nearest(mask: Bools, row: int, column: int, reach: int) -> tuple[int, int]:
    """Column and row of the pixel of a mask, at most `reach` px away, that is nearest to another pixel."""
    top, left = max(0, row - reach), max(0, column - reach)
    near = ~mask[top : row + reach + 1, left : column + reach + 1]
    rows, columns = nearest_pixels(near)
    return left + int(columns[row - top, column - left]), top + int(rows[row - top, column - left])


def _pieces(mask: Bools) -> tuple[int, Ints]:
    """Number of separate pieces (8-connected), and the piece of each pixel (h, w), from 1; 0 outside."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(labels, np.int32)
