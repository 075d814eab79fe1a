"""`GltfSource`, `PointSource`, `DiffusionSource`, `FbxSource`: every format gives the same wave, and errors in files are reported."""

from __future__ import annotations

import base64
import importlib
import json

import numpy as np
import pytest
import sample_scene
import written_motions as written
from written_bvh import waving_bvh

from pipeline.adapters.fbx import source as fbx
from pipeline.errors import MotionFileError
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.motion.clip import MotionClip
from pipeline.motion.derived import AS_FOUND, MotionChoices
from pipeline.motion.formats import gltf, gltf_source
from pipeline.motion.formats.bvh_source import BvhSource
from pipeline.motion.formats.diffusion_source import DiffusionSource
from pipeline.motion.formats.gltf_source import GltfSource
from pipeline.motion.formats.point_source import PointSource
from pipeline.motion.library import MotionLibrary
from pipeline.stages.retarget import pose_track

RIG = sample_scene.rig()
HAND, SHOULDER, FOOT, OTHER = (RIG.joint_names.index(name) for name in ("left_hand", "left_shoulder", "left_foot", "right_hand"))
EXPECTED = written.wave_positions()


@pytest.fixture
def library() -> MotionLibrary:
    return MotionLibrary([], [asset_folder(AssetKind.RETARGET)], more_sources=[fbx.FbxSource()])


def assert_waves(library: MotionLibrary, path, choices: MotionChoices = AS_FOUND) -> None:
    motion = library.motion(path, choices)
    times = [k * motion.frame_time for k in range(motion.frame_count)]
    joints = pose_track(RIG, motion, library.matching_retarget(motion), times).joints
    assert joints[0, HAND, 1] < joints[0, SHOULDER, 1]
    assert joints[-1, HAND, 1] > joints[-1, SHOULDER, 1]
    assert (joints[:, HAND, 0] > 0).all()
    assert (joints[:, OTHER, 0] < 0).all()
    assert (joints[:, FOOT, 1] < -0.1).all()


def hand_of(clip: MotionClip, name: str = "LeftHand") -> np.ndarray:
    return clip.positions[:, clip.joint_names.index(name)]


@pytest.mark.parametrize("interpolation", ["LINEAR", "CUBICSPLINE"])
@pytest.mark.parametrize("skin", [True, False])
def test_a_glb_waves(library, tmp_path, interpolation, skin) -> None:
    path = tmp_path / "wave.glb"
    path.write_bytes(written.glb(*written.wave_gltf(interpolation=interpolation, skin=skin)))
    clip = GltfSource().read(path, None)
    if skin:
        assert_waves(library, path)
        assert clip.frame_time.denominator == 30  # its keys are rare
    times = np.arange(len(clip.positions)) * float(clip.frame_time)
    expected = np.stack(
        [np.interp(times * written.RATE, np.arange(written.FRAMES), EXPECTED["LeftHand"][:, axis]) for axis in range(3)], axis=1
    )
    np.testing.assert_allclose(hand_of(clip), expected, atol=0.6)


def test_steps_hold_their_values(tmp_path) -> None:
    path = tmp_path / "wave.glb"
    path.write_bytes(written.glb(*written.wave_gltf(interpolation="STEP")))
    hand = hand_of(GltfSource().read(path, None))
    assert len(np.unique(hand.round(3), axis=0)) == 5


@pytest.mark.parametrize("where", ["data", "file"])
def test_a_gltf_with_its_buffer_elsewhere_waves(library, tmp_path, where) -> None:
    root, binary = written.wave_gltf()
    root["buffers"][0]["uri"] = (
        f"data:application/octet-stream;base64,{base64.b64encode(binary).decode()}" if where == "data" else "wave%201.bin"
    )
    (tmp_path / "wave 1.bin").write_bytes(binary)
    (tmp_path / "wave.gltf").write_text(json.dumps(root))
    assert_waves(library, tmp_path / "wave.gltf")


