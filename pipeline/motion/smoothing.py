"""Smoothing of tracks that a pose estimator found: jitter goes, gaps are filled, single wrong places are left out.

A track is the most likely one under a model in which its velocity changes at random (an integrated random walk) and each frame's place is
seen with noise: what a Rauch-Tung-Striebel smoother computes with that model, here as one banded system for the whole track
(Whittaker 1923, "On a new method of graduation"; Eilers 2003, "A perfect smoother", equation 4).
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from pipeline.types import Floats

CUT_OFF_HZ = 4.0
"""Movements slower than this stay; the fastest gestures reach about 3 Hz."""
PASSES = 3
OUTLIER = 4.0
"""A place this many times farther off than usual is taken for wrong."""


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
    trusted = weights.astype(np.float64)
    result = clean
    for _ in range(PASSES):
        result = _graduated(clean, trusted, stiffness)
        off = np.linalg.norm(clean - result, axis=1)
        usual = float(np.median(off[seen])) + 1e-9 * (float(np.ptp(result)) + 1e-9)
        trusted = weights / np.maximum(1.0, (off / (OUTLIER * usual)) ** 4)
    # Beyond the first and the last place that was seen, the track is held: a straight line would lead away.
    result[: seen[0]], result[seen[-1] + 1 :] = result[seen[0]], result[seen[-1]]
    return result


def _graduated(track: Floats, weights: Floats, stiffness: float) -> Floats:
    """Minimizes sum w (x - track)^2 + stiffness * sum (second differences of x)^2."""
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
