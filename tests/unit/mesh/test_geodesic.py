"""Distances that never leave the figure."""

from __future__ import annotations

import numpy as np

from pipeline.mesh import geodesic


def test_the_way_goes_round_a_gap_not_across_it() -> None:
    mask = np.ones((5, 9), bool)
    mask[:4, 4] = False  # a slit from the top, open at the bottom row
    owner, distance = geodesic.PixelGraph(mask).nearest_seeds(np.array([(3, 0)]))
    assert distance[0, 3] == 0.0
    assert distance[0, 5] > 6.0
    assert (owner[mask] == 0).all()


def test_steps_cost_one_straight_and_1_414_across() -> None:
    _, distance = geodesic.PixelGraph(np.ones((4, 4), bool)).nearest_seeds(np.array([(0, 0)]))
    np.testing.assert_allclose([distance[0, 3], distance[3, 3], distance[1, 3]], [3.0, 3 * 1.414, 2 + 1.414])


def test_each_pixel_belongs_to_its_nearest_seed_and_unreachable_ones_to_none() -> None:
    mask = np.ones((3, 10), bool)
    mask[:, 6] = False
    owner, distance = geodesic.PixelGraph(mask).nearest_seeds(np.array([(5, 1), (0, 1), (99, 99), (6, 1)]))
    assert owner[1, 0] == 1
    assert owner[1, 4] == 0
    assert (owner[:, 7:] == -1).all()
    assert np.isinf(distance[:, 7:]).all()


def test_no_usable_seed_is_no_owner() -> None:
    owner, distance = geodesic.PixelGraph(np.ones((2, 2), bool)).nearest_seeds(np.array([(-1, 0), (5, 5)]))
    assert (owner == -1).all()
    assert np.isinf(distance).all()


def test_a_bones_points_are_even_and_include_both_ends() -> None:
    points, bone = geodesic.bone_points(np.array([(0.0, 0.0), (1.0, 1.0)]), np.array([(20.0, 0.0), (1.0, 1.0)]))
    np.testing.assert_allclose(points[:21, 0], np.arange(21.0))
    assert (bone == np.repeat([0, 1], 21)).all()
