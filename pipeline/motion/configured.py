"""The motion that a motion YAML file describes (etc/doc/file-formats.md, "Motion configuration")."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.files.yaml_files import nearest, raise_problems, shown
from pipeline.motion.clip import MotionClip
from pipeline.motion.configs import MotionConfig
from pipeline.motion.derived import MotionChoices, joints_from
from pipeline.motion.formats.bvh import Bvh
from pipeline.motion.formats.kinematics import world_positions
from pipeline.motion.joint_names import without_namespace
from pipeline.motion.looping import closed_loop
from pipeline.motion.up_axis import upright
from pipeline.types import Floats, Motion, Travel


def configured_motion(
    path: Path, config: MotionConfig, content: Bvh | MotionClip, choices: MotionChoices
) -> tuple[Motion, tuple[str, ...]]:
    """The motion, and what was odd about it.

    A BVH file is read as AnimatedDrawings reads it: its first joint carries the body. With our key `root`, that joint does, and position
    channels of all joints are honored.

    Raises:
        ConfigError: the file names joints or frames that its motion capture file does not have.
    """
    new = dict(zip(content.joint_names, without_namespace(content.joint_names), strict=True))
    names = tuple(new.values())
    frame_count = len(content.values) if isinstance(content, Bvh) else len(content.positions)
    ground = new.get(config.ground_joint, config.ground_joint)
    root = None if config.root is None else new.get(config.root, config.root)
    pairs = tuple((new.get(left, left), new.get(right, right)) for left, right in config.facing_pairs)
    problems: list[str] = []
    if config.start_frame >= frame_count:
        problems.append(
            f"start_frame_idx: expected less than the {frame_count} frames of {config.bvh_path.name}, found {config.start_frame}"
        )
    used = [("groundplane_joint", ground), *(("forward_perp_joint_vectors", joint) for pair in pairs for joint in pair)]
    used += [("root", root)] if root is not None else []
    problems += [
        f"{key}: {config.bvh_path.name} has no joint {shown(joint)}{nearest(joint, names)}" for key, joint in used if joint not in names
    ]
    raise_problems(path, problems, hint=f"its joints are {', '.join(names[:40])}")
    notes = content.warnings if isinstance(content, Bvh) else content.notes
    if config.end_frame is not None and config.end_frame > frame_count:
        notes += (f"end_frame_idx: {config.end_frame} is past the {frame_count} frames of {config.bvh_path.name}",)
    frames = slice(config.start_frame, config.end_frame)
    positions = _positions(config, content, choices)[frames]
    keep, parents = (
        joints_from(names.index(root) if root else 0, content.parents, []) if root else (list(range(len(names))), content.parents)
    )
    frame_time = config.frame_time or content.frame_time
    travel, loops = choices.travel or config.travel, config.loops
    if choices.loop and not loops:
        positions, note = closed_loop(positions, frame_time)
        notes, loops, travel = (*notes, note), True, choices.travel or Travel.IN_PLACE
    motion = Motion(
        name=config.name,
        joint_names=tuple(names[joint] for joint in keep),
        parents=parents,
        positions=np.ascontiguousarray(positions[:, keep]) if root else positions,
        frame_time=frame_time,
        ground_joint=ground,
        facing_pairs=pairs,
        scale=config.scale,
        loops=loops,
        travel=travel,
    )
    return motion, notes


def _positions(config: MotionConfig, content: Bvh | MotionClip, choices: MotionChoices) -> Floats:
    up = choices.up or config.up
    return world_positions(content, up) if isinstance(content, Bvh) else upright(content.positions, up)
