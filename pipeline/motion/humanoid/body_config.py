"""A body map as a retarget configuration: what the shipped configurations say, for joints of any names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.motion.humanoid.body_map import BodyMap, LimbMap
from pipeline.motion.humanoid.orientation import up_axis_of
from pipeline.motion.up_axis import UpAxis
from pipeline.types import AboveCheck, DrawGroup, Floats, ProjectionGroup, ProjectionMethod, RetargetConfig, RootOffset

STARTING_LOCATION = (0.0, 0.0, -0.5)
_TRUNK = ("right_shoulder", "left_shoulder", "right_hip", "left_hip", "hip", "torso", "neck")


def body_config(body: BodyMap, name: str, *, is_flat: bool = False) -> RetargetConfig:
    """The retarget configuration of a body for a drawn humanoid that is seen from the front.

    Arms and legs are each seen from the front or from the side, whichever shows more of the movement; the trunk faces the viewer. The
    motion's left drives the figure's left. A flat motion is seen as it is.
    """
    projection = ProjectionMethod.FRONTAL if is_flat else ProjectionMethod.PCA
    arms, legs = (body.left_arm, body.right_arm), (body.left_leg, body.right_leg)
    trunk = (*body.trunk, *([body.head] if body.head else []))
    mapping = {
        "torso": (body.hips, body.neck),
        "neck": (body.hips, body.head or body.neck),
        **_limb("left_elbow", "left_hand", body.left_arm),
        **_limb("left_knee", "left_foot", body.left_leg),
        **_limb("right_elbow", "right_hand", body.right_arm),
        **_limb("right_knee", "right_foot", body.right_leg),
    }
    return RetargetConfig(
        name=name,
        starting_location=STARTING_LOCATION,
        projection_groups=(
            ProjectionGroup("Upper Limbs", _joints(arms), projection),
            ProjectionGroup("Lower Limbs", _joints(legs), projection),
            ProjectionGroup(
                "Trunk", tuple(joint for joint in trunk if joint not in {*_joints(arms), *_joints(legs)}), ProjectionMethod.FRONTAL
            ),
        ),
        draw_groups=(
            DrawGroup((body.hips,), _TRUNK),
            DrawGroup((body.left_arm.end,), ("left_elbow", "left_hand")),
            DrawGroup((body.right_arm.end,), ("right_elbow", "right_hand")),
            DrawGroup((body.left_leg.end,), ("left_knee", "left_foot")),
            DrawGroup((body.right_leg.end,), ("right_knee", "right_foot")),
        ),
        root_offset=RootOffset(
            tuple((leg.start, leg.middle, leg.end) for leg in legs),
            (("left_hip", "left_knee", "left_foot"), ("right_hip", "right_knee", "right_foot")),
            "Lower Limbs",
        ),
        mapping=mapping,
        checks=(AboveCheck("neck", "right_shoulder", "left_shoulder"),),
    )


FOUR_LEGGED_JOINTS = frozenset(f"{side}_{part}_{end}" for side in ("left", "right") for part in ("hip", "knee", "foot") for end in "fb")
"""The legs of a drawn animal, front and back, as AnimatedDrawings' four-legged example calls them."""


def four_legged_config(body: BodyMap, name: str) -> RetargetConfig:
    """The retarget configuration of a body for a drawn animal that is seen from its right side, walking to the image's right.

    A four-legged body drives leg by leg; a person's legs drive both pairs. Trunk and head stay as they are drawn: animals' necks point
    anywhere.
    """
    fronts = (body.left_arm, body.right_arm) if body.is_four_legged else (body.left_leg, body.right_leg)
    backs = (body.left_leg, body.right_leg)
    trunk = (*body.trunk, *([body.head] if body.head else []))
    legs = {(side, end): limb for end, limbs in (("f", fronts), ("b", backs)) for side, limb in zip(("left", "right"), limbs, strict=True)}
    mapping = {
        pair[0]: pair[1] for (side, end), limb in legs.items() for pair in _limb(f"{side}_knee_{end}", f"{side}_foot_{end}", limb).items()
    }
    joints = tuple(dict.fromkeys([*trunk, *_joints(fronts), *_joints(backs)]))
    return RetargetConfig(
        name=name,
        starting_location=STARTING_LOCATION,
        projection_groups=(ProjectionGroup("Body", joints, ProjectionMethod.SAGITTAL),),
        draw_groups=(
            DrawGroup((body.hips,), ("right_hip_b", "left_hip_b", "right_hip_f", "left_hip_f", "hip", "torso", "neck")),
            *(DrawGroup((limb.end,), (f"{side}_knee_{end}", f"{side}_foot_{end}")) for (side, end), limb in legs.items()),
        ),
        root_offset=RootOffset(
            tuple((leg.start, leg.middle, leg.end) for leg in backs),
            tuple((f"{side}_hip_b", f"{side}_knee_b", f"{side}_foot_b") for side in ("left", "right")),
            "Body",
        ),
        mapping=mapping,
    )


def body_of_config(
    config: RetargetConfig,
    names: Sequence[str],
    positions: Floats,
    *,
    rest: Floats | None = None,
    up: UpAxis | None = None,
    declared_up: UpAxis | None = None,
) -> BodyMap | None:
    """The map of the body that a retarget configuration's names say, or None if it drives no whole humanoid or names other joints.

    Args:
        positions, rest, up, declared_up: as in `find_body`.
    """
    mapping = config.mapping
    ends = [f"{side}_{part}" for side in ("left", "right") for part in ("elbow", "hand", "knee", "foot")]
    if not {"torso", "neck", *ends} <= set(mapping) or not set(names) >= set(config.needed_joints):
        return None
    limbs = {
        f"{side} {middle}": LimbMap(*mapping[f"{side}_{middle}"], mapping[f"{side}_{end}"][1])
        for side in ("left", "right")
        for middle, end in (("elbow", "hand"), ("knee", "foot"))
    }
    hips, neck = mapping["torso"]
    index_of = {name: index for index, name in enumerate(names)}
    feet = [index_of[limbs[f"{side} knee"].end] for side in ("left", "right")]

    def reach(points: Floats) -> Floats:
        middle: Floats = points[..., feet, :].mean(axis=-2)
        return middle

    axis, certainty = up_axis_of(
        reach(positions),
        positions[:, index_of[hips]],
        positions[:, index_of[neck]],
        resting=None if rest is None else np.asarray(rest[index_of[neck]] - reach(rest)),
        declared=declared_up,
    )
    return BodyMap(
        hips=hips,
        trunk=(hips, neck),
        neck=neck,
        head=mapping["neck"][1],
        left_arm=limbs["left elbow"],
        right_arm=limbs["right elbow"],
        left_leg=limbs["left knee"],
        right_leg=limbs["right knee"],
        up=up or axis,
        confidence=1.0,
        reasons=(
            f"its joints are those of the retarget configuration {config.name}",
            f"up is {up}, as asked for" if up else certainty.reason,
        ),
    )


def _limb(middle: str, end: str, limb: LimbMap) -> dict[str, tuple[str, str]]:
    return {middle: (limb.start, limb.middle), end: (limb.middle, limb.end)}


def _joints(limbs: tuple[LimbMap, LimbMap]) -> tuple[str, ...]:
    return tuple(joint for limb in limbs for joint in limb.joints)
