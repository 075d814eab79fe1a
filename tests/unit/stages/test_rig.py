from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import CharacterError, ShapeError
from pipeline.pose.pose_from_mask import keypoints_from_mask
from pipeline.stages.rig import JOINTS, rigging
from tests.drawn_figures import STYLES, drawn_figure

NAMES = [name for name, _, _ in JOINTS]
BODY = [0, *range(5, 17)]
SWAPPED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


def joints_px(rig, mask):
    return (rig.rest - [0, 1]) * [1, -1] * max(mask.shape)


def errors(keypoints, figure):
    """(16,) how far each joint is from where it should be, in shares of the longer side."""
    joints = joints_px(rigging(keypoints, figure.mask).rig, figure.mask)
    expected = np.array([figure.keypoints[list(sources), :2].mean(axis=0) for _, _, sources in JOINTS])
    return np.linalg.norm(joints - expected, axis=1) / max(figure.mask.shape)


@pytest.fixture
def figure():
    return drawn_figure("outlined")


def test_sure_keypoints_become_the_originals_joints(figure):
    result = rigging(figure.keypoints, figure.mask)
    assert result.rig.joint_names == tuple(NAMES)
    assert [NAMES[p] if p >= 0 else None for p in result.rig.parents] == [parent for _, parent, _ in JOINTS]
    assert errors(figure.keypoints, figure).max() < 0.01
    assert result.repairs == ()
    assert result.doubts == ()


def test_rest_is_in_the_unit_square_of_the_longer_side_with_y_up(figure):
    rest = dict(zip(NAMES, rigging(figure.keypoints, figure.mask).rig.rest, strict=True))
    side = max(figure.mask.shape)
    assert rest["neck"] == pytest.approx(figure.keypoints[0, :2] / side * [1, -1] + [0, 1])
    assert rest["right_hand"][0] < rest["left_hand"][0]


@pytest.mark.parametrize("style", STYLES)
def test_the_mask_alone_is_enough_for_a_rig(style):
    figure = drawn_figure(style, seed=2)
    assert errors(figure.keypoints * [1, 1, 0], figure).max() < 0.12
    result = rigging(figure.keypoints * [1, 1, 0], figure.mask)
    assert result.doubts == ("13 of 13 joints were not seen",)
    assert result.repairs == ("hardly any joint was seen: all were judged by the outline alone",)


def test_few_keypoints_are_not_mixed_with_the_joints_of_the_mask(figure):
    few = figure.keypoints * [1, 1, 0]
    alone = rigging(few, figure.mask)
    few[[9, 10, 16], :2] = figure.keypoints[[10, 9, 15], :2]  # hands and a foot of the other side
    few[[9, 10, 16], 2] = 0.9
    found = rigging(few, figure.mask)
    assert found.repairs == alone.repairs
    np.testing.assert_array_equal(found.rig.rest, alone.rig.rest)


@pytest.mark.parametrize("lost", [(9,), (10, 8), (15, 16), (13, 15), (5, 6), (11, 12), (0,), (0, 9, 11, 16), (5, 7, 9, 12)])
def test_joints_that_were_not_seen_are_inferred_and_reported(figure, lost):
    keypoints = figure.keypoints.copy()
    keypoints[list(lost)] = (1.0, 1.0, 0.05)
    assert errors(keypoints, figure).max() < 0.1
    result = rigging(keypoints, figure.mask)
    assert sum("was not seen" in repair for repair in result.repairs) == len(lost)
    assert f"{len(lost)} of 13 joints were not seen" in result.doubts


def test_left_and_right_are_the_figures_own(figure):
    result = rigging(figure.keypoints[SWAPPED], figure.mask)
    assert errors(figure.keypoints[SWAPPED], figure).max() < 0.01
    assert any("swapped" in repair for repair in result.repairs)
    assert result.doubts == ("left and right were mixed up",)


@pytest.mark.parametrize("pair", [(9, 10), (15, 16), (11, 12)])
def test_a_single_pair_that_is_mixed_up_is_put_right(figure, pair):
    keypoints = figure.keypoints.copy()
    keypoints[list(pair)] = keypoints[list(pair)[::-1]]
    assert errors(keypoints, figure).max() < 0.02


