"""Tracks without jitter, gaps and single wrong places: `smoothed`."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.motion.formats.smoothing import smoothed

SECONDS = np.arange(120) / 30
GESTURE = np.stack([100 * np.sin(2 * np.pi * 1.5 * SECONDS), 40 * np.cos(2 * np.pi * 0.5 * SECONDS)], axis=1)
SURE = np.ones(120)


def test_jitter_is_halved_and_the_gesture_stays() -> None:
    noise = np.random.default_rng(1).normal(0, 3, GESTURE.shape)
    found = smoothed(GESTURE + noise, SURE, 1 / 30)
    assert np.std(found - GESTURE) < 0.6 * np.std(noise)
    assert np.abs(smoothed(GESTURE, SURE, 1 / 30) - GESTURE)[5:-5].max() < 2.5


def test_a_gap_is_filled_along_the_way() -> None:
    weights = SURE.copy()
    weights[40:46] = 0
    spoilt = GESTURE.copy()
    spoilt[40:46] = 1e6
    assert np.abs(smoothed(spoilt, weights, 1 / 30) - GESTURE)[36:50].max() < 12


@pytest.mark.parametrize("at", [2, 60, 117])
def test_a_place_that_jumps_away_and_back_is_left_out(at: int) -> None:
    spoilt = GESTURE.copy()
    spoilt[at] += 500
    assert np.abs(smoothed(spoilt, SURE, 1 / 30) - GESTURE).max() < 12


def test_a_fast_movement_is_no_wrong_place() -> None:
    fast = np.where(np.arange(120) < 60, 0.0, 300.0)[:, None] * np.ones(2)
    fast[58:62] = np.array([[30.0], [110], [190], [270]])
    assert np.abs(smoothed(fast, SURE, 1 / 30) - fast).max() < 40


def test_what_is_unseen_at_the_ends_is_held() -> None:
    weights = SURE.copy()
    weights[:20] = weights[100:] = 0
    found = smoothed(GESTURE, weights, 1 / 30)
    assert np.array_equal(found[:20], np.repeat(found[20:21], 20, axis=0))
    assert np.array_equal(found[100:], np.repeat(found[99:100], 20, axis=0))


def test_one_sighting_or_none() -> None:
    once = np.zeros(120)
    once[7] = 1
    assert np.array_equal(smoothed(GESTURE, once, 1 / 30), np.repeat(GESTURE[7:8], 120, axis=0))
    assert np.array_equal(smoothed(GESTURE, np.zeros(120), 1 / 30), GESTURE)
    assert np.array_equal(smoothed(GESTURE[:3], SURE[:3], 1 / 30), GESTURE[:3])
