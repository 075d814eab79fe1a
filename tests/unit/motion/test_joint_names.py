"""Prefixes of joint names."""

from __future__ import annotations

import pytest

from pipeline.motion.joint_names import without_namespace


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
