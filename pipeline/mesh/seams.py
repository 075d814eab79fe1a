"""Cuts in a mesh between limbs that touch in the drawing, such as a hand on a knee.

The distance between limbs is the number of bones between them in the hierarchy: seven from a hand to a knee (elbow, shoulder, torso, hip,
root, the leg's hip, knee). Closer limbs, such as the two thighs under a dress, stay together.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components, shortest_path

from pipeline.types import Bools, Floats, Ints

FAR_BONES = 7
"""Limbs at least this many bones apart are cut apart where they touch."""


def bones_between(parents: Ints) -> Ints:
    """Number of bones between each two joints of a hierarchy, (J, J) int32, from the joints' parents (J,), -1 for the root."""
    children = np.flatnonzero(parents >= 0).astype(np.int32)  # older releases of SciPy take no 64-bit indices here
    tree = sparse.csr_array((np.ones(len(children)), (children, parents[children])), shape=(len(parents), len(parents)))
    return np.asarray(shortest_path(tree, directed=False, unweighted=True), np.int32)


def cut_apart(vertices: Floats, triangles: Ints, owner: Ints, parents: Ints) -> tuple[Floats, Ints]:
    """The mesh with duplicated vertices where triangles of distant limbs meet.

    The mesh stays as it is if a piece of it would then have the triangles of a single joint, since too few pins would hold that.

    Args:
        vertices: (V, 2) float64, any unit.
        triangles: (F, 3) int32.
        owner: (F,) int32, the joint whose bone each triangle belongs to.
        parents: (J,) int32, of the rig's joints.
    Returns:
        Vertices (V', 2), the first V unchanged; triangles (F, 3) in the same order.
    """
    between = bones_between(parents)
    rows = np.repeat(np.arange(len(triangles)), 3)
    corners = triangles.ravel()
    fresh: list[Floats] = []
    cut = triangles.copy()
    for vertex in _meeting_points(len(vertices), corners, owner[rows], between >= FAR_BONES):
        around = np.flatnonzero(corners == vertex)
        owners = np.unique(owner[rows[around]])
        apart = between[np.ix_(owners, owners)]
        first, second = sorted(owners[list(np.unravel_index(np.argmax(apart), apart.shape))].tolist())
        moving = around[between[owner[rows[around]], second] < between[owner[rows[around]], first]]
        cut.reshape(-1)[moving] = len(vertices) + len(fresh)
        fresh.append(vertices[corners[around[0]]])
    if not fresh or not _each_piece_is_held(cut, len(vertices) + len(fresh), owner):
        return vertices, triangles
    return np.concatenate([vertices, fresh]), cut


def _meeting_points(count: int, corners: Ints, owner: Ints, are_far: Bools) -> Ints:
    """The vertices, of `count`, where triangles of distant joints meet.

    Args:
        corners: (3 F,), vertex of each corner of a triangle.
        owner: (3 F,), joint of each corner's triangle.
        are_far: (J, J), for each two joints.
    """
    meet = np.zeros((count, len(are_far)), np.float32)
    meet[corners, owner] = 1.0
    return np.flatnonzero(((meet @ are_far.astype(np.float32)) * meet).any(axis=1)).astype(np.int32)


def _each_piece_is_held(triangles: Ints, count: int, owner: Ints) -> bool:
    """Whether each connected piece of a mesh of `count` vertices has triangles of at least two joints."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = sparse.csr_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    piece = connected_components(graph, directed=False)[1][triangles[:, 0]]
    return all(len(np.unique(owner[piece == number])) >= 2 for number in np.unique(piece))
