"""The synthetic drawings: same seed, same picture, and labels that fit what was drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from drawings import mediums, papers
from drawings.canvas import Canvas
from drawings.figures.hand import Hand
from drawings.figures.limbs import FEET, HANDS
from drawings.figures.marks import GUESSED, VISIBLE, DrawnFigure, Mark
from drawings.figures.person import HELD_OUT_STYLES, STYLES, drawn_person
from drawings.sample import Sample, drawn_sample, shows_nothing, with_rim
from drawings.scenery.animals import ANIMALS
from drawings.scenery.letters import caption, printed_lines
from drawings.scenery.things import THINGS
from drawings.scenes import draw_figure, fitted, page_pen

SEEDS = range(40)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [drawn_sample(seed, size=192) for seed in SEEDS]


def test_a_seed_always_gives_the_same_picture(samples):
    again = drawn_sample(3, size=192)
    assert np.array_equal(again.rgb, samples[3].rgb)
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(again.figures, samples[3].figures, strict=True))
    assert all(np.array_equal(one.keypoints, other.keypoints) for one, other in zip(again.figures, samples[3].figures, strict=True))


def test_the_splits_share_no_picture():
    train, held_out = drawn_sample(5, size=192), drawn_sample(5, size=192, split="heldout")
    assert train.rgb.shape != held_out.rgb.shape or not np.array_equal(train.rgb, held_out.rgb)


def test_the_longer_side_is_the_size_asked_for(samples):
    assert {max(sample.rgb.shape[:2]) for sample in samples} == {192}
    assert all(sample.rgb.dtype == np.uint8 and sample.rgb.shape[2] == 3 for sample in samples)


def test_boxes_are_the_bounds_of_the_masks(samples):
    for sample in samples:
        for figure in sample.figures:
            assert figure.mask.shape == sample.rgb.shape[:2]
            rows, columns = np.flatnonzero(figure.mask.any(axis=1)), np.flatnonzero(figure.mask.any(axis=0))
            assert figure.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def test_joints_lie_in_the_picture_and_on_the_figure(samples):
    off = 0
    for sample in samples:
        height, width = sample.rgb.shape[:2]
        for figure in sample.figures:
            shown = figure.keypoints[figure.keypoints[:, 2] > 0]
            assert (shown[:, :2] >= 0).all()
            assert (shown[:, 0] <= width - 1).all()
            assert (shown[:, 1] <= height - 1).all()
            assert (figure.keypoints[figure.keypoints[:, 2] == 0] == 0).all()
            reach = int(0.1 * max(figure.mask.shape)) | 1
            near = cv2.dilate(figure.mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
            spots = np.round(shown[:, :2]).astype(int)
            off += int((near[spots[:, 1], spots[:, 0]] == 0).sum())
    assert off == 0


def test_about_one_picture_in_twelve_shows_no_figure():
    held = [drawn_sample(seed, size=96).figures for seed in range(100)]
    assert 2 <= sum(not figures for figures in held) <= 18


def test_what_shows_nothing_is_known_before_it_is_drawn(samples):
    assert [seed for seed in SEEDS if shows_nothing(seed)] == [seed for seed in SEEDS if not samples[seed].figures]


ARM, BODY = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.array([[0.5, -1.0], [1.5, -1.0], [1.5, 1.0], [0.5, 1.0]])


def _elbow_and_wrist(*marks: Mark, opaque: bool = True, is_one_area: bool = False) -> list[float]:
    """How they are seen of an arm whose elbow, but not whose wrist, lies in the body."""
    joints = np.zeros((17, 3))
    joints[[6, 8, 10]] = np.column_stack([ARM, np.full(3, VISIBLE)])
    figure = DrawnFigure(marks, joints, "outline", is_one_area=is_one_area)
    return figure.seen_joints(opaque=opaque)[[8, 10], 2].tolist()


def test_a_joint_that_a_later_part_covers_can_only_be_guessed():
    arm, body = Mark((ARM,), joints=(8, 10)), Mark((BODY,), BODY)
    assert _elbow_and_wrist(arm, body) == [GUESSED, VISIBLE]
    assert _elbow_and_wrist(body, arm) == [VISIBLE, VISIBLE]
    assert _elbow_and_wrist(arm, body, opaque=False) == [VISIBLE, VISIBLE]
    assert _elbow_and_wrist(body, arm, is_one_area=True) == [GUESSED, VISIBLE]


@pytest.mark.parametrize("zoom", [1, 3])
def test_the_rim_of_a_mask_grows_with_the_figure(zoom):
    drawn = np.zeros((300 * zoom, 100 * zoom), bool)
    drawn[20 * zoom : 280 * zoom, 45 * zoom : 55 * zoom] = True
    columns = np.flatnonzero(with_rim(drawn).any(axis=0))
    assert len(columns) == 14 * zoom


def _drawn(style: str, seed: int):
    """A figure alone on white paper: the picture, its label."""
    rng = np.random.default_rng(seed)
    figure, tall = fitted(drawn_person(rng, Hand.sampled(rng), style, filled=0.3), (20, 20, 180, 240))
    canvas = Canvas(np.full((260, 200, 3), 255, np.float32), rng)
    pen = page_pen(canvas, rng, mediums.MEDIUMS["felt_tip"], tall)
    return canvas, draw_figure(canvas, figure, pen, opaque=True, fill_kind="rub"), figure


@pytest.mark.parametrize("style", sorted({*STYLES, *HELD_OUT_STYLES}))
def test_the_mask_holds_all_the_ink_of_the_figure(style):
    for seed in range(4):
        canvas, label, figure = _drawn(style, seed)
        if any(mark.loose for mark in figure.marks):
            continue
        inked = np.abs(canvas.picture - 255).max(axis=2) > 60
        assert inked.sum() > 100
        assert (label.owned[inked] > 0).mean() > 0.99


@pytest.mark.parametrize("style", sorted({*STYLES, *HELD_OUT_STYLES}))
def test_the_figures_right_is_on_the_viewers_left(style):
    for seed in range(6):
        joints = _drawn(style, seed)[2].joints
        for left, right in ((5, 6), (11, 12)):
            assert joints[right, 0] < joints[left, 0] + 1e-6


def test_the_inside_of_an_outline_belongs_to_the_mask():
    """On unfilled figures the middle between shoulders and hips is bare paper, and still the figure's."""
    inside = [
        label.owned[tuple(np.round(label.joints[[5, 6, 11, 12], :2].mean(axis=0)[::-1]).astype(int))]
        for _, label, _ in (_drawn("robot", seed) for seed in range(6))
    ]
    assert all(inside)


