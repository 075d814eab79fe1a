"""Whether a body is an animal's: four legs under a level trunk."""

from __future__ import annotations

import numpy as np

from pipeline.motion.humanoid.unit_vectors import unit_vectors
from pipeline.types import Floats

MAX_TRUNK_COSINE, MIN_LIMB_COSINE, MIN_FRAME_SHARE = 0.6, 0.6, 0.8
"""Cosines between limbs and trunk, and between front and hind limbs; and the share of frames in which they hold."""


def stands_on_four(trunk: Floats, legs: Floats, arms: Floats) -> bool:
    """Whether both pairs of limbs point the same way, across the trunk, in most frames.

    Args:
        trunk: (S, 3) from the hips to the neck; legs, arms: (S, 3) the sum of both sides' vectors from their first joint to their last.
    """
    trunk, legs, arms = unit_vectors(trunk), unit_vectors(legs), unit_vectors(arms)
    across = (np.abs((trunk * legs).sum(axis=1)) < MAX_TRUNK_COSINE) & (np.abs((trunk * arms).sum(axis=1)) < MAX_TRUNK_COSINE)
    return bool(np.mean(across & ((legs * arms).sum(axis=1) > MIN_LIMB_COSINE)) >= MIN_FRAME_SHARE)
