"""A first frame that is a pose for calibration, before the motion begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.motion.humanoid.body_map import BodyMap
from pipeline.types import Floats

MIN_JUMP_DEG = 8.0
TIMES_USUAL = 5.0
STRAIGHT_DEG = 20.0


def is_posed_before_the_motion(positions: Floats, names: Sequence[str], body: BodyMap) -> bool:
    """Whether the first frame is a T-, A- or I-pose that the second one does not continue.

    The arms are straight and alike, and the bones turn by far more from the first frame to the second than later ones do.
    """
    index_of = {name: index for index, name in enumerate(names)}
    limbs = (body.left_arm, body.right_arm, body.left_leg, body.right_leg)
    bones = [(index_of[limb.start], index_of[limb.middle]) for limb in limbs] + [
        (index_of[limb.middle], index_of[limb.end]) for limb in limbs
    ]
    first, last = [a for a, _ in bones], [b for _, b in bones]
    directions = positions[:40, last] - positions[:40, first]
    lengths = np.linalg.norm(directions, axis=2, keepdims=True)
    directions = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    turns = np.degrees(np.arccos(np.clip((directions[1:] * directions[:-1]).sum(axis=2), -1.0, 1.0))).mean(axis=1)
    usual = float(turns[1:].max())
    if turns[0] < max(MIN_JUMP_DEG, TIMES_USUAL * usual):
        return False
    bends = np.degrees(np.arccos(np.clip((directions[0, :4] * directions[0, 4:]).sum(axis=1), -1.0, 1.0)))
    return bool((bends < STRAIGHT_DEG).all())
