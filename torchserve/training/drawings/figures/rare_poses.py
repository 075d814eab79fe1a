"""Rare poses: kneeling, sitting, jumping, splits, crossed legs; clasped hands, arms beside the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drawings.figures.poses import Angles, Pose, sampled_pose

ARMS = ("clasp", "clasp", "nape", "across", "overhead", "forwards", "")
LEGS = ("crossed", "kneel", "sit side", "knees up", "legs ahead", "sit front", "drawn up", "leap", "splits", "")
OVER_HEM = ("crossed", "")
"""What legs may do in a skirt, which hides raised thighs: their hips would be at the hem, next to the knees."""


def _both(rng: np.random.Generator, angles: Angles, spread: float = 5.0) -> tuple[Angles, Angles]:
    """Of both limbs alike, mirrored."""
    upper, lower = np.asarray(angles) + rng.normal(0, spread, 2)
    return angles, (float(upper), float(lower))


def _same_way(rng: np.random.Generator, aim: float, angles: Angles, spread: float = 6.0) -> tuple[Angles, Angles]:
    """Of both limbs to one side of the page: -1 is the viewer's left, and the figure's right limb's outwards."""
    first, second = (np.asarray(angles) + rng.normal(0, spread, 2) for _ in range(2))
    return (float(-aim * first[0]), float(-aim * first[1])), (float(aim * second[0]), float(aim * second[1]))


def _apart(first: Angles, second: Angles) -> tuple[Angles, Angles]:
    """Two legs, given in angles towards the viewer's right: the one that reaches farther to the viewer's left is the figure's right."""
    right, left = sorted((first, second), key=lambda angles: float(np.sin(np.radians(angles)).sum()))
    return (-right[0], -right[1]), left


def _arm_angles(rng: np.random.Generator, kind: str, aim: float) -> tuple[Angles, Angles]:
    if kind == "overhead":
        upper = rng.uniform(156, 178)
        return _both(rng, (upper, upper + rng.uniform(-6, 14)), 3.0)
    reach = rng.uniform(65, 100)
    return _same_way(rng, aim, (reach, reach + rng.uniform(-8, 20)))


def _leg_angles(rng: np.random.Generator, kind: str, aim: float) -> tuple[Angles, Angles]:
    draw = rng.uniform
    reach = draw(70, 92)
    if kind in ("kneel", "leap"):
        ahead, behind = {
            "kneel": ((draw(65, 100), draw(-10, 12)), (draw(-12, 15), -draw(60, 100))),
            "leap": ((draw(45, 95), draw(20, 95)), (-draw(35, 75), -draw(40, 120))),
        }[kind]
        return _apart((aim * ahead[0], aim * ahead[1]), (aim * behind[0], aim * behind[1]))
    one_way = {
        "sit side": (draw(65, 95), draw(-15, 25)),
        "knees up": (draw(110, 145), draw(20, 45)),
        "legs ahead": (reach, reach + draw(-8, 6)),
    }
    if kind in one_way:
        return _same_way(rng, aim, one_way[kind], 4.0)
    mirrored = {
        "crossed": (draw(-6, 3), draw(-34, -18)),
        "sit front": (draw(75, 130), draw(-15, 12)),
        "drawn up": (draw(45, 95), draw(-65, -20)),
        "splits": (reach, reach + draw(-8, 5)),
    }
    return _both(rng, mirrored[kind], 2.5)


def rare_pose(rng: np.random.Generator, *, grown_up: bool, from_side: bool, hidden: bool, narrow: bool) -> Pose:
    """A pose of which arms, legs or both are of the rarer kinds. Legs are raised only where the body would not leave them `hidden`: not in
    skirts, nor below heads on legs, which have no nape, either. Legs of a body that is `narrow` at the hips are never crossed: one could
    not tell which is which.
    """
    pose = sampled_pose(rng, grown_up=grown_up, from_side=from_side)
    arms, legs = ARMS[rng.integers(len(ARMS))], LEGS[rng.integers(len(LEGS))]
    if hidden and arms == "nape":
        arms = "overhead"
    if (hidden and legs not in OVER_HEM) or (narrow and legs == "crossed"):
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
