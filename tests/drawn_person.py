"""A drawn person whose arms touch the body: a trunk with two arms hanging at its sides, and two legs apart."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Character
from tests.sample_scene import rig

SIDE = 240
PAPER, INK, SKIN, SHIRT = (255, 255, 255), (10, 10, 10), (240, 200, 170), (60, 90, 200)


def person(*, arms: str = "at the side") -> Character:
    """A person of 240 px with arms "at the side" or "spread"."""
    at = {"root": (120, 145), "hip": (120, 145), "torso": (120, 90), "neck": (120, 50)}
    for side, sign in (("right", -1), ("left", 1)):
        arm = [(120 + sign * 36, 92), (120 + sign * 39, 120), (120 + sign * 40, 150)]
        if arms == "spread":
            arm = [(120 + sign * 30, 92), (120 + sign * 65, 92), (120 + sign * 100, 92)]
        leg = [(120 + sign * 18, 148), (120 + sign * 20, 180), (120 + sign * 21, 215)]
        at |= dict(zip((f"{side}_{joint}" for joint in ("shoulder", "elbow", "hand", "hip", "knee", "foot")), arm + leg, strict=True))
    rgb, mask = np.full((SIDE, SIDE, 3), PAPER, np.uint8), np.zeros((SIDE, SIDE), np.uint8)

    def limb(first: str, last: str, width: int) -> None:
        for canvas, value, thickness in ((rgb, INK, width + 4), (rgb, SKIN, width), (mask, 1, width + 4)):
            cv2.line(canvas, at[first], at[last], value, thickness)

    cv2.rectangle(rgb, (90, 80), (149, 149), SHIRT, -1)
    cv2.rectangle(mask, (90, 80), (149, 149), 1, -1)
    cv2.circle(rgb, (120, 55), 27, SKIN, -1)
    cv2.circle(mask, (120, 55), 27, 1, -1)
    for side in ("right", "left"):
        for first, last in (("shoulder", "elbow"), ("elbow", "hand"), ("hip", "knee"), ("knee", "foot")):
            limb(f"{side}_{first}", f"{side}_{last}", 12)
    parents = {"root": None, "hip": "root", "torso": "hip", "neck": "torso"}
    for side in ("right", "left"):
        chains = (("torso", "shoulder", "elbow", "hand"), ("root", "hip", "knee", "foot"))
        for trunk, *joints in chains:
            parents |= dict(zip((f"{side}_{j}" for j in joints), (trunk, *(f"{side}_{j}" for j in joints)), strict=False))
    rigged = {name: (*at[name], parent) for name, parent in parents.items()}
    rgba = np.dstack([rgb, np.full((SIDE, SIDE), 255, np.uint8)])
    return Character(rgba, mask.astype(np.bool_), rig(rigged, SIDE), name="person")
