"""Random humanoid skeletons: proportions, collar bones, twist bones, fingers, faces, hair, tails, props, roots, worlds and movements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

FRAMES = 24
UPWARDS = {"+y": [0, 1, 2], "+z": [2, 0, 1], "+x": [1, 2, 0]}


@dataclass
class RandomBody:
    """A skeleton whose joints are only numbered, and where its limbs are.

    Attributes:
        limbs: "left arm" and so on -> the numbers of shoulder, elbow, wrist or hip, knee, ankle.
    """

    parents: list[int] = field(default_factory=list)
    offsets: list[tuple[float, float, float]] = field(default_factory=list)
    limbs: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    still: set[int] = field(default_factory=set)
    up: str = "+y"

    @property
    def names(self) -> list[str]:
        return [f"J{index}" for index in range(len(self.parents))]

    def add(self, parent: int, *offset: float) -> int:
        self.parents.append(parent)
        self.offsets.append((offset[0], offset[1], offset[2]))
        return len(self.parents) - 1

    def chain(self, parent: int, *offsets: tuple[float, float, float]) -> int:
        for offset in offsets:
            parent = self.add(parent, *offset)
        return parent


def random_body(random: np.random.Generator) -> tuple[RandomBody, np.ndarray]:
    """A body and its joints' places (T, K, 3)."""
    body = RandomBody()
    leg = random.uniform(60, 95)
    arm, trunk = leg * random.uniform(0.5, 0.85), leg * random.uniform(0.45, 0.8)
    root = body.add(-1, 0, 0, 0) if random.random() < 0.3 else -1
    body.still = {0} if root == 0 else set()
    waist = hips = body.add(root, 0, leg + 10, 0)
    if random.random() < 0.25:
        hips = body.add(waist, 0, -random.uniform(3, 10), 0)
    spine = int(random.integers(1, 5))
    step = trunk / (spine + 1)
    chest = body.chain(waist, *[(0.0, step, float(random.normal())) for _ in range(spine)])
    neck = body.add(chest, 0, step, 0)
    head = body.add(body.chain(neck, *[(0.0, 4.0, 1.0)] * int(random.integers(0, 2))), 0, random.uniform(5, 10), 1)
    _face(body, head, random)
    _arms(body, chest if random.random() < 0.7 else neck, neck, step, leg, arm, random)
    _legs(body, hips, leg, random)
    if random.random() < 0.15:
        body.chain(hips, *[(0.0, 0.0, -10.0)] * 4)
    body.up = str(random.choice(list(UPWARDS)))
    return body, _moving(body, random)[..., UPWARDS[body.up]]


def _face(body: RandomBody, head: int, random: np.random.Generator) -> None:
    if random.random() < 0.7:
        body.add(head, 0, random.uniform(10, 30), 0)
    if random.random() < 0.4:
        body.add(head, 3, 6, 8)
        body.add(head, -3, 6, 8)
        body.chain(head, (0, -2, 5), (0, -3, 6))


def _arms(  # noqa: PLR0917 - lengths
    body: RandomBody, anchor: int, neck: int, step: float, leg: float, arm: float, random: np.random.Generator
) -> None:
    fingers, has_collar, has_twist = int(random.integers(0, 6)), random.random() < 0.7, random.random() < 0.15
    height = -2.0 if anchor == neck else step * 0.7
    for side, sign in (("left", 1), ("right", -1)):
        upper, lower = arm * 0.53 * random.uniform(0.99, 1.01), arm * 0.47
        parent = body.add(anchor, sign * 2, height, 1) if has_collar else anchor
        shoulder = body.add(parent, sign * leg * 0.2, 0 if has_collar else height, 0)
        if has_twist:
            body.add(shoulder, sign * upper / 2, 0, 0)
        elbow = body.add(shoulder, sign * upper, 0, 0)
        wrist = body.add(elbow, sign * lower, 0, 0)
        for finger in range(fingers):
            body.chain(wrist, (sign * arm * 0.12, 0, (finger - 2) * 2), (sign * arm * 0.05, 0, 0), (sign * arm * 0.05, 0, 0))
        if random.random() < 0.1:
            body.add(wrist, 0, 60, 0)  # a sword
        body.limbs[f"{side} arm"] = (shoulder, elbow, wrist)


