"""`doodled motions` and `doodled motions explain`."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner
from written_bvh import BODY, waving_bvh

from daemon.cli import command_line
from daemon.options.motions import motion_library


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "wave.bvh"
    path.write_text(waving_bvh(names=lambda name: f"J{[joint[0] for joint in BODY].index(name):02d}"))
    return path


def doodled(*arguments: object):
    return CliRunner().invoke(command_line(), ["motions", *map(str, arguments)])


def test_lists_the_motions() -> None:
    shown = doodled()
    assert shown.exit_code == 0
    assert "jumping_jacks" in shown.stdout
    assert shown.stdout.splitlines()[0].split() == ["name", "seconds", "joints", "loops", "retarget", "title"]


def test_explains_the_map_with_confidence_and_reasons(file) -> None:
    shown = doodled("explain", file)
    assert shown.exit_code == 0
    assert "left arm    J06 > J07 > J08 > J09" in shown.stdout
    assert "up          +y" in shown.stdout
    assert "confidence  " in shown.stdout
    assert "because left and right by the feet's direction" in shown.stdout


def test_writes_what_it_finds_and_names_it(file, tmp_path) -> None:
    shown = doodled("explain", file, "--write", tmp_path / "mine.yaml")
    assert f"written: {tmp_path / 'mine.yaml'}" in shown.stdout
    assert "root: J00" in (tmp_path / "mine.yaml").read_text()
    assert "torso: [J00, J03]" in (tmp_path / "mine_retarget.yaml").read_text()


def test_pose_before_the_motion_is_skipped_in_what_is_written(file, tmp_path) -> None:
    head, rows = file.read_text().split("Frame Time: 0.0416667\n")
    posed = "0 90 0 " + "0 " * (len(rows.splitlines()[0].split()) - 3)
    file.write_text(f"{head}Frame Time: 0.0416667\n{posed}\n{rows}".replace("Frames: 24", "Frames: 25"))
    doodled("explain", file, "--write", tmp_path / "mine.yaml")
    library = motion_library({})
    np.testing.assert_allclose(library.motion(tmp_path / "mine.yaml").positions, library.motion(file).positions)


def test_a_skeleton_without_a_body_is_explained_and_fails(tmp_path) -> None:
    path = tmp_path / "snake.bvh"
    path.write_text(waving_bvh(joints=[(f"Bone{k}", k - 1, (0.0, 10.0, 0.0)) for k in range(12)]))
    shown = doodled("explain", path)
    assert shown.exit_code == 1
    assert "no body is found" in shown.stdout
    assert "Bone3" in shown.stdout


def test_the_family_of_joint_names_is_reported(tmp_path) -> None:
    path = tmp_path / "wave.bvh"
    spelt = {"UpperArm": "Arm", "LowerArm": "ForeArm", "UpperLeg": "UpLeg", "LowerLeg": "Leg", "Toes": "ToeBase", "Chest": "Spine1"}

    def mixamo(name: str) -> str:
        for ours, theirs in spelt.items():
            name = name.replace(ours, theirs)
        return name

    path.write_text(waving_bvh(names=mixamo))
    assert "retarget configuration: mixamo" in doodled("explain", path).stdout


def test_up_and_facing_are_taken(file) -> None:
    shown = doodled("explain", file, "--up", "-x", "--facing", "+z")
    assert "because up is -x, as asked for" in shown.stdout
    assert "because left and right follow from facing +z, as asked for" in shown.stdout
