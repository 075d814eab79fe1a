"""Peaks of maps that are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.heatmaps import box_overlap, center_peaks, joint_chances, joint_peaks

CELLS = 48


def bump(x: float, y: float, *, height: float = 8.0) -> np.ndarray:
    """Logits with a peak at x, y, in cells."""
    places = np.arange(CELLS) + 0.5
    return (height * np.exp(-((places[None] - x) ** 2 + (places[:, None] - y) ** 2) / 4)).astype(np.float32)


def test_chances_sum_to_one() -> None:
    chances = joint_chances(np.stack([bump(5, 5), np.zeros((CELLS, CELLS), np.float32)]))
    np.testing.assert_allclose(chances.sum(axis=(1, 2)), 1.0, rtol=1e-5)


@pytest.mark.parametrize("place", [(10.0, 20.0), (30.3, 7.8), (24.5, 24.5)])
def test_a_peak_is_found_between_the_cells(place: tuple[float, float]) -> None:
    x, y, score = joint_peaks(bump(*place, height=14.0)[None], 192.0)[0]
    assert (x / 4, y / 4) == pytest.approx(place, abs=0.1)
    assert score > 0.9


def test_a_flat_map_is_not_sure() -> None:
    assert joint_peaks(np.zeros((1, CELLS, CELLS), np.float32), 192.0)[0, 2] < 0.03


def test_two_equal_places_share_the_score() -> None:
    both = np.maximum(bump(10, 10, height=14.0), bump(38, 38, height=14.0))
    assert joint_peaks(both[None], 192.0)[0, 2] == pytest.approx(0.5, abs=0.05)


def test_boxes_of_centers() -> None:
    logits = np.full((CELLS, CELLS), -6.0, np.float32)
    logits[10, 20], logits[11, 20], logits[40, 5] = 3.0, 2.0, 1.0
    sides = np.full((4, CELLS, CELLS), 0.1, np.float32)
    found = center_peaks(logits, sides, 192.0)
    assert len(found) == 2
    np.testing.assert_allclose(found[0, :4], (82 - 19.2, 42 - 19.2, 82 + 19.2, 42 + 19.2), atol=1e-4)
    assert found[0, 4] == pytest.approx(1 / (1 + np.exp(-3.0)))


def test_neighboring_peaks_of_one_figure_are_one_box() -> None:
    logits = np.full((CELLS, CELLS), -6.0, np.float32)
    logits[10, 20], logits[10, 23] = 3.0, 2.5
    assert len(center_peaks(logits, np.full((4, CELLS, CELLS), 0.2, np.float32), 192.0)) == 1


def test_nothing_there_is_no_box() -> None:
    nothing = np.full((CELLS, CELLS), -9.0, np.float32)
    assert center_peaks(nothing, np.zeros((4, CELLS, CELLS), np.float32), 192.0).shape == (0, 5)


def test_overlap() -> None:
    one = np.array([0.0, 0.0, 2.0, 2.0])
    assert box_overlap(one, one) == 1.0
    assert box_overlap(one, np.array([1.0, 0.0, 3.0, 2.0])) == pytest.approx(1 / 3)
    assert box_overlap(one, np.array([5.0, 5.0, 6.0, 6.0])) == 0.0
