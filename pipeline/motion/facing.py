"""Turning a motion's skeleton so that the body faces one way, and flattening it onto a plane.

etc/doc/algorithm.md ("Motion", "Projection", "Orientations"). BVH world, y up; a body that faces +X is seen from the front by a viewer at
+X: its projection has x = -z, y = y, and depth x. Seen from the side (viewer at +Z) it has x = x, y = y, and depth z.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import Floats


def forward_directions(left_to_right: Floats) -> Floats:
    """(T, 3) unit vectors in the ground plane: where a body faces.

    Args:
        left_to_right: (T, N, 3), N vectors a frame that span the body from its left to its right.
    A body seen straight from above (no vector has any extent in the ground plane) faces +X.
    """
    length = np.linalg.norm(left_to_right, axis=-1, keepdims=True)
    spans = np.divide(left_to_right, length, out=np.zeros_like(left_to_right), where=length > 0).mean(axis=1)
    ahead = np.stack([spans[:, 2], np.zeros(len(spans)), -spans[:, 0]], axis=1)
    size = np.linalg.norm(ahead, axis=1, keepdims=True)
    return np.where(size > 0, ahead / np.where(size > 0, size, 1.0), np.array([1.0, 0.0, 0.0]))


def turned_to_x(points: Floats, forward: Floats) -> Floats:
    """`points` (..., 3) turned about Y by the angle that takes `forward` (..., 3), in the ground plane, to +X; shapes broadcast."""
    cosine, sine = forward[..., 0], forward[..., 2]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([cosine * x + sine * z, y + 0.0 * cosine, -sine * x + cosine * z], axis=-1)


def frontal(points: Floats) -> tuple[Floats, Floats]:
    """The projection (..., 2) of `points` (..., 3) from the front, and their depth (...), growing towards the viewer."""
    return np.stack([-points[..., 2], points[..., 1]], axis=-1), points[..., 0]


def sagittal(points: Floats) -> tuple[Floats, Floats]:
    """The projection (..., 2) of `points` (..., 3) from the side, and their depth (...), growing towards the viewer."""
    return points[..., :2], points[..., 2]


def is_better_seen_from_front(points: Floats) -> bool:
    """Whether joint positions (N, 3) lose less when they are projected from the front, along x, than from the side, along z.

    The direction in which the cloud spreads least, its third principal component, is compared with both directions of view, and
    the closer one wins. A tie goes to the front.
    """
    centered = points - points.mean(axis=0)
    normal = np.linalg.eigh(centered.T @ centered)[1][:, 0]
    return bool(abs(normal[0]) >= abs(normal[2]))


def angles_from_up(vectors: Floats) -> Floats:
    """(...) degrees counter-clockwise from +Y, in [0, 360), of `vectors` (..., 2); a zero vector counts as 270 (along +X)."""
    return np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0]) - np.pi / 2) % 360.0
