"""As-rigid-as-possible deformation of a triangle mesh by pins, for all frames at once.

T. Igarashi and Y. Igarashi, "Implementing As-Rigid-As-Possible Shape Manipulation and Surface Flattening",
Journal of Graphics, GPU, and Game Tools 14(1), 2009. Two least-squares problems per frame:

1. *similarity* (their section 2.1): each edge, with its two adjacent triangles, may rotate and scale.
2. *scale* (section 2.2): each edge keeps its rotation, drops its scale, and the mesh is fitted to these edges.

Points are complex numbers z = x + iy. A rotation with scale is then one complex factor, and the first problem is complex-linear in the
pins: its solution for any frame is an (E, P) matrix, computed once, times the pins. Only the normalization of each edge's factor is
nonlinear. The second problem has one real matrix for x and y, which is factorized once and solved for all frames in one call.

`ArapSolver(rest, pins)` depends on the mesh and on *which* points are pinned; `solve(targets)` on *where* they go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from pipeline.mesh.triangles import undirected_edges
from pipeline.types import Floats, Ints, Mesh, check_array

PIN_WEIGHT = 1000.0
"""Weight of a pin's residual relative to an edge's, as in AnimatedDrawings (etc/doc/algorithm.md, "ARAP")."""

LONE_VERTEX_DIAGONAL = 1e-8
"""Diagonal term that keeps vertices without a triangle from making the systems singular (etc/doc/algorithm.md, "ARAP")."""

FRAMES_AT_ONCE = 8
"""Frames solved together: their edges (E x 8 complex) fit into the cache; 339 together take four times as long."""

Complexes = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Pins:
    """Pinned points of the rest mesh.

    Attributes:
        triangles: (P, 3) int32, the vertices of each pin's triangle.
        weights: (P, 3) float64, barycentric.
    """

    triangles: Ints
    weights: Floats

    def __post_init__(self) -> None:
        count = len(self.triangles)
        check_array("Pins.triangles", self.triangles, (count, 3), np.int32)
        check_array("Pins.weights", self.weights, (count, 3), np.float64)

    def matrix(self, vertex_count: int) -> sparse.csr_array:
        """Matrix (P, V) from vertices to pins."""
        rows = np.repeat(np.arange(len(self.triangles)), 3)
        return sparse.csr_array((self.weights.ravel(), (rows, self.triangles.ravel())), shape=(len(self.triangles), vertex_count))


class ArapSolver:
    """Solver for one mesh with fixed pins; factorizes the systems once.

    Pins should be inside the mesh; two pins on one point are averaged. With fewer than two pins the second system has no unique solution;
    the diagonal term then selects the one nearest to the origin.
    """

    def __init__(self, rest: Mesh, pins: Pins) -> None:
        self.vertex_count = len(rest.vertices)
        points = rest.vertices[:, 0] + 1j * rest.vertices[:, 1]
        ends = undirected_edges(rest.triangles)
        pin_matrix = pins.matrix(len(points))
        turns = _turn_matrix(points, ends)
        differences = _difference_matrix(ends, len(points))
        self._rest_edges: Complexes = points[ends[:, 1]] - points[ends[:, 0]]
        self._turn_of_pins = _turn_response(turns, differences, self._rest_edges, pin_matrix)
        normal = differences.T @ differences + PIN_WEIGHT**2 * (pin_matrix.T @ pin_matrix)
        self._scale_system = _factorized(normal)
        self._edges_to_rhs = sparse.csr_array(differences.T)
        self._pins_to_rhs = sparse.csr_array(PIN_WEIGHT**2 * pin_matrix.T)

    def solve(self, targets: Floats) -> Floats:
        """Vertex positions for given pin positions.

        Args:
            targets: (T, P, 2) float64, position of each pin in each frame, in the mesh's unit.
        Returns:
            (T, V, 2) float64.
        """
        frames = targets.shape[0]
        solved = np.empty((frames, self.vertex_count, 2))
        for start in range(0, frames, FRAMES_AT_ONCE):
            part = slice(start, start + FRAMES_AT_ONCE)
            solved[part] = self._solve_few(targets[part])
        return solved

    def _solve_few(self, targets: Floats) -> Floats:
        pins = np.ascontiguousarray((targets[..., 0] + 1j * targets[..., 1]).T)
        turns = self._turn_of_pins @ pins
        length = np.abs(turns)
        lost = length < 1e-12  # an edge that collapses to a point has no rotation: keep its rest direction
        turns[lost], length[lost] = 1.0, 1.0
        edges = turns * (self._rest_edges[:, None] / length)
        right_side = self._edges_to_rhs @ edges + self._pins_to_rhs @ pins
        stacked = np.asfortranarray(np.concatenate([right_side.real, right_side.imag], axis=1))
        return self._scale_system.solve(stacked).T.reshape(2, targets.shape[0], -1).transpose(1, 2, 0)


def _turn_matrix(points: Complexes, ends: Ints) -> sparse.csr_array:
    """Matrix (E, V) complex from vertices to each edge's factor of rotation and scale (eq. 3 and 4, in complex form).

    With r and m the rest and moved positions around the edge, relative to its first end, the least-squares factor a in
    m ~ a r is sum(conj(r) m) / sum(|r|^2). The neighborhood is the edge's ends and their common neighbors.
    """
    around = sparse.coo_array(common_neighbors(ends, len(points)))
    rows = np.concatenate([np.arange(len(ends)), around.coords[0]])
    others = np.concatenate([ends[:, 1], around.coords[1]])
    rest = points[others] - points[ends[rows, 0]]
    size = np.bincount(rows, np.abs(rest) ** 2, minlength=len(ends))
    factors = np.conj(rest) / np.maximum(size, np.finfo(float).tiny)[rows]
    shape = (len(ends), len(points))
    at_others = sparse.csr_array((factors, (rows, others)), shape=shape)
    at_first = sparse.csr_array((factors, (rows, ends[rows, 0])), shape=shape)
    return sparse.csr_array(at_others - at_first)


def common_neighbors(edges: Ints, vertex_count: int) -> sparse.csr_array:
    """Matrix (E, V), 1 where a vertex has edges to both ends of an edge.

    Inside a mesh these are the two vertices opposite the edge, on its border one. At a hole of one triangle, the hole's third corner
    counts, too.
    """
    ones = np.ones(2 * len(edges))
    both_ways = np.concatenate([edges, edges[:, ::-1]])
    adjacent = sparse.csr_array((ones, (both_ways[:, 0], both_ways[:, 1])), shape=(vertex_count, vertex_count))
    return sparse.csr_array(adjacent[edges[:, 0]].multiply(adjacent[edges[:, 1]]))


def _difference_matrix(ends: Ints, vertex_count: int) -> sparse.csr_array:
    """Matrix (E, V) from vertices to edge vectors, second end minus first."""
    rows = np.arange(len(ends))
    signs = np.concatenate([-np.ones(len(ends)), np.ones(len(ends))])
    return sparse.csr_array((signs, (np.tile(rows, 2), ends.T.ravel())), shape=(len(ends), vertex_count))


def _turn_response(turns: sparse.csr_array, differences: sparse.csr_array, edges: Complexes, pins: sparse.csr_array) -> Complexes:
    """Matrix (E, P) complex from pins to each edge's factor: the solution of the first problem."""
    residual = differences - sparse.diags_array(edges) @ turns
    normal = residual.conj().T @ residual + PIN_WEIGHT**2 * (pins.T @ pins)
    response = _factorized(normal).solve(np.asfortranarray((PIN_WEIGHT**2 * pins.T).toarray().astype(complex)))
    return np.ascontiguousarray(turns @ response)


def _factorized(normal: sparse.csr_array[Any]) -> SuperLU:
    """LU factors of a symmetric (Hermitian) positive matrix, with a symmetric ordering: fill stays small on thin meshes."""
    size = normal.shape[0]
    guarded = sparse.csc_array(normal + LONE_VERTEX_DIAGONAL * sparse.eye_array(size))
    return splu(guarded, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