def _legs(body: RandomBody, hips: int, leg: float, random: np.random.Generator) -> None:
    has_hip_bone, has_twist = random.random() < 0.2, random.random() < 0.2
    for side, sign in (("left", 1), ("right", -1)):
        parent = body.add(hips, sign * leg * 0.05, 0, 0) if has_hip_bone else hips
        hip = body.add(parent, sign * leg * (0.06 if has_hip_bone else 0.11), -3, 0)
        if has_twist:
            body.add(hip, 0, -leg * 0.25, 0)
        knee = body.add(hip, 0, -leg * 0.51, 0)
        ankle = body.add(knee, 0, -leg * 0.49, 0)
        body.chain(ankle, (0, -6, leg * 0.14), *([(0, 0, leg * 0.08)] if random.random() < 0.6 else []))
        body.limbs[f"{side} leg"] = (hip, knee, ankle)


def _moving(body: RandomBody, random: np.random.Generator) -> np.ndarray:
    """Places (T, K, 3), y up: the body turns anywhere, walks ahead, its limbs swing within what joints allow."""
    amount, walk, is_t_pose = random.uniform(0.1, 1.0), random.uniform(0, 3), random.random() < 0.3
    ahead = Rotation.from_euler("y", random.uniform(0, 360), degrees=True)
    phases = random.uniform(0, 6, (len(body.parents), 3))
    roles: dict[Any, tuple[str, int]] = {}
    for name, (start, middle, _) in body.limbs.items():
        sign = 1 if name.startswith("left") else -1
        roles |= {start: (name[-3:], sign), middle: ("elbow" if name.endswith("arm") else "knee", sign)}
    places = np.zeros((FRAMES, len(body.parents), 3))
    spaces: list[Rotation] = []
    swing = np.sin(4 * np.pi * np.arange(FRAMES)[:, None, None] / FRAMES + phases)
    way = ahead.apply([0, 0, walk]) * np.arange(FRAMES)[:, None]
    for joint, (parent, offset) in enumerate(zip(body.parents, body.offsets, strict=True)):
        turns = _turns(roles.get(joint, ("", 1)), swing[:, joint], amount, is_t_pose=is_t_pose)
        is_body = parent < 0 or parent in body.still
        if joint in body.still:
            spaces.append(Rotation.identity(FRAMES))
            continue
        own = Rotation.concatenate([ahead] * FRAMES) if is_body else turns
        spaces.append(own if parent < 0 else spaces[parent] * own)
        base = way if is_body else places[:, parent]
        places[:, joint] = base + (np.array(offset) if parent < 0 else spaces[parent].apply(offset))
    return places


def _turns(role: tuple[str, int], swing: np.ndarray, amount: float, *, is_t_pose: bool) -> Rotation:
    kind, sign = role
    still = np.zeros(FRAMES)
    match kind:
        case "arm":
            rest = 0.0 if is_t_pose else -70.0 * sign
            return Rotation.from_euler(
                "zyx", np.stack([rest + 40 * amount * swing[:, 0], 30 * amount * swing[:, 1], still], axis=1), degrees=True
            )
        case "elbow":
            return Rotation.from_euler(
                "zyx", np.stack([still, -sign * (10 + 50 * amount * (1 + swing[:, 0])), still], axis=1), degrees=True
            )
        case "leg":
            return Rotation.from_euler("zyx", np.stack([still, still, -25 * amount * (swing[:, 0] + 0.5)], axis=1), degrees=True)
        case "knee":
            return Rotation.from_euler("zyx", np.stack([still, still, 25 * amount * (1 + swing[:, 0])], axis=1), degrees=True)
    return Rotation.from_euler("xyz", 6 * amount * swing, degrees=True)