def test_one_of_several_clips_is_chosen_by_name_or_number(library, tmp_path) -> None:
    root, binary = written.wave_gltf(clips=("still", "Wave", "walk"))
    root["animations"][0]["channels"] = root["animations"][0]["channels"][1:]  # whose hips stay where they are
    path = tmp_path / "wave.glb"
    path.write_bytes(written.glb(root, binary))
    assert "the clip is 'Wave', of 3; FILE#CLIP asks for another: still, walk" in library.warnings(path)
    for clip in ("wave", "1"):
        assert_waves(library, path, MotionChoices(clip=clip))
    with pytest.raises(MotionFileError, match="there is no clip 'run', it has still, Wave, walk"):
        library.motion(path, MotionChoices(clip="run"))


@pytest.mark.parametrize("prefix", ["J", "mixamorig:"])
@pytest.mark.parametrize("version", ["VRM", "VRMC_vrm"])
def test_bones_of_a_vrm_are_named_by_the_file(library, tmp_path, version, prefix) -> None:
    root, binary = written.wave_gltf()
    bones = {"hips": "Hips", "spine": "Spine", "neck": "Neck", "head": "Head"}
    bones |= {
        f"{side.lower()}{part}": f"{side}{part}"
        for side in ("Left", "Right")
        for part in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
    }
    places = {name: index for index, (name, *_) in enumerate(written.BODY)}
    for index, node in enumerate(root["nodes"]):
        node["name"] = f"{prefix}{index}"
    nodes = {bone: {"node": places[name]} for bone, name in bones.items()}
    humanoid = [{"bone": bone, **node} for bone, node in nodes.items()] if version == "VRM" else nodes
    root["extensions"] = {version: {"humanoid": {"humanBones": humanoid}}}
    path = tmp_path / "wave.vrm"
    path.write_bytes(written.glb(root, binary))
    assert_waves(library, path)
    assert "VRM" in library.body(path).reasons[0]


def broken(**changes) -> bytes:
    root, binary = written.wave_gltf()
    for key, value in changes.items():
        kind, place, field = key.split("__")
        root[kind][int(place)][field] = value
    return written.glb(root, binary)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"glTF\2\0\0\0", "has no JSON"),
        (broken()[:300], "cut short"),
        (b'{"asset": {"version": "1.0"}}', "expected glTF 2.0, found version '1.0'"),
        (b"{", "its JSON can't be read"),
        (b'{"asset": {"version": "2.0"}, "nodes": [3]}', "nodes: expected a list of objects"),
        (b'{"asset": {"version": "2.0"}}', "there is no animation"),
        (broken(nodes__3__children=[0]), "has two parents|is below itself"),
        (broken(nodes__22__children=[22]), "has two parents|is below itself"),
        (broken(nodes__3__children=[99]), "expected the number of one of 23 nodes, found 99"),
        (broken(nodes__2__translation=[1, 2]), r"nodes\[2\].translation: expected 3 numbers"),
        (broken(accessors__1__count=4), "expected 5 values of 4 numbers"),
        (broken(accessors__1__count=10**9), "a count, that is not read"),
        (broken(accessors__0__bufferView=7), "expected the number of one of 3 bufferViews, found 7"),
        (broken(accessors__0__componentType=1), "of a type"),
        (broken(bufferViews__1__byteOffset=10**6), "lie outside the file's data"),
        (broken(buffers__0__uri="../other.bin"), "expected a file in the same folder"),
        (broken(buffers__0__uri="/etc/passwd"), "expected a file in the same folder"),
        (broken(buffers__0__uri="data:,%%%"), "not base64"),
        (broken(nodes__0__scale=[1e300, 1e300, 1e300]), "infinitely far away"),
    ],
)  # fmt: skip
def test_errors_in_a_gltf_are_reported(tmp_path, content, message) -> None:
    path = tmp_path / "wave.gltf"
    path.write_bytes(content)
    with pytest.raises(MotionFileError, match=message):
        GltfSource().read(path, None)


POINTS = written.coco_frames()


def mmpose(frame: np.ndarray) -> dict:
    return {"keypoints": frame[:, :2].tolist(), "keypoint_scores": frame[:, 2].tolist()}


