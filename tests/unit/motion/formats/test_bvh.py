"""BVH files as they are met in the wild, and those that have to be refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import pipeline.motion.formats.bvh as bvh_module
import pipeline.motion.formats.bvh_hierarchy as hierarchy_module
from pipeline.errors import MotionFileError
from pipeline.motion.formats.bvh import bvh_from_text, read_bvh
from pipeline.motion.formats.bvh_hierarchy import Channel, HierarchyReader

HIERARCHY = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Left Arm
  {
    OFFSET 1 2 3
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
"""
ROW = "1 2 3 4 5 6 7 8 9"
GOOD = f"{HIERARCHY}MOTION\nFrames: 2\nFrame Time: 0.0333333\n{ROW}\n{ROW}\n"


def problems(text: str) -> str:
    with pytest.raises(MotionFileError) as caught:
        bvh_from_text(text, path="walk.bvh")
    assert caught.value.path is not None
    assert caught.value.path.name == "walk.bvh"
    return "\n".join(caught.value.problems)


def test_everything_in_a_plain_file_is_read():
    bvh = bvh_from_text(GOOD)
    assert bvh.joint_names == ("Hips", "Left Arm", "Left Arm End")
    assert bvh.parents.tolist() == [-1, 0, 1]
    assert bvh.offsets.tolist() == [[0, 0, 0], [1, 2, 3], [0, 1, 0]]
    assert bvh.channels[1] == (Channel.Z_ROTATION, Channel.X_ROTATION, Channel.Y_ROTATION)
    assert bvh.channels[2] == ()
    assert bvh.first_columns == (0, 6, 9)
    assert bvh.frame_time == Fraction(333333, 10_000_000)
    assert bvh.values.tolist() == [[1, 2, 3, 4, 5, 6, 7, 8, 9]] * 2
    assert bvh.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(" ", "\t"),
        GOOD.replace("1 2 3", "  1   2\t3 ").replace("\n", "   \n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\n\n") + "\n\n  \n",
        GOOD.replace("HIERARCHY", "hierarchy").replace("ROOT", "root").replace("JOINT", "Joint").replace("OFFSET", "offset"),
        GOOD.replace("CHANNELS", "Channels").replace("rotation", "ROTATION").replace("End Site", "END SITE").replace("MOTION", "motion"),
        GOOD.replace("Frames:", "FRAMES :").replace("Frame Time:", "frame time"),
        GOOD.replace("\n{", " {"),
        GOOD.replace("Frames: 2\nFrame Time: 0.0333333", "Frame Time: 0.0333333\nFrames: 2"),
        GOOD.replace(ROW, "1 2 3\n4 5 6\n7 8 9"),
        GOOD.replace("0.0333333", ".0333333"),
        GOOD.replace("0.0333333", "333333e-7"),
        GOOD.replace("1 2 3 4", "1.0 +2 3e0 4."),
    ],
)
def test_habits_of_other_programs_change_nothing(text):
    bvh, plain = bvh_from_text(text), bvh_from_text(GOOD)
    assert [name.split() for name in bvh.joint_names] == [name.split() for name in plain.joint_names]
    assert np.array_equal(bvh.values, plain.values)
    assert np.array_equal(bvh.offsets, plain.offsets)
    assert bvh.channels == plain.channels
    assert bvh.frame_time == plain.frame_time
    assert bvh.warnings == ()


@pytest.mark.parametrize(
    ("declared", "said"), [("Frames: 3\n", "declares 3 frames and has 2"), ("Frames: 1\n", "1 frames"), ("", "no frame count")]
)
def test_the_rows_that_are_there_win_over_the_declared_count(declared, said):
    bvh = bvh_from_text(GOOD.replace("Frames: 2\n", declared))
    assert len(bvh.values) == 2
    assert said in bvh.warnings[0]


def test_a_last_row_that_was_cut_off_is_left_out():
    bvh = bvh_from_text(GOOD + "1 2 3")
    assert len(bvh.values) == 2
    assert "line 21: the last frame is cut short (3 of 9 values)" in bvh.warnings[0]


def test_a_bad_number_before_a_row_that_was_cut_off_is_found():
    assert "line 20: expected a number, found 'x'" in problems(GOOD.replace(f"{ROW}\n{ROW}", f"{ROW}\n1 2 x 4 5 6 7 8 9\n1 2"))


