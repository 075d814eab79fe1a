"""Arms that reach for something: a hip, a pocket, the chest, the chin, the other hand; elbows follow from the halves' lengths."""

from __future__ import annotations

import numpy as np

from drawings.figures.bodies import BodyPlan
from drawings.figures.marks import Points
from drawings.figures.shapes import half_width, turned

REACHES = ("hip", "hip", "pocket", "pocket", "chest", "chest", "belly", "belly", "chin", "ear", "back", "thigh")
RARE_REACHES = ("clasp", "nape", "across")
"""Both hands in one place before the body, or behind the head; an arm across the body to its other side."""
IN_FRONT = ("chest", "belly", "pocket", "thigh", "clasp", "across")
"""Reaches that are mostly drawn before the body."""
NARROWEST = 0.05
"""Half-width of a body, figure units, that hands can be laid on."""


def target(rng: np.random.Generator, plan: BodyPlan, reach: str, side: int, lean: float) -> Points:
    """Where a hand goes, in figure units; `side` -1 is the viewer's left."""

    def on_body(share: float, across: float) -> tuple[float, float]:
        return side * across * half_width(plan.profile, min(share, 1.0)), share * plan.length

    waist = plan.shoulders + (plan.hips - plan.shoulders) * rng.uniform(0.6, 1.0)
    places = {
        "hip": on_body(waist, rng.uniform(0.75, 1.1)),
        "pocket": on_body(plan.hips + rng.uniform(-0.08, 0.15), rng.uniform(0.6, 1.0)),
        "chest": on_body(plan.shoulders + (plan.hips - plan.shoulders) * rng.uniform(0.25, 0.5), rng.uniform(-0.8, 0.1)),
        "belly": on_body(plan.shoulders + (plan.hips - plan.shoulders) * rng.uniform(0.5, 0.95), rng.uniform(-0.3, 0.35)),
        "chin": (side * rng.uniform(0.0, 0.1), -rng.uniform(-0.02, 0.06)),
        "ear": (side * rng.uniform(0.1, 0.2), -rng.uniform(0.08, 0.25)),
        "back": on_body(waist, rng.uniform(-0.2, 0.6)),
        "clasp": on_body(waist, rng.uniform(-0.12, 0.12)),
        "nape": (side * rng.uniform(-0.01, 0.06), -rng.uniform(0.04, 0.16)),
        "across": on_body(plan.shoulders + (plan.hips - plan.shoulders) * rng.uniform(0.3, 0.9), rng.uniform(-1.05, -0.45)),
        "thigh": on_body(plan.hips + rng.uniform(0.1, 0.3), rng.uniform(0.3, 0.9)),
    }
    return turned(np.array([places[reach]]), lean)[0]


def reached(joints: Points, goal: Points, side: int) -> Points:
    """A limb `(3, 2)` whose tip is at `goal`, or as near as it can be; its middle joint is bent outwards."""
    root = joints[0]
    first, second = (float(np.hypot(*(joints[row + 1] - joints[row]))) for row in (0, 1))
    way = goal - root
    far = float(np.clip(np.hypot(*way), abs(first - second) + 1e-3, (first + second) * 0.995))
    along = way / max(float(np.hypot(*way)), 1e-9)
    share = (first**2 - second**2 + far**2) / (2 * far)
    height = np.sqrt(max(first**2 - share**2, 0.0))
    across = np.array([-along[1], along[0]])
    bends = [root + along * share + across * height * sign for sign in (-1, 1)]
    middle = max(bends, key=lambda bend: side * bend[0] + 0.3 * bend[1])
    return np.array([root, middle, root + along * far])
