"""BVH files that tests write: a humanoid of given joint names waves its left arm, walks, stands in any world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

Joint = tuple[str, int, tuple[float, float, float]]

BODY: tuple[Joint, ...] = (
    ("Hips", -1, (0, 0, 0)),
    ("Spine", 0, (0, 12, 0)),
    ("Chest", 1, (0, 15, 0)),
    ("Neck", 2, (0, 22, 0)),
    ("Head", 3, (0, 10, 1)),
    ("HeadTip", 4, (0, 16, 0)),
    ("LeftUpperArm", 2, (17, 18, 0)),
    ("LeftLowerArm", 6, (27, 0, 0)),
    ("LeftHand", 7, (25, 0, 0)),
    ("LeftFingers", 8, (10, 0, 0)),
    ("RightUpperArm", 2, (-17, 18, 0)),
    ("RightLowerArm", 10, (-27, 0, 0)),
    ("RightHand", 11, (-25, 0, 0)),
    ("RightFingers", 12, (-10, 0, 0)),
    ("LeftUpperLeg", 0, (10, -3, 0)),
    ("LeftLowerLeg", 14, (0, -42, 0)),
    ("LeftFoot", 15, (0, -42, 0)),
    ("LeftToes", 16, (0, -5, 12)),
    ("RightUpperLeg", 0, (-10, -3, 0)),
    ("RightLowerLeg", 18, (0, -42, 0)),
    ("RightFoot", 19, (0, -42, 0)),
    ("RightToes", 20, (0, -5, 12)),
)
# Rotations that take +y to each axis.
UPWARDS: Mapping[str, Rotation] = {
    "+y": Rotation.identity(),
    "-y": Rotation.from_euler("z", 180, degrees=True),
    "+z": Rotation.from_euler("x", 90, degrees=True),
    "-z": Rotation.from_euler("x", -90, degrees=True),
    "+x": Rotation.from_euler("z", -90, degrees=True),
    "-x": Rotation.from_euler("z", 90, degrees=True),
}


def waving_bvh(
    *,
    joints: Sequence[Joint] = BODY,
    names: Callable[[str], str] = lambda name: name,
    up: str = "+y",
    frames: int = 24,
    way: Callable[[int], tuple[float, float, float]] = lambda _: (0.0, 90.0, 0.0),
    bones_in_channels: bool = False,
    zero_offsets: bool = False,
    armature: str = "",
    frame_time: str = "0.0416667",
    turned: float = 0.0,
) -> str:
    """The text of a BVH file in which the left arm rises from hanging to straight up.

    Args:
        up: the axis that points up in the file's world; the root's rotation brings it about, as some exporters do.
        way: frame -> the hips' place, y up.
        bones_in_channels: all joints have position channels, with their offsets as values.
        zero_offsets: and offsets of zero.
        armature: the name of a static root above the hips.
        turned: degrees by which the body faces aside.
    """
    channels = "CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation"
    rotations = "CHANNELS 3 Zrotation Yrotation Xrotation"
    lines = ["HIERARCHY"]
    if armature:
        lines += [f"ROOT {armature}", "{", "OFFSET 0 0 0", channels]
    order: list[int] = []

    def write(index: int) -> None:
        name, parent, offset = joints[index]
        order.append(index)
        place = (0, 0, 0) if zero_offsets else offset
        kind = "ROOT" if parent < 0 and not armature else "JOINT"
        lines.extend(
            [f"{kind} {names(name)}", "{", "OFFSET {} {} {}".format(*place), channels if bones_in_channels or parent < 0 else rotations]
        )
        children = [child for child, other in enumerate(joints) if other[1] == index]
        for child in children:
            write(child)
        if not children:
            lines.extend(["End Site", "{", "OFFSET 0 0 0" if zero_offsets else "OFFSET 0 2 0", "}"])
        lines.append("}")

    write(0)
    lines += ["}"] if armature else []
    lines += ["MOTION", f"Frames: {frames}", f"Frame Time: {frame_time}"]
    world = UPWARDS[up] * Rotation.from_euler("y", turned, degrees=True)
    for frame in range(frames):
        row = ["0 0 0 0 0 0"] if armature else []
        lift = -85 + 160 * frame / max(1, frames - 1)
        for index in order:
            name, parent, offset = joints[index]
            turn = world.as_euler("ZYX", degrees=True) if parent < 0 else np.zeros(3)
            turn = np.array([lift, 0, 0]) if name == "LeftUpperArm" else turn
            turn = np.array([80, 0, 0]) if name == "RightUpperArm" else turn
            place = UPWARDS[up].apply(way(frame)) if parent < 0 else np.array(offset, float)
            values = [*place, *turn] if bones_in_channels or parent < 0 else list(turn)
            row.append(" ".join(f"{value:.6f}" for value in values))
        lines.append(" ".join(row))
    return "\n".join(lines) + "\n"
