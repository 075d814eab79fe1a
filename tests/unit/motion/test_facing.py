"""Turning a body to the viewer and flattening it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.motion import facing


def test_a_body_whose_right_is_at_minus_x_faces_plus_z() -> None:
    np.testing.assert_allclose(facing.forward_directions(np.array([[(-2.0, 0.0, 0.0)]])), [(0.0, 0.0, 1.0)])


def test_tilted_shoulders_do_not_lift_the_gaze() -> None:
    ahead = facing.forward_directions(np.array([[(-1.0, 0.7, 0.0), (-1.0, -0.1, 0.2)]]))
    assert ahead[0, 1] == 0.0
    assert np.linalg.norm(ahead[0]) == pytest.approx(1.0)


def test_a_body_seen_from_straight_above_is_given_a_direction_all_the_same() -> None:
    np.testing.assert_allclose(facing.forward_directions(np.array([[(0.0, 1.0, 0.0)], [(0.0, 0.0, 0.0)]])), [(1, 0, 0)] * 2)


def test_turning_by_where_one_faces_ends_facing_x_and_keeps_heights_and_lengths() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 4, 3))
    forward = facing.forward_directions(rng.normal(size=(5, 2, 3)))
    turned = facing.turned_to_x(points, forward[:, None])
    np.testing.assert_allclose(turned[..., 1], points[..., 1])
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(points, axis=-1))
    np.testing.assert_allclose(facing.turned_to_x(forward, forward), np.tile((1.0, 0.0, 0.0), (5, 1)), atol=1e-12)


def test_who_faces_the_viewer_has_the_left_hand_on_the_images_right() -> None:
    left_of_one_facing_x = np.array([0.0, 1.0, -2.0])
    image, depth = facing.frontal(left_of_one_facing_x)
    assert image.tolist() == [2.0, 1.0]
    assert depth == 0.0


@pytest.mark.parametrize(("vector", "degrees"), [((0, 1), 0), ((-1, 0), 90), ((0, -2), 180), ((3, 0), 270), ((0.0, 0.0), 270)])
def test_angles_run_counter_clockwise_from_up(vector: tuple[float, float], degrees: float) -> None:
    assert facing.angles_from_up(np.array(vector, float)) == pytest.approx(degrees)


def test_a_cloud_flat_in_x_is_seen_from_the_front_and_one_flat_in_z_from_the_side() -> None:
    cloud = np.random.default_rng(2).normal(size=(200, 3))
    assert facing.is_better_seen_from_front(cloud * (0.1, 1.0, 1.0))
    assert not facing.is_better_seen_from_front(cloud * (1.0, 1.0, 0.1))