KEYPOINTS = {
    "a list of frames": POINTS.tolist(),
    "an object with frames": {"fps": 24, "frames": POINTS.tolist()},
    "COCO results": [{"image_id": k, "keypoints": frame.ravel().tolist(), "score": 0.9} for k, frame in enumerate(POINTS)],
    "AlphaPose": [{"image_id": f"{k}.jpg", "keypoints": frame.ravel().tolist(), "score": 2.9} for k, frame in enumerate(POINTS)],
    "MMPose": {"meta_info": {}, "instance_info": [{"frame_id": k, "instances": [mmpose(frame)]} for k, frame in enumerate(POINTS)]},
    "OpenPose": written.openpose_frames(),
    "OpenPose by file": {f"v_{k:012d}_keypoints": frame for k, frame in enumerate(written.openpose_frames())},
    "MediaPipe": {"width": 640, "height": 480, "frames": [{"landmarks": frame} for frame in written.points_33(three=False)]},
    "MediaPipe's world": [{"pose_world_landmarks": frame} for frame in written.points_33(three=True)],
    "MediaPipe's both": [
        {"pose_landmarks": flat, "pose_world_landmarks": world}
        for flat, world in zip(written.points_33(three=False), written.points_33(three=True), strict=True)
    ],
    "MediaPipe's people": [{"pose_landmarks": [frame]} for frame in written.points_33(three=False)],
}  # fmt: skip


@pytest.mark.parametrize("tool", KEYPOINTS)
def test_keypoints_of_a_tool_wave(library, tmp_path, tool) -> None:
    path = tmp_path / "wave.json"
    path.write_text(json.dumps(KEYPOINTS[tool]))
    assert_waves(library, path)
    clip = library.clip(path)
    assert clip.is_flat is (tool != "MediaPipe's world")
    assert len(clip.positions) == written.FRAMES


def test_frame_without_a_person_does_not_lead_into_the_world(tmp_path) -> None:
    path = tmp_path / "both.json"
    path.write_text(json.dumps([*KEYPOINTS["MediaPipe's both"], {"pose_landmarks": None, "pose_world_landmarks": []}]))
    assert PointSource().read(path, None).is_flat


def test_world_landmarks_may_begin_after_a_frame_without_a_person(tmp_path) -> None:
    path = tmp_path / "wave.json"
    path.write_text(json.dumps([None, *KEYPOINTS["MediaPipe's world"]]))
    assert not PointSource().read(path, None).is_flat


def test_a_missing_rate_is_noted(library, tmp_path) -> None:
    path = tmp_path / "wave.json"
    path.write_text(json.dumps(POINTS.tolist()))
    assert library.warnings(path) == ("the file does not say its rate: 30 frames a second are taken",)
    path.write_text(json.dumps({"fps": 23.976, "frames": POINTS.tolist()}))
    assert float(1 / library.motion(path).frame_time) == pytest.approx(23.976)


def test_flat_points_are_seen_as_they_are_even_from_behind(library, tmp_path) -> None:
    """Someone who turns the back to the camera has the left hand on the image's left."""
    path = tmp_path / "wave.json"
    behind = POINTS.copy()
    behind[..., 0] = 640 - behind[..., 0]
    path.write_text(json.dumps(behind.tolist()))
    motion = library.motion(path)
    times = [k * motion.frame_time for k in range(motion.frame_count)]
    joints = pose_track(RIG, motion, library.matching_retarget(motion), times).joints
    assert joints[-1, HAND, 1] > joints[-1, SHOULDER, 1]
    assert joints[12, HAND, 0] < joints[12, SHOULDER, 0]


def test_jitter_gaps_and_wrong_places_are_smoothed_away(tmp_path) -> None:
    random = np.random.default_rng(3)
    noisy = np.repeat(POINTS, 5, axis=0)
    for axis in (0, 1):  # a slow wave at 120 frames a second
        for point in range(17):
            noisy[:, point, axis] = np.interp(np.arange(120) / 5, np.arange(24), POINTS[:, point, axis])
    clean = noisy[:, 9, :2].copy()
    noisy[..., :2] += random.normal(0, 2.0, noisy[..., :2].shape)
    noisy[50:58, 9] = 0.0
    noisy[80, 9, :2] += 300
    (tmp_path / "wave.json").write_text(json.dumps({"fps": 120, "frames": noisy.tolist()}))
    clip = PointSource().read(tmp_path / "wave.json", None)
    found = hand_of(clip, "left_wrist") * [1, -1, 1]
    error = np.linalg.norm(found[:, :2] - clean, axis=1)
    assert error[5:-5].max() < 6.0
    assert np.median(error) < 1.5


