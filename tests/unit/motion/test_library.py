"""Motions and retarget configurations by name and path."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml
from written_bvh import UPWARDS, waving_bvh

import pipeline.motion.library as library_module
from pipeline.errors import ConfigError, MotionFileError, UnknownName
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.motion.derived import MotionChoices
from pipeline.motion.library import MotionLibrary
from pipeline.types import Travel

RETARGETS = asset_folder(AssetKind.RETARGET)
BODY = [
    ("Hips", (0, 10, 0)),
    ("Spine", (0, 2, 0)),
    ("Spine1", (0, 2, 0)),
    ("Neck", (0, 2, 0)),
    ("Head", (0, 2, 0)),
    *((f"{side}{part}", (sign, -1, 0)) for side, sign in (("Left", 1), ("Right", -1)) for part in ("Shoulder", "Arm", "ForeArm", "Hand")),
    *((f"{side}{part}", (sign, -12, 0)) for side, sign in (("Left", 1), ("Right", -1)) for part in ("UpLeg", "Leg", "Foot", "ToeBase")),
]


def bvh_text(names=None, *, frames=3, prefix="", up=1) -> str:
    """Joints that all hang on the first one, which alone moves: by one along x each frame."""
    lines = ["HIERARCHY"]
    for index, (name, offset) in enumerate(names or BODY):
        place = offset if up == 1 else (offset[2], offset[0], offset[1])
        lines += [f"{'JOINT' if index else 'ROOT'} {prefix}{name}", "{", "OFFSET {} {} {}".format(*place)]
        lines += ["}"] if index else ["CHANNELS 4 Xposition Yposition Zposition Xrotation"]
    lines += ["}", "MOTION", f"Frames: {frames}", "Frame Time: 0.04", *(f"{k} 0 0 0" for k in range(frames))]
    return "\n".join(lines)


def add_motion(folder: Path, name: str, **changes) -> Path:
    config = {
        "filepath": str(folder / "body.bvh"),
        "groundplane_joint": "LeftFoot",
        "forward_perp_joint_vectors": [["LeftArm", "RightArm"]],
        "scale": 1,
        "up": "+y",
        **changes,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    return folder / f"{name}.yaml"


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "body.bvh").write_text(bvh_text())
    return tmp_path


@pytest.fixture
def library(folder) -> MotionLibrary:
    return MotionLibrary([folder, folder / "none"], [RETARGETS])


def test_folder_and_link_to_nothing_are_no_motions(folder, library):
    (folder / "old.yaml").symlink_to(folder / "gone.yaml")
    (folder / "more.yaml").mkdir()
    assert library.names() == ()
    for name in ("old", "more"):
        with pytest.raises(UnknownName, match=f"there is no motion '{name}'"):
            library.motion(name)


def test_a_motion_is_found_by_name(folder, library):
    add_motion(folder, "step", start_frame_idx=1, title="One step", loops=True)
    motion = library.motion("step")
    assert motion.name == "step"
    assert motion.positions.shape == (2, len(BODY), 3)
    assert motion.positions[:, 0, 0].tolist() == [1, 2]
    assert motion.frame_time == Fraction(1, 25)
    assert motion.facing_pairs == (("LeftArm", "RightArm"),)
    assert motion.loops
    assert library.title("step") == "One step"
    assert library.names() == ("step",)
    assert library.warnings("step") == ()


def test_the_first_folder_wins(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "body.bvh").write_text(bvh_text())
    add_motion(folder, "step", title="first")
    add_motion(other, "step", title="second")
    add_motion(other, "leap")
    library = MotionLibrary([folder, other], [])
    assert library.names() == ("leap", "step")
    assert library.title("step") == "first"


def test_a_motion_is_read_once_until_a_file_changes(folder, library, monkeypatch):
    path = add_motion(folder, "step")
    first = library.motion("step")
    assert library.motion("step") is first
    assert library.motion(path) is first
    monkeypatch.setattr(library_module, "read_motion_config", None)
    monkeypatch.setattr(library_module, "read_bvh", None)
    assert library.motion("step") is first
    monkeypatch.undo()
    os.utime(folder / "body.bvh", ns=(1, 1))
    assert library.motion("step") is not first
    add_motion(folder, "step", frame_time=1)
    assert library.motion("step").frame_time == 1


@pytest.mark.parametrize("wanted", ["dance", "../step", "none.yaml", "none.bvh", "", ".", "a\0b", "a" * 300, "a" * 300 + ".yaml"])
def test_unknown_names_are_refused_with_what_is_known(folder, library, wanted):
    (folder / "inner").mkdir()
    add_motion(folder, "step")
    with pytest.raises(UnknownName, match="there is no motion") as caught:
        MotionLibrary([folder / "inner", folder], []).motion(wanted)
    assert caught.value.known == ("step",)
    with pytest.raises(UnknownName, match="there is no retarget configuration"):
        library.retarget(wanted)


def test_frames_past_the_end_are_a_warning(folder, library):
    add_motion(folder, "step", end_frame_idx=9)
    assert library.motion("step").frame_count == 3
    assert library.warnings("step") == ("end_frame_idx: 9 is past the 3 frames of body.bvh",)


def test_a_yaml_that_does_not_fit_its_bvh_is_refused_whole(folder, library):
    add_motion(folder, "step", start_frame_idx=3, groundplane_joint="LeftFot", forward_perp_joint_vectors=[["a", "b"]])
    with pytest.raises(ConfigError) as caught:
        library.motion("step")
    assert caught.value.problems[0] == "start_frame_idx: expected less than the 3 frames of body.bvh, found 3"
    assert caught.value.problems[1] == "groundplane_joint: body.bvh has no joint 'LeftFot'; did you mean LeftFoot?"
    assert len(caught.value.problems) == 4
    assert "Hips, Spine" in caught.value.hint


def test_a_bvh_alone_is_enough(folder, library):
    motion = library.motion(str(folder / "body.bvh"))
    assert motion.name == "body"
    assert motion.ground_joint == "LeftFoot"
    assert motion.facing_pairs == (("LeftArm", "RightArm"), ("LeftUpLeg", "RightUpLeg"))
    assert motion.scale == pytest.approx(1 / 14)
    assert not motion.loops
    assert library.title(folder / "body.bvh") == "body"
    assert library.matching_retarget(motion).name == "mixamo"


def test_a_bvh_alone_is_turned_upright(folder, library):
    (folder / "tall.bvh").write_text(bvh_text(up=3))
    tall, body = library.motion(folder / "tall.bvh"), library.motion(folder / "body.bvh")
    assert np.array_equal(tall.positions[0] - tall.positions[0, 0], body.positions[0] - body.positions[0, 0])


def test_a_bvh_alone_needs_a_body(folder, library):
    (folder / "worm.bvh").write_text(bvh_text([("Head", (0, 0, 0)), ("Tail", (0, 1, 0))]))
    with pytest.raises(MotionFileError, match="expected two legs, two arms and a trunk between them among its 2 joints, found Head, Tail"):
        library.motion(folder / "worm.bvh")


def test_a_shared_prefix_is_left_out_of_the_bvh_and_its_yaml(folder, library):
    (folder / "body.bvh").write_text(bvh_text(prefix="mixamorig:"))
    add_motion(folder, "step", groundplane_joint="mixamorig:LeftFoot", forward_perp_joint_vectors=[["mixamorig:LeftArm", "RightArm"]])
    motion = library.motion("step")
    assert motion.joint_names[0] == "Hips"
    assert motion.ground_joint == "LeftFoot"
    assert motion.facing_pairs == (("LeftArm", "RightArm"),)
    assert library.matching_retarget(motion).name == "mixamo"


def test_a_root_without_the_prefix_of_all_others_changes_nothing(folder, library):
    """3ds Max's Bip01 is the parent of Bip01_Pelvis, and Blender puts a joint of its own above mixamorig:Hips."""
    names = [("Armature", (0, 0, 0)), *((f"mixamorig:{name}", offset) for name, offset in BODY)]
    (folder / "body.bvh").write_text(bvh_text(names))
    prefixed = {"groundplane_joint": "mixamorig:LeftFoot", "forward_perp_joint_vectors": [["mixamorig:LeftArm", "mixamorig:RightArm"]]}
    add_motion(folder, "step", **prefixed)
    motion = library.motion("step")
    assert motion.joint_names[:2] == ("Armature", "mixamorig:Hips")
    assert library.matching_retarget(motion).name == "mixamo"


