"""Motion and retarget configurations as YAML text, to be kept and edited by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from pipeline.motion.humanoid.body_map import BodyMap
from pipeline.types import Motion, RetargetConfig, Travel


def motion_yaml(motion: Motion, body: BodyMap, file: Path, *, retarget: str, clip: str | None, start_frame: int = 0) -> str:
    """A motion YAML file for a motion capture file, with our keys `root`, `clip`, `travel` and `retarget`.

    Args:
        start_frame: the frame of the file that the motion begins with.
    """
    values: dict[str, object] = {
        "title": motion.name.replace("_", " "),
        "filepath": str(file),
        **({"clip": clip} if clip else {}),
        "start_frame_idx": start_frame,
        "end_frame_idx": None,
        "groundplane_joint": motion.ground_joint,
        "forward_perp_joint_vectors": [list(pair) for pair in body.facing_pairs],
        "scale": float(f"{motion.scale:.6g}"),
        "up": str(body.up),
        "root": body.hips,
        "travel": str(Travel.FOLLOW),
        "retarget": retarget,
    }
    return "# Found in the motion's skeleton by `doodled motions explain`.\n" + _dumped(values)


def retarget_yaml(config: RetargetConfig, reasons: Iterable[str]) -> str:
    """A retarget YAML file in AnimatedDrawings' keys, with plain lists for its tuples."""
    values = {
        "char_starting_location": list(config.starting_location),
        "bvh_projection_bodypart_groups": [
            {"name": group.name, "method": str(group.method), "bvh_joint_names": list(group.joints)} for group in config.projection_groups
        ],
        "char_bodypart_groups": [
            {"bvh_depth_drivers": list(group.depth_drivers), "char_joints": list(group.joints)} for group in config.draw_groups
        ],
        "char_bvh_root_offset": {
            "bvh_projection_bodypart_group_for_offset": config.root_offset.projection_group,
            "bvh_joints": [list(chain) for chain in config.root_offset.motion_chains],
            "char_joints": [list(chain) for chain in config.root_offset.character_chains],
        },
        "char_joint_bvh_joints_mapping": {joint: list(pair) for joint, pair in config.mapping.items()},
        "char_runtime_checks": [["above", check.target, check.first, check.second] for check in config.checks],
    }
    comment = "".join(f"# {reason}\n" for reason in reasons)
    return comment + _dumped(values)


def _dumped(values: object) -> str:
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=140, default_flow_style=None)
    return text
