"""The synthetic drawings: same seed, same image, and labels that fit what was drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from drawings import mediums, papers
from drawings.canvas import Canvas
from drawings.figures.colors import Palette
from drawings.figures.hand import Hand
from drawings.figures.limbs import FEET, HANDS, RARE_KINDS, LimbStyle, limb_marks
from drawings.figures.marks import GUESSED, VISIBLE, DrawnFigure, Mark
from drawings.figures.mixed import MIXED
from drawings.figures.parts import BOTH_LEGS, BodyPart
from drawings.figures.person import HELD_OUT_STYLES, STYLES, _arm, drawn_person, joints_below
from drawings.figures.poses import sampled_pose
from drawings.figures.rare_poses import LEG_POSES, LEGS_IN_SKIRTS, rare_pose
from drawings.figures.reaches import REACHES, reached
from drawings.labels import split_limbs, with_rim
from drawings.sample import Sample, drawn_sample, shows_nothing
from drawings.scenery.animals import ANIMALS
from drawings.scenery.backdrops import draw_backdrop, draw_checkers
from drawings.scenery.letters import caption, printed_lines
from drawings.scenery.things import THINGS
from drawings.scenes import draw_figure, fitted, page_pen

from pipeline.pose.stride import faces_viewer

SEEDS = range(40)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [drawn_sample(seed, size=192) for seed in SEEDS]


def test_a_seed_always_gives_the_same_image(samples):
    again = drawn_sample(3, size=192)
    assert np.array_equal(again.rgb, samples[3].rgb)
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(again.figures, samples[3].figures, strict=True))
    assert all(np.array_equal(one.keypoints, other.keypoints) for one, other in zip(again.figures, samples[3].figures, strict=True))


def test_the_splits_share_no_image():
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


def test_joints_lie_in_the_image_and_on_the_figure(samples):
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


def test_about_one_image_in_twelve_shows_no_figure():
    held = [drawn_sample(seed, size=96).figures for seed in range(100)]
    assert 2 <= sum(not figures for figures in held) <= 18


def test_what_shows_nothing_is_known_before_it_is_drawn(samples):
    assert [seed for seed in SEEDS if shows_nothing(seed)] == [seed for seed in SEEDS if not samples[seed].figures]


ARM, BODY = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.array([[0.5, -1.0], [1.5, -1.0], [1.5, 1.0], [0.5, 1.0]])


def _elbow_and_wrist(*marks: Mark, opaque: bool = True, is_one_area: bool = False) -> list[float]:
    """Visibility of the elbow and the wrist of an arm whose elbow, but not whose wrist, is inside the body."""
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
    drawn = np.zeros((300 * zoom, 100 * zoom), np.uint8)
    drawn[20 * zoom : 280 * zoom, 45 * zoom : 55 * zoom] = BodyPart.TRUNK
    columns = np.flatnonzero(with_rim(drawn).any(axis=0))
    assert len(columns) == 14 * zoom


@pytest.mark.parametrize(("other", "is_open"), [(BodyPart.LEFT_UPPER_ARM, True), (BodyPart.TRUNK, False)])
@pytest.mark.parametrize("gap", [2, 3, 4])
def test_the_rim_closes_no_gap_between_two_parts(gap, other, is_open):
    """Paper between an arm and the trunk stays paper, however narrow it is; between two strokes of one part it is figure."""
    drawn = np.zeros((300, 100), np.uint8)
    drawn[20:280, 30:50] = BodyPart.TRUNK
    drawn[20:280, 50 + gap : 60] = other
    between = with_rim(drawn)[30:270, 50 : 50 + gap]
    assert (between == 0).all() if is_open else (between == BodyPart.TRUNK).all()


def test_every_pixel_of_a_mask_has_its_part(samples):
    for sample in samples:
        for figure in sample.figures:
            assert np.array_equal(figure.parts > 0, figure.mask)
            assert figure.parts.max() <= max(BodyPart)


def test_limbs_are_split_at_their_middle_joints():
    joints = np.zeros((17, 3))
    joints[[6, 8, 10], 0] = 20.0
    joints[[6, 8, 10], 1] = 10.0, 40.0, 80.0
    joints[[12, 14, 16], :2] = (30, 100), (30, 150), (30, 190)
    joints[[11, 13, 15], :2] = (60, 100), (60, 150), (60, 190)
    page = np.zeros((200, 100), np.uint8)
    page[10:80, 18:23] = BodyPart.RIGHT_UPPER_ARM
    page[100:190, 25:66] = BOTH_LEGS
    split = split_limbs(page, joints)
    assert (split[10:40, 18:23] == BodyPart.RIGHT_UPPER_ARM).all()
    assert (split[41:80, 18:23] == BodyPart.RIGHT_LOWER_ARM).all()
    assert (split[100:150, 25:45] == BodyPart.RIGHT_THIGH).all()
    assert (split[151:190, 46:66] == BodyPart.LEFT_SHANK).all()


@pytest.mark.parametrize("style", sorted({*STYLES, MIXED, *HELD_OUT_STYLES}))
def test_arms_and_legs_are_parts_of_their_own_sides(style):
    """Around the middle of each half of a limb that is not covered, its own part is what is drawn."""
    halves = {
        BodyPart.RIGHT_UPPER_ARM: (6, 8), BodyPart.RIGHT_LOWER_ARM: (8, 10), BodyPart.LEFT_UPPER_ARM: (5, 7),
        BodyPart.LEFT_LOWER_ARM: (7, 9), BodyPart.RIGHT_SHANK: (14, 16), BodyPart.LEFT_SHANK: (13, 15),
    }  # fmt: skip
    right, all_seen = 0, 0
    for seed in range(8):
        label = _drawn(style, seed)[1]
        parts = with_rim(label.parts)
        for part, (one, other) in halves.items():
            if (label.joints[[one, other], 2] == VISIBLE).all():
                x, y = label.joints[[one, other], :2].mean(axis=0).astype(int)
                window = parts[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9]
                all_seen += 1
                right += bool((window == part).any())
    assert right >= 0.9 * all_seen


@pytest.mark.parametrize("side", [-1, 1])
def test_an_arm_that_reaches_ends_at_its_goal_and_keeps_its_lengths(side):
    arm = np.array([[0.1, 0.0], [0.3, 0.0], [0.5, 0.0]]) * (side, 1)
    bent = reached(arm, np.array([side * 0.12, 0.25]), side)
    assert np.allclose(bent[2], (side * 0.12, 0.25))
    assert np.allclose(np.linalg.norm(np.diff(bent, axis=0), axis=1), 0.2)
    assert side * bent[1, 0] > 0.12
    far = reached(arm, np.array([side * 9.0, 0.0]), side)
    assert np.linalg.norm(np.diff(far, axis=0), axis=1) == pytest.approx(0.2, abs=0.02)


def test_figures_reach_for_all_there_is():
    reaches = {reach for seed in range(900) for reach in sampled_pose(np.random.default_rng(seed), grown_up=True).reaches}
    assert reaches == {"", *REACHES}


def test_hand_in_a_pocket_is_not_drawn():
    arm = np.array([[-0.1, 0.1], [-0.2, 0.25], [-0.1, 0.4]])
    style = LimbStyle("outline", curved=False, root=0.03, tip=0.02, end="mitten", size=0.03, fill=None, end_fill=None)
    drawn = {
        reach: [_arm(Hand.sampled(np.random.default_rng(seed)), arm, -1, style, Palette(), reach) for seed in range(40)]
        for reach in ("pocket", "hip")
    }
    with_hand = {reach: sum(any(mark.part == BodyPart.RIGHT_HAND for mark in marks) for marks in arms) for reach, arms in drawn.items()}
    assert with_hand["hip"] == 40
    assert 8 < with_hand["pocket"] < 32


def test_long_hair_falls_behind_the_shoulders_or_over_them():
    order = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        parts = [mark.part for mark in drawn_person(rng, Hand.sampled(rng), "child", filled=0.0).marks]
        if BodyPart.HAIR in parts and parts.index(BodyPart.HAIR) < parts.index(BodyPart.HEAD):
            order.add(parts.index(BodyPart.HAIR) < parts.index(BodyPart.TRUNK))
    assert order == {True, False}


def test_backdrops_leave_no_part_and_checkers_stay_white_below():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        canvas = Canvas(np.full((120, 90, 3), 255, np.float32), rng)
        draw_backdrop(canvas, rng, Hand.sampled(rng), page_pen(canvas, rng, mediums.MEDIUMS["vector"], 90.0))
        assert not canvas.parts.any()
    canvas = Canvas(np.full((120, 90, 3), 255, np.float32), np.random.default_rng(1))
    draw_checkers(canvas, np.random.default_rng(1))
    assert len(np.unique(canvas.image)) == 2
    assert (canvas.paper == 255).all()


def _drawn(style: str, seed: int):
    """A figure alone on white paper: the image, its label."""
    rng = np.random.default_rng(seed)
    figure, tall = fitted(drawn_person(rng, Hand.sampled(rng), style, filled=0.3), (20, 20, 180, 240))
    canvas = Canvas(np.full((260, 200, 3), 255, np.float32), rng)
    pen = page_pen(canvas, rng, mediums.MEDIUMS["felt_tip"], tall)
    return canvas, draw_figure(canvas, figure, pen, opaque=True, fills=("rub",)), figure


@pytest.mark.parametrize("style", sorted({*STYLES, MIXED, *HELD_OUT_STYLES}))
def test_the_mask_holds_all_the_ink_of_the_figure(style):
    for seed in range(4):
        canvas, label, figure = _drawn(style, seed)
        if any(mark.loose for mark in figure.marks):
            continue
        inked = np.abs(canvas.image - 255).max(axis=2) > 60
        assert inked.sum() > 100
        assert (label.owned[inked] > 0).mean() > 0.99


@pytest.mark.parametrize("style", sorted({*STYLES, MIXED, *HELD_OUT_STYLES}))
def test_the_figures_right_is_on_the_viewers_left(style):
    for seed in range(6):
        drawn = _drawn(style, seed)[2]
        swings = drawn.traits[1].startswith("swing") and not faces_viewer(drawn.joints)
        for left, right in ((5, 6), (12, 11) if swings else (11, 12)):
            assert drawn.joints[right, 0] < drawn.joints[left, 0] + 1e-6


def test_hips_are_at_the_hem_of_a_skirt_and_knees_below_it():
    leg = np.array([[0.0, 0.3], [0.0, 0.5], [0.0, 0.7]])
    below = joints_below(leg, 0.45)
    assert below[:, 1] == pytest.approx([0.45, 0.575, 0.7], abs=0.01)
    assert np.array_equal(joints_below(leg, 0.65), leg), "of a gown, people mark the hips where they would be"
    assert np.array_equal(joints_below(leg, 0.2), leg), "no skirt"


def test_legs_are_exchanged_only_where_arms_swing():
    rng = np.random.default_rng(4)
    from_side = [sampled_pose(rng, from_side=True) for _ in range(200)]
    swinging = [pose for pose in from_side if pose.has_legs_exchanged]
    assert 40 < len(swinging) < 120
    assert all(pose.name == "swing/run" for pose in swinging)
    assert not any(sampled_pose(rng).has_legs_exchanged for _ in range(200))


def test_legs_of_rare_poses_are_on_their_own_sides():
    """Unless legs are crossed, the right one reaches hardly farther to the viewer's right; raised legs do not occur in skirts."""
    rng = np.random.default_rng(4)
    names = set()
    for _ in range(400):
        pose = rare_pose(rng, grown_up=False, from_side=False, hidden_thighs=False, narrow_hips=True)
        name = pose.name.split("/")[1]
        names.add(name)
        if name in LEG_POSES:
            right, left = (sign * np.sin(np.radians(angles)).sum() for sign, angles in zip((-1, 1), pose.legs, strict=True))
            assert right <= left + 0.6, name
    assert set(LEG_POSES) - names == {"crossed", ""}
    in_skirts = {
        rare_pose(rng, grown_up=False, from_side=False, hidden_thighs=True, narrow_hips=False).name.split("/")[1] for _ in range(200)
    }
    assert in_skirts & set(LEG_POSES) == set(LEGS_IN_SKIRTS) - {""}


