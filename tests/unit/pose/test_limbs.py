from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.inside_mask import moved_inside, nudged_apart, well_inside
from pipeline.pose.limb_tree import limb_tree, point_along
from pipeline.pose.pose_from_mask import keypoints_from_mask
from tests.drawn_figures import JOINTS, STYLES, drawn_figure

BODY = list(JOINTS)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", [3, 4])
def test_joints_are_judged_by_the_outline(style, seed):
    figure = drawn_figure(style, seed=seed)
    apart = np.linalg.norm(keypoints_from_mask(figure.mask)[BODY, :2] - figure.keypoints[BODY, :2], axis=1) / max(figure.mask.shape)
    assert (apart < 0.1).mean() >= (0.8 if style == "dress" else 0.9)  # hips under a skirt are anybody's guess
    assert apart.max() < 0.15


def test_the_size_of_the_image_does_not_matter():
    figure = drawn_figure("outlined")
    large = np.repeat(np.repeat(figure.mask, 3, axis=0), 3, axis=1)
    assert keypoints_from_mask(large)[:, :2] / 3 == pytest.approx(keypoints_from_mask(figure.mask)[:, :2], abs=12)


def test_a_figure_ends_in_two_hands_two_feet_and_a_head():
    figure = drawn_figure("crayon")
    tips = np.array([branch.tip for branch in limb_tree(figure.mask).branches])
    for joint in (9, 10, 15, 16):
        assert np.linalg.norm(tips - figure.keypoints[joint, :2], axis=1).min() < 30
    assert tips[:, 1].min() < figure.keypoints[0, 1]


def test_ways_stay_inside():
    figure = drawn_figure("outlined")
    path = limb_tree(figure.mask).path_between(figure.keypoints[9, :2], figure.keypoints[15, :2])
    assert figure.mask[path[:, 1].astype(int), path[:, 0].astype(int)].mean() > 0.9
    assert point_along(path, 0.0) == pytest.approx(path[0])
    assert point_along(path, 1.0) == pytest.approx(path[-1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (50, 2), (9, 9)])
def test_the_smallest_masks_have_joints(shape):
    points = keypoints_from_mask(np.ones(shape, bool))
    assert np.isfinite(points).all()


def test_points_move_to_the_nearest_place_that_is_not_the_edge():
    mask = np.zeros((200, 200), bool)
    mask[50:150, 50:150] = True
    moved = moved_inside(np.array([[100.0, 100.0], [20.0, 100.0], [np.nan, np.inf]]), well_inside(mask))
    assert moved[0] == pytest.approx([100, 100])
    assert moved[1] == pytest.approx([52.5, 100.5], abs=1.1)
    assert well_inside(mask)[moved[2, 1].astype(int), moved[2, 0].astype(int)]


def test_a_line_one_pixel_wide_has_an_inside():
    mask = np.zeros((50, 50), bool)
    mask[25, 10:40] = True
    assert moved_inside(np.array([[25.0, 3.0]]), well_inside(mask))[0] == pytest.approx([25.5, 25.5], abs=0.6)


def test_points_on_one_spot_are_pulled_apart_as_far_as_there_is_room():
    mask = np.zeros((60, 60), bool)
    mask[20:40, 10:50] = True
    apart = nudged_apart(np.array([30.0, 30.0]), np.array([30.0, 30.0]), well_inside(mask), min_px=6, towards=np.array([45.0, 30.0]))
    assert np.linalg.norm(apart - [30, 30]) >= 6
    assert apart[0] > 35
    spot = np.zeros((60, 60), bool)
    spot[30, 30] = True
    middle = np.array([30.5, 30.5])
    assert nudged_apart(middle, middle, well_inside(spot), min_px=6, towards=np.zeros(2)) == pytest.approx(middle)
