"""Guesses from joint names."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.motion.bvh import UpAxis
from pipeline.motion.joint_names import facing_pairs, ground_joint, up_axis, without_namespace


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("mixamorig:Hips", "mixamorig:Hips End"), ("Hips", "Hips End")),
        (("mixamorig_Hips", "mixamorig_Left_Arm"), ("Hips", "Left_Arm")),
        (("a:b:Hips", "a:b:Spine"), ("Hips", "Spine")),
        (("a:Hips", "b:Spine"), ("a:Hips", "b:Spine")),
        (("a:Hips", "Spine"), ("a:Hips", "Spine")),
        (("Left_Arm", "Right_Arm"), ("Left_Arm", "Right_Arm")),
        (("a:Hips",), ("a:Hips",)),
        (("a_", "a_"), ("a_", "a_")),
        ((), ()),
    ],
)
def test_a_prefix_goes_only_if_all_have_it(names, expected):
    assert without_namespace(names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("LeftShoulder", "RightShoulder", "LeftHip", "RightHip"), (("LeftShoulder", "RightShoulder"), ("LeftHip", "RightHip"))),
        (("LeftArm", "RightArm"), (("LeftArm", "RightArm"),)),
        (("thigh.L", "thigh.R"), (("thigh.L", "thigh.R"),)),
        (("RShoulder", "LShoulder"), (("LShoulder", "RShoulder"),)),
        (("LeftArm", "Head"), ()),
    ],
)
def test_pairs_that_span_the_body(names, expected):
    assert facing_pairs(names) == expected


def test_a_known_foot_is_the_ground_joint_and_else_the_lowest():
    first = np.array([[0.0, 5, 0], [0, -1, 0], [0, 0, 0]])
    assert ground_joint(("Head", "RightAnkle", "LeftAnkle"), first) == "LeftAnkle"
    assert ground_joint(("Head", "Tail", "Paw"), first) == "Tail"


def test_up_is_from_foot_to_head():
    positions = np.array([[[0.0, 1, 9], [0, 0, 0], [1, 0, 0]]])
    assert up_axis(("Head", "LeftFoot", "RightFoot"), positions) is UpAxis.Z
    assert up_axis(("Head", "LeftFoot", "RightFoot"), positions[..., [0, 2, 1]]) is UpAxis.Y


def test_up_without_names_is_where_the_figure_is_longer():
    positions = np.array([[[0.0, 1, 9], [0, 0, 0], [1, 0, 0]]])
    assert up_axis(("a", "b", "c"), positions) is UpAxis.Z
    assert up_axis(("a", "b", "c"), positions[..., [0, 2, 1]]) is UpAxis.Y
