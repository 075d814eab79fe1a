"""Motions of files without a YAML file: where the body goes, loops, first frames, clips: `derived_motion`, `closed_loop`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sample_scene
from scipy.spatial.transform import Rotation
from written_bvh import BODY, UPWARDS, waving_bvh

from pipeline.errors import MotionFileError, UnknownName
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.motion.derived import AS_FOUND, MotionChoices
from pipeline.motion.humanoid.body_config import FOUR_LEGGED_JOINTS
from pipeline.motion.library import MotionLibrary, matching_name
from pipeline.motion.looping import closed_loop, gain_of_round
from pipeline.motion.up_axis import UpAxis
from pipeline.motion.written_configs import motion_yaml, retarget_yaml
from pipeline.stages.retarget import pose_track
from pipeline.types import PoseTrack, Rig, Travel

RIG = sample_scene.rig()
HAND, SHOULDER, FOOT = (RIG.joint_names.index(name) for name in ("left_hand", "left_shoulder", "left_foot"))


def number(name: str) -> str:
    return f"J{[joint[0] for joint in BODY].index(name):02d}"


def walking(frame: int) -> tuple[float, float, float]:
    hop = 30.0 * max(0.0, 1 - ((frame - 18) / 6) ** 2)
    return (0.0, 90.0 + hop, 10.0 * frame)


@pytest.fixture
def library() -> MotionLibrary:
    return MotionLibrary([], [asset_folder(AssetKind.RETARGET)])


def track(library: MotionLibrary, path: Path, text: str, choices: MotionChoices = AS_FOUND) -> PoseTrack:
    path.write_text(text)
    motion = library.motion(path, choices)
    times = [k * motion.frame_time for k in range(motion.frame_count)]
    return pose_track(RIG, motion, library.matching_retarget(motion), times)


def assert_same(found: PoseTrack, expected: PoseTrack) -> None:
    np.testing.assert_allclose(found.joints, expected.joints, atol=1e-6)
    np.testing.assert_allclose(found.root, expected.root, atol=1e-6)


@pytest.mark.parametrize("spelt", [str, number])
def test_the_left_arm_rises_on_the_viewers_right(library, tmp_path, spelt) -> None:
    joints = track(library, tmp_path / "wave.bvh", waving_bvh(names=spelt)).joints
    assert joints[0, HAND, 1] < joints[0, SHOULDER, 1]
    assert joints[-1, HAND, 1] > joints[-1, SHOULDER, 1]
    assert (joints[:, HAND, 0] > 0).all()
    assert (joints[:, FOOT, 1] < 0).all()


@pytest.mark.parametrize("up", UPWARDS)
def test_all_worlds_look_the_same(library, tmp_path, up) -> None:
    upright = track(library, tmp_path / "y.bvh", waving_bvh(way=walking))
    assert_same(track(library, tmp_path / "other.bvh", waving_bvh(way=walking, up=up)), upright)


@pytest.mark.parametrize("armature", ["Armature", "Reference", "joint_Root", "X0"])
def test_motion_below_a_static_root_is_not_lost(library, tmp_path, armature) -> None:
    full = MotionChoices(travel=Travel.FULL)
    without = track(library, tmp_path / "a.bvh", waving_bvh(way=walking), full)
    assert np.ptp(without.root[:, 1]) > 0.1
    assert_same(track(library, tmp_path / "b.bvh", waving_bvh(way=walking, armature=armature), full), without)


def test_the_body_may_be_the_second_of_several_roots(library, tmp_path) -> None:
    head, rows = waving_bvh(way=walking).split("Frame Time: 0.0416667\n")
    prop = "HIERARCHY\nROOT Prop\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\nEnd Site\n{\nOFFSET 0 9 0\n}\n}"
    text = (
        head.replace("HIERARCHY", prop) + "Frame Time: 0.0416667\n" + "".join(f"5 5 {k} {row}\n" for k, row in enumerate(rows.splitlines()))
    )
    assert_same(track(library, tmp_path / "b.bvh", text), track(library, tmp_path / "a.bvh", waving_bvh(way=walking)))


@pytest.mark.parametrize("zero_offsets", [False, True])
def test_bones_may_be_in_position_channels(library, tmp_path, zero_offsets) -> None:
    plain = track(library, tmp_path / "a.bvh", waving_bvh(way=walking))
    moved = waving_bvh(way=walking, bones_in_channels=True, zero_offsets=zero_offsets)
    assert_same(track(library, tmp_path / "b.bvh", moved), plain)


def test_position_channels_of_zero_leave_the_offsets(library, tmp_path) -> None:
    text = waving_bvh(bones_in_channels=True)
    head, rows = text.split("Frame Time: 0.0416667\n")
    still = [" ".join([*row.split()[:6], *(w if k % 6 > 2 else "0" for k, w in enumerate(row.split()[6:]))]) for row in rows.splitlines()]
    zeroed = "\n".join([head + "Frame Time: 0.0416667", *still]) + "\n"
    assert_same(track(library, tmp_path / "b.bvh", zeroed), track(library, tmp_path / "a.bvh", waving_bvh()))


def test_a_first_frame_in_t_pose_is_skipped_with_a_note(library, tmp_path) -> None:
    head, rows = waving_bvh(way=walking).split("Frame Time: 0.0416667\n")
    posed = "0 90 0 " + "0 " * (len(rows.splitlines()[0].split()) - 3)
    path = tmp_path / "posed.bvh"
    path.write_text(f"{head}Frame Time: 0.0416667\n{posed}\n{rows}".replace("Frames: 24", "Frames: 25"))
    assert library.motion(path).frame_count == 24
    assert "the first frame is a pose before the motion begins: it is skipped" in library.warnings(path)
    path.write_text(waving_bvh())
    assert library.warnings(path) == ()
    assert library.motion(path).frame_count == 24


@pytest.mark.parametrize(
    ("written", "expected", "note"),
    [
        ("30", Fraction(1, 30), "30 is taken for frames a second"),
        ("33.3333", Fraction(333333, 10000000), "33.3333 is taken for milliseconds, 30 frames a second"),
        ("1.5", Fraction(3, 2), "each frame is shown for 1.5 s"),
        ("120", Fraction(1, 120), "120 is taken for frames a second"),
    ],
)
def test_a_frame_time_that_can_not_be_meant_is_understood_with_a_note(library, tmp_path, written, expected, note) -> None:
    path = tmp_path / "wave.bvh"
    path.write_text(waving_bvh(frame_time=written))
    assert library.motion(path).frame_time == expected
    assert note in library.warnings(path)[0]


def test_decimal_commas_are_read_with_a_note(library, tmp_path) -> None:
    lines = waving_bvh().replace("OFFSET 0 12 0", "OFFSET 0.0 12.0 0.0").splitlines()
    comma = tmp_path / "comma.bvh"
    comma.write_text("\n".join(line.replace(".", ",") for line in lines))
    assert library.warnings(comma) == ("numbers have decimal commas: they are read as decimal points",)
    plain = tmp_path / "plain.bvh"
    plain.write_text("\n".join(lines))
    np.testing.assert_array_equal(library.motion(comma).positions, library.motion(plain).positions)


def test_what_is_found_can_be_written_and_gives_the_same_motion(library, tmp_path) -> None:
    path = tmp_path / "wave.bvh"
    found = track(library, path, waving_bvh(way=walking, armature="Armature", names=number))
    motion, body = library.motion(path), library.body(path)
    retarget = tmp_path / "mine_retarget.yaml"
    retarget.write_text(retarget_yaml(library.matching_retarget(motion), body.reasons))
    (tmp_path / "mine.yaml").write_text(motion_yaml(motion, body, path, retarget=str(retarget), clip=None))
    again = library.motion(tmp_path / "mine.yaml")
    np.testing.assert_allclose(again.positions, motion.positions)
    times = [k * again.frame_time for k in range(again.frame_count)]
    joints = pose_track(RIG, again, library.matching_retarget(again), times).joints
    np.testing.assert_allclose(joints, found.joints, atol=1e-9)


def test_the_users_word_on_up_and_facing_is_taken(library, tmp_path) -> None:
    path = tmp_path / "wave.bvh"
    path.write_text(waving_bvh(names=number))
    turned = library.motion(path, MotionChoices(up=UpAxis.X, facing=UpAxis.Z))
    assert np.ptp(turned.positions[0, :, 1]) == pytest.approx(np.ptp(library.motion(path).positions[0, :, 0]))
    assert library.body(path, MotionChoices(facing=UpAxis.MINUS_Z)).left_leg.start == number("RightUpperLeg")


def test_no_body_is_refused_with_what_to_do(library, tmp_path) -> None:
    path = tmp_path / "snake.bvh"
    path.write_text(waving_bvh(joints=[(f"Bone{k}", k - 1, (0.0, 10.0, 0.0)) for k in range(12)]))
    with pytest.raises(MotionFileError, match=r"expected two legs, two arms and a trunk.*--retarget"):
        library.motion(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("still.png", b"\x89PNG\r\n\x1a\n", "this is an image, expected a motion"),
        ("clip.mp4", b"\0\0\0\x20ftypisom", "this is a video"),
        ("empty.bvh", b"", "there is no skeleton"),
        ("notes.txt", b"hello", "suffix .txt is no motion"),
    ],
)
def test_other_files_are_called_what_they_are(library, tmp_path, name, content, message) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MotionFileError, match=message):
        library.motion(tmp_path / name)


def test_a_folder_is_called_a_folder(library, tmp_path) -> None:
    with pytest.raises(MotionFileError, match="this is a folder"):
        library.motion(tmp_path)


def test_a_windows_path_is_translated(library) -> None:
    with pytest.raises(UnknownName, match=r"under WSL it is /mnt/c/Users/me/wave.bvh"):
        library.motion("C:\\Users\\me\\wave.bvh")


@pytest.mark.parametrize("wanted", ["jumping_jacks", "Jumping Jacks", "jumping-jacks", " JUMPING_JACKS"])
def test_names_are_found_whatever_case_hyphens_and_spaces(wanted) -> None:
    assert matching_name(wanted, ["jump", "jumping_jacks"]) == "jumping_jacks"
    own = MotionLibrary([asset_folder(AssetKind.MOTIONS)], [])
    assert own.motion(wanted).name == "jumping_jacks"


def test_a_loop_is_found_and_closed() -> None:
    phase = np.arange(90) * 2 * np.pi / 30
    positions = np.zeros((90, 3, 3))
    positions[:, 1] = np.stack([np.sin(phase), np.cos(phase), 0 * phase], axis=1)
    positions[:, 2] = np.stack([np.cos(2 * phase), 0.02 * np.arange(90) / 90, 0 * phase], axis=1)
    kept, note = closed_loop(positions, Fraction(1, 30))
    assert len(kept) % 30 == 0
    assert "a loop is found from" in note
    jump = np.abs(kept[0] - kept[-1]).max()
    assert jump < 1.5 * np.abs(np.diff(kept, axis=0)).max()


def test_way_that_leads_back_gains_nothing_in_a_round() -> None:
    phase = np.arange(30) * 2 * np.pi / 30
    circle = np.stack([np.cos(phase), phase, np.sin(phase)], axis=1)
    assert not gain_of_round(circle).any()
    assert not gain_of_round(circle[:1]).any()
    np.testing.assert_allclose(gain_of_round(circle + np.arange(30)[:, None] * [0.5, 0.0, 0.0])[:2], [15.0, 0.0], atol=0.05)


def test_a_clip_of_a_few_frames_is_its_own_loop() -> None:
    positions = np.zeros((5, 3, 3))
    kept, note = closed_loop(positions, Fraction(1, 30))
    assert kept is positions
    assert "too short" in note


def test_loop_treads_on_the_spot_unless_asked_otherwise(library, tmp_path) -> None:
    path = tmp_path / "wave.bvh"
    path.write_text(waving_bvh(way=walking, frames=48))
    looped = library.motion(path, MotionChoices(loop=True))
    assert looped.loops
    assert looped.travel is Travel.IN_PLACE
    assert library.motion(path, MotionChoices(loop=True, travel=Travel.FULL)).travel is Travel.FULL
    assert library.motion(path).travel is Travel.FOLLOW


DOG: list[tuple[str, int, tuple[float, float, float]]] = [
    ("Hips", -1, (0, 0, 0)),
    ("Spine", 0, (0, 2, 25)),
    ("Chest", 1, (0, 1, 25)),
    ("Neck", 2, (0, 8, 8)),
    ("Head", 3, (0, 12, 8)),
    ("Tail1", 0, (0, 2, -12)),
    ("Tail2", 5, (0, 2, -12)),
]


def dog_bvh() -> str:
    joints = [*DOG]
    for bone, parent, sides in (("Front", 2, (("Left", 1), ("Right", -1))), ("Hind", 0, (("Left", 1), ("Right", -1)))):
        for side, sign in sides:
            first = len(joints)
            joints += [(f"{side}{bone}A", parent, (sign * 8.0, -5.0, 0.0)), (f"{side}{bone}B", first, (0.0, -22.0, 2.0))]
            joints += [(f"{side}{bone}C", first + 1, (0.0, -22.0, -2.0)), (f"{side}{bone}D", first + 2, (0.0, -3.0, 6.0))]
    number = {name: f"J{index}" for index, (name, *_) in enumerate(joints)}
    return waving_bvh(joints=joints, names=number.__getitem__, way=lambda k: (0.0, 52.0, 3.0 * k))


def test_a_dog_drives_a_drawn_animal_leg_by_leg(library, tmp_path) -> None:
    path = tmp_path / "dog.bvh"
    path.write_text(dog_bvh())
    motion, body = library.motion(path), library.body(path)
    assert body.is_four_legged
    assert body.up is UpAxis.Y
    assert len(motion.feet) == 4
    config = library.matching_retarget(motion, FOUR_LEGGED_JOINTS)
    assert config.mapping["left_knee_f"] == (body.left_arm.start, body.left_arm.middle)
    assert config.mapping["right_foot_b"] == (body.right_leg.middle, body.right_leg.end)
    rig = Rig(*animal_rig())
    joints = pose_track(rig, motion, config, [Fraction(0)]).joints[0]
    place = dict(zip(rig.joint_names, joints, strict=True))
    assert place["neck"][0] > place["hip"][0]  # looks to the image's right
    for leg in ("left_{}_f", "right_{}_f", "left_{}_b", "right_{}_b"):
        assert place[leg.format("foot")][1] < place[leg.format("knee")][1] < place[leg.format("hip")][1]


def test_a_person_on_a_drawn_animal_drives_both_pairs_of_legs(library, tmp_path) -> None:
    path = tmp_path / "wave.bvh"
    path.write_text(waving_bvh())
    motion = library.motion(path)
    assert not library.body(path).is_four_legged
    config = library.matching_retarget(motion, FOUR_LEGGED_JOINTS)
    assert config.mapping["left_knee_f"] == config.mapping["left_knee_b"] == ("LeftUpperLeg", "LeftLowerLeg")


def animal_rig() -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    names, parents, places = ["root", "hip", "torso", "neck"], [-1, 0, 1, 2], [(0.3, 0.5), (0.3, 0.5), (0.7, 0.5), (0.8, 0.7)]
    for end, x in (("f", 0.65), ("b", 0.25)):
        for side, shift in (("left", 0.0), ("right", 0.08)):
            first = len(names)
            names += [f"{side}_{part}_{end}" for part in ("hip", "knee", "foot")]
            parents += [0, first, first + 1]
            places += [(x + shift, 0.45), (x + shift, 0.3), (x + shift, 0.15)]
    return tuple(names), np.array(parents, np.int32), np.array(places, np.float64)


def test_a_body_below_its_waist_is_taken_with_all_that_is_connected(library, tmp_path) -> None:
    joints = [("Waist", -1, (0.0, 0.0, 0.0)), ("Pelvis", 0, (0.0, -8.0, 0.0)), ("Spine", 0, (0.0, 5.0, 0.0))]
    joints += [(name, {0: 1, 1: 2}.get(parent, parent + 1), offset) for name, parent, offset in BODY[2:]]
    path = tmp_path / "waist.bvh"
    path.write_text(waving_bvh(joints=joints, way=walking))
    motion = library.motion(path)
    assert motion.joint_names[0] == "Pelvis"
    assert set(motion.joint_names) >= {"Waist", "Head", "LeftFoot"}
    assert motion.parents[0] == -1
    assert (motion.parents[1:] >= 0).all()


def test_a_doubtful_body_is_refused_until_the_user_settles_it(library, tmp_path) -> None:
    path = tmp_path / "aslant.bvh"
    head, rows = waving_bvh(names=number, bones_in_channels=True, zero_offsets=True).split("Frame Time: 0.0416667\n")
    aslant = Rotation.align_vectors([[1, 1, 1]], [[0, 1, 0]])[0].as_euler("ZYX", degrees=True)
    turned = [" ".join([*row.split()[:3], *map(str, aslant), *row.split()[6:]]) for row in rows.splitlines()]
    path.write_text("\n".join([head + "Frame Time: 0.0416667", *turned]))
    with pytest.raises(MotionFileError, match=r"can be read in several ways.*--up settles it"):
        library.motion(path)
    assert library.motion(path, MotionChoices(up=UpAxis.Y)).frame_count == 24


def test_a_yaml_can_be_looped(tmp_path) -> None:
    own = MotionLibrary([asset_folder(AssetKind.MOTIONS)], [])
    (tmp_path / "walk.bvh").write_text((asset_folder(AssetKind.MOTIONS) / "walk.bvh").read_text())
    config = (asset_folder(AssetKind.MOTIONS) / "walk.yaml").read_text().replace("loops: true", "loops: false")
    (tmp_path / "mine.yaml").write_text(config)
    motion = own.motion(tmp_path / "mine.yaml", MotionChoices(loop=True))
    assert motion.loops
    assert motion.travel is Travel.IN_PLACE
    assert "a loop is found" in own.warnings(tmp_path / "mine.yaml", MotionChoices(loop=True))[-1]
