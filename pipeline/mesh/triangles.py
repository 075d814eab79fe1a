"""Functions on triangle meshes: areas, edges, barycentric coordinates, point location.

All functions take and return arrays; vertices are (V, 2) in any unit, triangles (F, 3) indices.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import Floats, Ints


def signed_areas(vertices: Floats, triangles: Ints) -> Floats:
    """Signed area of each triangle, (F,), positive if counter-clockwise (y up)."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return 0.5 * _cross(b - a, c - a)


def undirected_edges(triangles: Ints) -> Ints:
    """Every edge once, (E, 2) int32, smaller vertex first, sorted."""
    corners = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(corners, axis=1), axis=0).astype(np.int32)


def barycentric_coordinates(vertices: Floats, triangles: Ints, points: Floats) -> Floats:
    """Weights (N, 3) float64 of `points` (N, 2) in `triangles` (N, 3), one triangle per point; NaN or infinite in one of zero area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    doubled_area = _cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta, gamma = _cross(points - a, c - a) / doubled_area, _cross(b - a, points - a) / doubled_area
        return np.stack([1.0 - beta - gamma, beta, gamma], axis=1)


def containing_triangles(vertices: Floats, triangles: Ints, points: Floats, *, tolerance: float = 1e-9) -> tuple[Ints, Floats]:
    """The first triangle that contains each point (N, 2), and the point's weights in it.

    Args:
        tolerance: how far a weight may be below 0, so that points on an edge are inside.
    Returns:
        (N,) int32 triangle index, -1 for a point outside the mesh; (N, 3) float64 weights (zeros outside).
    """
    found = np.full(len(points), -1, np.int32)
    weights = np.zeros((len(points), 3))
    for index, point in enumerate(points):  # for a few joints a loop is cheaper than F x N arrays
        inside = barycentric_coordinates(vertices, triangles, np.broadcast_to(point, (len(triangles), 2)))
        with np.errstate(invalid="ignore"):
            holds = np.flatnonzero(inside.min(axis=1) >= -tolerance)
        if holds.size:
            found[index] = holds[0]
            weights[index] = inside[holds[0]]
    return found, weights


def nearest_centroids(vertices: Floats, triangles: Ints, points: Floats) -> Ints:
    """(N,) int32, index of the triangle whose centroid is nearest to each point (N, 2)."""
    centroids = vertices[triangles].mean(axis=1)
    nearest = [np.argmin(np.square(centroids - point).sum(axis=1)) for point in points]  # for a few joints, as above
    return np.array(nearest, np.int32)


def _cross(first: Floats, second: Floats) -> Floats:
    """Cross product of vectors (N, 2), (N,): twice the signed area of the triangles that they span."""
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
