"""Where a figure's limbs are and what they look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.bodies import LINES, BodyPlan
from drawings.figures.colors import Palette
from drawings.figures.limbs import FEET, HANDS, LimbStyle, way
from drawings.figures.marks import Points
from drawings.figures.poses import Pose
from drawings.figures.reaches import NARROWEST, reached, target
from drawings.figures.shapes import half_width, points, turned

RIGHT, LEFT = -1, 1
"""Sides of the page on which the figure's right and left limbs are: it faces us."""


@dataclass(frozen=True)
class Limbs:
    """The joints of one figure's limbs: `(2, 3, 2)` each, right then left, root to tip."""

    arms: Points
    legs: Points


THIN: dict[str, float] = {
    "stick": 1.0, "stick_body": 1.0, "stickman": 1.0, "snow_person": 0.7, "potato": 0.65, "vegetable": 0.6, "dress": 0.5, "big_head": 0.5,
    "monster": 0.25, "robot": 0.25,
}  # fmt: skip
"""How likely limbs are mere lines."""


def limb_style(rng: np.random.Generator, style: str, palette: Palette, *, arm: bool) -> LimbStyle:
    """How a figure of some style has its arms or legs drawn."""
    thin = rng.random() < THIN.get(style, 0.0)
    kind = "line" if thin else ("outline", "outline", "outline", "segments", "pipe")[rng.integers(5)]
    root = rng.uniform(0.018, 0.055) if arm else rng.uniform(0.022, 0.07)
    if style in ("thick", "block"):
        root *= 1.5
    if style in ("block", "gingerbread"):
        kind = "pipe" if style == "block" else "outline"
    ends = HANDS if arm else FEET
    covered = not thin and style not in ("gingerbread", "silhouette", "stickman") and rng.random() < 0.3
    return LimbStyle(
        kind=kind,
        curved=bool(rng.random() < (0.08 if style in ("robot", "block") else 0.3)),
        root=root,
        tip=root * (rng.uniform(0.35, 1.15) if style != "block" else 1.0),
        end=ends[rng.integers(len(ends))] if rng.random() > 0.2 else "none",
        size=rng.uniform(0.02, 0.055) if thin else np.clip(root * rng.uniform(0.8, 1.6), 0.02, 0.075),
        fill=palette.skin if arm else palette.bottom,
        end_fill=palette.skin if arm else palette.shoes,
        sleeve=rng.uniform(0.25, 0.8) if covered else 0.0,
        sleeve_fill=palette.top if arm else palette.bottom,
    )


def _limb_joints(roots: Points, angles: tuple[tuple[float, float], ...], lengths: Points) -> Points:
    """Root, middle and tip of the right and the left limb; `lengths (2, 2)` of their halves."""
    joints = np.zeros((2, 3, 2))
    for index, side in enumerate((RIGHT, LEFT)):
        middle = roots[index] + way(side, angles[index][0]) * lengths[index, 0]
        joints[index] = roots[index], middle, middle + way(side, angles[index][1]) * lengths[index, 1]
    return joints


def limbs_of(
    rng: np.random.Generator,
    plan: BodyPlan,
    pose: Pose,
    radii: tuple[float, float],
    lean: float,
    lengths: tuple[float, float] | None = None,
) -> Limbs:
    """The limbs of a body that hangs from (0, 0) and leans; `radii` of arms and legs at their roots, `lengths` of both, else any."""
    inset = max(0.0, 0.6 - radii[0] * 4) * radii[0]
    shoulder = max(half_width(plan.profile, plan.shoulders) - inset, 0.012)
    slope = rng.normal(0, 0.015)
    shoulders = points((-shoulder, plan.shoulders * plan.length + slope), (shoulder, plan.shoulders * plan.length - slope))
    across = half_width(plan.profile, plan.hips) * plan.stance
    hip = max(across, 0.004 if plan.kind in LINES else radii[1] * 0.9)
    hips = points((-hip, plan.hips * plan.length), (hip, plan.hips * plan.length))
    shoulders, hips = turned(shoulders, lean), turned(hips, lean)
    arm, leg = rng.uniform(0.22, 0.44), rng.uniform(0.2, 0.48)
    if rng.random() < 0.12:
        arm = rng.uniform(0.11, 0.6)
    if rng.random() < 0.12:
        leg = rng.uniform(0.1, 0.6)
    if lengths is not None:
        arm, leg = lengths
    if plan.kind == "gown":
        leg = rng.uniform(0.02, 0.06)
    if plan.skirt:
        leg += (1 - plan.hips) * plan.length
    halves = rng.uniform(0.44, 0.56, (2, 2))
    arms = _limb_joints(shoulders, pose.arms, np.column_stack([halves[0], 1 - halves[0]]) * arm * rng.normal(1, 0.06, (2, 1)))
    if half_width(plan.profile, 0.5) > NARROWEST:
        goals = [target(rng, plan, reach, side, lean) if reach else None for reach, side in zip(pose.reaches, (RIGHT, LEFT), strict=True)]
        pairs = zip(arms, goals, (RIGHT, LEFT), strict=True)
        arms = np.array([joints if goal is None else reached(joints, goal, side) for joints, goal, side in pairs])
    legs = _limb_joints(hips, pose.legs, np.column_stack([halves[1], 1 - halves[1]]) * leg * rng.normal(1, 0.04, (2, 1)))
    return Limbs(arms, legs)
