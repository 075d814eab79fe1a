"""Output clocks, and frames between frames."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.errors import OptionError
from pipeline.motion.resample import clock_times, frame_sampler, output_clock

THIRTIETH = Fraction(1, 30)


def interpolated(frames, frame_time, times, *, loops=False):
    return frame_sampler(len(frames), frame_time, times, loops=loops).sample(frames)


def test_without_a_rate_the_motion_keeps_its_own():
    clock = output_clock(339 * THIRTIETH, THIRTIETH)
    assert (clock.frame_count, clock.frame_time) == (339, THIRTIETH)


def test_frames_fill_the_duration_best():
    clock = output_clock(Fraction("5.455668"), Fraction("0.008342"), rate=Fraction(25))
    assert (clock.frame_count, clock.frame_time) == (136, Fraction(1, 25))
    assert clock_times(clock)[-1] == Fraction(135, 25)


def test_there_is_always_a_frame():
    assert output_clock(Fraction(1, 1000), Fraction(1, 1000), rate=Fraction(10)).frame_count == 1


def test_the_highest_rate_is_not_exceeded():
    assert output_clock(Fraction(1), Fraction(1, 120), max_rate=Fraction(50)).frame_time == Fraction(1, 50)
    assert output_clock(Fraction(1), Fraction(1, 120), rate=Fraction(60), max_rate=Fraction(50)).frame_time == Fraction(1, 50)
    assert output_clock(Fraction(1), Fraction(1, 24), max_rate=Fraction(50)).frame_time == Fraction(1, 24)


def test_a_frame_time_in_milliseconds_is_refused_before_it_eats_the_memory():
    with pytest.raises(OptionError, match="would have 833332 frames in 33333") as caught:
        output_clock(1000 * Fraction("33.3333"), Fraction("33.3333"), rate=Fraction(25))
    assert "in seconds?" in caught.value.hint
    assert output_clock(Fraction(4000), Fraction(1), rate=Fraction(25)).frame_count == 100_000


@pytest.mark.parametrize("rate", [{"rate": Fraction(0)}, {"max_rate": Fraction(-1)}])
def test_rates_are_above_zero(rate):
    with pytest.raises(OptionError, match="more than 0"):
        output_clock(Fraction(1), THIRTIETH, **rate)


def test_native_times_give_native_frames_bit_for_bit():
    frames = np.random.default_rng(1).normal(size=(100, 3, 2))
    clock = output_clock(100 * Fraction("0.0333333"), Fraction("0.0333333"))
    assert np.array_equal(interpolated(frames, Fraction("0.0333333"), clock_times(clock)), frames)


def test_half_way_is_the_mean():
    frames = np.array([[0.0, 10.0], [2.0, 20.0]])
    assert interpolated(frames, Fraction(1), [Fraction(1, 2)]).tolist() == [[1.0, 15.0]]


def test_first_and_last_frames_are_held():
    frames = np.array([1.0, 2.0, 3.0])
    times = [Fraction(-1, 2), Fraction(2), Fraction(5, 2), Fraction(100)]
    assert interpolated(frames, Fraction(1), times).tolist() == [1, 3, 3, 3]
    assert frames.tolist() == [1, 2, 3]


def test_loops_go_round():
    frames = np.array([1.0, 2.0, 3.0])
    times = [Fraction(5, 2), Fraction(3), Fraction(7, 2)]
    assert interpolated(frames, Fraction(1), times, loops=True).tolist() == [2.0, 1.0, 1.5]


def test_one_frame_is_held_for_ever():
    assert interpolated(np.array([[7.0]]), Fraction(1), [Fraction(0), Fraction(1, 2)]).tolist() == [[7.0], [7.0]]
