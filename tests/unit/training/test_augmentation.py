"""Augmentation of crops, and the place of their masks: joints and masks must move with the lines."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from augmentation import MIRRORED, figure_crop, whole_image
from settings import configuration
from views import in_image, mask_in_crop

from pipeline.types import KEYPOINT_NAMES, MIRRORED_PARTS, BodyPart, Pose

SIDE = 192
CROP = 216
REACH = 4
LEFT = [row for row, name in enumerate(KEYPOINT_NAMES) if name.startswith("left")]
RIGHT = [row for row, name in enumerate(KEYPOINT_NAMES) if name.startswith("right")]


@pytest.fixture(scope="module")
def augmentation():
    return {**configuration()["pose"]["augmentation"], "on_its_side": 0.0}


@pytest.fixture
def dots():
    """A figure of nothing but dots, one a joint, the figure's own left on the viewer's right: crop (C, C, 4), joints, box. Dots of the
    left are of its left hand, others of its right one.
    """
    rows = np.arange(17)
    keypoints = np.column_stack([np.full(17, CROP / 2.0), 30.0 + 9.0 * rows, np.full(17, 2.0)]).astype(np.float32)
    keypoints[LEFT, 0] += 40.0
    keypoints[RIGHT, 0] -= 40.0
    crop = np.full((CROP, CROP, 4), 255, np.uint8)
    crop[..., 3] = 0
    across = np.arange(CROP) + 0.5
    for row, (x, y, _) in enumerate(keypoints):
        dot = (across[None, :] - x) ** 2 + (across[:, None] - y) ** 2 <= REACH**2
        crop[dot] = (0, 0, 0, BodyPart.LEFT_HAND if row in LEFT else BodyPart.RIGHT_HAND)
    ys, xs = np.nonzero(crop[..., 3])
    return crop, keypoints, np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)


@pytest.mark.parametrize("bent", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_joints_go_along_with_their_lines(dots, augmentation, seed, bent):
    crop, keypoints, box = dots
    kinds = {**augmentation, "cut_out": 0.0, "bent": bent, "bend": 0.08}
    rgb, mask, parts, moved = figure_crop(crop, keypoints, box, np.random.default_rng(seed), SIDE, kinds)
    assert rgb.shape == (SIDE, SIDE, 3)
    there = moved[moved[:, 2] > 0]
    assert len(there) >= 14  # a few may be turned out of the square
    columns, rows = np.clip(there[:, :2].astype(int), 0, SIDE - 1).T
    assert (mask[rows, columns] > 127).all()
    assert moved[LEFT, 0].mean() > moved[RIGHT, 0].mean()  # in a mirror, too, where left becomes right
    assert parts.shape == (SIDE // 2, SIDE // 2)
    sided = np.flatnonzero(moved[:, 2]) > 0  # the nose is in the middle
    wanted = np.where(np.isin(np.flatnonzero(moved[:, 2]), LEFT), BodyPart.LEFT_HAND, BodyPart.RIGHT_HAND)
    assert (parts[rows // 2, columns // 2] == wanted)[sided].all()


def test_a_figure_on_its_side_has_no_joints(dots, augmentation):
    crop, keypoints, box = dots
    lying = {**augmentation, "on_its_side": 1.0}
    _, mask, parts, moved = figure_crop(crop, keypoints, box, np.random.default_rng(3), SIDE, lying)
    assert (mask > 127).any()
    assert parts.any()
    assert not moved[:, 2].any()


def test_a_whole_image_on_its_side_shows_no_figure():
    image = np.full((64, 64, 4), 255, np.uint8)
    boxes = np.array([[10.0, 10.0, 50.0, 60.0]], np.float32)
    config = {**configuration()["detector"]["augmentation"], "zoom": [1.0, 1.0], "shift": 0.0}
    _, mask, found = whole_image(image, boxes, np.random.default_rng(1), 64, {**config, "on_its_side": 1.0})
    assert not mask.any()
    assert not len(found)
    _, mask, found = whole_image(image, boxes, np.random.default_rng(1), 64, {**config, "on_its_side": 0.0})
    assert mask.any()
    assert len(found) == 1


def test_a_mirror_of_a_mirror_changes_nothing():
    assert (MIRRORED[MIRRORED] == np.arange(17)).all()
    assert sorted(MIRRORED[LEFT]) == RIGHT
    assert all(MIRRORED_PARTS[MIRRORED_PARTS[part]] == part for part in BodyPart)
    assert all(BodyPart(MIRRORED_PARTS[part]).name == part.name.replace("LEFT", "RIGHT") for part in BodyPart if "LEFT" in part.name)


@pytest.mark.parametrize("seed", range(8))
def test_the_figure_stays_in_the_middle_and_fills_what_it_should(dots, augmentation, seed):
    crop, keypoints, box = dots
    still = {**augmentation, "shift": 0.0, "cut_out": 0.0, "turn_deg": 0.0, "stretch": 0.0, "bent": 0.0}
    _, mask, _, _ = figure_crop(crop, keypoints, box, np.random.default_rng(seed), SIDE, still)
    ys, xs = np.nonzero(mask > 127)
    middle = (xs.min() + xs.max() + 1) / 2, (ys.min() + ys.max() + 1) / 2
    assert middle == pytest.approx((SIDE / 2, SIDE / 2), abs=3.0)
    assert augmentation["fill"][0] - 0.04 <= (ys.max() + 1 - ys.min()) / SIDE <= augmentation["fill"][1] + 0.04


@pytest.mark.parametrize("seed", range(8))
def test_nothing_but_paper_is_left_outside_of_a_detectors_box(dots, augmentation, seed):
    crop, keypoints, box = dots
    crop[:20] = (0, 0, 0, 0)  # the neighbor's feet
    tight = {**augmentation, "shift": 0.0, "cut_out": 1.0, "margin": [0.0, 0.0], "turn_deg": 0.0}
    rgb, mask, _, _ = figure_crop(crop, keypoints, box, np.random.default_rng(seed), SIDE, tight)
    ys, xs = np.nonzero(mask > 127)
    outside = np.ones((SIDE, SIDE), bool)
    outside[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] = False
    assert len(np.unique(rgb[outside], axis=0)) == 1


def test_a_mask_is_laid_where_its_crop_is():
    half = np.repeat(np.array([[1.0, 0.0]], np.float32), 4, axis=0)
    shown = mask_in_crop(Pose(np.zeros((17, 3)), half), (20, 10))
    laid = in_image(shown > 0.5, np.array([5.0, 7.0]), (40, 30))
    assert laid.sum() == 100
    assert laid[7:27, 5:10].all()
    assert not mask_in_crop(Pose(np.zeros((17, 3))), (9, 9)).any()
