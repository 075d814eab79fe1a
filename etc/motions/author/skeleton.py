"""The skeleton that all our clips move, its forward kinematics and how it is written as a BVH file.

BVH world: centimeters, y up, the figure faces +z and its left is +x. At rest it stands with its arms stretched sideways.
Thigh and shin are equally long: a drawing takes over only the angles, so this is the proportion that keeps most feet on the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from curves import FRAMES_PER_SECOND
from numpy.typing import NDArray

Floats = NDArray[np.float64]

THIGH = SHIN = 42.0
ANKLE_HEIGHT = 8.0
HIP_DROP = 4.0
HIP_WIDTH = 9.0
HIPS_HEIGHT = HIP_DROP + THIGH + SHIN + ANKLE_HEIGHT


@dataclass(frozen=True)
class Joint:
    """A joint: its parent's name ("" for the root), its place from there at rest (cm), and where its bone ends if no joint follows."""

    name: str
    parent: str
    offset: tuple[float, float, float]
    end: tuple[float, float, float] | None = None


def _limbs(side: str, sign: float) -> tuple[tuple[Joint, ...], tuple[Joint, ...]]:
    arm = (
        Joint(f"{side}Shoulder", "Chest", (17 * sign, 20, 0)),
        Joint(f"{side}Elbow", f"{side}Shoulder", (27 * sign, 0, 0)),
        Joint(f"{side}Wrist", f"{side}Elbow", (25 * sign, 0, 0)),
        Joint(f"{side}HandTip", f"{side}Wrist", (12 * sign, 0, 0), end=(5 * sign, 0, 0)),
    )
    leg = (
        Joint(f"{side}Hip", "Hips", (HIP_WIDTH * sign, -HIP_DROP, 0)),
        Joint(f"{side}Knee", f"{side}Hip", (0, -THIGH, 0)),
        Joint(f"{side}Ankle", f"{side}Knee", (0, -SHIN, 0)),
        Joint(f"{side}Toe", f"{side}Ankle", (0, -5.5, 13), end=(0, 0, 6)),
    )
    return arm, leg


_LEFT_ARM, _LEFT_LEG = _limbs("Left", 1.0)
_RIGHT_ARM, _RIGHT_LEG = _limbs("Right", -1.0)
SKELETON = (
    Joint("Hips", "", (0, 0, 0)),
    Joint("Spine", "Hips", (0, 10, 0)),
    Joint("Chest", "Spine", (0, 15, 0)),
    Joint("Neck", "Chest", (0, 24, 0)),
    Joint("Head", "Neck", (0, 10, 0), end=(0, 16, 0)),
    *_LEFT_ARM,
    *_RIGHT_ARM,
    *_LEFT_LEG,
    *_RIGHT_LEG,
)
JOINT_NAMES = tuple(joint.name for joint in SKELETON)
PARENTS = tuple(JOINT_NAMES.index(joint.parent) if joint.parent else -1 for joint in SKELETON)


def joint_positions(hips: Floats, rotations: dict[str, Floats]) -> dict[str, Floats]:
    """Where the joints are: (N, 3) cm each, from the hips' path (N, 3) and the joints' rotations (N, 3, 3), both in BVH world."""
    positions = {"Hips": hips}
    for joint in SKELETON[1:]:
        positions[joint.name] = positions[joint.parent] + rotations[joint.parent] @ np.array(joint.offset, dtype=np.float64)
    return positions


def euler_angles(matrices: Floats, order: str) -> Floats:
    """Angles (N, 3), degrees, in channel order ("ZYX" or "XYZ": Y is the middle turn and stays small) of (N, 3, 3) rotations."""
    m = matrices
    if order == "ZYX":
        turns = np.arctan2(m[:, 1, 0], m[:, 0, 0]), np.arcsin(np.clip(-m[:, 2, 0], -1, 1)), np.arctan2(m[:, 2, 1], m[:, 2, 2])
    else:
        turns = np.arctan2(-m[:, 1, 2], m[:, 2, 2]), np.arcsin(np.clip(m[:, 0, 2], -1, 1)), np.arctan2(-m[:, 0, 1], m[:, 0, 0])
    return np.degrees(np.unwrap(np.stack(turns, axis=1), axis=0))


def bvh_text(hips: Floats, rotations: dict[str, Floats], order: str) -> str:
    """A whole BVH file; arguments as for `joint_positions`, `order` as for `euler_angles`."""
    columns = [hips]
    for joint, parent in zip(SKELETON, PARENTS, strict=True):
        local = rotations[joint.name]
        if parent >= 0:
            local = np.swapaxes(rotations[joint.parent], 1, 2) @ local
        columns.append(euler_angles(local, order))
    table = np.round(np.concatenate(columns, axis=1), 2) + 0.0  # + 0.0: no minus before a zero
    rows = [" ".join(f"{value:.2f}" for value in row) for row in table]
    head = ["HIERARCHY", *_joint_lines(0, 0, order), "MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / FRAMES_PER_SECOND:.7f}"]
    return "\n".join([*head, *rows, ""])


def _joint_lines(index: int, depth: int, order: str) -> list[str]:
    joint, pad, inner = SKELETON[index], "\t" * depth, "\t" * (depth + 1)
    moves = "6 Xposition Yposition Zposition" if depth == 0 else "3"
    turns = " ".join(f"{axis}rotation" for axis in order)
    lines = [
        f"{pad}{'JOINT' if depth else 'ROOT'} {joint.name}",
        f"{pad}{{",
        _offset(joint.offset, inner),
        f"{inner}CHANNELS {moves} {turns}",
    ]
    for child, parent in enumerate(PARENTS):
        if parent == index:
            lines += _joint_lines(child, depth + 1, order)
    if joint.end is not None:
        lines += [f"{inner}End Site", f"{inner}{{", _offset(joint.end, inner + "\t"), f"{inner}}}"]
    return [*lines, f"{pad}}}"]


def _offset(offset: tuple[float, float, float], pad: str) -> str:
    return pad + "OFFSET " + " ".join(f"{value:.2f}" for value in offset)
