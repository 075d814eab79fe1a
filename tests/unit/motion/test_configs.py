"""Motion and retarget YAML files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import ConfigError
from pipeline.motion.configs import read_motion_config, read_retarget_config
from pipeline.motion.up_axis import UpAxis
from pipeline.types import AboveCheck, ProjectionMethod

MOTION = {
    "filepath": "a.bvh",
    "start_frame_idx": 1,
    "end_frame_idx": 5,
    "groundplane_joint": "LeftFoot",
    "forward_perp_joint_vectors": [["LeftArm", "RightArm"]],
    "scale": 0.025,
    "up": "+z",
}
RETARGET: dict[str, Any] = {
    "char_starting_location": [0, 0, -0.5],
    "bvh_projection_bodypart_groups": [
        {"name": "Arms", "method": "pca", "bvh_joint_names": ["m:Arm", "m:Hand"]},
        {"name": "Trunk", "method": "frontal", "bvh_joint_names": ["m:Hips", "m:Head"]},
    ],
    "char_bodypart_groups": [{"bvh_depth_drivers": ["m:Hips"], "char_joints": ["torso"]}],
    "char_bvh_root_offset": {
        "bvh_joints": [["m:Arm", "m:Hand"]],
        "char_joints": [["arm", "hand"]],
        "bvh_projection_bodypart_group_for_offset": "Trunk",
    },
    "char_joint_bvh_joints_mapping": {"hand": ["m:Arm", "m:Hand"]},
    "char_runtime_checks": [["above", "neck", "left", "right"]],
}


@pytest.fixture
def motion_file(tmp_path) -> Path:
    (tmp_path / "a.bvh").write_text("")
    return tmp_path / "dab_twice.yaml"


def read_motion(path: Path, **changes):
    kept = {key: value for key, value in {**MOTION, **changes}.items() if value is not ...}
    path.write_text(yaml.safe_dump(kept))
    return read_motion_config(path)


def read_retarget(path: Path, **changes):
    path.write_text(yaml.safe_dump({**RETARGET, **changes}))
    return read_retarget_config(path)


def test_every_key_of_a_motion_is_read(motion_file):
    config = read_motion(motion_file, title="Dab", loops=True, frame_time=0.0333, retarget="doodled")
    assert config.name == "dab_twice"
    assert config.title == "Dab"
    assert config.bvh_path.name == "a.bvh"
    assert (config.start_frame, config.end_frame) == (1, 5)
    assert config.frame_time == Fraction(333, 10_000)
    assert config.ground_joint == "LeftFoot"
    assert config.facing_pairs == (("LeftArm", "RightArm"),)
    assert (config.scale, config.up) == (0.025, UpAxis.Z)
    assert config.loops
    assert config.retarget == "doodled"


def test_a_motion_s_defaults(motion_file):
    config = read_motion(motion_file, start_frame_idx=..., end_frame_idx=...)
    assert (config.start_frame, config.end_frame, config.frame_time, config.loops) == (0, None, None, False)
    assert config.title == "dab twice"
    assert config.retarget is None
    assert read_motion(motion_file, end_frame_idx=None, frame_time=None).end_frame is None


def test_end_zero_means_all_and_frame_times_may_be_whole(motion_file):
    config = read_motion(motion_file, end_frame_idx=0, frame_time=1)
    assert config.end_frame is None
    assert config.frame_time == 1


def test_the_bvh_file_may_lie_in_a_root(tmp_path, motion_file):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "b.bvh").write_text("")
    motion_file.write_text(yaml.safe_dump({**MOTION, "filepath": "b.bvh"}))
    assert read_motion_config(motion_file, roots=[tmp_path / "root"]).bvh_path == tmp_path / "root" / "b.bvh"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"filepath": "b.bvh"}, "filepath: there is no file 'b.bvh', looked in the working directory, "),
        ({"filepath": ...}, "filepath: is missing, expected a text"),
        ({"start_frame_idx": -1}, "start_frame_idx: expected a whole number from 0, found -1"),
        ({"end_frame_idx": 1}, "end_frame_idx: expected more than start_frame_idx, 1, found 1"),
        ({"end_frame_idx": "all"}, "end_frame_idx: expected a whole number from 0, found 'all'"),
        ({"frame_time": 0}, "frame_time: expected a number above 0, found 0"),
        ({"frame_time": 100}, "frame_time: expected seconds from 1e-05 to 60, found 100"),
        ({"groundplane_joint": 3}, "groundplane_joint: expected a text, found 3"),
        ({"forward_perp_joint_vectors": []}, "forward_perp_joint_vectors: expected a list of lists of 2 names each, at least 1, found []"),
        ({"forward_perp_joint_vectors": [["a"]]}, "found [['a']]"),
        ({"scale": 0}, "scale: expected a number above 0, found 0"),
        ({"up": "+w"}, "up: expected +y or +z or +x or -x or -y or -z, found '+w'"),
        ({"loops": 1}, "loops: expected true or false, found 1"),
        ({"frametime": 1}, "frametime: is not a key that is known here; did you mean frame_time?"),
    ],
)
def test_errors_in_a_motion_are_reported(motion_file, changes, said):
    with pytest.raises(ConfigError) as caught:
        read_motion(motion_file, **changes)
    assert len(caught.value.problems) == 1
    assert said in caught.value.problems[0]


def test_everything_that_is_wrong_comes_at_once(motion_file):
    with pytest.raises(ConfigError) as caught:
        read_motion(motion_file, scale="big", up="up", groundplane_joint=..., filepath="none")
    assert len(caught.value.problems) == 4


def test_every_key_of_a_retarget_is_read_and_the_namespace_left_out(tmp_path):
    config = read_retarget(tmp_path / "mine.yaml")
    assert config.name == "mine"
    assert config.starting_location == (0.0, 0.0, -0.5)
    assert [(g.name, g.joints, g.method) for g in config.projection_groups] == [
        ("Arms", ("Arm", "Hand"), ProjectionMethod.PCA),
        ("Trunk", ("Hips", "Head"), ProjectionMethod.FRONTAL),
    ]
    assert [(g.depth_drivers, g.joints) for g in config.draw_groups] == [(("Hips",), ("torso",))]
    assert config.root_offset.motion_chains == (("Arm", "Hand"),)
    assert config.root_offset.character_chains == (("arm", "hand"),)
    assert config.root_offset.projection_group == "Trunk"
    assert config.mapping == {"hand": ("Arm", "Hand")}
    assert config.checks == (AboveCheck("neck", "left", "right"),)


def test_tuples_are_as_good_as_lists(tmp_path):
    lists, tuples = tmp_path / "lists.yaml", tmp_path / "tuples.yaml"
    lists.write_text(yaml.safe_dump(RETARGET))
    pairs = {joint: tuple(pair) for joint, pair in RETARGET["char_joint_bvh_joints_mapping"].items()}
    tuples.write_text(yaml.dump({**RETARGET, "char_joint_bvh_joints_mapping": pairs}))
    assert "!!python/tuple" in tuples.read_text()
    assert read_retarget_config(tuples).mapping == read_retarget_config(lists).mapping


def group(name="Arms", method="pca", joints=("m:Arm", "m:Hand", "m:Hips")):
    return {"name": name, "method": method, "bvh_joint_names": list(joints)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"char_starting_location": [0, 0]}, "char_starting_location: expected 3 numbers, found [0, 0]"),
        (
            {"bvh_projection_bodypart_groups": []},
            "bvh_projection_bodypart_groups: expected a list of entries with keys, at least 1, found []",
        ),
        (
            {"bvh_projection_bodypart_groups": [group("Trunk", "top")]},
            "bvh_projection_bodypart_groups[0].method: expected pca or sagittal or frontal, found 'top'",
        ),
        (
            {"bvh_projection_bodypart_groups": [group("Trunk"), group("Trunk")]},
            "bvh_projection_bodypart_groups[1].name: expected a name of its own, found a second 'Trunk'",
        ),
        (
            {"char_bodypart_groups": [{"bvh_depth_drivers": [], "char_joints": ["torso"]}]},
            "char_bodypart_groups[0].bvh_depth_drivers: expected a list of names, found []",
        ),
        ({"char_bvh_root_offset": {}}, "char_bvh_root_offset: expected keys with values, found {}"),
        (
            {"char_bvh_root_offset": {**RETARGET["char_bvh_root_offset"], "bvh_projection_bodypart_group_for_offset": "Legs"}},
            "bvh_projection_bodypart_group_for_offset: expected one of Arms, Trunk, found 'Legs'",
        ),
        ({"char_joint_bvh_joints_mapping": {"hand": ["m:Arm"]}}, "hand: expected a list of at least 2 names, found ['m:Arm']"),
        ({"char_joint_bvh_joints_mapping": {"hand": ["m:Arm"] * 3}}, "hand: expected a pair of motion joints, found 3"),
        (
            {"char_joint_bvh_joints_mapping": {"hand": ["m:Arm", "m:Haand"]}},
            "hand: m:Haand is in no projection group; did you mean m:Hand?",
        ),
        (
            {"char_bodypart_groups": [{"bvh_depth_drivers": ["m:Foot"], "char_joints": ["torso"]}]},
            "char_bodypart_groups[0].bvh_depth_drivers: m:Foot is in no projection group",
        ),
        ({"char_runtime_checks": [["below", "a", "b", "c"]]}, "char_runtime_checks[0]: expected [above, target, joint, joint], found"),
        ({"char_runtime_checks": [["above", "a", "b"]]}, "char_runtime_checks[0]: expected [above"),
        ({"comment": "x"}, "comment: is not a key that is known here"),
    ],
)
def test_errors_in_a_retarget_configuration_are_reported(tmp_path, changes, said):
    with pytest.raises(ConfigError) as caught:
        read_retarget(tmp_path / "a.yaml", **changes)
    assert len(caught.value.problems) == 1
    assert said in caught.value.problems[0]


def test_no_checks_are_fine(tmp_path):
    assert read_retarget(tmp_path / "a.yaml", char_runtime_checks=[]).checks == ()