def test_all_keypoints_on_one_spot_are_not_believed(figure):
    keypoints = np.tile([*figure.keypoints[0, :2], 1.0], (17, 1))
    assert errors(keypoints, figure).max() < 0.12
    assert rigging(keypoints, figure.mask).doubts == ("13 of 13 joints were not seen",)


def test_no_limb_has_length_zero(figure):
    keypoints = figure.keypoints.copy()
    keypoints[[7, 9]] = keypoints[5]
    joints = dict(zip(NAMES, joints_px(rigging(keypoints, figure.mask).rig, figure.mask), strict=True))
    for near, far in (("left_shoulder", "left_elbow"), ("left_elbow", "left_hand")):
        assert np.linalg.norm(joints[near] - joints[far]) > 5
    assert errors(keypoints, figure).max() < 0.12


def test_hand_that_was_seen_stays_where_the_mask_alone_would_have_the_elbow(figure):
    keypoints = figure.keypoints.copy()
    keypoints[7] = (1.0, 1.0, 0.05)
    keypoints[9, :2] = keypoints_from_mask(figure.mask)[7, :2]
    joints = dict(zip(NAMES, joints_px(rigging(keypoints, figure.mask).rig, figure.mask), strict=True))
    np.testing.assert_allclose(joints["left_hand"], keypoints[9, :2], atol=6)  # moved into the limb


@pytest.mark.parametrize("joints", [(5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16)])
@pytest.mark.parametrize("style", STYLES)
def test_middle_joint_that_is_too_near_its_root_goes_on_to_the_tip_but_not_far(style, joints):
    """A stick figure's elbow beside its shoulder went up the neck, as that is where the mask has an arm."""
    figure = drawn_figure(style, seed=3)
    keypoints, side = figure.keypoints.copy(), max(figure.mask.shape)
    root, middle, tip = joints
    way = keypoints[tip, :2] - keypoints[root, :2]
    keypoints[middle, :2] = keypoints[root, :2] + 0.015 * side * way / np.linalg.norm(way)
    placed = dict(zip(NAMES, joints_px(rigging(keypoints, figure.mask).rig, figure.mask), strict=True))
    names = [next(name for name, _, sources in JOINTS if sources == (joint,)) for joint in joints]
    first, moved, last = (placed[name] for name in names)
    assert 0.019 * side < np.linalg.norm(moved - first) < 0.05 * side
    assert (moved - first) @ (last - first) > 0


def test_a_joint_beside_the_figure_is_moved_into_it(figure):
    keypoints = figure.keypoints.copy()
    keypoints[9, :2] += [0, -28]
    result = rigging(keypoints, figure.mask)
    assert result.repairs == ("left hand was outside the figure and was moved into it",)
    x, y = joints_px(result.rig, figure.mask)[NAMES.index("left_hand")].astype(int)
    assert figure.mask[y - 2 : y + 3, x - 2 : x + 3].all()


def test_a_joint_far_beside_the_figure_is_not_believed(figure):
    keypoints = figure.keypoints.copy()
    keypoints[9, :2] = (5, 400)
    assert errors(keypoints, figure).max() < 0.1


def test_joints_in_a_small_part_of_the_figure_are_doubted(figure):
    keypoints = figure.keypoints.copy()
    middle = figure.keypoints[:, :2].mean(axis=0)
    keypoints[:, :2] = middle + 0.4 * (figure.keypoints[:, :2] - middle)
    assert [doubt for doubt in rigging(keypoints, figure.mask).doubts if "of the figure only" in doubt]


def test_an_empty_mask_is_refused():
    with pytest.raises(CharacterError):
        rigging(np.zeros((17, 3)), np.zeros((20, 20), bool))


def test_keypoints_of_another_shape_are_refused():
    with pytest.raises(ShapeError):
        rigging(np.zeros((16, 3)), np.ones((20, 20), bool))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["char1", "char2", "char3", "char4"])
def test_the_mask_alone_finds_the_reference_drawings_joints(reference_root, name):
    from pipeline.files.character_files import read_character
    from tests.benchmarks.worse_drawings import folder_of

    character = read_character(folder_of(reference_root, name) / "char_cfg.yaml")
    rest = rigging(np.zeros((17, 3)), character.mask).rig.rest
    expected = np.array([character.rig.rest[character.rig.joint_names.index(joint)] for joint in NAMES])
    apart = np.linalg.norm(rest - expected, axis=1)
    assert (apart < 0.1).mean() > 0.9
    assert apart.max() < 0.2