def test_the_same_person_is_followed_among_others(tmp_path) -> None:
    others = (POINTS * [0.5, 0.5, 1]).tolist()
    frames = [
        {"people": [{"keypoints": a}, {"keypoints": b}] if k % 2 else [{"keypoints": b}, {"keypoints": a}]}
        for k, (a, b) in enumerate(zip(others, POINTS.tolist(), strict=True))
    ]
    (tmp_path / "two.json").write_text(json.dumps({"frames": frames}))
    clip = PointSource().read(tmp_path / "two.json", None)
    assert "there are 2 people in it: the one who is seen largest at first is followed" in clip.notes
    assert np.abs(np.diff(hand_of(clip, "left_wrist"), axis=0)).max() < 30


def test_legs_that_are_never_seen_hang(library, tmp_path) -> None:
    half = POINTS.copy()
    half[:, 13:] = 0.0
    (tmp_path / "half.json").write_text(json.dumps(half.tolist()))
    assert_waves(library, tmp_path / "half.json")
    assert "never seen" in library.warnings(tmp_path / "half.json")[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("{}", "expected a list of frames"),
        ("[]", "expected a list of frames"),
        ("[[]]", "no frame has a person in it"),
        ('[{"a": 1}]', "frame 0: expected people or keypoints, found a"),
        ("[[[1, 2, 3]]]", r"found 1$"),
        ("[3]", "frame 0: expected a list, found int"),
        ('[{"people": [{"keypoints": ["x"]}]}]', r"frame 0, person 0, point 0: expected x, y and a confidence, found x"),
        ('[{"people": [{"pose_keypoints_2d": [1, 2, 3, 4]}]}]', "found 4 numbers"),
        (json.dumps([[[1e300, 2, 1]] * 17]), "expected a number below 1e9"),
        (json.dumps([[[0, 0, 0]] * 17] * 5), "the hips are never seen"),
    ],
)
def test_errors_in_keypoints_are_reported(tmp_path, content, message) -> None:
    path = tmp_path / "wave.json"
    path.write_text(content)
    with pytest.raises(MotionFileError, match=message):
        PointSource().read(path, None)


@pytest.mark.parametrize(
    "array",
    [
        written.smpl_positions(),
        written.smpl_positions()[None],
        written.smpl_positions().transpose(1, 2, 0),
        written.smpl_positions().reshape(-1, 66).astype(np.float32),
    ],
    ids=["positions", "a batch", "joints first", "flat rows"],
)
def test_joint_arrays_wave(library, tmp_path, array) -> None:
    np.save(tmp_path / "wave.npy", array)
    assert_waves(library, tmp_path / "wave.npy")
    assert "20 frames a second" in library.warnings(tmp_path / "wave.npy")[0]


def test_features_give_the_positions_that_they_were_made_of(tmp_path) -> None:
    """A body that turns by 0.1 rad and steps ahead in each frame."""
    turn = 0.1 * np.arange(30)
    rest = written.smpl_positions()[0] / 100
    rest[:, [0, 2]] -= rest[0, [0, 2]]
    steps = np.stack([0.05 * np.sin(turn), 0 * turn, 0.05 * np.cos(turn)], axis=1)
    root = np.concatenate([np.zeros((1, 3)), np.cumsum(steps[1:], axis=0)])
    c, s = np.cos(turn), np.sin(turn)
    world = np.stack(
        [
            c[:, None] * rest[:, 0] + s[:, None] * rest[:, 2],
            np.tile(rest[:, 1], (30, 1)),
            -s[:, None] * rest[:, 0] + c[:, None] * rest[:, 2],
        ],
        axis=-1,
    )
    features = np.zeros((30, 263))
    features[:, 0] = -0.05  # half the angle, towards the body's own axes
    features[:, 2] = 0.05
    features[:, 3] = rest[0, 1]
    features[:, 4:67] = np.tile(rest[1:].ravel(), (30, 1))
    np.save(tmp_path / "walk.npy", features)
    positions = DiffusionSource().read(tmp_path / "walk.npy", None).positions
    np.testing.assert_allclose(positions, world + root[:, None], atol=1e-9)


