"""Periodic curves that the clips are written with.

A track is an array (N,) float64: one value per frame of a loop of N frames, so that frame N would be frame 0 again.
Everything here keeps that: keys wrap around, delays wrap around, and `spring` is the steady state of a periodic drive.
Times are frames (30 a second), values are degrees or centimeters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Track = NDArray[np.float64]
Key = tuple[float, float] | tuple[float, float, float]

FRAMES_PER_SECOND = 30


def keyed(frame_count: int, *keys: Key) -> Track:
    """A closed cubic curve through (frame, value) keys, in order of their frames.

    The curve eases: it rests at its turning points and never overshoots a key. A third number in a key is its slope,
    value per frame, for contacts and constant speeds.
    """
    times = np.array([key[0] for key in keys], dtype=np.float64)
    values = np.array([key[1] for key in keys], dtype=np.float64)
    if np.any(np.diff(times) <= 0) or times[-1] - times[0] >= frame_count:
        raise ValueError(f"keys must lie in ascending order within one loop of {frame_count} frames, but lie at {times}")
    spans = np.diff(times, append=times[0] + frame_count)
    rises = np.diff(values, append=values[0]) / spans
    slopes = _resting_slopes(rises, spans)
    for index, key in enumerate(keys):
        if len(key) == 3:
            slopes[index] = key[2]
    frames = (np.arange(frame_count) - times[0]) % frame_count + times[0]
    start = np.searchsorted(times, frames, side="right") - 1
    stop = (start + 1) % len(keys)
    return _hermite(
        (frames - times[start]) / spans[start], values[start], values[stop], slopes[start] * spans[start], slopes[stop] * spans[start]
    )


def _resting_slopes(rises: Track, spans: Track) -> Track:
    """The slope at each key: 0 at a turning point, else the neighbors' mean, limited so that no key is overshot."""
    before, after = np.roll(rises, 1), rises
    span_before = np.roll(spans, 1)
    mean = (before * span_before + after * spans) / (span_before + spans)
    limit = 3 * np.minimum(np.abs(before), np.abs(after))
    return np.where(before * after <= 0, 0.0, np.clip(mean, -limit, limit))


def _hermite(u: Track, first: Track, last: Track, leaving: Track, arriving: Track) -> Track:
    """The cubic on u in 0..1 with the given ends and end slopes (per unit of u)."""
    rest = 1 - u
    return first * rest**2 * (1 + 2 * u) + last * u**2 * (1 + 2 * rest) + leaving * u * rest**2 - arriving * u**2 * rest


def wave(frame_count: int, cycles: int, amplitude: float = 1.0, start: float = 0.0) -> Track:
    """A sine of whole `cycles` a loop, that starts to rise at frame `start`."""
    turn = 2 * np.pi * cycles / frame_count
    track: Track = amplitude * np.sin(turn * (np.arange(frame_count) - start))
    return track


def flight(frame_count: int, takeoff: float, landing: float, height: float) -> Track:
    """A thrown body's height: a parabola from `takeoff` to `landing` (frames), 0 outside."""
    middle, half = (takeoff + landing) / 2, (landing - takeoff) / 2
    away = (np.arange(frame_count) - middle + frame_count / 2) % frame_count - frame_count / 2
    arc: Track = height * np.clip(1 - (away / half) ** 2, 0, None)
    return arc


def lag(track: Track, frames: int) -> Track:
    """The same curve, some frames later."""
    return np.roll(track, frames)


def drag(track: Track, frames: int) -> Track:
    """What is left behind by a part that follows `frames` later: the bend of a limb whose end trails."""
    return lag(track, frames) - track


def spring(track: Track, frequency_hz: float, damping: float = 0.35) -> Track:
    """What a soft thing does that is led by `track`: it drags behind, overshoots and settles.

    The steady state of a damped oscillator under a periodic drive, by its Fourier series (gain 1 at rest).
    """
    rate = 2 * np.pi * np.fft.rfftfreq(len(track), 1 / FRAMES_PER_SECOND)
    own = 2 * np.pi * frequency_hz
    gain = own**2 / (own**2 - rate**2 + 2j * damping * own * rate)
    led: Track = np.fft.irfft(np.fft.rfft(track) * gain, len(track))
    return led


def repeated(track: Track, times: int) -> Track:
    """A short loop played several times as one longer loop."""
    return np.tile(track, times)
