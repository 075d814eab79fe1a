"""Forward kinematics: joint positions from a BVH file's channels, all frames at once (etc/doc/algorithm.md, "Motion")."""

from __future__ import annotations

import numpy as np

from pipeline.motion.formats.bvh import Bvh
from pipeline.motion.up_axis import UpAxis, upright
from pipeline.types import Floats

# A turn about an axis mixes the two axes that follow it in the cycle x, y, z.
_FOLLOWING = ((1, 2), (2, 0), (0, 1))


_HARDLY = 0.1
"""Position channels of less than this share of a joint's offset are added to it: they say how far it has moved."""


def world_positions(bvh: Bvh, up: UpAxis = UpAxis.Y, *, bones_move: bool = False) -> Floats:
    """(T, K, 3) float64: joint positions in BVH world, y up.

    Channels compose in file order, each rotation in the space that the ones before it have turned. The root's position channels replace
    its offset. Scales are ignored.

    Args:
        bones_move: honor position channels below the root, too, which replace the joint's offset or, where they are next to nothing
            beside it, are added to it. AnimatedDrawings ignores them.
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
            offset = _moved_offset(bvh, joint, first, columns) if bones_move else None
            if offset is None:
                positions[joint] = positions[parent] + np.tensordot(bvh.offsets[joint], spaces[parent], axes=(0, 1))
            else:
                positions[joint] = positions[parent] + np.einsum("ijt,jt->it", spaces[parent], offset)
        for column, channel in enumerate(bvh.channels[joint], first):
            if channel.is_rotation:
                _turn(spaces[joint], channel.axis, cosines[column], sines[column])
            elif parent < 0 and channel.is_position:
                positions[joint, channel.axis] = columns[column]
    return upright(np.ascontiguousarray(positions.transpose(2, 0, 1)), up)


def rest_positions(bvh: Bvh) -> Floats:
    """(K, 3) float64: joint positions with all rotations at zero, from the offsets alone, the file's axes."""
    positions = np.zeros((len(bvh.joint_names), 3))
    for joint, parent in enumerate(bvh.parents.tolist()):
        positions[joint] = bvh.offsets[joint] + (positions[parent] if parent >= 0 else 0.0)
    return positions


def _moved_offset(bvh: Bvh, joint: int, first: int, columns: Floats) -> Floats | None:
    """(3, T): where a joint with position channels is in its parent's space, or None if its offset says it."""
    moved = [(channel.axis, column) for column, channel in enumerate(bvh.channels[joint], first) if channel.is_position]
    if not moved:
        return None
    offset = np.repeat(bvh.offsets[joint][:, None], columns.shape[1], axis=1)
    size = float(np.linalg.norm(bvh.offsets[joint]))
    reach = float(np.median(np.linalg.norm(columns[[column for _, column in moved]], axis=0)))
    for axis, column in moved:
        offset[axis] = columns[column] + (offset[axis] if reach < _HARDLY * size else 0.0)
    return offset


def _turn(space: Floats, axis: int, cosine: Floats, sine: Floats) -> None:
    """Turn `space` (3, 3, T), whose columns are its axes in the world, about one of its own axes, in place."""
    i, j = _FOLLOWING[axis]
    first, second = space[:, i].copy(), space[:, j]
    space[:, i] = first * cosine + second * sine
    space[:, j] = second * cosine - first * sine
