"""The motion that a motion YAML file describes (etc/doc/file-formats.md, "Motion configuration")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.files.yaml_files import nearest, raise_problems, shown_value
from pipeline.motion.clip import MotionClip
from pipeline.motion.configs import MotionConfig
from pipeline.motion.derived import MotionChoices, joints_from
from pipeline.motion.formats.bvh import Bvh
from pipeline.motion.formats.kinematics import world_positions
from pipeline.motion.joint_names import without_namespace
from pipeline.motion.looping import closed_loop
from pipeline.motion.up_axis import upright
from pipeline.types import Floats, Motion, Travel


@dataclass(frozen=True)
class _Joints:
    """Joints by their names without namespaces.

    Attributes:
        names: of all joints of the motion capture file.
        ground, facing_pairs, root: those that the motion file names; without a root there, None.
    """

    names: tuple[str, ...]
    ground: str
    facing_pairs: tuple[tuple[str, str], ...]
    root: str | None


def configured_motion(
    path: Path, config: MotionConfig, content: Bvh | MotionClip, choices: MotionChoices
) -> tuple[Motion, tuple[str, ...]]:
    """The motion, and what was odd about it.

    A BVH file is read as AnimatedDrawings reads it: its first joint carries the body. With our key `root`, that joint does, and position
    channels of all joints are honored.

    Raises:
        ConfigError: the file names joints or frames that its motion capture file does not have.
    """
    joints, frame_count = _joints(config, content), len(content.values if isinstance(content, Bvh) else content.positions)
    _check(path, config, joints, frame_count)
    notes = content.warnings if isinstance(content, Bvh) else content.notes
    if config.end_frame is not None and config.end_frame > frame_count:
        notes += (f"end_frame_idx: {config.end_frame} is past the {frame_count} frames of {config.bvh_path.name}",)
    motion = _cut_motion(config, content, choices, joints)
    motion = motion if joints.root is None else _below(motion, joints.root)
    if choices.loop and not motion.loops:
        positions, note = closed_loop(motion.positions, motion.frame_time)
        motion = replace(motion, positions=positions, loops=True, travel=choices.travel or Travel.IN_PLACE)
        notes = (*notes, note)
    return motion, notes


def _joints(config: MotionConfig, content: Bvh | MotionClip) -> _Joints:
    """The joints of a motion, and those that its motion file names, without namespaces."""
    new = dict(zip(content.joint_names, without_namespace(content.joint_names), strict=True))
    pairs = tuple((new.get(left, left), new.get(right, right)) for left, right in config.facing_pairs)
    root = None if config.root is None else new.get(config.root, config.root)
    return _Joints(tuple(new.values()), new.get(config.ground_joint, config.ground_joint), pairs, root)


def _check(path: Path, config: MotionConfig, joints: _Joints, frame_count: int) -> None:
    """Raise ConfigError if the motion file names joints or frames that its motion capture file does not have."""
    problems: list[str] = []
    if config.start_frame >= frame_count:
        problems.append(
            f"start_frame_idx: expected less than the {frame_count} frames of {config.bvh_path.name}, found {config.start_frame}"
        )
    used = [("groundplane_joint", joints.ground)]
    used += [("forward_perp_joint_vectors", joint) for pair in joints.facing_pairs for joint in pair]
    used += [("root", joints.root)] if joints.root is not None else []
    problems += [
        f"{key}: {config.bvh_path.name} has no joint {shown_value(joint)}{nearest(joint, joints.names)}"
        for key, joint in used
        if joint not in joints.names
    ]
    raise_problems(path, problems, hint=f"its joints are {', '.join(joints.names[:40])}")


def _cut_motion(config: MotionConfig, content: Bvh | MotionClip, choices: MotionChoices, joints: _Joints) -> Motion:
    """The motion of all joints from the first frame that the motion file asks for to the last."""
    return Motion(
        name=config.name,
        joint_names=joints.names,
        parents=content.parents,
        positions=_positions(config, content, choices)[config.start_frame : config.end_frame],
        frame_time=config.frame_time or content.frame_time,
        ground_joint=joints.ground,
        facing_pairs=joints.facing_pairs,
        scale=config.scale,
        loops=config.loops,
        travel=choices.travel or config.travel,
    )


def _below(motion: Motion, root: str) -> Motion:
    """The motion with a joint as its root, and only the joints that hang on it."""
    keep, parents = joints_from(motion.joint_names.index(root), motion.parents, [])
    names = tuple(motion.joint_names[joint] for joint in keep)
    return replace(motion, joint_names=names, parents=parents, positions=np.ascontiguousarray(motion.positions[:, keep]))


def _positions(config: MotionConfig, content: Bvh | MotionClip, choices: MotionChoices) -> Floats:
    up = choices.up or config.up
    return world_positions(content, up) if isinstance(content, Bvh) else upright(content.positions, up)
