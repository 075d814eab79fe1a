"""What networks are shown and what their answers mean, on answers that are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose import network_io
from pipeline.types import MIRRORED_PARTS, BodyPart, Box, Detection
from pipeline.types.keypoints import MIRRORED_KEYPOINTS

SIDE = 160
CELLS = 40


def image(width: int = 400, height: int = 300) -> np.ndarray:
    return np.full((height, width, 3), 240, np.uint8)


def joint_logits(places: np.ndarray) -> np.ndarray:
    """(17, C, C) with a peak as the network learns it for each of the 17 places (x, y) in cells."""
    across = np.arange(CELLS) + 0.5
    squared = (across[None, None, :] - places[:, 0, None, None]) ** 2 + (across[None, :, None] - places[:, 1, None, None]) ** 2
    return (-squared / 3.4).astype(np.float32)


def places() -> np.ndarray:
    """Left joints on the right, as on a figure that faces us."""
    rng = np.random.default_rng(3)
    found = rng.uniform(8, 32, (17, 2))
    found[[1, 3, 5, 7, 9, 11, 13, 15], 0] = 30
    found[[2, 4, 6, 8, 10, 12, 14, 16], 0] = 9
    return found


def mirror_agrees(straight: np.ndarray) -> np.ndarray:
    """The answer of a perfect network to the mirrored image: left and right exchanged, everything mirrored."""
    return straight[list(MIRRORED_KEYPOINTS)][:, :, ::-1]


def test_a_mirror_that_agrees_changes_nothing() -> None:
    straight = joint_logits(places())
    joints = np.stack([straight, mirror_agrees(straight)])
    masks = np.zeros((2, 1, SIDE, SIDE), np.float32)
    masks[0, 0, :, :50], masks[1, 0, :, -50:] = 5.0, 5.0
    presence = np.arange(36, dtype=np.float32).reshape(2, 18) * 0
    presence[0, 9], presence[1, 10] = 4.0, 4.0  # the left wrist is the mirror's right one
    answer = network_io.pose_answers(joints, masks, presence)[0]
    view = network_io.crop_view(image(), SIDE)
    found = network_io.pose(view, answer, image()).keypoints
    expected = view.window.back(places() * (SIDE / CELLS))
    np.testing.assert_allclose(found[:, :2], np.clip(expected, 0, (400, 300)), atol=1.0)
    assert found[9, 2] > 0.95
    assert found[10, 2] == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(answer.mask[:, :50], answer.mask[0, 0])
    assert answer.mask[0, 0] > 0.99
    assert answer.mask[0, 60] == pytest.approx(0.5)


def test_squares_with_their_mirrors() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    squares = network_io.with_mirrors([network_io.crop_view(rgb, SIDE)] * 3)
    assert squares.shape == (6, SIDE, SIDE, 3)
    np.testing.assert_array_equal(squares[3], squares[0][:, ::-1])


def answer_with_mask(mask: np.ndarray, *, figure: float = 1.0) -> network_io.PoseAnswer:
    presence = np.ones(18, np.float32)
    presence[-1] = figure
    logits = joint_logits(places())
    return network_io.pose_answers(
        np.stack([logits, mirror_agrees(logits)]),
        np.stack([mask[None], mask[None, :, ::-1]]),
        np.log(np.stack([presence, presence]) / (1.0001 - np.stack([presence, presence]))),
    )[0]


def test_a_box_ends_where_its_mask_does() -> None:
    rgb = image()
    proposal = network_io.Proposal(np.array([100.0, 50.0, 200.0, 250.0]), 0.9)
    view = network_io.close_view(rgb, proposal, SIDE)
    truth = np.array([[110.0, 60.0], [190.0, 245.0]])
    (x0, y0), (x1, y1) = view.window.into(truth).round().astype(int)
    mask = np.full((SIDE, SIDE), -9.0, np.float32)
    mask[y0:y1, x0:x1] = 9.0
    mask[2:4, 2:4] = 9.0  # a speck does not count
    found = network_io.detection(proposal, view, answer_with_mask(mask), rgb)
    edges = (found.box.left, found.box.top, found.box.right, found.box.bottom)
    assert edges == pytest.approx(tuple(truth.reshape(4)), abs=1.0)
    assert found.mask is not None
    assert found.mask.mean() > 0.97
    side = network_io.MASK_SIDE
    assert found.mask.shape == (side, round(side * found.box.width / found.box.height))


def test_a_mask_of_something_else_does_not_move_the_box() -> None:
    proposal = network_io.Proposal(np.array([100.0, 50.0, 200.0, 250.0]), 0.9)
    view = network_io.close_view(image(), proposal, SIDE)
    mask = np.full((SIDE, SIDE), -9.0, np.float32)
    mask[70:80, 70:80] = 9.0
    found = network_io.detection(proposal, view, answer_with_mask(mask), image())
    assert (found.box.left, found.box.top, found.box.right, found.box.bottom) == (100.0, 50.0, 200.0, 250.0)
    assert found.score < 0.2


def test_stray_joint_does_not_move_the_box_but_is_a_doubt() -> None:
    rgb = image()
    proposal = network_io.Proposal(np.array([150.0, 100.0, 200.0, 200.0]), 0.9)
    view = network_io.close_view(rgb, proposal, SIDE)
    (x0, y0), (x1, y1) = view.window.into(proposal.box.reshape(2, 2)).round().astype(int)
    mask = np.full((SIDE, SIDE), -9.0, np.float32)
    mask[y0:y1, x0:x1] = 9.0
    alone = network_io.detection(proposal, view, answer_with_mask(mask), rgb)
    mask[:40, -25:] = 9.0  # a star beside the figure
    found = network_io.detection(proposal, view, answer_with_mask(mask), rgb)
    assert (found.box.left, found.box.top) == pytest.approx((150.0, 100.0), abs=1.0)
    assert (found.box.right, found.box.bottom) == pytest.approx((200.0, 200.0), abs=1.0)
    assert found.score < alone.score
    mask[y1 + 2 : y1 + 8, x0:x1] = 9.0  # feet that a broken line parts from the legs
    lower = network_io.detection(proposal, view, answer_with_mask(mask), rgb)
    assert lower.box.bottom > 201.0


def test_both_networks_have_a_say_in_the_score() -> None:
    proposal = network_io.Proposal(np.array([100.0, 50.0, 200.0, 250.0]), 0.9)
    view = network_io.close_view(image(), proposal, SIDE)
    (x0, y0), (x1, y1) = view.window.into(proposal.box.reshape(2, 2)).round().astype(int)
    mask = np.full((SIDE, SIDE), -9.0, np.float32)
    mask[y0:y1, x0:x1] = 9.0
    scores = [network_io.detection(proposal, view, answer_with_mask(mask, figure=sure), image()).score for sure in (0.99, 0.5, 0.02)]
    assert scores[0] > 0.85
    assert scores[0] > scores[1] > scores[2]
    assert scores[2] < 0.2


def test_one_detection_for_one_figure() -> None:
    first, double, other = (
        Detection(Box(*edges), score) for edges, score in (((0, 0, 9, 9), 0.5), ((0, 0, 9, 8), 0.7), ((20, 0, 29, 9), 0.6))
    )
    assert network_io.without_duplicates([first, double, other]) == (double, other)


def test_proposals_lie_in_the_image() -> None:
    rgb = image(400, 200)
    view = network_io.whole_view(rgb, SIDE)
    centers = np.full((1, CELLS, CELLS), -9.0, np.float32)
    centers[0, 20, 20] = 4.0
    sides = np.full((4, CELLS, CELLS), 0.9, np.float32)
    (only,) = network_io.proposals(centers, sides, view, rgb)
    assert tuple(only.box) == (0.0, 0.0, 400.0, 200.0)
    assert only.score == pytest.approx(1 / (1 + np.exp(-4.0)))


def test_every_figure_of_a_large_family_is_proposed() -> None:
    rgb = image(400, 400)
    view = network_io.whole_view(rgb, SIDE)
    centers = np.full((1, CELLS, CELLS), -9.0, np.float32)
    centers[0, 6::14, 5::10] = 4.0
    sides = np.full((4, CELLS, CELLS), 0.1, np.float32)
    assert len(network_io.proposals(centers, sides, view, rgb)) == 12


def part_logits(named: np.ndarray) -> np.ndarray:
    """(18, P, P) logits of a network that is sure of each part."""
    return np.where(np.arange(18)[:, None, None] == named, np.float32(6.0), np.float32(-6.0)).astype(np.float32)


def test_parts_are_those_of_the_box_and_left_stays_left_in_the_mirror() -> None:
    """The square's left half is the right arm, its right half the left one; the mask covers its upper half."""
    rgb = image()
    view = network_io.crop_view(rgb, SIDE)
    named = np.full((SIDE // 2, SIDE // 2), BodyPart.LEFT_UPPER_ARM)
    named[:, : SIDE // 4] = BodyPart.RIGHT_UPPER_ARM
    mask = np.full((SIDE, SIDE), -9.0, np.float32)
    mask[: SIDE // 2] = 9.0
    logits = joint_logits(places())
    straight = part_logits(named)
    (answer,) = network_io.pose_answers(
        np.stack([logits, mirror_agrees(logits)]),
        np.stack([mask[None], mask[None, :, ::-1]]),
        np.zeros((2, 18), np.float32),
        np.stack([straight, straight[list(MIRRORED_PARTS)][:, :, ::-1]]),
    )
    found = network_io.pose(view, answer, rgb)
    assert found.mask is not None
    assert found.parts is not None
    assert found.parts.shape == found.mask.shape
    assert found.parts.dtype == np.uint8
    half = found.parts.shape[1] // 2
    assert (found.parts[found.mask <= 0.5] == BodyPart.NONE).all()
    assert set(found.parts[:, : half - 2][found.mask[:, : half - 2] > 0.5]) == {BodyPart.RIGHT_UPPER_ARM}
    assert set(found.parts[:, half + 2 :][found.mask[:, half + 2 :] > 0.5]) == {BodyPart.LEFT_UPPER_ARM}


def test_a_network_without_parts_names_none() -> None:
    answer = answer_with_mask(np.full((SIDE, SIDE), 9.0, np.float32))
    view = network_io.crop_view(image(), SIDE)
    assert network_io.pose(view, answer, image()).parts is None


@pytest.mark.parametrize("score", [0.1, 0.5, 0.9])
def test_score_after_close_look_is_never_higher_than_expected(score):
    rgb = image()
    proposal = network_io.Proposal(np.array([100.0, 50.0, 200.0, 250.0]), score)
    view = network_io.close_view(rgb, proposal, SIDE)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[20:-20, 30:-30] = 1.0
    found = network_io.detection(proposal, view, answer_with_mask(mask), rgb)
    assert found.score > 0.0
    assert network_io.can_score(proposal, found.score)
    assert not network_io.can_score(proposal, score**0.5 + 0.01)
