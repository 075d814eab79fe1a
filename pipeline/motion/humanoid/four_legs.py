"""Whether a body is an animal's: four legs under a level trunk."""

from __future__ import annotations

import numpy as np

from pipeline.types import Floats

MOST_ALONG, LEAST_ALIKE, MOST_FRAMES = 0.6, 0.6, 0.8
"""Cosines between limbs and trunk, and between front and hind limbs; and the share of frames in which they hold."""


def stands_on_four(trunk: Floats, legs: Floats, arms: Floats) -> bool:
    """Whether both pairs of limbs point the same way, across the trunk, in most frames.

    Args:
        trunk: (S, 3) from the hips to the neck; legs, arms: (S, 3) the sum of both sides' vectors from their first joint to their last.
    """
    trunk, legs, arms = _units(trunk), _units(legs), _units(arms)
    across = (np.abs((trunk * legs).sum(axis=1)) < MOST_ALONG) & (np.abs((trunk * arms).sum(axis=1)) < MOST_ALONG)
    return bool(np.mean(across & ((legs * arms).sum(axis=1) > LEAST_ALIKE)) >= MOST_FRAMES)


def _units(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units
