"""A small scene for tests, with an exactly known character and motion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import cv2
import numpy as np

from pipeline.types import (
    Actor,
    Character,
    DrawGroup,
    Motion,
    ProjectionGroup,
    ProjectionMethod,
    RetargetConfig,
    Rig,
    RootOffset,
    Scene,
    View,
)

SIDE = 120

JOINTS_PX = {
    "root": (60, 70, None),
    "hip": (60, 70, "root"),
    "torso": (60, 42, "hip"),
    "neck": (60, 22, "torso"),
    "right_shoulder": (48, 42, "torso"),
    "right_elbow": (32, 42, "right_shoulder"),
    "right_hand": (14, 42, "right_elbow"),
    "left_shoulder": (72, 42, "torso"),
    "left_elbow": (88, 42, "left_shoulder"),
    "left_hand": (106, 42, "left_elbow"),
    "right_hip": (52, 70, "root"),
    "right_knee": (46, 90, "right_hip"),
    "right_foot": (42, 110, "right_knee"),
    "left_hip": (68, 70, "root"),
    "left_knee": (74, 90, "left_hip"),
    "left_foot": (78, 110, "left_knee"),
}


def rig(joints: dict[str, tuple[int, int, str | None]] = JOINTS_PX, side: int = SIDE) -> Rig:
    names = tuple(joints)
    parents = np.array([-1 if parent is None else names.index(parent) for _, _, parent in joints.values()], np.int32)
    return Rig(names, parents, np.array([(x / side, 1 - y / side) for x, y, _ in joints.values()]))


def character(*, color: tuple[int, int, int] = (200, 60, 40)) -> Character:
    """A thick cross-shaped person, one color on white paper."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for name, (x, y, parent) in JOINTS_PX.items():
        if parent is not None:
            cv2.line(mask, JOINTS_PX[parent][:2], (x, y), 1, thickness=18 if name in {"hip", "torso", "neck"} else 10)
    cv2.circle(mask, (60, 20), 15, 1, -1)
    rgba = np.full((SIDE, SIDE, 4), 255, np.uint8)
    rgba[mask > 0, :3] = color
    return Character(rgba, mask.astype(bool), rig(), name="cross")


MOTION_JOINTS = {
    "Hips": (0.0, 90.0, 0.0, None),
    "Neck": (0.0, 150.0, 0.0, "Hips"),
    "LeftShoulder": (15.0, 140.0, 0.0, "Hips"),
    "LeftElbow": (45.0, 140.0, 0.0, "LeftShoulder"),
    "LeftWrist": (75.0, 140.0, 0.0, "LeftElbow"),
    "RightShoulder": (-15.0, 140.0, 0.0, "Hips"),
    "RightElbow": (-45.0, 140.0, 0.0, "RightShoulder"),
    "RightWrist": (-75.0, 140.0, 0.0, "RightElbow"),
    "LeftHip": (10.0, 90.0, 0.0, "Hips"),
    "LeftKnee": (10.0, 50.0, 0.0, "LeftHip"),
    "LeftAnkle": (10.0, 5.0, 0.0, "LeftKnee"),
    "RightHip": (-10.0, 90.0, 0.0, "Hips"),
    "RightKnee": (-10.0, 50.0, 0.0, "RightHip"),
    "RightAnkle": (-10.0, 5.0, 0.0, "RightKnee"),
}


def motion(frames: int = 12, *, rate: int = 30, loops: bool = False, step_cm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Motion:
    """A doll that faces +Z and lifts its left forearm, straight at frame 0; it moves by `step_cm` each frame."""
    names = tuple(MOTION_JOINTS)
    parents = np.array([-1 if p is None else names.index(p) for *_, p in MOTION_JOINTS.values()], np.int32)
    rest = np.array([xyz[:3] for xyz in MOTION_JOINTS.values()])
    positions = np.repeat(rest[None], frames, axis=0)
    angle = np.linspace(0.0, np.pi / 2, frames)
    positions[:, names.index("LeftWrist")] = rest[names.index("LeftElbow")] + 30.0 * np.stack(
        [np.cos(angle), np.sin(angle), np.zeros(frames)], axis=1
    )
    positions += np.arange(frames)[:, None, None] * np.array(step_cm)
    pairs = (("LeftShoulder", "RightShoulder"), ("LeftHip", "RightHip"))
    return Motion("lift", names, parents, positions, Fraction(1, rate), "LeftAnkle", pairs, 0.01, loops)


def retarget_config() -> RetargetConfig:
    sides = [("left", "Left"), ("right", "Right")]
    mapping = {"torso": ("Hips", "Neck"), "neck": ("Hips", "Neck")}
    for own, theirs in sides:
        mapping |= {
            f"{own}_elbow": (f"{theirs}Shoulder", f"{theirs}Elbow"),
            f"{own}_hand": (f"{theirs}Elbow", f"{theirs}Wrist"),
            f"{own}_knee": (f"{theirs}Hip", f"{theirs}Knee"),
            f"{own}_foot": (f"{theirs}Knee", f"{theirs}Ankle"),
        }
    trunk = ("right_shoulder", "left_shoulder", "right_hip", "left_hip", "hip", "torso", "neck")
    return RetargetConfig(
        name="test",
        starting_location=(0.0, 0.0, -0.5),
        projection_groups=(ProjectionGroup("all", tuple(MOTION_JOINTS), ProjectionMethod.FRONTAL),),
        draw_groups=(
            DrawGroup(("Hips",), trunk),
            DrawGroup(("LeftWrist",), ("left_elbow", "left_hand")),
            DrawGroup(("RightWrist",), ("right_elbow", "right_hand")),
            DrawGroup(("LeftAnkle",), ("left_knee", "left_foot")),
            DrawGroup(("RightAnkle",), ("right_knee", "right_foot")),
        ),
        root_offset=RootOffset((("LeftAnkle", "LeftKnee", "LeftHip"),), (("left_foot", "left_knee", "left_hip"),), "all"),
        mapping=mapping,
    )


def scene(*, frames: int = 12, view: View | None = None) -> Scene:
    return Scene((Actor(character(), motion(frames), retarget_config()),), view or View(64, 64))


class NoStopwatch:
    """Measures nothing."""

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:  # noqa: ARG002 - the port's signature
        yield
