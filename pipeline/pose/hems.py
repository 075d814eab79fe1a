"""Skirts, dresses, coats and gowns: what covers the legs, and the hem from under which they come out.

Positions are image px (x, y); masks are (h, w) bool.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import Bools, Floats, Ints

FLARE = 1.12
"""Trousers are at most so many times as wide as the hips; skirts widen."""

WINDOW_OF_LEGS = 0.08
"""Rows above and below a hem that are compared, as a share of the height from hips to feet."""

NARROWER = 0.78
"""Below a hem, the legs together are at most so many times as wide as the skirt above it."""

HIGHEST, LOWEST = 0.2, 0.95
"""A hem's height between hips (0) and feet (1). A hem at the hips covers no part of a leg."""

CLOSED_SHARE = 0.85
"""Share of the rows between hips and hem without a gap between the legs."""

LEAST_ROWS = 8


def hem_row(mask: Bools, chains: Floats) -> int | None:
    """The first row below the hem of what covers both legs; None for trousers and bare legs. Assumes an upright figure.

    Args:
        chains: (2, 3, 2) hip, knee and foot of both legs, image px.
    """
    rows = _rows(mask, chains)
    window = max(3, round(WINDOW_OF_LEGS * len(rows)))
    if len(rows) < max(LEAST_ROWS, 6 * window):
        return None
    widths, is_joined = _widths(mask, chains, rows)
    for place in range(int(LOWEST * len(rows)) - window, max(window, int(HIGHEST * len(rows))), -1):
        above, below = np.median(widths[place - window : place]), np.median(widths[place : place + window])
        if 0.0 < below <= NARROWER * above and is_joined[place - window : place].all():
            steepest = place - window // 2 + int(np.argmin(np.diff(widths[place - window // 2 - 1 : place + window // 2 + 1])))
            return int(rows[min(steepest, len(rows) - 1)]) if is_joined[:place].mean() >= CLOSED_SHARE else None
    return None


def is_gown(mask: Bools, chains: Floats) -> bool:
    """Whether a figure widens below its hips and shows no gap between its legs down to the feet. Assumes an upright figure.

    Args:
        chains: (2, 3, 2) hip, knee and foot of both legs, image px.
    """
    rows = _rows(mask, chains)
    if len(rows) < LEAST_ROWS:
        return False
    widths, is_joined = _widths(mask, chains, rows)
    return bool(is_joined.mean() >= CLOSED_SHARE and np.median(widths[len(rows) // 2 :]) > FLARE * widths[0])


def _rows(mask: Bools, chains: Floats) -> Ints:
    """Rows of the image from the hips to the higher foot."""
    return np.arange(max(0, int(chains[:, 0, 1].mean())), min(mask.shape[0], int(chains[:, 2, 1].min())), dtype=np.int32)


def _widths(mask: Bools, chains: Floats, rows: Ints) -> tuple[Floats, Bools]:
    """Width in px of both legs, or of what covers them, and whether there is no gap between them, (N,) each."""
    runs = np.array([[_run(mask[row], _column_at(chain, row)) for chain in chains] for row in rows])
    is_joined = (runs[:, 0] == runs[:, 1]).all(axis=1) & (runs[:, 0, 1] > runs[:, 0, 0])
    widths = np.where(is_joined, runs[:, 0, 1] - runs[:, 0, 0], (runs[..., 1] - runs[..., 0]).sum(axis=1))
    return widths.astype(np.float64), np.asarray(is_joined, np.bool_)


def _column_at(chain: Floats, row: int) -> float:
    """Where a leg is in a row; a leg that ends above or below continues straight down."""
    return float(np.interp(row, np.maximum.accumulate(chain[:, 1]), chain[:, 0]))


def _run(row: Bools, column: float) -> Ints:
    """First and last + 1 pixel of the piece of a row of the mask around a column; (0, 0) where the mask has none."""
    at = int(np.clip(column, 0, len(row) - 1))
    if not row[at]:
        return np.zeros(2, np.int32)
    gaps = np.flatnonzero(~row)
    before, after = gaps[gaps < at], gaps[gaps > at]
    return np.array([before[-1] + 1 if before.size else 0, after[0] if after.size else len(row)], np.int32)