def test_a_recommended_retarget_wins(folder, library):
    add_motion(folder, "step", retarget="mixamo_side")
    assert library.matching_retarget(library.motion("step")).name == "mixamo_side"


def test_no_retarget_fits_a_strange_skeleton(folder, library):
    add_motion(folder, "step")
    (folder / "body.bvh").write_text(bvh_text([joint for joint in BODY if joint[0] != "Neck"]))
    with pytest.raises(UnknownName, match="retarget configuration for the joints of motion 'step'"):
        library.matching_retarget(library.motion("step"))


def test_vanished_files_are_reported(folder, library):
    path = add_motion(folder, "step")
    library.motion("step")
    (folder / "body.bvh").unlink()
    with pytest.raises(ConfigError, match="can't be read"):
        library.motion(path)


def test_retargets_are_read_once(library):
    assert library.retarget("doodled") is library.retarget(RETARGETS / "doodled.yaml")


@pytest.mark.parametrize("name", sorted(path.stem for path in RETARGETS.glob("*.yaml")))
def test_shipped_retargets_drive_every_limb_of_a_humanoid(library, name):
    config = library.retarget(name)
    limbs = {f"{side}_{part}" for side in ("left", "right") for part in ("elbow", "hand", "knee", "foot")}
    trunk = {"hip", "torso", "neck"} | {f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip")}
    assert set(config.mapping) == limbs | {"torso", "neck"}
    assert [joint for group in config.draw_groups for joint in group.joints if joint in limbs | trunk]
    assert {joint for group in config.draw_groups for joint in group.joints} == limbs | trunk
    for joint, bone in config.mapping.items():
        side = joint.split("_")[0]
        assert side in {"torso", "neck"} or all(end.startswith(side.title()) for end in bone)


@pytest.mark.parametrize("up", UPWARDS)
def test_a_yaml_may_say_any_of_six_axes_is_up(folder, library, up):
    def positions(axis: str) -> np.ndarray:
        (folder / "body.bvh").write_text(waving_bvh(up=axis))
        joints = {"groundplane_joint": "LeftFoot", "forward_perp_joint_vectors": [["LeftUpperArm", "RightUpperArm"]]}
        motion = library.motion(add_motion(folder, f"wave{'yxz'.index(axis[1])}{'+-'.index(axis[0])}", up=axis, **joints))
        ahead = motion.positions[0, motion.joint_names.index("LeftToes")] - motion.positions[0, motion.joint_names.index("LeftFoot")]
        turn = np.arctan2(ahead[0], ahead[2])
        return motion.positions @ np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])

    np.testing.assert_allclose(positions(up), positions("+y"), atol=1e-4)


