"""Loops: finds the frames of a clip that can be played as a loop, and closes it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pipeline.types import Floats

SHORTEST_S = 0.6
MIN_SHARE = 0.4
"""A loop is at least this share of the clip, where the clip is longer than a few steps."""
LONGEST_SHARE_S = 4.0
BLEND_S = 0.3
MAX_CANDIDATES = 240
CLOSED_STEPS = 2.0
"""A path whose ends are at most this many of its longest steps apart ends where it began."""


def closed_loop(positions: Floats, frame_time: Fraction) -> tuple[Floats, str]:
    """The frames (T', K, 3) of a loop, whose ends are blended into each other, and a note that says which frames they are.

    Poses are compared relative to the root, with their speeds. The path of the root is kept: only its height is closed.
    """
    count = len(positions)
    body = positions - positions[:, :1]
    body[:, 0, 1] = positions[:, 0, 1]
    min_frames = max(2, round(SHORTEST_S / float(frame_time)))
    min_frames = max(min_frames, min(round(MIN_SHARE * count), round(LONGEST_SHARE_S / float(frame_time))))
    if count <= min_frames + 1:
        return positions, "the clip is too short to look for a loop: it is played as it is, again and again"
    start, stop = _best_ends(body, min_frames)
    kept = positions[start:stop].copy()
    gap = body[start] - body[stop]  # frame `stop` is where frame `start` comes again
    blend = min(len(kept), max(1, round(BLEND_S / float(frame_time))))
    weight = (np.arange(1, blend + 1) / (blend + 1))[:, None, None]
    weight = weight * weight * (3 - 2 * weight)
    root_gap = np.array([0.0, gap[0, 1], 0.0])
    kept[-blend:] += weight * (np.concatenate([np.zeros((1, 3)), gap[1:]]) + root_gap)
    seconds = (float(start * frame_time), float(stop * frame_time))
    return kept, f"a loop is found from {seconds[0]:.2f} s to {seconds[1]:.2f} s"


def gain_of_round(path: Floats) -> Floats:
    """How much further a path (T, D) leads in each round of its loop, (D,): 0 in height, which is its second axis.

    It is 0 for a path that ends where it began.
    """
    level = path * (np.arange(path.shape[1]) != 1)
    steps = np.diff(level, axis=0)
    gap = level[-1] - level[0]
    longest = float(np.linalg.norm(steps, axis=1).max(initial=0.0))
    return np.zeros(path.shape[1]) if np.linalg.norm(gap) <= CLOSED_STEPS * longest else np.asarray(gap + steps[-1])


def _best_ends(body: Floats, min_frames: int) -> tuple[int, int]:
    """The frames (start, stop) whose poses and speeds are nearest, at least `min_frames` apart."""
    count = len(body)
    step = max(1, count // MAX_CANDIDATES)
    speeds = np.gradient(body, axis=0) * min(8, count)
    features = np.concatenate([body.reshape(count, -1), speeds.reshape(count, -1)], axis=1)[::step]
    squares = (features**2).sum(axis=1)
    apart = squares[:, None] + squares[None] - 2 * features @ features.T
    frames = np.arange(len(features)) * step
    spans = frames[None] - frames[:, None]
    apart = np.where(spans >= min_frames, apart, np.inf)
    # A longer loop shows more: among equally good ones the longest is taken.
    apart = apart + 1e-3 * np.median(squares) * (1 - spans / count)
    start, stop = np.unravel_index(int(np.argmin(apart)), apart.shape)
    return int(frames[start]), int(frames[stop])