def test_rows_too_long_and_bad_numbers_are_found_together():
    found = problems(GOOD.replace(f"{ROW}\n{ROW}", f"{ROW} 10\n{ROW}\n1 2 x 4 5 6 7 8 9"))
    assert "line 19: expected 9 values" in found
    assert "line 21: expected a number, found 'x'" in found


def test_duplicate_names_are_made_unique():
    text = GOOD.replace("    End Site\n    {\n      OFFSET 0 1 0\n    }\n", "    JOINT Hips\n    {\n      OFFSET 0 1 0\n    }\n")
    bvh = bvh_from_text(text)
    assert bvh.joint_names == ("Hips", "Left Arm", "Hips (2)")
    assert bvh.channels[2] == ()
    assert "a second joint 'Hips'" in bvh.warnings[0]


def test_two_end_sites_below_one_joint_have_names_of_their_own():
    end = "    End Site\n    {\n      OFFSET 0 1 0\n    }\n"
    assert bvh_from_text(GOOD.replace(end, end + end)).joint_names[2:] == ("Left Arm End", "Left Arm End (2)")


def test_a_root_without_position_channels_is_fine():
    text = GOOD.replace("6 Xposition Yposition Zposition", "3").replace(ROW, "4 5 6 7 8 9")
    assert bvh_from_text(text).values.shape == (2, 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: there is no skeleton"),
        ("nonsense", "line 1: expected HIERARCHY, found 'nonsense'"),
        (HIERARCHY, "the file ends before MOTION"),
        (GOOD.replace("HIERARCHY\n", ""), "line 1: expected HIERARCHY"),
        (GOOD.replace("ROOT Hips", "ROOT"), "line 2: ROOT has no name"),
        (GOOD.replace("ROOT", "JOINT"), "line 2: a JOINT outside the ROOT"),
        (GOOD.replace("ROOT Hips", "End Site"), "line 2: an End Site outside the ROOT"),
        (GOOD.replace("ROOT Hips\n{", "ROOT Hips"), "line 3: expected { after Hips"),
        (GOOD.replace("ROOT Hips\n", ""), "line 2: { opens nothing"),
        (GOOD.replace("}\nMOTION", "}\n}\nMOTION"), "line 16: } closes nothing"),
        (GOOD.replace("}\nMOTION", "MOTION"), "line 15: Hips is never closed"),
        (GOOD.replace("  OFFSET 0 0 0\n", ""), "line 2: Hips has no OFFSET"),
        (GOOD.replace("HIERARCHY\n", "HIERARCHY\nOFFSET 1 2 3\n"), "line 2: OFFSET outside a joint"),
        (GOOD.replace("1 2 3\n", "1 2\n"), "line 8: OFFSET of Left Arm: expected three numbers, found '1 2'"),
        (GOOD.replace("1 2 3\n", "1 2 x\n"), "found '1 2 x'"),
        (GOOD.replace("OFFSET 1 2 3\n", "OFFSET 1 2 nan\n"), "OFFSET of Left Arm: a value is infinite"),
        (GOOD.replace("OFFSET 1 2 3\n", "OFFSET 1 2 1e300\n"), "OFFSET of Left Arm: a value is infinite"),
        (GOOD.replace("CHANNELS 3", "CHANNELS 4"), "line 9: CHANNELS of Left Arm: expected a count"),
        (GOOD.replace("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation"), "found 'Wrotation'"),
        (GOOD.replace("CHANNELS 3", "CHANNELS 10 Xrotation" + " Xrotation" * 6), "expected at most 9, found 10"),
        (GOOD.replace("OFFSET 0 1 0", "OFFSET 0 1 0\nCHANNELS 0"), "is an End Site and can't have channels"),
        (GOOD.replace("OFFSET 0 1 0", "OFFSET 0 1 0\nSCALE 2"), "found 'SCALE'"),
        (GOOD.replace("Frames: 2", "Frames: two"), "line 17: Frames: expected a whole number, found 'two'"),
        (GOOD.replace("Frame Time: 0.0333333\n", ""), "there is no frame time"),
        (GOOD.replace("0.0333333", "0"), "line 18: Frame Time: expected seconds"),
        (GOOD.replace("0.0333333", "-0.1"), "found '-0.1'"),
        (GOOD.replace("0.0333333", "0,0333"), "found '0,0333'"),
        (GOOD.replace("0.0333333", "nan"), "found 'nan'"),
        (GOOD.replace("0.0333333", "1e-99"), "found '1e-99'"),
        (GOOD.replace("0.0333333", "1e-999999999"), "found '1e-999999999'"),
        (GOOD.replace("0.0333333", "1001"), "found '1001'"),
        (GOOD.replace(ROW, ""), "there are no frames"),
        (GOOD.replace("7 8 9\n1", "7 8\n1"), "line 19: expected 9 values, one for each channel, found 8"),
        (GOOD.replace(f"{ROW}\n{ROW}", "1 2 3"), "line 19: expected 9 values, one for each channel, found 3"),
        (GOOD.replace("7 8 9\n1", "7 8 9 10\n1"), "line 19: expected 9 values, one for each channel, found 10"),
        (GOOD.replace("7 8 9\n1", "7 8 x\n1"), "line 19: expected a number, found 'x'"),
        (GOOD.replace("7 8 9\n1", "7 8 nan\n1"), "line 19: a value is infinite"),
        (GOOD.replace("7 8 9\n1", "7 8 inf\n1"), "line 19: a value is infinite"),
        (GOOD.replace("7 8 9\n1", "7 8 1e300\n1"), "line 19: a value is infinite"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused_with_its_line(text, said):
    assert said in problems(text)


def test_all_problems_come_at_once():
    text = GOOD.replace("OFFSET 1 2 3", "OFFSET 1 2").replace("0.0333333", "0").replace("7 8 9\n1", "7 8 x\n1")
    found = problems(text)
    assert "line 8" in found
    assert "line 18" in found
    assert "line 19" in found


def test_a_long_list_of_problems_is_cut():
    text = GOOD + f"{ROW}\n1 2 x 4 5 6 7 8 9\n" * 50
    found = problems(text).split("\n")
    assert len(found) == 21
    assert found[-1] == "and more"


def test_joints_are_capped(monkeypatch):
    monkeypatch.setattr(hierarchy_module, "MAX_JOINTS", 2)
    assert "line 10: more than 2 joints" in problems(GOOD)


def test_frames_times_joints_are_capped(monkeypatch):
    monkeypatch.setattr(bvh_module, "MAX_JOINT_FRAMES", 5)
    assert "2 frames of 3 joints" in problems(GOOD)


def test_a_hundred_thousand_brackets_are_no_trouble():
    assert "opens nothing" in problems("HIERARCHY\n" + "{" * 100_000)


@pytest.mark.parametrize("text", ["x1\n" * 1000, "{" * 1000, "HIERARCHY\n" + "}" * 1000])
def test_what_is_no_bvh_file_at_all_is_given_up_soon(text):
    """A table or a film by the wrong suffix: 60 MB of it took minutes, and gigabytes for what is wrong with each line."""
    assert problems(text).split("\n")[-1] == "and more"
    reader = HierarchyReader()
    assert any(reader.take(number, line) for number, line in enumerate(text.split("\n"), 1))
    assert len(reader.problems) < 25


def test_a_file_is_read_from_disk(tmp_path):
    path = tmp_path / "a.bvh"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert len(read_bvh(path).values) == 2
    path.write_bytes(GOOD.replace("Left Arm", "Fu\xdf").encode("latin-1"))
    assert read_bvh(path).joint_names[1] == "Fu\xdf"


def test_files_that_are_missing_or_too_big_are_refused(tmp_path, monkeypatch):
    with pytest.raises(MotionFileError, match="can't be read"):
        read_bvh(tmp_path / "none.bvh")
    path = tmp_path / "a.bvh"
    path.write_text(GOOD)
    monkeypatch.setattr(bvh_module, "MAX_BYTES", 10)
    with pytest.raises(MotionFileError, match="too big"):
        read_bvh(path)


def test_a_second_root_is_read_with_a_warning() -> None:
    bvh = bvh_from_text(TWO_ROOTS)
    assert bvh.parents.tolist() == [-1, 0, -1, 2]
    assert bvh.warnings == ("line 10: a second ROOT: the body is looked for in all of them",)
    assert bvh.values.tolist() == [[1, 2, 3, 4, 5, 6]]


TWO_ROOTS = """HIERARCHY
ROOT a
{
OFFSET 0 0 0
CHANNELS 3 Xposition Yposition Zposition
End Site
{
OFFSET 0 1 0
}}
ROOT b
{
OFFSET 0 0 0
CHANNELS 3 Xposition Yposition Zposition
End Site
{
OFFSET 0 1 0
}}
MOTION
Frames: 1
Frame Time: 0.1
1 2 3 4 5 6
"""
