"""Foot planting: feet that stay on the ground in the motion keep their place in the drawing, too.

A drawing's legs have other proportions than the motion's, and they are flat, so planted feet would slide if the root's path were only
scaled. The path is corrected by the distance that they would slide.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pipeline.types import Bools, Floats

SLOW = 0.5
"""A planted foot is slower than this, in leg lengths a second."""
LOW = 0.12
"""A planted foot is no higher than this above its lowest places, in leg lengths."""
MAX_SLIDE = 1.5
"""Sliding faster than this, in leg lengths a second, is a turn of the body, not a step."""
SOFT_S = 0.06
"""The standard deviation by which corrections of height are smoothed, s."""


def planted_feet(feet: Floats, leg: float, step_s: float) -> Bools:
    """(T, F): which feet are on the ground.

    Args:
        feet: (T, F, 3) where the ankles are, world with y up.
        leg: a leg's length in the same units.
        step_s: seconds from one frame to the next.
    """
    if len(feet) < 3 or not leg > 0:
        return np.zeros(feet.shape[:2], bool)
    speeds = np.linalg.norm(np.gradient(feet, axis=0), axis=2) / (leg * step_s)
    floor = np.percentile(feet[..., 1], 5, axis=0)
    on_ground: Bools = (speeds < SLOW) & (feet[..., 1] < floor + LOW * leg)
    return on_ground


def path_of_planted_feet(path: Floats, feet: Floats, on_ground: Bools, leg: float, times: Sequence[Fraction]) -> Floats:
    """The path (T, 2) of the root with which planted feet keep their place.

    Args:
        path: (T, 2) as the motion's, scaled.
        feet: (T, F, 2) the drawing's feet, relative to its root.
        on_ground: (T, F).
        leg: the drawing's leg, unit square's scale.
        times: of the frames.
    """
    if len(path) < 3 or not on_ground.any():
        return path
    step_s = float(times[1] - times[0])
    positions = feet + path[:, None]
    stays = on_ground[1:] & on_ground[:-1]
    # The weight passes gradually from foot to foot: one that has just come down, or is about to leave, counts less.
    weights = np.where(stays, _softened(stays.astype(np.float64), step_s), 0.0)
    slides = np.diff(positions[..., 0], axis=0)
    weights[np.abs(slides) > MAX_SLIDE * leg * step_s] = 0.0
    aside = np.concatenate([[0.0], np.cumsum((weights * slides).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0))])
    corrected = path.copy()
    corrected[:, 0] -= aside
    corrected[:, 1] -= _above_ground(positions[..., 1], on_ground, leg, step_s)
    return corrected


def _above_ground(heights: Floats, on_ground: Bools, leg: float, step_s: float) -> Floats:
    """(T,) height of the lowest planted foot above the ground that it stood on first; interpolated between contacts."""
    lowest = np.where(on_ground, heights, np.inf).min(axis=1)
    known = np.flatnonzero(np.isfinite(lowest))
    ground = float(np.median(lowest[known]))
    off = np.interp(np.arange(len(lowest)), known, np.clip(lowest[known] - ground, -0.2 * leg, 0.2 * leg))
    smooth = _softened(off, step_s)
    settled: Floats = smooth - smooth[0]
    return settled


def _softened(values: Floats, step_s: float) -> Floats:
    from scipy.ndimage import gaussian_filter1d  # slow to import, and feet are planted in few motions only

    soft: Floats = gaussian_filter1d(values, SOFT_S / step_s, axis=0, mode="nearest")
    return soft