@pytest.mark.parametrize("kind", RARE_KINDS)
def test_limbs_of_rare_kinds_pass_through_their_joints(kind):
    style = LimbStyle(kind, curved=False, root=0.03, tip=0.025, end="none", size=0.03, fill=None, end_fill=None)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        joints = np.cumsum(rng.uniform((-0.1, -0.2), (0.3, 0.2), (3, 2)), axis=0)
        drawn = np.concatenate([stroke for mark in limb_marks(Hand.sampled(rng), joints, style) for stroke in mark.strokes])
        assert np.linalg.norm(drawn[None] - joints[:, None], axis=2).min(axis=1).max() < 0.13


def test_right_leg_of_a_runner_is_on_the_viewers_left():
    rng = np.random.default_rng(4)
    runs = [pose for pose in (sampled_pose(rng) for _ in range(400)) if pose.name.endswith("/run")]
    assert len(runs) > 20
    for pose in runs:
        right, left = (sign * np.sin(np.radians(angles)).sum() for sign, angles in zip((-1, 1), pose.legs, strict=True))
        assert right <= left


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
    assert MIXED in {figure.style for sample in seen for figure in sample.figures}
    assert mediums.LINE_ART.name in {sample.medium for sample in seen}
    unseen = [drawn_sample(seed, size=64, split="heldout") for seed in range(60)]
    assert {sample.medium for sample in unseen} & set(mediums.HELD_OUT)
    assert {figure.style for sample in unseen for figure in sample.figures} & set(HELD_OUT_STYLES)
    assert MIXED not in {figure.style for sample in unseen for figure in sample.figures}
    assert mediums.LINE_ART.name not in {sample.medium for sample in unseen}


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
def test_papers_are_images(paper):
    image = papers.clean(paper(np.random.default_rng(1), 90, 120))
    assert image.shape == (90, 120, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 255
