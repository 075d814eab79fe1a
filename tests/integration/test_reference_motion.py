"""Joint positions compared with those of AnimatedDrawings' algorithm (etc/doc/algorithm.md, "Motion", "Agreement")."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.files.assets import AssetKind, asset_folder
from pipeline.files.character_files import read_character
from pipeline.files.scene_files import read_scene_file
from pipeline.motion.library import MotionLibrary
from pipeline.types import Motion

ROOT = os.environ.get("ANIMATED_DRAWINGS_ROOT")
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not ROOT, reason="ANIMATED_DRAWINGS_ROOT names no folder with AnimatedDrawings' examples"),
]
REFERENCE = Path(ROOT or ".")
CONFIGS = REFERENCE / "examples" / "config"


@pytest.fixture(scope="module")
def library() -> MotionLibrary:
    return MotionLibrary([CONFIGS / "motion"], [CONFIGS / "retarget", asset_folder(AssetKind.RETARGET)], [REFERENCE])


def facing_angles(motion: Motion) -> np.ndarray:
    """Angle about y between +x and where each frame faces, in radians."""
    joint = dict(zip(motion.joint_names, motion.positions.transpose(1, 0, 2), strict=True))
    across = np.zeros((motion.frame_count, 3))
    for left, right in motion.facing_pairs:
        bone = joint[right] - joint[left]
        across += bone / np.linalg.norm(bone, axis=1, keepdims=True)
    forward = np.cross([0.0, 1.0, 0.0], across)
    return np.arctan2(forward[:, 2], forward[:, 0])


def facing_right(motion: Motion) -> np.ndarray:
    """Positions turned about y so that every frame faces +x."""
    angle = facing_angles(motion)[:, None]
    x, y, z = np.moveaxis(motion.positions, 2, 0)
    return np.stack([np.cos(angle) * x + np.sin(angle) * z, y, np.cos(angle) * z - np.sin(angle) * x], axis=2)


@pytest.mark.parametrize(
    ("name", "retarget", "numbers"),
    [("dab", "fair1_ppf", "char1_dab_fair1_ppf"), ("jumping_jacks", "cmu1_pfp", "char2_jumping_jacks_cmu1_pfp")],
)
def test_bones_point_where_the_original_s_do(library, name, retarget, numbers):
    motion, config = library.motion(name), library.retarget(retarget)
    expected = np.load(REFERENCE / "float64" / f"{numbers}.npz")
    assert float(motion.frame_time) == float(expected["frame_time"])
    positions = dict(zip(motion.joint_names, facing_right(motion).transpose(1, 0, 2), strict=True))
    for joint, orientation in zip(expected["orient_names"], expected["orientations"], strict=True):
        proximal, distal = config.mapping[str(joint)]
        bone = positions[distal] - positions[proximal]
        degrees = np.degrees(np.arctan2(bone[:, 1], -bone[:, 2])) - 90
        assert np.abs((degrees - orientation + 180) % 360 - 180).max() < 2e-4


@pytest.mark.parametrize(("name", "retarget"), [("dab", "fair"), ("jumping_jacks", "cmu")])
def test_skeletons_are_recognized(library, name, retarget):
    motion = library.motion(name)
    config = library.matching_retarget(motion)
    assert config.name == retarget
    alone = library.motion(REFERENCE / next(iter(REFERENCE.rglob(f"{name}.bvh"))).relative_to(REFERENCE))
    assert alone.ground_joint in alone.feet
    apart = facing_angles(alone) - facing_angles(motion)  # the shape gives upper arms where the file names shoulders
    assert np.abs(np.angle(np.exp(1j * apart), deg=True)).max() < 10
    for joint in set(alone.joint_names) & set(motion.joint_names):
        places = [each.positions[:, each.joint_names.index(joint)] for each in (alone, motion)]
        assert np.allclose(*places, rtol=0, atol=1e-9), joint


@pytest.mark.parametrize("name", ["char1", "char2", "char5", "char6"])
def test_example_characters_need_no_repair(name):
    character = read_character(REFERENCE / "examples" / "characters" / name)
    assert character.repairs == ()
    assert character.rig.joint_names[0] == "root"


@pytest.mark.parametrize("path", sorted((CONFIGS / "mvc").glob("*.yaml")), ids=lambda path: path.stem)
def test_example_scenes_are_read_but_for_files_that_are_not_there(library, path):
    try:
        file = read_scene_file(path, library, roots=[REFERENCE])
    except ConfigError as error:
        assert all("there is no file" in problem for problem in error.problems)  # noqa: PT017 - not all characters come along
    else:
        assert file.scene.actors
