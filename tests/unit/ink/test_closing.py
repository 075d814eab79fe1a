from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.ink.closing import solid_shape
from pipeline.ink.ground import without_ground
from pipeline.ink.strokes import stroke_ends, thinned


def ring(gap_degrees: float = 0.0, *, thickness: int = 4) -> np.ndarray:
    """(400, 400) bool: a circle of radius 120 with a gap on its right."""
    image = np.zeros((400, 400), np.uint8)
    cv2.ellipse(image, (200, 200), (120, 120), 0, gap_degrees / 2, 360 - gap_degrees / 2, 1, thickness)
    return image > 0


@pytest.mark.parametrize("thickness", [2, 4, 9, 15])
@pytest.mark.parametrize("gap_degrees", [0, 3, 6])
def test_an_outline_with_a_gap_encloses_what_it_means_to(gap_degrees, thickness):
    assert solid_shape(ring(gap_degrees, thickness=thickness))[200, 200]


def test_an_open_bow_stays_open_unless_boldness_is_asked_for():
    bow = ring(25)
    assert not solid_shape(bow)[200, 200]
    assert solid_shape(bow, boldness=5.0)[200, 200]


def test_a_hand_near_the_head_does_not_close_the_room_between_them():
    image = np.zeros((400, 300), np.uint8)
    cv2.circle(image, (120, 80), 50, 1, 5)
    cv2.line(image, (120, 130), (120, 300), 1, 5)
    cv2.polylines(image, [np.array([[120, 250], [220, 200], [230, 100], [192, 85]])], isClosed=False, color=1, thickness=5)
    assert not solid_shape(image > 0)[180, 170]


def test_a_broken_limb_is_joined():
    image = np.zeros((300, 300), np.uint8)
    cv2.circle(image, (150, 80), 50, 1, 5)
    cv2.line(image, (150, 130), (150, 190), 1, 5)
    cv2.line(image, (150, 202), (150, 280), 1, 5)
    assert cv2.connectedComponents(solid_shape(image > 0).astype(np.uint8))[0] == 2


def test_skeletons_are_thin_and_keep_the_ends_of_lines():
    image = np.zeros((100, 200), np.uint8)
    cv2.line(image, (30, 50), (170, 50), 1, 9)
    skeleton = thinned(image > 0)
    assert skeleton.sum(axis=0).max() == 1
    ends, directions = stroke_ends(skeleton, cv2.distanceTransform(image, cv2.DIST_L2, 3))
    assert sorted(ends[:, 0].tolist()) == pytest.approx([30, 170], abs=6)
    assert sorted(directions[:, 0].tolist()) == pytest.approx([-1, 1], abs=0.05)


def test_the_ground_goes_and_the_legs_stay():
    image = np.zeros((300, 300), np.uint8)
    cv2.line(image, (120, 100), (120, 270), 1, 5)
    cv2.line(image, (180, 100), (180, 270), 1, 5)
    legs = image.copy()
    cv2.line(image, (0, 268), (299, 272), 1, 3)
    left = without_ground(image > 0)
    assert not left[:, :100].any()
    assert not left[262:280, 130:170].any()
    assert left[100:255, 120].all()
    assert np.array_equal(without_ground(legs > 0), legs > 0)


def test_the_sole_of_an_outlined_figure_stays():
    image = np.zeros((300, 300), np.uint8)
    cv2.rectangle(image, (100, 40), (200, 270), 1, 4)
    cv2.line(image, (0, 270), (299, 270), 1, 3)
    left = without_ground(image > 0)
    assert left[268:273, 110:190].any(axis=0).all()
    assert not left[:, :80].any()


def test_outstretched_arms_are_no_ground():
    image = np.zeros((300, 300), np.uint8)
    cv2.line(image, (0, 220), (299, 220), 1, 4)
    arms = np.zeros((300, 300), bool)
    arms[215:226] = True
    assert np.array_equal(without_ground(image > 0, arms), image > 0)


def test_a_foot_just_above_the_edge_of_the_sheet_is_not_joined_to_it():
    image = np.zeros((300, 300), np.uint8)
    cv2.circle(image, (150, 80), 50, 1, 5)
    cv2.line(image, (150, 130), (150, 268), 1, 5)
    image[276:] = 1
    assert cv2.connectedComponents(solid_shape(image > 0).astype(np.uint8))[0] == 3