def test_pickled_objects_are_not_loaded(tmp_path) -> None:
    np.save(tmp_path / "results.npy", np.array({"motion": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(MotionFileError, match="Python objects"):
        DiffusionSource().read(tmp_path / "results.npy", None)


@pytest.mark.parametrize(
    "header", ["{-1: '<f4', 'shape': (3,)}", "{'shape': (", "{'descr': '<f4', 'fortran_order': False, 'shape': (9" + "9" * 30 + ",)}"]
)
def test_a_damaged_header_is_refused(tmp_path, header) -> None:
    path = tmp_path / "wave.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(MotionFileError, match=r"no array of numbers|can't be read"):
        DiffusionSource().read(path, None)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 7, 3)), r"found an array \(5, 7, 3\)"),
        (np.full((5, 22, 3), np.nan), "frame 0, joint pelvis"),
        (np.zeros((0, 22, 3)), "0 frames"),
        (np.array(["a"]), "no array of numbers"),
    ],
)
def test_errors_in_an_array_are_reported(tmp_path, array, message) -> None:
    np.save(tmp_path / "wave.npy", array)
    with pytest.raises(MotionFileError, match=message):
        DiffusionSource().read(tmp_path / "wave.npy", None)


def test_an_fbx_waves(library, tmp_path) -> None:
    pytest.importorskip("ufbx", reason="the extra fbx is not installed")
    path = tmp_path / "wave.fbx"
    path.write_text(written.wave_fbx())
    assert_waves(library, path)
    clip = library.clip(path)
    np.testing.assert_allclose(hand_of(clip)[:: len(clip.positions) - 1] * 100, EXPECTED["LeftHand"][:: written.FRAMES - 1], atol=0.5)


def test_an_fbx_without_the_extra_says_what_to_do(library, tmp_path, monkeypatch) -> None:
    path = tmp_path / "wave.fbx"
    path.write_bytes(b"Kaydara FBX Binary  \0")
    monkeypatch.setattr(fbx.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MotionFileError, match=r"this is an FBX file.*pip install 'doodled\[fbx\]'.*BVH"):
        library.motion(path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "left with status -11"),
        ("import sys; sys.exit('no')", "left with status 1: no"),
        ("import time; time.sleep(60)", "not read within"),
    ],
)
def test_a_reader_that_crashes_or_hangs_is_no_harm(library, tmp_path, monkeypatch, script, message) -> None:
    path = tmp_path / "wave.fbx"
    path.write_bytes(b"Kaydara FBX Binary  \0")
    (tmp_path / "child.py").write_text(script)
    monkeypatch.setattr(fbx, "_CHILD", tmp_path / "child.py")
    monkeypatch.setattr(fbx, "PATIENCE_S", 0.5)
    monkeypatch.setattr(fbx.importlib.util, "find_spec", lambda _: True)
    with pytest.raises(MotionFileError, match=message):
        library.motion(path)


def test_keypoints_with_depth_and_scores_of_their_own(tmp_path) -> None:
    frames = [[[p["x"], p["y"], p["z"]] for p in frame] for frame in written.points_33(three=True)]
    scores = [[p["visibility"] for p in frame] for frame in written.points_33(three=True)]
    people = [{"instances": [{"keypoints": f, "keypoint_scores": s}]} for f, s in zip(frames, scores, strict=True)]
    (tmp_path / "wave.json").write_text(json.dumps({"instance_info": people, "dimensions": 3}))
    clip = PointSource().read(tmp_path / "wave.json", None)
    assert not clip.is_flat
    assert np.ptp(hand_of(clip, "left_wrist")[:, 1]) > 0.3


@pytest.mark.parametrize("missing", [None, {"x": None, "y": None, "z": None, "visibility": None}])
def test_a_point_that_is_missing_in_the_world_is_a_gap(tmp_path, missing) -> None:
    frames = written.points_33(three=True)
    path = tmp_path / "wave.json"
    path.write_text(json.dumps({"dimensions": 3, "frames": frames}))
    expected = hand_of(PointSource().read(path, None), "left_wrist")
    for frame in frames[6:10]:
        frame[15] = missing
    path.write_text(json.dumps({"dimensions": 3, "frames": frames}))
    np.testing.assert_allclose(hand_of(PointSource().read(path, None), "left_wrist"), expected, atol=0.05)