def test_a_root_of_a_yaml_carries_the_body_and_is_named(folder, library):
    (folder / "body.bvh").write_text(waving_bvh(armature="Armature", way=lambda k: (0.0, 90.0, float(k))))
    joints = {"groundplane_joint": "LeftFoot", "forward_perp_joint_vectors": [["LeftUpperArm", "RightUpperArm"]]}
    with_root = library.motion(add_motion(folder, "with", root="Hips", travel="follow", **joints))
    assert with_root.joint_names[0] == "Hips"
    assert with_root.positions[:, 0, 2].tolist() == list(range(24))
    assert with_root.travel is Travel.FOLLOW
    without = library.motion(add_motion(folder, "without", **joints))
    assert without.joint_names[0] == "Armature"
    assert not np.ptp(without.positions[:, 0], axis=0).any()
    assert without.travel is Travel.FULL
    with pytest.raises(ConfigError, match=r"root: body\.bvh has no joint 'Hip'; did you mean Hips"):
        library.motion(add_motion(folder, "wrong", root="Hip", **joints))


def test_a_loop_goes_on_its_way_below_a_root_of_a_yaml(folder, library):
    (folder / "body.bvh").write_text(waving_bvh(armature="Armature", frames=60, way=lambda frame: (0.0, 90.0, frame)))
    path = add_motion(folder, "walk", root="Hips", forward_perp_joint_vectors=[["LeftUpperArm", "RightUpperArm"]])
    looped = library.motion(path, MotionChoices(loop=True))
    assert looped.loops
    np.testing.assert_allclose(np.diff(looped.positions[:, 0, 2]), 1.0)


def test_a_configuration_with_all_its_joints_goes_before_one_without_toes(folder, library):
    """CMU's joints are enough for our own configuration, but all there for CMU's."""
    names = library.retarget("cmu").motion_joints
    (folder / "cmu.bvh").write_text(bvh_text([(name, (index % 3, 10 - index, index % 2)) for index, name in enumerate(names)]))
    assert library.matching_retarget(library.motion(folder / "cmu.bvh")).name == "cmu"
    without_toes = [name for name in names if "Toe" not in name and "Fingers" not in name]
    (folder / "toeless.bvh").write_text(bvh_text([(name, (index % 3, 10 - index, index % 2)) for index, name in enumerate(without_toes)]))
    assert library.matching_retarget(library.motion(folder / "toeless.bvh")).name in {"cmu", "doodled"}
