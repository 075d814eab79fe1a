from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.heatmaps import joint_chances, most_likely_peaks, peaks_of_chances
from pipeline.pose.limb_choice import ARM_WEIGHTS, LEG_WEIGHTS, LimbPair, with_limbs_chosen

CELLS = 48
LEFT, RIGHT = (0, 1, 2), (3, 4, 5)
SHOULDERS, ELBOWS, HANDS = ((28, 14), (20, 14)), ((35, 20), (13, 20)), ((42, 26), (6, 26))
"""Left before right, in cells."""

EVERYWHERE = np.ones((96, 96), np.float32)


def bumps(*places: tuple[float, float, float]) -> np.ndarray:
    """Logits with peaks at x, y of a height."""
    at = np.arange(CELLS) + 0.5
    return np.max([height * np.exp(-((at[None] - x) ** 2 + (at[:, None] - y) ** 2) / 4) for x, y, height in places], axis=0)


Places = tuple[list[tuple[float, float, float]], ...]


def _sure(places: tuple[tuple[int, int], ...]) -> Places:
    return tuple([(x, y, 12.0)] for x, y in places)


SURE = tuple(_sure(places) for places in (SHOULDERS, ELBOWS, HANDS))


def _arms(*, roots: Places = SURE[0], elbows: Places = SURE[1], hands: Places = SURE[2]) -> list[list[tuple[float, float, float]]]:
    """The peaks of each joint of both arms."""
    return [places[side] for side in (0, 1) for places in (roots, elbows, hands)]


def _both_arms(logits: list[np.ndarray], mask: np.ndarray = EVERYWHERE) -> np.ndarray:
    chances = joint_chances(np.array(logits, np.float32))
    return with_limbs_chosen(peaks_of_chances(chances, 1.0), chances, mask, [LimbPair(LEFT, RIGHT, ARM_WEIGHTS)])[:, :2] * CELLS


def chosen(hands: tuple[list[tuple[float, float, float]], ...], mask: np.ndarray = EVERYWHERE) -> np.ndarray:
    """Both arms from their hands' peaks, in cells."""
    return _both_arms([bumps(*places) for places in _arms(hands=hands)], mask)


def test_clear_peaks_stay_where_they_are():
    found = chosen(([(*HANDS[0], 12.0)], [(*HANDS[1], 12.0)]))
    assert found[2] == pytest.approx(HANDS[0], abs=0.5)
    assert found[5] == pytest.approx(HANDS[1], abs=0.5)
    assert found[1] == pytest.approx(ELBOWS[0], abs=0.5)


def test_both_hands_are_not_in_one_place_if_the_second_peak_fits():
    left, right = (*HANDS[0], 12.0), (*HANDS[1], 11.6)
    alone = peaks_of_chances(joint_chances(bumps((*HANDS[0], 12.0), right)[None].astype(np.float32)), 1.0)[0, :2] * CELLS
    assert alone == pytest.approx(HANDS[0], abs=0.5)
    found = chosen(([left], [(*HANDS[0], 12.0), right]))
    assert found[2] == pytest.approx(HANDS[0], abs=0.5)
    assert found[5] == pytest.approx(HANDS[1], abs=0.5)


def test_folded_hands_may_meet():
    together = (24, 26, 12.0)
    found = chosen(([together], [together]))
    assert found[2] == pytest.approx((24, 26), abs=0.5)
    assert found[5] == pytest.approx((24, 26), abs=0.5)


def test_hand_inside_the_mask_is_chosen_over_a_likelier_bow_outside():
    mask = np.zeros((96, 96), np.float32)
    mask[20:60] = 1.0
    found = chosen(([(*HANDS[0], 11.6), (42, 4, 12.0)], [(*HANDS[1], 12.0)]), mask)
    assert found[2] == pytest.approx(HANDS[0], abs=0.5)


def test_elbow_is_halfway_along_the_arm_rather_than_at_the_hand():
    halfway, at_hand = (*ELBOWS[0], 11.8), (HANDS[0][0] - 1, HANDS[0][1] - 1, 12.0)
    logits = [bumps(*places) for places in _arms(elbows=([halfway, at_hand], [(*ELBOWS[1], 12.0)]))]
    assert _both_arms(logits)[1] == pytest.approx(ELBOWS[0], abs=0.5)


def test_elbow_that_is_sure_stays_where_it_is():
    at_hand = (HANDS[0][0] - 3, HANDS[0][1] - 3, 14.0)
    logits = [bumps(*places) for places in _arms(elbows=([at_hand], [(*ELBOWS[1], 12.0)]))]
    assert _both_arms(logits)[1] == pytest.approx(at_hand[:2], abs=0.5)


def test_shoulder_is_where_the_arm_stays_inside_the_mask():
    mask = np.zeros((96, 96), np.float32)
    mask[20:60] = 1.0
    roots = ([(*SHOULDERS[0], 11.6), (28, 4, 12.0)], [(*SHOULDERS[1], 12.0)])
    assert _both_arms([bumps(*places) for places in _arms(roots=roots)], mask)[0] == pytest.approx(SHOULDERS[0], abs=0.5)


def test_two_legs_are_not_laid_on_one():
    """Of a runner seen from the side either leg may be the right one: the likeliest place of both is the same leg."""
    hips, knees, feet = (24, 24), ((18, 30), (32, 28)), ((10, 36), (34, 40))
    knee, foot = ([(*places[0], 12.2), (*places[1], 12.0)] for places in (knees, feet))
    logits = [bumps(*places) for _ in (0, 1) for places in ([(*hips, 12.0)], knee, foot)]
    chances = joint_chances(np.array(logits, np.float32))
    peaks = peaks_of_chances(chances, 1.0)
    assert peaks[2, :2] == pytest.approx(peaks[5, :2], abs=0.01)
    found = with_limbs_chosen(peaks, chances, EVERYWHERE, [LimbPair(LEFT, RIGHT, LEG_WEIGHTS)])[:, :2] * CELLS
    assert sorted([tuple(found[2].round()), tuple(found[5].round())]) == sorted(feet)
    assert sorted([tuple(found[1].round()), tuple(found[4].round())]) == sorted(knees)


def test_peaks_are_listed_best_first_without_their_neighborhood():
    chances = joint_chances(bumps((10, 10, 12.0), (38, 30, 11.0))[None].astype(np.float32))[0]
    peaks = most_likely_peaks(chances, 3)
    assert peaks[0, :2] * CELLS == pytest.approx((10, 10), abs=0.5)
    assert peaks[1, :2] * CELLS == pytest.approx((38, 30), abs=0.5)
    assert peaks[0, 2] > peaks[1, 2] > 10 * peaks[2, 2]