def test_points_by_name_keep_their_depth_beside_scores(tmp_path) -> None:
    people = [[{axis: point[axis] for axis in "xyz"} for point in frame] for frame in written.points_33(three=True)]
    scores = [[point["visibility"] for point in frame] for frame in written.points_33(three=True)]
    frames = [{"people": [{"keypoints": p, "scores": s}]} for p, s in zip(people, scores, strict=True)]
    path = tmp_path / "wave.json"
    path.write_text(json.dumps({"dimensions": 3, "frames": frames}))
    assert np.abs(PointSource().read(path, None).positions[..., 2]).max() < 0.1


@pytest.mark.parametrize("unseen", [(5,), (6,), (11,), (12,), (0, 7, 9), (11, 13, 15)])
def test_what_is_never_seen_is_beside_or_below_what_is(library, tmp_path, unseen) -> None:
    partly = POINTS.copy()
    partly[:, list(unseen)] = 0.0
    path = tmp_path / "partly.json"
    path.write_text(json.dumps({"fps": 24, "frames": partly.tolist()}))
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps({"fps": 24, "frames": POINTS.tolist()}))
    found, expected = library.clip(path).positions, library.clip(whole).positions
    assert np.isfinite(found).all()
    assert np.abs(found - expected)[0].max() < 80  # of a body 200 high
    assert "never seen" in library.warnings(path)[0]


def test_a_gap_of_seconds_is_noted(library, tmp_path) -> None:
    gappy = np.repeat(POINTS, 3, axis=0)
    gappy[20:50, 9] = 0.0
    path = tmp_path / "gappy.json"
    path.write_text(json.dumps({"fps": 30, "frames": [*gappy[:60].tolist(), None, [], *gappy[60:].tolist()]}))
    assert "a joint is out of sight for up to 1.0 s: its path is filled in" in library.warnings(path)


def test_nothing_but_a_clip_is_asked_of_a_format_with_one(tmp_path) -> None:
    (tmp_path / "wave.json").write_text(json.dumps(POINTS.tolist()))
    np.save(tmp_path / "wave.npy", written.smpl_positions())
    (tmp_path / "wave.bvh").write_text(waving_bvh())
    for source, name in ((PointSource(), "wave.json"), (DiffusionSource(), "wave.npy"), (BvhSource(), "wave.bvh")):
        with pytest.raises(MotionFileError, match="there is no clip 'walk'"):
            source.read(tmp_path / name, "walk")


def test_one_of_several_arrays_is_chosen_by_its_number(library, tmp_path) -> None:
    path = tmp_path / "batch.npy"
    np.save(path, np.stack([0 * written.smpl_positions(), written.smpl_positions()]))
    assert_waves(library, path, MotionChoices(clip="1"))
    with pytest.raises(MotionFileError, match="there is no clip '2', expected a number below 2"):
        library.motion(path, MotionChoices(clip="2"))
    assert "the clip is the first of 2; FILE#1 to FILE#1 ask for another" in DiffusionSource().read(path, None).notes


@pytest.mark.parametrize("source", [GltfSource(), PointSource(), DiffusionSource()], ids=lambda source: source.title)
def test_a_file_that_vanished_or_is_too_big_is_refused(tmp_path, monkeypatch, source) -> None:
    with pytest.raises(MotionFileError, match="can't be read"):
        source.read(tmp_path / "none", None)
    np.save(tmp_path / "big.npy", written.smpl_positions())
    module = importlib.import_module(type(source).__module__)
    monkeypatch.setattr(gltf if module is gltf_source else module, "MAX_BYTES", 10)
    with pytest.raises(MotionFileError, match="too big: expected at most 10 bytes"):
        source.read(tmp_path / "big.npy", None)


def rewritten(change) -> bytes:
    root, binary = written.wave_gltf()
    binary = change(root, binary) or binary
    root["buffers"][0]["byteLength"] = len(binary)
    return written.glb(root, binary)


