from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.errors import NoFigureFound
from pipeline.stages.detect import (
    Sides,
    chosen_boxes,
    final_box,
    grown_box,
    is_cut_in_half,
    moved_from_part,
    overlapping_parts,
    touched_sides,
)
from pipeline.types import Box, Detection

WIDTH, HEIGHT = 800, 600


def found(*edges_and_score: float, mask: np.ndarray | None = None) -> Detection:
    """Left, top, right, bottom, and the score, 0.9 if there is none."""
    left, top, right, bottom, score = (*edges_and_score, 0.9)[:5]
    return Detection(Box(left, top, right, bottom), score, mask)


def chosen(*detections: Detection, min_score: float = 0.3):
    return chosen_boxes(detections, WIDTH, HEIGHT, min_score=min_score)


def test_a_box_is_padded_and_lies_on_whole_numbers_inside_the_image():
    (figure,) = chosen(found(3.2, 200.4, 203.2, 599.8))
    assert figure.box == Box(0.0, 176.0, 228.0, 600.0)


def test_figures_are_chosen_best_first():
    boxes = (found(10, 10, 100, 200, 0.5), found(300, 10, 400, 300, 0.8), found(500, 10, 700, 300, 0.6))
    assert [c.detection.score for c in chosen(*boxes)] == [0.8, 0.6, 0.5]


def test_boxes_that_show_one_figure_become_one_that_holds_both():
    (figure,) = chosen(found(100, 100, 300, 400, 0.9), found(110, 90, 320, 390, 0.8))
    assert figure.detection.box == Box(100, 90, 320, 400)
    assert figure.detection.score == 0.9


def test_a_doubtful_second_box_does_not_widen_a_sure_one():
    (figure,) = chosen(found(100, 100, 300, 400, 0.9), found(110, 90, 320, 390, 0.4))
    assert figure.detection.box == Box(100, 100, 300, 400)


def test_a_head_within_a_figure_is_no_figure_of_its_own():
    (figure,) = chosen(found(100, 100, 300, 500, 0.9), found(150, 110, 250, 200, 0.8))
    assert figure.detection.box == Box(100, 100, 300, 500)


def test_a_box_around_two_surer_figures_is_left_out():
    pair = chosen(found(90, 90, 610, 510, 0.6), found(100, 100, 300, 500, 0.9), found(400, 100, 600, 500, 0.8))
    assert [c.detection.box.left for c in pair] == [100, 400]


def test_no_good_box_is_an_error_that_says_how_good_the_best_was():
    with pytest.raises(NoFigureFound, match=r"0\.25, 0\.30 is needed") as caught:
        chosen(found(10, 10, 100, 100, 0.2), found(10, 10, 100, 100, 0.25))
    assert caught.value.best_score == 0.25


def test_an_empty_answer_has_no_best_score():
    with pytest.raises(NoFigureFound) as caught:
        chosen()
    assert caught.value.best_score is None


@pytest.mark.parametrize("box", [(math.nan, 0, 100, 100), (50, 50, 40, 90), (0, 0, 4, 300), (900, 10, 990, 90), (10, 10, math.inf, 90)])
def test_boxes_that_make_no_sense_are_ignored(box):
    with pytest.raises(NoFigureFound):
        chosen(found(*box))


def test_a_mask_is_cut_with_the_part_of_its_box_that_is_outside_the_image():
    mask = np.zeros((4, 4), np.float32)
    mask[:, 2:] = 1.0
    (figure,) = chosen(found(-100, 100, 100, 300, mask=mask))
    assert figure.detection.box == Box(0, 100, 100, 300)
    assert figure.detection.mask is not None
    assert np.array_equal(figure.detection.mask, np.ones((4, 2), np.float32))


def test_a_box_grows_on_the_sides_that_are_touched_until_the_image_ends():
    box = Box(10.0, 100.0, 210.0, 300.0)
    larger = grown_box(box, Sides(left=True, top=False, right=True, bottom=False), WIDTH, HEIGHT)
    assert larger == Box(0.0, 100.0, 246.0, 300.0)
    assert grown_box(box, Sides(left=False, top=False, right=False, bottom=False), WIDTH, HEIGHT) == box


def test_a_side_that_is_touched_for_ever_goes_back_to_where_it_was():
    first, last = Box(100.0, 100.0, 200.0, 200.0), Box(40.0, 50.0, 260.0, 200.0)
    assert final_box(first, last, Sides(left=True, top=False, right=True, bottom=False)) == Box(100.0, 50.0, 200.0, 200.0)


def test_a_mask_touches_the_sides_that_it_comes_near():
    mask = np.zeros((20, 30), bool)
    mask[5:19, 10:12] = True
    assert touched_sides(mask) == Sides(left=False, top=False, right=False, bottom=True)
    assert not touched_sides(mask[:10] & False)


def test_parts_cover_the_image_and_overlap():
    seen = np.zeros((80, 101), int)
    for part in overlapping_parts(101, 80):
        seen[int(part.top) : int(part.bottom), int(part.left) : int(part.right)] += 1
    assert seen.min() >= 1
    assert seen[40, 50] == 5


def test_figure_that_a_part_cuts_is_left_to_the_others():
    part = overlapping_parts(100, 100)[3]
    assert (part.left, part.right) == (40.0, 100.0)
    whole = moved_from_part(Detection(Box(5, 5, 60, 40), 0.9), part, 100, 100)
    assert whole is not None
    assert whole.box == Box(45.0, 45.0, 100.0, 80.0)
    assert moved_from_part(Detection(Box(0, 5, 30, 40), 0.9), part, 100, 100) is None


@pytest.mark.parametrize(
    ("edges", "share", "is_half"),
    [
        (["left"], 0.55, True),
        (["right"], 0.55, True),
        (["left"], 0.45, False),
        (["bottom"], 1.0, False),
        (["top"], 1.0, False),
        (["left", "right"], 0.9, False),
    ],
)
def test_figure_is_cut_in_half_only_by_one_side(edges: list[str], share: float, is_half: bool) -> None:
    mask = np.zeros((100, 100), np.bool_)
    mask[20:80, 20:80] = True
    run = np.s_[: round(100 * share)]
    for edge, rim in {"left": np.s_[run, :20], "right": np.s_[run, 80:], "top": np.s_[:20, run], "bottom": np.s_[80:, run]}.items():
        if edge in edges:
            mask[rim] = True
    assert is_cut_in_half(mask, Box(0.0, 0.0, 100.0, 100.0), 100, 100) is is_half
