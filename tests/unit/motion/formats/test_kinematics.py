"""Forward kinematics against turns that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.motion.formats.bvh import bvh_from_text
from pipeline.motion.formats.kinematics import world_positions
from pipeline.motion.up_axis import UpAxis


def chain(root_channels: str, joint_channels: str, row: str) -> np.ndarray:
    """Positions (K, 3) of a root at (5, 6, 7), a joint at +1 x from it, and an end at +1 y from that, after one row of channels."""
    text = f"""HIERARCHY
ROOT a
{{
OFFSET 5 6 7
CHANNELS {root_channels}
JOINT b
{{
OFFSET 1 0 0
CHANNELS {joint_channels}
End Site
{{
OFFSET 0 1 0
}}
}}
}}
MOTION
Frames: 1
Frame Time: 0.1
{row}
"""
    return world_positions(bvh_from_text(text))[0]


def test_at_rest_offsets_add_up():
    assert chain("1 Xrotation", "1 Xrotation", "0 0").tolist() == [[5, 6, 7], [6, 6, 7], [6, 7, 7]]


@pytest.mark.parametrize(
    ("axis", "joint", "end"), [("X", [1, 0, 0], [1, 0, 1]), ("Y", [0, 0, -1], [0, 1, -1]), ("Z", [0, 1, 0], [-1, 1, 0])]
)
def test_quarter_turns_are_counter_clockwise(axis, joint, end):
    positions = chain(f"4 Xposition Yposition Zposition {axis}rotation", "1 Xrotation", "0 0 0 90 0")
    assert np.allclose(positions, [[0, 0, 0], joint, end])


def test_channels_compose_in_file_order_each_in_the_turned_space():
    angles = {"Z": 30.0, "X": -50.0, "Y": 110.0}
    for order in ("ZXY", "XYZ", "YZX", "ZXZ"):
        words = " ".join(f"{axis}rotation" for axis in order)
        row = " ".join(str(angles[axis]) for axis in order)
        turned = Rotation.from_euler(order, [angles[axis] for axis in order], degrees=True)
        both = chain(f"3 {words}", f"3 {words}", f"{row} {row}")
        expected = np.array([5, 6, 7]) + turned.apply([1, 0, 0])
        assert np.allclose(both[1], expected)
        assert np.allclose(both[2], expected + (turned * turned).apply([0, 1, 0]))


def test_position_channels_move_the_root_by_name_and_nothing_else():
    positions = chain("3 Zposition Yposition Xposition", "3 Xposition Yposition Zposition", "1 2 3 100 100 100")
    assert positions.tolist() == [[3, 2, 1], [4, 2, 1], [4, 3, 1]]


def test_scale_channels_are_read_over():
    scaled = chain("6 Xposition Yposition Zposition Xscale Yscale Zscale", "4 Xscale Zrotation Yscale Zscale", "1 2 3 7 8 9 4 90 5 6")
    plain = chain("3 Xposition Yposition Zposition", "1 Zrotation", "1 2 3 90")
    assert np.array_equal(scaled, plain)


def test_z_up_is_the_euler_rotation_yx_of_minus_ninety():
    text = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n}\nMOTION\nFrames: 1\nFrame Time: 1\n1 2 3\n"
    upright = world_positions(bvh_from_text(text), UpAxis.Z)
    assert np.allclose(upright[0, 0], Rotation.from_euler("YX", [-90, -90], degrees=True).apply([1, 2, 3]))
    assert upright.flags.c_contiguous