def test_training_never_sees_what_is_held_out():
    assert not set(mediums.MEDIUMS) & set(mediums.HELD_OUT)
    assert not {name for group in papers.PAPERS.values() for name in group} & set(papers.HELD_OUT)
    assert not set(STYLES) & set(HELD_OUT_STYLES)
    seen = [drawn_sample(seed, size=64) for seed in range(60)]
    assert not {sample.medium for sample in seen} & set(mediums.HELD_OUT)
    assert not {sample.paper for sample in seen} & set(papers.HELD_OUT)
    unseen = [drawn_sample(seed, size=64, split="heldout") for seed in range(60)]
    assert {sample.medium for sample in unseen} & set(mediums.HELD_OUT)
    assert {figure.style for sample in unseen for figure in sample.figures} & set(HELD_OUT_STYLES)


@pytest.mark.parametrize(
    "thing", [*dict.fromkeys(THINGS), *dict.fromkeys(ANIMALS), caption, printed_lines], ids=lambda thing: thing.__name__
)
def test_things_are_about_as_big_as_the_unit_square(thing):
    for seed in range(5):
        marks = thing(Hand.sampled(np.random.default_rng(seed)), 0.5)
        everything = np.concatenate([stroke for mark in marks for stroke in mark.strokes])
        assert np.isfinite(everything).all()
        assert np.ptp(everything, axis=0).max() > 0.3
        assert everything.min() > -0.6
        assert everything.max() < 1.6


@pytest.mark.parametrize("ends", [HANDS, FEET])
def test_hands_and_feet_have_names_of_their_own(ends):
    assert len(set(ends)) == len(ends)


@pytest.mark.parametrize(
    "paper",
    [*(maker for group in papers.PAPERS.values() for maker in group.values()), *papers.HELD_OUT.values()],
    ids=lambda maker: maker.__name__,
)
def test_papers_are_pictures(paper):
    picture = papers.clean(paper(np.random.default_rng(1), 90, 120))
    assert picture.shape == (90, 120, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 255
