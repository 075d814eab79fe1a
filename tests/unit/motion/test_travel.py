"""What is shown of a path: `shown_path`; and feet that keep their place: `planted_feet`, `path_of_planted_feet`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.motion.footing import path_of_planted_feet, planted_feet
from pipeline.motion.travel import ROOM_ASIDE, ROOM_UP, shown_path
from pipeline.types import Travel

TIMES = [Fraction(k, 25) for k in range(100)]
SECONDS = np.array([float(time) for time in TIMES])


def walk(speed: float = 1.5, sway: float = 0.0) -> np.ndarray:
    return np.stack([speed * SECONDS + sway * np.sin(2 * np.pi * 2 * SECONDS), 0.05 * np.sin(9 * SECONDS)], axis=1)


def test_full_is_the_whole_way() -> None:
    assert shown_path(walk(), TIMES, Travel.FULL, loops=False) is not None
    np.testing.assert_array_equal(shown_path(walk(), TIMES, Travel.FULL, loops=False), walk())


def test_in_place_takes_the_way_and_leaves_sway_and_height() -> None:
    shown = shown_path(walk(sway=0.05), TIMES, Travel.IN_PLACE, loops=False)
    np.testing.assert_allclose(shown[:, 1], walk()[:, 1])
    assert np.abs(shown[:, 0]).max() < 0.12
    assert np.ptp(shown[20:80, 0]) > 0.06


def test_in_place_closes_a_loop() -> None:
    steady = np.stack([0.04 * np.arange(50), np.zeros(50)], axis=1)
    np.testing.assert_allclose(shown_path(steady, TIMES[:50], Travel.IN_PLACE, loops=True), 0.0, atol=1e-12)


def test_follow_leaves_a_short_way_alone() -> None:
    path = walk(speed=0.1)
    np.testing.assert_array_equal(shown_path(path, TIMES, Travel.FOLLOW, loops=False), path)


def test_follow_keeps_a_long_way_in_view_without_jerks() -> None:
    shown = shown_path(walk(), TIMES, Travel.FOLLOW, loops=False)
    assert np.abs(shown[:, 0]).max() < 1.1 * ROOM_ASIDE
    assert np.abs(np.diff(shown[:, 0])).max() <= 1.5 / 25 + 1e-9
    climb = np.stack([np.zeros(100), 2.0 * SECONDS], axis=1)
    assert shown_path(climb, TIMES, Travel.FOLLOW, loops=False)[:, 1].max() < 1.1 * ROOM_UP


@pytest.mark.parametrize("travel", Travel)
def test_a_single_frame_has_no_way(travel: Travel) -> None:
    np.testing.assert_array_equal(shown_path(np.zeros((1, 2)), TIMES[:1], travel, loops=False), np.zeros((1, 2)))


def test_feet_that_are_low_and_slow_are_planted() -> None:
    feet = np.zeros((60, 2, 3))
    feet[:, 1, 2] = np.linspace(0, 120, 60)  # the other one slides ahead at 2 leg lengths a second
    feet[30:40, 0, 1] = 30.0
    on_ground = planted_feet(feet, 85.0, 1 / 60)
    assert on_ground[:28, 0].all()
    assert not on_ground[31:39, 0].any()
    assert not on_ground[:, 1].any()


def test_nothing_is_planted_in_two_frames_or_without_legs() -> None:
    assert not planted_feet(np.zeros((2, 2, 3)), 1.0, 0.04).any()
    assert not planted_feet(np.zeros((9, 2, 3)), 0.0, 0.04).any()


def test_a_planted_foot_keeps_its_place_although_the_legs_are_longer() -> None:
    """The drawing's foot goes back faster, relative to its root, than the scaled path goes ahead."""
    path = np.stack([0.01 * np.arange(50), np.zeros(50)], axis=1)
    feet = np.zeros((50, 1, 2))
    feet[:, 0, 0] = 0.3 - 0.013 * np.arange(50)
    feet[:, 0, 1] = -0.5 - 0.001 * np.arange(50)
    corrected = path_of_planted_feet(path, feet, np.ones((50, 1), bool), 0.5, TIMES[:50])
    places = feet[:, 0] + corrected
    np.testing.assert_allclose(places[:, 0], places[0, 0], atol=1e-12)
    assert np.ptp(places[5:-5, 1]) < 0.002


def test_a_way_in_the_air_stays_as_it_is() -> None:
    path = walk()
    feet = np.zeros((100, 2, 2))
    np.testing.assert_array_equal(path_of_planted_feet(path, feet, np.zeros((100, 2), bool), 0.5, TIMES), path)


def test_a_foot_that_the_turning_body_moves_is_not_held() -> None:
    path = np.zeros((50, 2))
    feet = np.zeros((50, 1, 2))
    feet[20:, 0, 0] = 0.4  # from one frame to the next
    corrected = path_of_planted_feet(path, feet, np.ones((50, 1), bool), 0.5, TIMES[:50])
    np.testing.assert_allclose(corrected[:, 0], 0.0, atol=1e-12)
