"""Facts about triangle meshes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.mesh import triangles as tri

SQUARE = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
TWO = np.array([(0, 1, 2), (0, 2, 3)], np.int32)


def test_areas_are_positive_counter_clockwise_and_negative_the_other_way() -> None:
    np.testing.assert_allclose(tri.signed_areas(SQUARE, TWO), [0.5, 0.5])
    np.testing.assert_allclose(tri.signed_areas(SQUARE, TWO[:, ::-1]), [-0.5, -0.5])


def test_each_edge_is_named_once_however_many_triangles_share_it() -> None:
    edges = tri.undirected_edges(TWO)
    assert edges.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]


def test_barycentric_weights_are_one_at_their_corner_and_rebuild_any_point() -> None:
    rng = np.random.default_rng(1)
    corners = rng.normal(size=(3, 2))
    alone = np.zeros((1, 3), np.int32) + np.arange(3, dtype=np.int32)
    np.testing.assert_allclose(tri.barycentric_coordinates(corners, np.repeat(alone, 3, 0), corners), np.eye(3), atol=1e-12)
    points = rng.normal(size=(20, 2))
    weights = tri.barycentric_coordinates(corners, np.repeat(alone, 20, 0), points)
    np.testing.assert_allclose(weights @ corners, points, atol=1e-12)


def test_a_flat_triangle_has_no_weights() -> None:
    flat = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)])
    assert not np.isfinite(tri.barycentric_coordinates(flat, np.array([(0, 1, 2)], np.int32), np.array([(0.5, 0.5)]))).all()


@pytest.mark.parametrize(("point", "expected"), [((0.9, 0.1), 0), ((0.1, 0.9), 1), ((1.5, 0.5), -1), ((0.0, 0.0), 0)])
def test_a_point_is_in_the_triangle_that_holds_it_corners_included(point: tuple[float, float], expected: int) -> None:
    found, weights = tri.containing_triangles(SQUARE, TWO, np.array([point]))
    assert found[0] == expected
    assert weights[0].sum() == pytest.approx(0.0 if expected < 0 else 1.0)


def test_the_nearest_triangle_is_that_of_the_nearest_centroid() -> None:
    assert tri.nearest_centroids(SQUARE, TWO, np.array([(5.0, 0.0), (-1.0, 3.0)])).tolist() == [0, 1]
