"""Parts of the body in joint names of common tools and languages."""

from __future__ import annotations

import pytest

from pipeline.motion.humanoid.name_hints import Part, part_named


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Center", Part.HIPS),
        ("Centre", Part.HIPS),
        ("CC_Base_Pelvis", Part.HIPS),
        ("mixamorig:LeftForeArm", Part.FOREARM),
        ("rShldr", Part.UPPER_ARM),
        ("épaule_gauche", Part.CLAVICLE),
        ("センター", Part.HIPS),
    ],
)
def test_part_of_a_name(name: str, part: Part) -> None:
    assert part_named(name) is part
