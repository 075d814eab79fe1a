"""Output frames at exact times, whatever rate the motion was captured at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

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
        max_rate: most frames a second, whatever rate was requested.

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


@dataclass(frozen=True, eq=False)
class FrameSampler:
    """Samples frames at given times: between frame `before` and frame `after`, (T,) int64 each, at `weights` (T,) float64 of the way.

    Attributes:
        rounds: (T,) int64, how many times a loop has begun anew at `before`.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    weights: Floats
    rounds: NDArray[np.int64]

    def sample(self, frames: Floats, *, gain: Floats | None = None) -> Floats:
        """`frames` (N, ...) float64 at these times: linearly between two; on a frame that frame, bit for bit.

        Args:
            gain: added to the frames each time that a loop begins anew; None: it goes on where it began.
        """
        result: Floats = frames[self.before]
        between = np.flatnonzero(self.weights)
        column = (-1, *[1] * (frames.ndim - 1))
        steps = frames[self.after[between]] - frames[self.before[between]]
        if gain is not None:
            result += self.rounds.reshape(column) * gain
            steps += (self.after < self.before)[between].reshape(column) * gain
        result[between] += self.weights[between].reshape(column) * steps
        return result


def frame_sampler(frame_count: int, frame_time: Fraction, times: Sequence[Fraction], *, loops: bool = False) -> FrameSampler:
    """A sampler of frames, one every `frame_time` seconds, at `times`.

    Before the first and after the last frame these are held, unless the motion `loops`: then time goes round, and the last frame leads into
    the first.
    """
    upper = [time.numerator * frame_time.denominator for time in times]
    lower = [time.denominator * frame_time.numerator for time in times]
    whole = [a // b for a, b in zip(upper, lower, strict=True)]
    weights = np.array([(a - floor * b) / b for a, b, floor in zip(upper, lower, whole, strict=True)], dtype=np.float64)
    before = np.array(whole, dtype=np.int64)
    last = frame_count - 1
    if loops:
        rounds, before = np.divmod(before, frame_count)
        return FrameSampler(before, (before + 1) % frame_count, weights, rounds)
    weights[(before < 0) | (before >= last)] = 0.0
    before = np.clip(before, 0, last)
    return FrameSampler(before, np.minimum(before + 1, last), weights, np.zeros_like(before))
