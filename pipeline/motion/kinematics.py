"""Forward kinematics: a BVH file's channels -> where every joint is, all frames at once (COMPAT.md, section 9, "Motion")."""

from __future__ import annotations

import numpy as np

from pipeline.motion.bvh import Bvh, UpAxis
from pipeline.types import Floats

# A turn about an axis mixes the two axes that follow it in the cycle x, y, z.
_FOLLOWING = ((1, 2), (2, 0), (0, 1))


def world_positions(bvh: Bvh, up: UpAxis = UpAxis.Y) -> Floats:
    """(T, K, 3) float64: joint positions in BVH world, y up.

    Channels compose in file order, each rotation in the space that the ones before it have turned. Only the root moves: its position
    channels replace its offset, those of other joints and all scales are ignored, because a drawn limb can't be pulled out.

    `UpAxis.Z` is turned upright by the Euler rotation y, x of (-90, -90) degrees, which amounts to exchanging the axes in a cycle:
    (x, y, z) becomes (y, z, x), without rounding.
    """
    frame_count, joint_count = len(bvh.values), len(bvh.joint_names)
    columns = np.ascontiguousarray(bvh.values.T)
    cosines, sines = np.cos(np.radians(columns)), np.sin(np.radians(columns))
    # (K, 3, 3, T) and (K, 3, T): the frames lie innermost, so that every step below runs over contiguous memory.
    spaces = np.empty((joint_count, 3, 3, frame_count))
    positions = np.empty((joint_count, 3, frame_count))
    for joint, (parent, first) in enumerate(zip(bvh.parents.tolist(), bvh.first_columns, strict=True)):
        if parent < 0:
            spaces[joint] = np.eye(3)[:, :, None]
            positions[joint] = bvh.offsets[joint][:, None]
        else:
            spaces[joint] = spaces[parent]
            positions[joint] = positions[parent] + np.tensordot(bvh.offsets[joint], spaces[parent], axes=(0, 1))
        for column, channel in enumerate(bvh.channels[joint], first):
            if channel.is_rotation:
                _turn(spaces[joint], channel.axis, cosines[column], sines[column])
            elif parent < 0 and channel.is_position:
                positions[joint, channel.axis] = columns[column]
    if up is UpAxis.Z:
        positions = positions[:, [1, 2, 0]]
    return np.ascontiguousarray(positions.transpose(2, 0, 1))


def _turn(space: Floats, axis: int, cosine: Floats, sine: Floats) -> None:
    """Turn `space` (3, 3, T), whose columns are its axes in the world, about one of its own axes, in place."""
    i, j = _FOLLOWING[axis]
    first, second = space[:, i].copy(), space[:, j]
    space[:, i] = first * cosine + second * sine
    space[:, j] = second * cosine - first * sine
