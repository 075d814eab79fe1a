"""Skirts, dresses, coats and gowns: what covers the legs, and the hem from under which they come out.

Positions are image px (x, y); masks are (h, w) bool.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.types import Bools, Floats, Ints

FLARE = 1.12
"""A gown is more than this many times as wide below, on the median, as at the hips; trousers are not."""

WINDOW_OF_LEGS = 0.08
"""Widths are compared over so many rows above and below a hem, as a share of the rows from hips to feet."""

NARROWER = 0.78
"""Below a hem, the legs together are at most this many times as wide as the skirt above it."""

HIGHEST, LOWEST = 0.2, 0.95
"""Where a hem can be between hips (0) and feet (1). A hem at the hips covers no part of a leg."""

CLOSED_SHARE = 0.85
"""In a skirt, at least this share of the rows between hips and hem has no gap between the legs; in a gown, of those down to the feet."""

MIN_ROWS = 8
"""Legs over fewer rows than this are too small to show a hem, px."""

DOWNWARDS = 0.4
"""Legs that reach down by less than this share of their length are running or kneeling: where the body ends above them is no hem."""


def hem_row(mask: Bools, chains: Floats) -> int | None:
    """The first row below the hem of what covers both legs; None for trousers and bare legs. Assumes an upright figure.

    Args:
        chains: (2, 3, 2) hip, knee and foot of both legs, image px.
    """
    rows = _rows(mask, chains)
    window = max(3, round(WINDOW_OF_LEGS * len(rows)))
    leg_px = float(np.linalg.norm(np.diff(chains, axis=1), axis=2).sum(axis=1).mean())
    if len(rows) < max(MIN_ROWS, 6 * window, DOWNWARDS * leg_px):
        return None
    widths, is_joined = _widths(mask, chains, rows)
    medians = np.median(sliding_window_view(widths, window), axis=1)
    for row in range(int(LOWEST * len(rows)) - window, max(window, int(HIGHEST * len(rows))), -1):
        above, below = medians[row - window], medians[row]
        if 0.0 < below <= NARROWER * above and is_joined[row - window : row].all():
            steepest = row - window // 2 + int(np.argmin(np.diff(widths[row - window // 2 - 1 : row + window // 2 + 1])))
            return int(rows[min(steepest, len(rows) - 1)]) if is_joined[:row].mean() >= CLOSED_SHARE else None
    return None


def is_gown(mask: Bools, chains: Floats) -> bool:
    """Whether a figure widens below its hips and shows no gap between its legs down to the feet. Assumes an upright figure.

    Args:
        chains: (2, 3, 2) hip, knee and foot of both legs, image px.
    """
    rows = _rows(mask, chains)
    if len(rows) < MIN_ROWS:
        return False
    widths, is_joined = _widths(mask, chains, rows)
    return bool(is_joined.mean() >= CLOSED_SHARE and np.median(widths[len(rows) // 2 :]) > FLARE * widths[0])


def _rows(mask: Bools, chains: Floats) -> Ints:
    """Rows of the image from the hips to the higher foot."""
    return np.arange(max(0, int(chains[:, 0, 1].mean())), min(mask.shape[0], int(chains[:, 2, 1].min())), dtype=np.int32)


def _widths(mask: Bools, chains: Floats, rows: Ints) -> tuple[Floats, Bools]:
    """Width in px of both legs, or of what covers them, and whether there is no gap between them, (N,) each."""
    first, last = np.stack([_runs(mask[rows], _columns(chain, rows)) for chain in chains], axis=1)
    is_joined = (first[0] == first[1]) & (last[0] == last[1]) & (last[0] > first[0])
    lengths = last - first
    return np.where(is_joined, lengths[0], lengths.sum(axis=0)).astype(np.float64), np.asarray(is_joined, np.bool_)


def _columns(chain: Floats, rows: Ints) -> Floats:
    """Where a leg is in each row, (N,); a leg that ends above or below continues straight down."""
    return np.interp(rows, np.maximum.accumulate(chain[:, 1]), chain[:, 0])


def _runs(rows: Bools, columns: Floats) -> Ints:
    """First and last + 1 pixel (2, N) of the piece of each row of a mask (N, w) around a column; 0 and 0 where the mask has none."""
    width = rows.shape[1]
    pixels, at = np.arange(width), np.clip(columns.astype(int), 0, width - 1)[:, None]
    first = np.where(~rows & (pixels < at), pixels, -1).max(axis=1) + 1
    last = np.where(~rows & (pixels > at), pixels, width).min(axis=1)
    is_inside = np.take_along_axis(rows, at, axis=1)[:, 0]
    return np.stack([first, last]).astype(np.int32) * is_inside
