"""Rare poses: kneeling, sitting, jumping, splits, crossed legs; clasped hands, arms beside the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drawings.figures.poses import Angles, Pose, sampled_pose

ARM_POSES = ("clasp", "clasp", "nape", "across", "overhead", "forwards", "")
LEG_POSES = ("crossed", "kneel", "sit side", "knees up", "legs ahead", "sit front", "drawn up", "leap", "splits", "")
"""Each as often as it is listed; "" leaves the limbs as they were sampled."""
LEGS_IN_SKIRTS = ("crossed", "")
"""A skirt hides raised thighs: their hips would be at the hem, next to the knees."""


def _mirrored_pair(rng: np.random.Generator, angles: Angles, spread: float = 5.0) -> tuple[Angles, Angles]:
    """Both limbs alike, the left one mirrored and a little different."""
    upper, lower = np.asarray(angles) + rng.normal(0, spread, 2)
    return angles, (float(upper), float(lower))


def _pair_to_one_side(rng: np.random.Generator, aim: float, angles: Angles, spread: float = 6.0) -> tuple[Angles, Angles]:
    """Both limbs to one side of the page: aim -1 is the viewer's left, which is outwards for the figure's right limb."""
    first, second = (np.asarray(angles) + rng.normal(0, spread, 2) for _ in range(2))
    return (float(-aim * first[0]), float(-aim * first[1])), (float(aim * second[0]), float(aim * second[1]))


def _pair_by_side(first: Angles, second: Angles) -> tuple[Angles, Angles]:
    """Two legs, given in angles towards the viewer's right: the one that reaches farther to the viewer's left is the figure's right."""
    right, left = sorted((first, second), key=lambda angles: float(np.sin(np.radians(angles)).sum()))
    return (-right[0], -right[1]), left


def _arm_angles(rng: np.random.Generator, kind: str, aim: float) -> tuple[Angles, Angles]:
    if kind == "overhead":
        upper = rng.uniform(156, 178)
        return _mirrored_pair(rng, (upper, upper + rng.uniform(-6, 14)), 3.0)
    reach = rng.uniform(65, 100)
    return _pair_to_one_side(rng, aim, (reach, reach + rng.uniform(-8, 20)))


def _leg_angles(rng: np.random.Generator, kind: str, aim: float) -> tuple[Angles, Angles]:
    uniform = rng.uniform
    reach = uniform(70, 92)
    if kind in ("kneel", "leap"):
        ahead, behind = {
            "kneel": ((uniform(65, 100), uniform(-10, 12)), (uniform(-12, 15), -uniform(60, 100))),
            "leap": ((uniform(45, 95), uniform(20, 95)), (-uniform(35, 75), -uniform(40, 120))),
        }[kind]
        return _pair_by_side((aim * ahead[0], aim * ahead[1]), (aim * behind[0], aim * behind[1]))
    one_way = {
        "sit side": (uniform(65, 95), uniform(-15, 25)),
        "knees up": (uniform(110, 145), uniform(20, 45)),
        "legs ahead": (reach, reach + uniform(-8, 6)),
    }
    if kind in one_way:
        return _pair_to_one_side(rng, aim, one_way[kind], 4.0)
    mirrored = {
        "crossed": (uniform(-6, 3), uniform(-34, -18)),
        "sit front": (uniform(75, 130), uniform(-15, 12)),
        "drawn up": (uniform(45, 95), uniform(-65, -20)),
        "splits": (reach, reach + uniform(-8, 5)),
    }
    return _mirrored_pair(rng, mirrored[kind], 2.5)


def rare_pose(rng: np.random.Generator, *, grown_up: bool, from_side: bool, hidden_thighs: bool, narrow_hips: bool) -> Pose:
    """A pose whose arms, legs or both are rare. Where the body leaves `hidden_thighs`, as a skirt or a head on legs does, legs are not
    raised, and hands are not behind the neck, which heads on legs lack. With `narrow_hips` legs are not crossed: one could not tell which
    is which.
    """
    pose = sampled_pose(rng, grown_up=grown_up, from_side=from_side)
    arms, legs = ARM_POSES[rng.integers(len(ARM_POSES))], LEG_POSES[rng.integers(len(LEG_POSES))]
    if hidden_thighs and arms == "nape":
        arms = "overhead"
    if (hidden_thighs and legs not in LEGS_IN_SKIRTS) or (narrow_hips and legs == "crossed"):
        legs = ""
    if not (arms or legs):
        return pose
    aim = float(rng.choice([-1.0, 1.0]))
    arm_name, leg_name = pose.name.split("/")
    if arms in ("clasp", "nape"):
        pose = replace(pose, reaches=(arms, arms))
    elif arms == "across":
        pose = replace(pose, reaches=(arms, "") if rng.random() < 0.5 else ("", arms))
    elif arms:
        pose = replace(pose, arms=_arm_angles(rng, arms, aim), reaches=("", ""))
    if legs:
        pose = replace(pose, legs=_leg_angles(rng, legs, aim))
    return replace(pose, name=f"{arms or arm_name}/{legs or leg_name}", has_legs_exchanged=pose.has_legs_exchanged and not (arms or legs))