def short_rotations(root: dict, binary: bytes) -> bytes:
    """The arm's rotations as normalized shorts, which mean the same."""
    values = np.frombuffer(binary[20 : 20 + 80], "<f4")
    root["bufferViews"].append({"buffer": 0, "byteOffset": len(binary)})
    root["accessors"][1] |= {"componentType": 5122, "normalized": True, "bufferView": 3}
    return binary + (values * 32767).round().astype("<i2").tobytes()


def sparse_rotations(root: dict, binary: bytes) -> bytes:
    """The arm's rotations as zeros, in which the right ones replace each."""
    root["bufferViews"].append({"buffer": 0, "byteOffset": len(binary)})
    root["accessors"][1].pop("bufferView")
    indices = {"bufferView": 3, "componentType": 5121}
    root["accessors"][1]["sparse"] = {"count": 5, "indices": indices, "values": {"bufferView": 1}}
    return binary + bytes(range(5))


@pytest.mark.parametrize("change", [short_rotations, sparse_rotations])
def test_numbers_in_other_forms_are_the_same(library, tmp_path, change) -> None:
    path = tmp_path / "wave.glb"
    path.write_bytes(rewritten(change))
    assert_waves(library, path)


def sparse(**changes):
    def change(root: dict, binary: bytes) -> bytes:
        longer = sparse_rotations(root, binary)
        root["accessors"][1]["sparse"] |= changes
        return longer

    return change


def at_times(*times):
    return lambda _, binary: np.array(times, "<f4").tobytes() + binary[20:]


WEIGHTS = {"sampler": 0, "target": {"node": 0, "path": "weights"}}


def with_animation(**changes):
    return lambda root, _: root["animations"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (sparse(indices=3), "expected indices and values in sparse"),
        (sparse(indices={"bufferView": 3, "componentType": 5126}), "expected unsigned indices"),
        (sparse(indices={"bufferView": 0, "byteOffset": 4, "componentType": 5121}), "an index in sparse is beyond its accessor"),
        (lambda root, _: root["accessors"][1].update(count=True), "count: expected a whole number, found True"),
        (lambda root, _: root["buffers"].append({}) or root["bufferViews"][1].update(buffer=1), "a buffer without data"),
        (with_animation(samplers=3), "expected samplers and channels"),
        (with_animation(channels=[{"sampler": 9, "target": {"node": 0, "path": "rotation"}}]), "expected one of 2 samplers, found 9"),
        (
            with_animation(channels=[WEIGHTS, 3]),
            "no animation in this file moves anything",
        ),
        (lambda root, _: root["skins"][0].update(joints=[22]), "moves no joint of the skeleton"),
        (at_times(0, 1, 2, 3, 1e9), "expected at most 1500000 in all"),
        (at_times(0, 1, np.nan, 3, 4), "infinite or not a number"),
    ],
)
def test_errors_in_an_animation_are_reported(tmp_path, change, message) -> None:
    path = tmp_path / "wave.glb"
    path.write_bytes(rewritten(change))
    with pytest.raises(MotionFileError, match=message):
        GltfSource().read(path, None)


@pytest.mark.parametrize("name", ["video_{:012d}_keypoints.json", "{}.json", "1403636579{:09d}.json"])
def test_files_of_a_folder_are_frames_in_the_order_of_their_numbers(tmp_path, name) -> None:
    folder = tmp_path / "video"
    folder.mkdir()
    for number, frame in enumerate(written.openpose_frames()):
        (folder / name.format(number)).write_text(json.dumps(frame))
    (tmp_path / "video.json").write_text(json.dumps(written.openpose_frames()))
    found, expected = (PointSource().read(path, None).positions for path in (folder, tmp_path / "video.json"))
    np.testing.assert_array_equal(found, expected)


def test_a_folder_with_a_file_for_each_frame_waves(library, tmp_path) -> None:
    folder = tmp_path / "video"
    folder.mkdir()
    for number, frame in enumerate(written.openpose_frames()):
        (folder / f"video_{number:012d}_keypoints.json").write_text(json.dumps(frame))
    assert_waves(library, folder)
    assert library.motion(folder).name == "video"
    (folder / "video_000000000005_keypoints.json").write_text("{")
    with pytest.raises(MotionFileError, match=r"000005_keypoints.json: this is no JSON"):
        PointSource().read(folder, None)
