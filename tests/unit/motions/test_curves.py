"""The periodic curves of the author scripts."""

import numpy as np
import pytest


@pytest.fixture
def curves(author):
    return author("curves")


def test_keyed_goes_through_its_keys_and_never_beyond(curves):
    """Keys are met exactly; between two keys the curve stays between their values."""
    track = curves.keyed(40, (5, 1.0), (12, 7.0), (20, 6.5), (33, -2.0))
    assert track[[5, 12, 20, 33]] == pytest.approx([1.0, 7.0, 6.5, -2.0])
    assert track.max() == pytest.approx(7.0)
    assert track.min() == pytest.approx(-2.0)


def test_keyed_rests_at_turning_points(curves):
    """Easing: next to a highest key the curve hardly moves."""
    track = curves.keyed(60, (0, 0.0), (30, 10.0))
    assert track[30] - track[29] < 0.05


def test_keyed_takes_a_given_slope(curves):
    """A third number is the slope at the key, per frame."""
    track = curves.keyed(400, (100, 0.0, 0.5), (300, 0.0))
    assert track[101] - track[99] == pytest.approx(1.0, rel=0.02)


def test_keyed_closes(curves):
    """The step over the loop's end is no larger than those around it."""
    track = curves.keyed(50, (3, 0.0), (17, 5.0), (40, -5.0))
    steps = np.diff(np.append(track, track[:3]))
    assert abs(steps[49]) <= np.abs(steps[45:]).max()
    assert np.abs(np.diff(steps)).max() < 0.2


@pytest.mark.parametrize("keys", [((0, 1), (0, 2)), ((5, 1), (2, 2)), ((0, 1), (20, 2))])
def test_keyed_refuses_keys_out_of_order_or_out_of_the_loop(curves, keys):
    """Frames ascend, and frame N is frame 0."""
    with pytest.raises(ValueError, match="ascending"):
        curves.keyed(20, *keys)


def test_flight_is_a_parabola_that_may_cross_the_loops_end(curves):
    """Height at the middle, 0 at and outside takeoff and landing; the same shape at any position."""
    track = curves.flight(40, 10, 20, 8.0)
    assert track[15] == pytest.approx(8.0)
    assert track[12] == pytest.approx(8.0 * (1 - 0.36))
    assert not track[[0, 10, 20, 39]].any()
    assert curves.flight(40, 35, 45, 8.0) == pytest.approx(np.roll(track, 25))


def test_spring_keeps_rest_and_trails(curves):
    """A constant stays; a slow wave comes through late and about as large."""
    assert curves.spring(np.full(30, 4.0), 2.0) == pytest.approx(np.full(30, 4.0))
    slow = curves.wave(120, 1)
    led = curves.spring(slow, 2.0)
    assert np.argmax(led) > np.argmax(slow)
    assert led.max() == pytest.approx(1.0, abs=0.1)


def test_drag_is_how_far_a_follower_is_behind(curves):
    """Positive where the leader falls, and nothing where it rests."""
    track = np.array([0.0, 0.0, 2.0, 1.0, 0.0])
    assert curves.drag(track, 1).tolist() == [0.0, 0.0, -2.0, 1.0, 1.0]
