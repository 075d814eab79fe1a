from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.errors import ShapeError
from pipeline.stages.segment import mask_by_ink, mask_by_model
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
    assert iou(mask_by_ink(figure.rgb), generous(figure.mask)) > 0.94


@pytest.mark.parametrize("worsening", worse.WORSENINGS, ids=lambda w: w.__name__)
@pytest.mark.parametrize("style", ["stick", "outlined", "crayon"])
def test_bad_photographs_cost_little(style, worsening):
    figure = drawn_figure(style, seed=1)
    rgb, mask = worsening(figure.rgb, figure.mask)
    clean = iou(mask_by_ink(figure.rgb), generous(figure.mask))
    allowed = max(0.05, HARD_FOR_THIN_LINES.get(worsening.__name__, 0.05) + 0.03 if style == "stick" else 0.07)
    assert iou(mask_by_ink(rgb), generous(mask)) > clean - allowed


@pytest.mark.reference
@pytest.mark.parametrize("name", worse.NAMES)
def test_masks_agree_with_the_originals_where_those_are_right(reference_root, name):
    rgb, expected = worse.crop_and_mask(reference_root, name)
    assert iou(mask_by_ink(rgb), expected) > 0.97


@pytest.mark.reference
@pytest.mark.parametrize("worsening", worse.WORSENINGS, ids=lambda w: w.__name__)
def test_worse_photographs_of_the_reference_drawings_cost_at_most_a_twentieth_on_average(reference_root, worsening):
    lost = []
    for name in worse.NAMES:
        clean, expected = worse.crop_and_mask(reference_root, name)
        rgb, worse_expected = worsening(clean, expected)
        lost.append(iou(mask_by_ink(clean), expected) - iou(mask_by_ink(rgb), worse_expected))
    assert np.mean(lost) < 0.05


def test_a_transparent_image_brings_its_own_mask():
    figure = drawn_figure("outlined")
    alpha = np.where(figure.mask, 255, 0).astype(np.uint8)
    assert np.array_equal(mask_by_ink(np.full_like(figure.rgb, 255), alpha=alpha), figure.mask)


def test_an_opaque_alpha_says_nothing():
    figure = drawn_figure("outlined")
    opaque = np.full(figure.mask.shape, 255, np.uint8)
    assert np.array_equal(mask_by_ink(figure.rgb, alpha=opaque), mask_by_ink(figure.rgb))


def test_a_detached_hand_is_kept_where_a_joint_is_in_it_and_joined_to_the_body():
    figure = drawn_figure("crayon")
    rgb = figure.rgb.copy()
    x = int((figure.keypoints[9, 0] + figure.keypoints[7, 0]) / 2)
    rgb[:, x - 12 : x + 12] = np.median(figure.rgb[:10], axis=(0, 1))
    hand = figure.keypoints[9, :2].astype(int)
    assert not mask_by_ink(rgb)[hand[1], hand[0]]
    kept = mask_by_ink(rgb, keypoints=figure.keypoints)
    assert kept[hand[1], hand[0]]
    assert cv2.connectedComponents(kept.astype(np.uint8), connectivity=8)[0] == 2


def test_a_speck_far_away_is_no_part_of_the_figure():
    figure = drawn_figure("outlined")
    rgb = figure.rgb.copy()
    cv2.circle(rgb, (20, 390), 8, (40, 40, 40), -1)
    assert not mask_by_ink(rgb)[380:400, 10:30].any()


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
    assert mask_by_ink(rgb)[190, 215]
    mask = mask_by_ink(rgb, keypoints=keypoints)
    assert not mask[190, 215]
    assert mask[200, 150]
    assert mask[70, 150]


def test_a_neighbor_that_holds_hands_and_leaves_through_the_border_is_cut_off():
    figure = drawn_figure("crayon", width=340)
    rgb = np.concatenate([figure.rgb, figure.rgb[:, :200]], axis=1)
    hand = figure.keypoints[9, :2].astype(int)
    cv2.line(rgb, (int(hand[0]), int(hand[1])), (340 + 50, int(hand[1])), (226, 128, 60), 7)
    alone = mask_by_ink(rgb, keypoints=figure.keypoints)
    assert not alone[:, 460:].any()
    assert alone[hand[1], hand[0]]


