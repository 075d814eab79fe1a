"""Smoothing of tracks that a pose estimator found: jitter goes, gaps are filled, single wrong places are left out.

A track is the most likely one under a model in which its velocity changes at random (an integrated random walk) and each frame's place is
seen with noise: what a Rauch-Tung-Striebel smoother computes with that model, here as one banded system for the whole track
(Whittaker 1923, "On a new method of graduation"; Eilers 2003, "A perfect smoother", equation 4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Bools, Floats

CUT_OFF_HZ = 5.0
"""Movements slower than this stay; the fastest gestures reach about 3 Hz."""
NEIGHBORS = 2
"""Places before and after that a place is compared with."""
OUTLIER = 6.0
"""A place is wrong that is more than this many times as far from the middle of its neighbors as these are, and as places usually are."""


def smoothed(track: Floats, weights: Floats, frame_time_s: float) -> Floats:
    """The track (T, D) without jitter and gaps.

    Args:
        track: (T, D); anything where the weight is 0.
        weights: (T,) how sure each place is, 0 to 1; 0 is a gap.
    """
    count = len(track)
    if count < 4 or not weights.any():
        return track.copy()
    seen = np.flatnonzero(weights)
    if len(seen) == 1:
        return np.repeat(track[seen], count, axis=0)
    clean = np.where(weights[:, None] > 0, track, 0.0)
    stiffness = 1.0 / (2 * np.pi * CUT_OFF_HZ * min(frame_time_s, 0.1)) ** 4
    trusted = np.where(_is_wrong(clean, seen), 0.0, weights)
    result = _graduated(clean, trusted, stiffness)
    # Beyond the first and the last place that was seen, the track is held: a straight line would lead away.
    result[: seen[0]], result[seen[-1] + 1 :] = result[seen[0]], result[seen[-1]]
    return result


def _is_wrong(track: Floats, seen: NDArray[np.intp]) -> Bools:
    """(T,) single places that jump away and back (Hampel's filter); a fast movement does not, whose places are in order."""
    wrong = np.zeros(len(track), bool)
    if len(seen) <= 2 * NEIGHBORS:
        return wrong
    window = np.lib.stride_tricks.sliding_window_view(track[seen], 2 * NEIGHBORS + 1, axis=0)  # (T', D, 5)
    middle = np.median(window, axis=2, keepdims=True)
    apart = np.linalg.norm(window - middle, axis=1)
    own = apart[:, NEIGHBORS]
    others = np.median(np.delete(apart, NEIGHBORS, axis=1), axis=1)
    usual = float(np.median(own)) + 1e-9 * float(np.ptp(track[seen]))
    wrong[seen[NEIGHBORS:-NEIGHBORS]] = own > OUTLIER * np.maximum(others, usual)
    return wrong


def _graduated(track: Floats, weights: Floats, stiffness: float) -> Floats:
    """Minimizes sum w (x - track)^2 + stiffness * sum (second differences of x)^2."""
    from scipy.linalg import solveh_banded  # slow to import, and listing motions smooths nothing

    count = len(track)
    bands = np.zeros((3, count))  # upper bands of W + stiffness * D'D, lowest row the diagonal
    bands[2] = 6.0
    bands[2, [0, -1]] = 1.0
    bands[2, [1, -2]] = 5.0
    bands[1, 1:] = -4.0
    bands[1, [1, -1]] = -2.0
    bands[0, 2:] = 1.0
    bands *= stiffness
    bands[2] += weights + 1e-9 * stiffness
    solved: Floats = solveh_banded(bands, weights[:, None] * track + 1e-9 * stiffness * _held(track, weights))
    return solved


def _held(track: Floats, weights: Floats) -> Floats:
    """The track with the mean of what is seen in its gaps; it only keeps the system regular."""
    seen = weights > 0
    held: Floats = np.where(seen[:, None], track, track[seen].mean(axis=0))
    return held
