"""Output frames at exact times, whatever rate the motion was captured at."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pipeline.errors import OptionError
from pipeline.types import Floats, OutputClock

MAX_FRAMES = 100_000
"""An hour and six minutes at 25 a second: joints are in memory for all frames at once."""


def output_clock(
    duration: Fraction, native_frame_time: Fraction, *, rate: Fraction | None = None, max_rate: Fraction | None = None
) -> OutputClock:
    """When the output's frames are shown: frame k at k / rate, as many as fill `duration` (seconds) best, at least one.

    Args:
        duration: of the motion, s.
        native_frame_time: of the motion, s; its rate is taken where none is asked for.
        rate: frames a second.
        max_rate: frames a second that are not exceeded, whoever asks for them.

    Raises:
        OptionError: a rate or a time that is not above zero; more than MAX_FRAMES frames.
    """
    for name, value in (("duration", duration), ("frame time", native_frame_time), ("frame rate", rate), ("highest frame rate", max_rate)):
        if value is not None and value <= 0:
            raise OptionError(f"{name}: expected more than 0, found {value}")
    wanted = 1 / native_frame_time if rate is None else rate
    if max_rate is not None:
        wanted = min(wanted, max_rate)
    frame_count = max(1, round(duration * wanted))
    if frame_count > MAX_FRAMES:
        raise OptionError(
            f"the animation would have {frame_count} frames in {float(duration):g} s: expected at most {MAX_FRAMES}",
            hint="is the motion's frame time in seconds? A lower frame rate or fewer frames of the motion would do, too",
        )
    return OutputClock(frame_count, 1 / wanted)


def clock_times(clock: OutputClock) -> tuple[Fraction, ...]:
    """When each output frame is shown, s, exact."""
    return tuple(k * clock.frame_time for k in range(clock.frame_count))


def interpolated(frames: Floats, frame_time: Fraction, times: Sequence[Fraction], *, loops: bool = False) -> Floats:
    """`frames` (T, ...) float64, one every `frame_time` seconds, as they are at `times`: (len(times), ...) float64.

    Between two frames linearly; at a frame's own time that frame, bit for bit. Before the first and after the last frame these are held,
    unless the motion `loops`: then time goes round, and the last frame leads into the first.
    """
    places = [time / frame_time for time in times]
    whole = [place.numerator // place.denominator for place in places]
    weights = np.array([float(place - floor) for place, floor in zip(places, whole, strict=True)], dtype=np.float64)
    before = np.array(whole, dtype=np.int64)
    last = len(frames) - 1
    if loops:
        before %= len(frames)
        after = (before + 1) % len(frames)
    else:
        weights[(before < 0) | (before >= last)] = 0.0
        before = np.clip(before, 0, last)
        after = np.minimum(before + 1, last)
    result: Floats = frames[before]
    between = np.flatnonzero(weights)
    weight = weights[between].reshape(-1, *[1] * (frames.ndim - 1))
    result[between] += weight * (frames[after[between]] - frames[before[between]])
    return result
