"""Which keypoint is which in the layouts of pose estimators, and the body that they make: COCO-17, BODY_25, MediaPipe's 33."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.motion.humanoid.body_map import BodyMap, LimbMap
from pipeline.motion.up_axis import UpAxis
from pipeline.types import Floats, Ints

POINTS = (
    "nose",
    *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")),
)


@dataclass(frozen=True)
class PointLayout:
    """A layout: how many points it has, and where each of `POINTS` is among them."""

    name: str
    count: int
    indices: Mapping[str, int]


def _paired(*lefts: int, step: int = 1) -> dict[str, int]:
    """Indices of shoulder, elbow, wrist, hip, knee, ankle by those of the left ones; the right ones are `step` further."""
    parts = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    return {
        f"{side}_{part}": index + shift for part, index in zip(parts, lefts, strict=True) for side, shift in (("left", 0), ("right", step))
    }


LAYOUTS = (
    PointLayout("COCO-17", 17, {"nose": 0, **_paired(5, 7, 9, 11, 13, 15)}),
    PointLayout("BODY_25", 25, {"nose": 0, **_paired(5, 6, 7, 12, 13, 14, step=-3)}),
    PointLayout("MediaPipe's 33", 33, {"nose": 0, **_paired(11, 13, 15, 23, 25, 27)}),
    PointLayout("COCO-18", 18, {"nose": 0, **_paired(5, 6, 7, 11, 12, 13, step=-3)}),
    PointLayout("Halpe-26", 26, {"nose": 0, **_paired(5, 7, 9, 11, 13, 15)}),
    PointLayout("COCO-WholeBody", 133, {"nose": 0, **_paired(5, 7, 9, 11, 13, 15)}),
    PointLayout("Halpe-136", 136, {"nose": 0, **_paired(5, 7, 9, 11, 13, 15)}),
)

JOINTS = ("hips", "neck", *POINTS)
PARENTS = {
    "hips": "",
    "neck": "hips",
    "nose": "neck",
    **{f"{side}_{part}": parent for side in ("left", "right") for part, parent in (("shoulder", "neck"), ("hip", "hips"))},
    **{f"{side}_{part}": f"{side}_{parent}" for side in ("left", "right") for part, parent in (("elbow", "shoulder"), ("wrist", "elbow"))},
    **{f"{side}_{part}": f"{side}_{parent}" for side in ("left", "right") for part, parent in (("knee", "hip"), ("ankle", "knee"))},
}


def layout_of(count: int) -> PointLayout | None:
    """The layout with `count` points, or None."""
    return next((layout for layout in LAYOUTS if layout.count == count), None)


def joints_from_points(points: Mapping[str, Floats]) -> tuple[Floats, Ints]:
    """(T, K, 3) positions of `JOINTS` and their parents, from (T, 3) positions of `POINTS`; hips and neck are mid-pair."""
    positions = {
        "hips": (points["left_hip"] + points["right_hip"]) / 2,
        "neck": (points["left_shoulder"] + points["right_shoulder"]) / 2,
        **points,
    }
    parents = [JOINTS.index(PARENTS[joint]) if PARENTS[joint] else -1 for joint in JOINTS]
    return np.stack([positions[joint] for joint in JOINTS], axis=1), np.array(parents, dtype=np.int32)


def points_body(layout: str, up: UpAxis) -> BodyMap:
    """The map of the body of `JOINTS`."""

    def limb(side: str, *parts: str) -> LimbMap:
        return LimbMap(*(f"{side}_{part}" for part in parts))

    return BodyMap(
        hips="hips",
        trunk=("hips", "neck"),
        neck="neck",
        head="nose",
        left_arm=limb("left", "shoulder", "elbow", "wrist"),
        right_arm=limb("right", "shoulder", "elbow", "wrist"),
        left_leg=limb("left", "hip", "knee", "ankle"),
        right_leg=limb("right", "hip", "knee", "ankle"),
        up=up,
        confidence=1.0,
        reasons=(f"keypoints of {layout}, whose order is fixed",),
    )
