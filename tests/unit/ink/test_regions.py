from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.ink.regions import dilated, disc, eroded, nearest_values, opened, pieces_with


@pytest.fixture(params=[(60, 80), (1, 9), (7, 3)], ids=str)
def specks(request: pytest.FixtureRequest) -> np.ndarray:
    """A mask with single pixels, on the border too."""
    mask = np.random.default_rng(2).random(request.param) > 0.97
    mask[0, 0] = mask[-1, -1] = True
    return mask


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 13])
def test_masks_grow_by_a_disc(specks, radius):
    expected = cv2.dilate(specks.astype(np.uint8), disc(radius)) > 0
    assert np.array_equal(dilated(specks, radius), expected)


@pytest.mark.parametrize("radius", [1, 4])
def test_masks_shrink_by_a_disc_but_not_from_the_border(specks, radius):
    mask = dilated(specks, 6)
    assert np.array_equal(eroded(mask, radius), cv2.erode(mask.astype(np.uint8), disc(radius)) > 0)
    assert eroded(np.ones((9, 9), bool), radius).all()


def test_opening_removes_what_is_thinner_than_the_disc():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 5:20] = True
    mask[19:22, 20:] = True  # leaves through the border
    kept = opened(mask, 3)
    assert kept[12:28, 7:18].all()
    assert not kept[:, 25:].any()


@pytest.mark.parametrize(("corners_join", "count"), [(True, 9), (False, 8)])
def test_pieces_with_a_marker_are_kept_unless_they_are_specks(corners_join, count):
    mask = np.zeros((8, 20), bool)
    mask[1:5, 1:3] = mask[5, 3] = True  # joined over a corner
    mask[1:5, 10:12] = True  # without a marker
    mask[6, 18] = True  # a speck
    markers = np.zeros_like(mask)
    markers[2, 2] = markers[6, 18] = True
    assert pieces_with(mask, markers, corners_join=corners_join, min_share=0.1).sum() == count
    assert pieces_with(mask, markers, corners_join=corners_join).sum() == count + 1


def test_unknown_pixels_take_the_nearest_value():
    values, known = np.zeros((9, 20), np.int32), np.zeros((9, 20), bool)
    values[4, 2], values[4, 17] = 5, 7
    known[4, [2, 17]] = True
    found = nearest_values(values, known)
    assert (found[:, :9] == 5).all()
    assert (found[:, 11:] == 7).all()
    assert np.array_equal(nearest_values(values, np.zeros((9, 20), bool)), values)
