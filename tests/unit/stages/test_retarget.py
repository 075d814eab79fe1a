"""A motion drives a rig: each rule of COMPAT.md, section 9, on a doll whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import drawn
import numpy as np
import pytest

from pipeline.errors import RetargetError
from pipeline.stages.retarget import draw_orders, driven_pose, posed_joints, retargeted
from pipeline.types import AboveCheck, DrawGroup, Motion, ProjectionGroup, ProjectionMethod

RIG = drawn.rig()
CONFIG = drawn.retarget_config()


def times(motion: Motion) -> list[Fraction]:
    return [k * motion.frame_time for k in range(motion.frame_count)]


def joint(name: str) -> int:
    return RIG.joint_names.index(name)


def test_a_lifted_forearm_lifts_the_drawings_forearm_at_its_own_length() -> None:
    motion = drawn.motion(frames=10)
    track = retargeted(RIG, motion, CONFIG, times(motion))
    forearm = track.joints[:, joint("left_hand")] - track.joints[:, joint("left_elbow")]
    length = np.linalg.norm(RIG.rest[joint("left_hand")] - RIG.rest[joint("left_elbow")])
    angle = np.linspace(0, np.pi / 2, 10)
    np.testing.assert_allclose(forearm, length * np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=1e-9)


def test_what_does_not_move_stays_where_the_motion_points() -> None:
    motion = drawn.motion()
    track = retargeted(RIG, motion, CONFIG, times(motion))
    np.testing.assert_allclose(np.ptp(track.joints[:, joint("right_hand")], axis=0), 0.0, atol=1e-12)
    upper = track.joints[0, joint("right_elbow")] - track.joints[0, joint("right_shoulder")]
    assert upper[0] < 0
    assert upper[1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("turn", [0.4, np.pi / 2, -3.0])
def test_where_the_body_faces_in_the_file_makes_no_difference(turn: float) -> None:
    motion = drawn.motion(step_cm=(2.0, 0.5, 0.0))
    c, s = np.cos(turn), np.sin(turn)
    turned = replace(motion, positions=motion.positions @ np.array([(c, 0, -s), (0, 1, 0), (s, 0, c)]) + (7.0, 3.0, -5.0))
    expected, found = (retargeted(RIG, m, CONFIG, times(m)) for m in (motion, turned))
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-9)
    np.testing.assert_allclose(found.root, expected.root, atol=1e-9)


def test_the_root_travels_in_the_drawings_proportions() -> None:
    motion = drawn.motion(frames=5, step_cm=(8.5, -1.7, 0.0))
    track = retargeted(RIG, motion, CONFIG, times(motion))
    own = sum(np.linalg.norm(RIG.rest[joint(f"left_{a}")] - RIG.rest[joint(f"left_{b}")]) for a, b in (("foot", "knee"), ("knee", "hip")))
    np.testing.assert_allclose(np.diff(track.root[:, 0]), 8.5 * own / 85.0)
    np.testing.assert_allclose(np.diff(track.root[:, 1]), -1.7 * own / 85.0)
    assert (track.root[:, 2] == -0.5).all()


def test_walking_towards_the_viewer_is_not_travel_from_the_front_but_is_from_the_side() -> None:
    motion = drawn.motion(frames=5, step_cm=(0.0, 0.0, 4.0))
    front = retargeted(RIG, motion, CONFIG, times(motion))
    np.testing.assert_allclose(front.root[:, 0], 0.0, atol=1e-12)
    side = replace(CONFIG, projection_groups=(ProjectionGroup("all", tuple(drawn.MOTION_JOINTS), ProjectionMethod.SAGITTAL),))
    assert np.all(np.diff(retargeted(RIG, motion, side, times(motion)).root[:, 0]) > 0)


def test_pca_chooses_the_plane_in_which_the_group_spreads() -> None:
    pca = replace(CONFIG, projection_groups=(ProjectionGroup("all", tuple(drawn.MOTION_JOINTS), ProjectionMethod.PCA),))
    motion = drawn.motion()
    assert driven_pose(RIG, motion, pca, times(motion)).planes == {"all": True}


def test_of_two_mapped_children_the_last_one_turns_the_parent() -> None:
    """The original's rule: siblings overwrite each other in the rig's order."""
    asked = {"right_hip": np.array([90.0]), "left_hip": np.array([200.0])}
    joints = posed_joints(RIG, asked, 1)
    bone = joints[0, joint("left_hip")] - joints[0, joint("root")]
    assert np.degrees(np.arctan2(bone[1], bone[0])) - 90 == pytest.approx(200 - 360)
    other = joints[0, joint("right_hip")] - joints[0, joint("root")]
    assert np.degrees(np.arctan2(other[1], other[0])) - 90 != pytest.approx(90.0)


def test_a_limb_whose_parent_is_not_mapped_inherits_the_trunks_turn() -> None:
    """An elbow asked to rest where it rests still turns with the torso, since its shoulder is not mapped."""
    rest = {name: np.array([270.0 if name.startswith("left") else 90.0]) for name in ("left_elbow", "right_elbow")}
    joints = posed_joints(RIG, {"torso": np.array([30.0]), **rest}, 1)
    arm = joints[0, joint("left_elbow")] - joints[0, joint("left_shoulder")]
    assert np.degrees(np.arctan2(arm[1], arm[0])) == pytest.approx(30.0)


def test_a_target_below_the_line_is_dropped_from_the_mapping() -> None:
    motion = drawn.motion()
    above = replace(CONFIG, checks=(AboveCheck("neck", "right_shoulder", "left_shoulder"),))
    assert "neck" in driven_pose(RIG, motion, above, times(motion)).orientations
    below = replace(CONFIG, checks=(AboveCheck("neck", "left_shoulder", "right_shoulder"),))
    assert "neck" not in driven_pose(RIG, motion, below, times(motion)).orientations


def test_groups_are_drawn_from_far_to_near_and_reversed_inside_when_far() -> None:
    groups = (DrawGroup(("a",), ("hip", "torso")), DrawGroup(("b", "c"), ("left_elbow", "left_hand", "third_arm")))
    depths = {"a": np.array([0.5, 0.5]), "b": np.array([-2.0, 1.0]), "c": np.array([-1.0, 1.0])}
    orders, which = draw_orders(RIG, groups, depths, 2)
    named = [[RIG.joint_names[j] for j in orders[w]] for w in which]
    assert named == [["left_hand", "left_elbow", "hip", "torso"], ["hip", "torso", "left_elbow", "left_hand"]]


def test_frames_with_the_same_order_share_it() -> None:
    motion = drawn.motion(frames=40)
    track = retargeted(RIG, motion, CONFIG, times(motion))
    assert len(track.draw_orders) == len(set(track.order_of_frame)) == 1


def test_any_rate_shows_the_same_movement_between_the_same_ends() -> None:
    motion = drawn.motion(frames=31)
    slow, fast = ([Fraction(k, n) for k in range(n + 1)] for n in (10, 120))
    assert np.abs(retargeted(RIG, motion, CONFIG, slow).joints - retargeted(RIG, motion, CONFIG, fast).joints[::12]).max() < 1e-9


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    misfit = replace(
        CONFIG,
        mapping={"left_hand": ("LeftElbow", "LeftPaw"), "tail": ("Hips", "Neck")},
        checks=(AboveCheck("antenna", "right_shoulder", "left_shoulder"),),
        projection_groups=(ProjectionGroup("some", ("Hips", "LeftWrist", "RightWrist", "LeftAnkle"), ProjectionMethod.FRONTAL),),
    )
    with pytest.raises(RetargetError) as refused:
        retargeted(RIG, drawn.motion(), misfit, [Fraction(0)])
    for part in ("LeftPaw", "antenna", "RightAnkle", "'all'"):
        assert part in str(refused.value)


def test_a_config_that_drives_nothing_of_this_rig_is_refused() -> None:
    with pytest.raises(RetargetError, match="no joint of the character is driven"):
        retargeted(RIG, drawn.motion(), replace(CONFIG, mapping={"tail": ("Hips", "Neck")}), [Fraction(0)])


def test_a_motion_whose_legs_have_no_length_is_refused() -> None:
    motion = drawn.motion()
    flat = replace(motion, positions=np.zeros_like(motion.positions))
    with pytest.raises(RetargetError, match="no length"):
        retargeted(RIG, flat, CONFIG, [Fraction(0)])