def seen_by_model(mask: np.ndarray, *, side: int = 96, rim: float = 0.008) -> np.ndarray:
    """A model's view of a mask: with a rim, in coarse cells, soft at the edge."""
    reach = max(1, round(rim * max(mask.shape)))
    wide = cv2.dilate(mask.astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    scale = side / max(mask.shape)
    size = (round(mask.shape[1] * scale), round(mask.shape[0] * scale))
    return cv2.GaussianBlur(cv2.resize(wide, size, interpolation=cv2.INTER_AREA), (0, 0), 0.7)


def doll(paper: tuple[int, int, int], *, gap: int, filled: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A figure with arms at its side, `gap` px of paper between them and the trunk; its mask and its keypoints."""
    rgb, mask = np.full((600, 400, 3), paper, np.uint8), np.zeros((600, 400), np.uint8)
    trunk, arm = (150, 180, 250, 380), 40
    shapes = [(trunk, (200, 60, 60)), ((150, 380, 190, 560), (60, 80, 190)), ((210, 380, 250, 560), (60, 80, 190))]
    shapes += [((150 - gap - arm, 200, 150 - gap, 370), (240, 200, 170)), ((250 + gap, 200, 250 + gap + arm, 370), (240, 200, 170))]
    shapes += [((150 - gap - arm, 185, 150, 205), (240, 200, 170)), ((250, 185, 250 + gap + arm, 205), (240, 200, 170))]
    for (left, top, right, bottom), color in shapes:
        cv2.rectangle(mask, (left, top), (right, bottom), 1, -1)
        if filled:
            cv2.rectangle(rgb, (left, top), (right, bottom), color, -1)
        cv2.rectangle(rgb, (left, top), (right, bottom), (40, 40, 40), 3)
    cv2.circle(mask, (200, 110), 70, 1, -1)
    if filled:
        cv2.circle(rgb, (200, 110), 70, (240, 200, 170), -1)
    cv2.circle(rgb, (200, 110), 70, (40, 40, 40), 3)
    keypoints = np.zeros((17, 3))
    out = gap + arm // 2
    places = {
        0: (200, 110),
        5: (240, 200),
        6: (160, 200),
        7: (250 + out, 280),
        8: (150 - out, 280),
        9: (250 + out, 360),
        10: (150 - out, 360),
    }
    places |= {11: (230, 380), 12: (170, 380), 13: (230, 470), 14: (170, 470), 15: (230, 550), 16: (170, 550)}
    for joint, place in places.items():
        keypoints[joint] = (*place, 0.9)
    return rgb, mask > 0, keypoints


def without_narrow_gaps(mask: np.ndarray) -> np.ndarray:
    """The mask as a model sees it that is too coarse for gaps."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8)) > 0


@pytest.mark.parametrize("style", STYLES)
def test_edges_of_models_mask_follow_the_ink(style):
    figure = drawn_figure(style)
    coarse = seen_by_model(figure.mask)
    size = figure.mask.shape[::-1]
    by_cells = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR) > 0.5
    found = mask_by_model(figure.rgb, coarse)
    assert iou(found, figure.mask) > iou(by_cells, figure.mask) + 0.06


@pytest.mark.parametrize("worsening", worse.WORSENINGS, ids=lambda w: w.__name__)
@pytest.mark.parametrize("style", ["stick", "outlined", "crayon"])
def test_edges_of_models_mask_survive_bad_photographs(style, worsening):
    figure = drawn_figure(style, seed=1)
    rgb, mask = worsening(figure.rgb, figure.mask)
    found = mask_by_model(rgb, seen_by_model(mask))
    assert max(iou(found, mask), iou(found, generous(mask))) > (0.55 if style == "stick" else 0.8)


def test_model_closes_outline_that_is_half_missing():
    figure = drawn_figure("outlined")
    rgb = figure.rgb.copy()
    rgb[190:250, :170] = np.median(figure.rgb[:10], axis=(0, 1))
    assert iou(mask_by_ink(rgb), generous(figure.mask)) < 0.8
    assert iou(mask_by_model(rgb, seen_by_model(figure.mask)), generous(figure.mask)) > 0.9


def test_model_rules_out_what_it_does_not_see():
    figure = drawn_figure("crayon")
    rgb = figure.rgb.copy()
    cv2.rectangle(rgb, (280, 330), (330, 400), (60, 120, 200), -1)
    assert not mask_by_model(rgb, seen_by_model(figure.mask))[340:390, 290:320].any()


def test_wooden_table_beside_the_sheet_is_not_figure():
    figure = drawn_figure("outlined")
    rng = np.random.default_rng(5)
    wood = np.clip(np.array([150, 105, 65]) + rng.normal(0, 14, (*figure.mask.shape, 1)), 0, 255).astype(np.uint8)
    clear = cv2.dilate(figure.mask.astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    rows, columns = np.flatnonzero(clear.any(axis=1)), np.flatnonzero(clear.any(axis=0))
    on_sheet = np.zeros_like(figure.mask)
    on_sheet[rows[0] : rows[-1], columns[0] : columns[-1]] = True
    rgb = np.where(on_sheet[..., None], figure.rgb, wood)
    found = mask_by_model(rgb, seen_by_model(figure.mask))
    assert not (found & ~clear).any()
    assert iou(found, generous(figure.mask)) > 0.9


@pytest.mark.parametrize(
    "paper", [(255, 255, 255), (200, 200, 200), (196, 160, 110), (240, 170, 90)], ids=["white", "gray", "kraft", "orange"]
)
@pytest.mark.parametrize("gap", [8, 12, 16])
def test_narrow_gaps_between_filled_limbs_stay_open(paper, gap):
    rgb, mask, keypoints = doll(paper, gap=gap)
    found = mask_by_model(rgb, seen_by_model(without_narrow_gaps(mask)), keypoints=keypoints)
    for column in (150 - gap // 2, 250 + gap // 2, 200):
        rows = slice(230, 360) if column != 200 else slice(400, 550)
        assert found[rows, column].mean() < 0.05
    assert found[180:380, 155:245].all()
    assert iou(found, mask) > 0.9


def test_gaps_do_not_open_inside_outlined_limbs():
    rgb, mask, keypoints = doll((250, 250, 250), gap=40, filled=False)
    cv2.rectangle(rgb, (280, 366), (340, 374), (250, 250, 250), -1)  # the sleeve is open at the hand
    found = mask_by_model(rgb, seen_by_model(mask), keypoints=keypoints)
    assert found[230:340, 300:320].mean() > 0.95


def test_hole_that_only_the_model_sees_is_filled():
    rgb, mask, keypoints = doll((250, 250, 250), gap=40, filled=False)
    dented = mask.copy()
    dented[250:330, 186:214] = False
    found = mask_by_model(rgb, seen_by_model(dented), keypoints=keypoints)
    assert found[200:370, 160:240].all()


def test_enclosed_area_that_the_model_mostly_sees_leaves_no_scraps_of_paper():
    rgb, mask, keypoints = doll((250, 250, 250), gap=40, filled=False)
    unsure = mask.copy()
    unsure[185:265, 154:246] = False
    unsure[215:235, 190:210] = True  # a scrap in the middle of the hole
    found = mask_by_model(rgb, seen_by_model(unsure), keypoints=keypoints)
    assert found[190:370, 160:240].all()


def test_enclosed_area_that_the_model_hardly_sees_stays_open():
    rgb, mask, keypoints = doll((250, 250, 250), gap=40, filled=False)
    for canvas, value in ((rgb, (40, 40, 40)), (mask, True)):
        canvas[366:370, 100:300] = value  # hands that touch the trunk
    found = mask_by_model(rgb, seen_by_model(mask), keypoints=keypoints)
    assert found[225:350, 120:140].mean() < 0.05


def test_hair_thin_limbs_survive():
    rgb, mask = np.full((500, 400, 3), 245, np.uint8), np.zeros((500, 400), np.uint8)
    for canvas, color in ((rgb, (30, 30, 30)), (mask, 1)):
        cv2.circle(canvas, (200, 90), 50, color, 2 if canvas is rgb else -1, cv2.LINE_AA)
        for end in ((200, 300), (60, 220), (340, 220)):
            cv2.line(canvas, (200, 140 if end[0] == 200 else 190), end, color, 2)
        for end in ((120, 470), (280, 470)):
            cv2.line(canvas, (200, 300), end, color, 2)
    found = mask_by_model(rgb, seen_by_model(mask > 0))
    ink = mask > 0
    assert (found & ink).sum() > 0.93 * ink.sum()
    assert found.sum() < 1.8 * cv2.dilate(mask, np.ones((5, 5), np.uint8)).sum()


def body_with_strand() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body with a thin strand from its shoulder: its image, the mask of body and strand's end, and that of the beginning between them."""
    rgb = np.full((300, 300, 3), 250, np.uint8)
    mask, missing = np.zeros((2, 300, 300), np.uint8)
    cv2.rectangle(rgb, (90, 100), (190, 260), (200, 60, 60), cv2.FILLED)
    cv2.rectangle(mask, (90, 100), (190, 260), 1, cv2.FILLED)
    for canvas, value, points in (
        (rgb, (40, 40, 40), [(185, 105), (205, 75), (220, 115), (199, 230)]),
        (mask, 1, [(219, 118), (199, 230)]),
        (missing, 1, [(193, 93), (205, 75), (214, 99)]),
    ):
        cv2.polylines(canvas, [np.array(points, np.int32).reshape(-1, 1, 2)], isClosed=False, color=value, thickness=3)
    return rgb, mask > 0, missing > 0


def test_thin_strand_of_which_the_model_sees_the_end_is_joined_along_its_ink():
    rgb, mask, missing = body_with_strand()
    found = mask_by_model(rgb, seen_by_model(mask))
    assert found[missing].mean() > 0.8  # but for the rim of the line
    assert found.sum() < 1.3 * (mask | missing).sum()


def test_scenery_behind_two_pieces_does_not_join_them():
    rgb, mask, _ = body_with_strand()
    scenery = np.zeros_like(mask, np.uint8)
    for canvas, value in ((rgb, (40, 40, 40)), (scenery, 1)):
        cv2.line(canvas, (0, 40), (299, 40), value, 3)
        cv2.line(canvas, (205, 40), (205, 75), value, 3)  # a branch that touches the strand
    assert not (mask_by_model(rgb, seen_by_model(mask)) & (scenery > 0)).any()


def test_alpha_of_cut_out_is_kept_to_the_pixel_where_the_model_sees_the_figure():
    figure = drawn_figure("crayon")
    alpha = np.where(figure.mask, 255, 0).astype(np.uint8)
    cv2.circle(alpha, (40, 380), 30, 255, -1)  # a ball that is cut out with it
    alpha[figure.mask] = 255
    found = mask_by_model(figure.rgb, seen_by_model(figure.mask), alpha=alpha)
    assert np.array_equal(found & ~dilated_by(figure.mask, 12), np.zeros_like(found))
    assert iou(found, figure.mask) > 0.97


def dilated_by(mask: np.ndarray, radius: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius + 1,) * 2, np.uint8)) > 0


def test_model_that_sees_nothing_gives_an_empty_mask():
    figure = drawn_figure("crayon")
    assert not mask_by_model(figure.rgb, np.zeros((20, 20), np.float32)).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (8, 8), (40, 9), (1200, 900)])
def test_models_mask_of_any_size_fits_the_crop(size):
    rgb = np.full((*size, 3), 200, np.uint8)
    assert mask_by_model(rgb, np.ones((5, 7), np.float32)).shape == size


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (7, 7), (8, 8), (40, 9), (1200, 900)])
def test_any_size_gives_a_mask_of_that_size(size):
    rgb = np.full((*size, 3), 200, np.uint8)
    assert mask_by_ink(rgb).shape == size


def test_blank_paper_has_no_figure():
    assert not mask_by_ink(np.full((300, 200, 3), 210, np.uint8)).any()


def test_keypoints_of_another_shape_are_refused():
    with pytest.raises(ShapeError):
        mask_by_ink(np.full((30, 20, 3), 210, np.uint8), keypoints=np.zeros((3, 3)))
