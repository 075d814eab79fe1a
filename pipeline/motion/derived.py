"""A motion from a clip that comes without a motion file: what the file would say is found in the clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.errors import MotionFileError
from pipeline.motion.clip import MotionClip
from pipeline.motion.configs import spelt_as
from pipeline.motion.first_frame import is_posed_before_the_motion
from pipeline.motion.humanoid.body_config import body_of_config
from pipeline.motion.humanoid.body_map import ENOUGH, BodyMap, LimbMap, find_body
from pipeline.motion.joint_names import without_namespace
from pipeline.motion.looping import closed_loop
from pipeline.motion.up_axis import UpAxis, upright
from pipeline.types import Floats, Ints, Motion, RetargetConfig, Travel

_RIGHT_OF_IMAGE, _LEFT_OF_IMAGE = "the image's right", "the image's left"


@dataclass(frozen=True)
class MotionChoices:
    """What the user says about a motion; None is "find it".

    Attributes:
        up: which axis of the file points up.
        facing: which axis of the file the body faces in the first frame.
        travel: what is shown of the path.
        loop: find frames that can be played as a loop, and close it.
        clip: the name of a clip of a file with several.
        retarget: name or path of the retarget configuration that is used: its joints say where the body is.
    """

    up: UpAxis | None = None
    facing: UpAxis | None = None
    travel: Travel | None = None
    loop: bool = False
    clip: str | None = None
    retarget: str | Path | None = None


AS_FOUND = MotionChoices()


@dataclass(frozen=True, eq=False)
class DerivedMotion:
    """A motion, the map of its body, and what is to be noted."""

    motion: Motion
    body: BodyMap
    notes: tuple[str, ...]


def body_of(clip: MotionClip, choices: MotionChoices, family: RetargetConfig | None) -> BodyMap | None:
    """The map of a clip's body: the format's, that of a retarget configuration, or what is found; None where no body is found."""
    names = without_namespace(clip.joint_names)
    if clip.body is not None:
        body = _renamed(clip.body, dict(zip(clip.joint_names, names, strict=True)))
        return body if choices.up is None else replace(body, up=choices.up)
    found = find_body(names, clip.parents, clip.positions, rest=clip.rest, up=choices.up, declared_up=clip.up, facing_axis=choices.facing)
    if family is None or (found is not None and found.is_four_legged and choices.retarget is None):
        return found
    config = spelt_as(family, names)
    return body_of_config(config, names, clip.positions, rest=clip.rest, up=choices.up, declared_up=clip.up) or found


def _renamed(body: BodyMap, new: Mapping[str, str]) -> BodyMap:
    """The same map with new names for all joints."""

    def limb(old: LimbMap) -> LimbMap:
        return LimbMap(new[old.start], new[old.middle], new[old.end], new[old.tip] if old.tip else None)

    return replace(
        body,
        hips=new[body.hips],
        trunk=tuple(new[joint] for joint in body.trunk),
        neck=new[body.neck],
        head=new[body.head] if body.head else None,
        left_arm=limb(body.left_arm),
        right_arm=limb(body.right_arm),
        left_leg=limb(body.left_leg),
        right_leg=limb(body.right_leg),
    )


def derived_motion(path: Path, clip: MotionClip, choices: MotionChoices, family: RetargetConfig | None) -> DerivedMotion:
    """The motion of a clip, scaled to a figure one unit high; its root is the hips.

    Args:
        family: the retarget configuration whose joints the clip has, or None.

    Raises:
        MotionFileError: there is no body to be found in it, or only a doubtful one.
    """
    names = without_namespace(clip.joint_names)
    body = _checked(path, names, body_of(clip, choices, family))
    pairs = body.facing_pairs
    driving = spelt_as(family, names).needed_joints if family is not None else ()
    needed = [names.index(joint) for joint in (*body.joints, *driving) if joint in names]
    keep, parents = joints_from(names.index(body.hips), clip.parents, needed)
    joint_names = tuple(names[joint] for joint in keep)
    positions = upright(clip.positions[:, keep], body.up)
    notes = list(clip.notes)
    if len(positions) > 2 and is_posed_before_the_motion(positions, joint_names, body):
        positions = positions[1:]
        notes.append("the first frame is a pose before the motion begins: it is skipped")
    loops = False
    if choices.loop:
        positions, note = closed_loop(positions, clip.frame_time)
        notes.append(note)
        loops = True
    if clip.is_flat:
        joint_names, parents, positions, pairs = _facing_the_viewer(joint_names, parents, positions)
    height = float(np.median(np.ptp(positions[..., 1], axis=1)))
    motion = Motion(
        name=clip.name,
        joint_names=joint_names,
        parents=parents,
        positions=np.ascontiguousarray(positions),
        frame_time=clip.frame_time,
        ground_joint=_ground_joint(joint_names, positions[0], body),
        facing_pairs=pairs,
        scale=1 / height if height > 0 else 1.0,
        loops=loops,
        travel=choices.travel or (Travel.IN_PLACE if loops else Travel.FOLLOW),
        feet=body.feet,
    )
    if body.doubts:
        notes.append(f"the skeleton's map is {body.confidence:.0%} sure: {'; '.join(body.doubts)}")
    return DerivedMotion(motion, body, tuple(notes))


def _checked(path: Path, names: tuple[str, ...], body: BodyMap | None) -> BodyMap:
    if body is None:
        raise MotionFileError(
            path,
            [f"expected two legs, two arms and a trunk between them among its {len(names)} joints, found {', '.join(names[:12])}"],
            hint="`doodled motions explain FILE` says more; --retarget with a file of your own settles it",
        )
    if body.confidence < ENOUGH:
        raise MotionFileError(
            path,
            [f"its skeleton can be read in several ways ({body.confidence:.0%} sure): {'; '.join(body.doubts)}"],
            hint="`doodled motions explain FILE` shows the map; --retarget, --up and --facing settle it",
        )
    return body


def joints_from(root: int, parents: Ints, needed: list[int]) -> tuple[list[int], Ints]:
    """Joints with `root` first, and their parents: what hangs on it, or, if more is needed, all that is connected to it."""
    children: dict[int, list[int]] = {}
    for joint, parent in enumerate(parents.tolist()):
        children.setdefault(parent, []).append(joint)
    order, above = _walk(root, children, {})
    if not set(order) >= set(needed):
        links = {joint: [parent] for joint, parent in enumerate(parents.tolist()) if parent >= 0}
        order, above = _walk(root, children, links)
    index_of = {joint: index for index, joint in enumerate(order)}
    return order, np.array([index_of.get(above[joint], -1) for joint in order], dtype=np.int32)


def _walk(start: int, children: dict[int, list[int]], upwards: dict[int, list[int]]) -> tuple[list[int], dict[int, int]]:
    order, above = [start], {start: -1}
    for joint in order:  # grows while it is walked through
        for other in (*children.get(joint, ()), *upwards.get(joint, ())):
            if other not in above:
                above[other] = joint
                order.append(other)
    return order, above


def _facing_the_viewer(
    names: tuple[str, ...], parents: Ints, positions: Floats
) -> tuple[tuple[str, ...], Ints, Floats, tuple[tuple[str, str], ...]]:
    """A flat clip with two joints more that always span it from the image's right to its left: it is seen as it is, without turning."""
    hips = positions[:, :1]
    aside = np.array([1.0, 0.0, 0.0])
    return (
        (*names, _RIGHT_OF_IMAGE, _LEFT_OF_IMAGE),
        np.append(parents, np.zeros(2, np.int32)).astype(np.int32),
        np.concatenate([positions, hips + aside, hips - aside], axis=1),
        ((_RIGHT_OF_IMAGE, _LEFT_OF_IMAGE),),
    )


def _ground_joint(names: tuple[str, ...], first: Floats, body: BodyMap) -> str:
    """The lower foot in the first frame."""
    legs = (body.left_leg, body.right_leg, *((body.left_arm, body.right_arm) if body.is_four_legged else ()))
    feet: list[str] = [joint for leg in legs for joint in leg.joints[2:]]
    heights = {joint: float(first[names.index(joint), 1]) for joint in feet}
    return min(feet, key=heights.__getitem__)
