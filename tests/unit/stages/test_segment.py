from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.errors import ShapeError
from pipeline.stages.segment import figure_mask, tracing
from tests.benchmarks import worse_drawings as worse
from tests.drawn_figures import STYLES, drawn_figure

HARD_FOR_THIN_LINES = {"blur": 0.12, "squared_paper": 0.14, "ruled_paper": 0.08}
"""A pencil line of four px is blurred to half its contrast, and a printed one runs along it: the mask is a px wider or narrower."""


def generous(mask: np.ndarray) -> np.ndarray:
    """As far beyond the ink as masks go."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("style", STYLES)
def test_figures_of_every_style_are_cut_out(style):
    figure = drawn_figure(style)
    assert iou(figure_mask(tracing(figure.rgb)), generous(figure.mask)) > 0.94


@pytest.mark.parametrize("worsening", worse.WORSENINGS, ids=lambda w: w.__name__)
@pytest.mark.parametrize("style", ["stick", "outlined", "crayon"])
def test_bad_photographs_cost_little(style, worsening):
    figure = drawn_figure(style, seed=1)
    rgb, mask = worsening(figure.rgb, figure.mask)
    clean = iou(figure_mask(tracing(figure.rgb)), generous(figure.mask))
    allowed = max(0.05, HARD_FOR_THIN_LINES.get(worsening.__name__, 0.05) + 0.03 if style == "stick" else 0.07)
    assert iou(figure_mask(tracing(rgb)), generous(mask)) > clean - allowed


@pytest.mark.reference
@pytest.mark.parametrize("name", worse.NAMES)
def test_masks_agree_with_the_originals_where_those_are_right(reference_root, name):
    rgb, expected = worse.crop_and_mask(reference_root, name)
    assert iou(figure_mask(tracing(rgb)), expected) > 0.97


@pytest.mark.reference
@pytest.mark.parametrize("worsening", worse.WORSENINGS, ids=lambda w: w.__name__)
def test_worse_photographs_of_the_reference_drawings_cost_at_most_a_twentieth_on_average(reference_root, worsening):
    lost = []
    for name in worse.NAMES:
        clean, expected = worse.crop_and_mask(reference_root, name)
        rgb, worse_expected = worsening(clean, expected)
        lost.append(iou(figure_mask(tracing(clean)), expected) - iou(figure_mask(tracing(rgb)), worse_expected))
    assert np.mean(lost) < 0.05


def test_a_transparent_picture_brings_its_own_mask():
    figure = drawn_figure("outlined")
    alpha = np.where(figure.mask, 255, 0).astype(np.uint8)
    assert np.array_equal(figure_mask(tracing(np.full_like(figure.rgb, 255), alpha=alpha)), figure.mask)


def test_an_opaque_alpha_says_nothing():
    figure = drawn_figure("outlined")
    opaque = np.full(figure.mask.shape, 255, np.uint8)
    assert np.array_equal(figure_mask(tracing(figure.rgb, alpha=opaque)), figure_mask(tracing(figure.rgb)))


def test_a_detached_hand_is_kept_where_a_joint_is_in_it_and_joined_to_the_body():
    figure = drawn_figure("crayon")
    rgb = figure.rgb.copy()
    x = int((figure.keypoints[9, 0] + figure.keypoints[7, 0]) / 2)
    rgb[:, x - 12 : x + 12] = np.median(figure.rgb[:10], axis=(0, 1))
    hand = figure.keypoints[9, :2].astype(int)
    assert not figure_mask(tracing(rgb))[hand[1], hand[0]]
    kept = figure_mask(tracing(rgb), keypoints=figure.keypoints)
    assert kept[hand[1], hand[0]]
    assert cv2.connectedComponents(kept.astype(np.uint8), connectivity=8)[0] == 2


def test_a_speck_far_away_is_no_part_of_the_figure():
    figure = drawn_figure("outlined")
    rgb = figure.rgb.copy()
    cv2.circle(rgb, (20, 390), 8, (40, 40, 40), -1)
    assert not figure_mask(tracing(rgb))[380:400, 10:30].any()


def test_one_looks_through_an_arm_on_the_hip_but_not_into_an_empty_body():
    rgb = np.full((400, 300, 3), 225, np.uint8)
    pen = {"color": (50, 50, 50), "thickness": 4, "lineType": cv2.LINE_AA}
    cv2.circle(rgb, (150, 70), 40, **pen)
    cv2.rectangle(rgb, (110, 110), (190, 280), **pen)
    cv2.polylines(rgb, [np.array([[190, 125], [260, 190], [190, 255]])], isClosed=False, **pen)
    cv2.line(rgb, (125, 280), (115, 380), **pen)
    cv2.line(rgb, (175, 280), (185, 380), **pen)
    keypoints = np.zeros((17, 3))
    places = {0: (150, 70), 5: (188, 125), 6: (112, 125), 7: (260, 190), 9: (192, 255), 11: (175, 275), 12: (125, 275)}
    for joint, place in places.items():
        keypoints[joint] = (*place, 1.0)
    assert figure_mask(tracing(rgb))[190, 215]
    mask = figure_mask(tracing(rgb), keypoints=keypoints)
    assert not mask[190, 215]
    assert mask[200, 150]
    assert mask[70, 150]


def test_a_neighbour_that_holds_hands_and_leaves_through_the_border_is_cut_off():
    figure = drawn_figure("crayon", width=340)
    rgb = np.concatenate([figure.rgb, figure.rgb[:, :200]], axis=1)
    hand = figure.keypoints[9, :2].astype(int)
    cv2.line(rgb, (int(hand[0]), int(hand[1])), (340 + 50, int(hand[1])), (226, 128, 60), 7)
    alone = figure_mask(tracing(rgb), keypoints=figure.keypoints)
    assert not alone[:, 460:].any()
    assert alone[hand[1], hand[0]]


def test_a_networks_mask_closes_an_outline_that_is_half_missing():
    figure = drawn_figure("outlined")
    rgb = figure.rgb.copy()
    rgb[190:250, :170] = np.median(figure.rgb[:10], axis=(0, 1))
    expected = generous(figure.mask)
    prior = cv2.GaussianBlur(figure.mask.astype(np.float32), (0, 0), 5)
    assert iou(figure_mask(tracing(rgb)), expected) < 0.8
    assert iou(figure_mask(tracing(rgb), prior=prior), expected) > 0.85


def test_a_networks_mask_rules_out_what_it_does_not_show():
    figure = drawn_figure("crayon")
    rgb = figure.rgb.copy()
    cv2.rectangle(rgb, (280, 330), (330, 400), (60, 120, 200), -1)
    prior = figure.mask.astype(np.float32)
    assert not figure_mask(tracing(rgb), prior=prior)[340:390, 290:320].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (7, 7), (8, 8), (40, 9), (1200, 900)])
def test_any_size_gives_a_mask_of_that_size(size):
    rgb = np.full((*size, 3), 200, np.uint8)
    assert figure_mask(tracing(rgb)).shape == size


def test_blank_paper_has_no_figure():
    assert not figure_mask(tracing(np.full((300, 200, 3), 210, np.uint8))).any()


def test_keypoints_of_another_shape_are_refused():
    with pytest.raises(ShapeError):
        figure_mask(tracing(np.full((30, 20, 3), 210, np.uint8)), keypoints=np.zeros((3, 3)))
