from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.encoding.frame_times import FrameTimes, Ticks
from pipeline.types import OutputClock

GIF = Ticks(per_second=100, shortest=2, longest=65535)


def begins(frame_time, count, ticks=GIF):
    table = FrameTimes(OutputClock(count, frame_time), ticks)
    return [table.begin(index * frame_time) for index in range(count)], table.end


@given(
    frame_time=st.fractions(min_value=Fraction(1, 240), max_value=Fraction(1, 2), max_denominator=10**7),
    count=st.integers(min_value=1, max_value=400),
)
def test_images_are_on_time_and_long_enough(frame_time, count):
    found, end = begins(frame_time, count)
    shown = [begin for begin in found if begin is not None]
    assert shown[0] == 0
    assert all(begin == round(index * frame_time * 100) for index, begin in enumerate(found) if begin is not None)
    assert min(later - earlier for earlier, later in zip(shown, [*shown[1:], end], strict=True)) >= 2
    assert end == max(2, round(count * frame_time * 100))


@given(frame_time=st.fractions(min_value=Fraction(1, 40), max_value=Fraction(1), max_denominator=1000), count=st.integers(1, 100))
def test_no_image_is_left_out_below_forty_a_second(frame_time, count):
    assert None not in begins(frame_time, count)[0]


def test_339_frames_of_a_thirtieth():
    found, end = begins(Fraction("0.0333333"), 339)
    assert found[:5] == [0, 3, 7, 10, 13]
    assert end == 1130


@pytest.mark.parametrize("total", [2, 65535, 65536, 65537, 131066, 131067, 1_000_000])
def test_long_delays_are_split(total):
    parts = list(GIF.split(total))
    assert sum(parts) == total
    assert all(2 <= part <= 65535 for part in parts)
