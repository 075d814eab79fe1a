from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.joint_repair import repaired
from pipeline.pose.stride import faces_viewer, with_legs_distinguished

CELLS = 48
LEFT_LEG, RIGHT_LEG = [11, 13, 15], [12, 14, 16]
RUNNER = {
    0: (0.55, 0.15), 5: (0.53, 0.3), 6: (0.5, 0.3), 7: (0.65, 0.38), 9: (0.75, 0.3), 8: (0.38, 0.4), 10: (0.25, 0.48),
    11: (0.5, 0.55), 12: (0.5, 0.55), 13: (0.68, 0.6), 15: (0.68, 0.8), 14: (0.4, 0.7), 16: (0.2, 0.72),
}  # fmt: skip
"""To the right: the left arm and the left leg are in front, which is not how people run."""


def runner(**moved: tuple[float, float]) -> np.ndarray:
    """(17, 3) joints of a runner in shares of the square; `moved` are others, by their number after a letter."""
    peaks = np.zeros((17, 3))
    for joint, place in (RUNNER | {int(name[1:]): place for name, place in moved.items()}).items():
        peaks[joint] = (*place, 0.9)
    return peaks


def chances(peaks: np.ndarray, *, own: float) -> np.ndarray:
    """(17, C, C): each knee and ankle is where it is by `own`, and where that of the other leg is otherwise."""
    maps = np.zeros((17, CELLS, CELLS), np.float32)
    for one, other in ((13, 14), (14, 13), (15, 16), (16, 15)):
        for place, share in ((one, own), (other, 1.0 - own)):
            column, row = (peaks[place, :2] * CELLS).astype(int)
            maps[one, row, column] += share
    return maps


def test_legs_that_a_model_cannot_tell_apart_swing_against_the_arms() -> None:
    peaks = runner()
    distinguished = with_legs_distinguished(peaks, chances(peaks, own=0.6))
    np.testing.assert_array_equal(distinguished[LEFT_LEG], peaks[RIGHT_LEG])
    np.testing.assert_array_equal(distinguished[RIGHT_LEG], peaks[LEFT_LEG])
    np.testing.assert_array_equal(distinguished[:11], peaks[:11])
    np.testing.assert_array_equal(with_legs_distinguished(distinguished, chances(distinguished, own=0.6)), distinguished)


@pytest.mark.parametrize(
    ("moved", "own"),
    [
        ({}, 0.95),  # the model is sure
        ({"l5": (0.6, 0.3), "r6": (0.42, 0.3)}, 0.6),  # the shoulders face us
        ({"r14": (0.3, 0.55), "r16": (0.25, 0.8)}, 0.6),  # the knees bend outwards, as in a squat
        ({"l9": (0.55, 0.5), "r10": (0.45, 0.5)}, 0.6),  # the hands hang down
    ],
)
def test_legs_stay_as_the_model_sees_them(moved: dict[str, tuple[float, float]], own: float) -> None:
    peaks = runner(**moved)
    np.testing.assert_array_equal(with_legs_distinguished(peaks, chances(peaks, own=own)), peaks)


def test_hips_exchanged_by_a_model_bring_their_legs_along() -> None:
    """Hips alone left a dancer with crossed legs."""
    size = 200
    peaks = runner(l5=(0.6, 0.3), r6=(0.42, 0.3), l11=(0.46, 0.55), r12=(0.54, 0.55))
    peaks[[13, 15]], peaks[[14, 16]] = peaks[[14, 16]].copy(), peaks[[13, 15]].copy()
    assert faces_viewer(peaks)
    peaks[:, :2] *= size
    work = repaired(peaks, np.ones((size, size), bool))
    np.testing.assert_allclose(work.at[LEFT_LEG], peaks[RIGHT_LEG, :2])
    np.testing.assert_allclose(work.at[RIGHT_LEG], peaks[LEFT_LEG, :2])


def test_runner_seen_from_the_side_keeps_the_leg_in_front() -> None:
    size = 200
    peaks = runner(l11=(0.48, 0.55), r12=(0.52, 0.55))
    peaks[[13, 15]], peaks[[14, 16]] = peaks[[14, 16]].copy(), peaks[[13, 15]].copy()
    peaks[:, :2] *= size
    work = repaired(peaks, np.ones((size, size), bool))
    np.testing.assert_allclose(work.at[LEFT_LEG], peaks[LEFT_LEG, :2])
