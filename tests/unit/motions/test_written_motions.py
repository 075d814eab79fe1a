"""The files in etc/motions are what the author scripts write, and what the pipeline reads."""

import re
from fractions import Fraction

import numpy as np
import pytest
import yaml

from pipeline.files.character_files import read_character
from pipeline.motion.library import MotionLibrary
from pipeline.stages.retarget import driven_pose

from .conftest import MOTIONS

NAMES = sorted(path.stem for path in MOTIONS.glob("*.bvh"))


@pytest.fixture(scope="module")
def library():
    return MotionLibrary([MOTIONS], [MOTIONS.parent / "retarget"])


_NUMBER = re.compile(rb"-?\d+\.\d+")
_LAST_DIGIT = 0.01
"""Other versions of numpy and SciPy round a few angles of a clip, in degrees with two decimals, to the other side."""


def test_regenerated_files_are_the_same(author, tmp_path):
    """Who edits a clip must also write it anew."""
    written = author("write_motions").write(tmp_path)
    assert {path.name for path in written} == {path.name for path in MOTIONS.iterdir() if path.is_file()}
    for path in written:
        again, kept = path.read_bytes(), (MOTIONS / path.name).read_bytes()
        assert _NUMBER.sub(b"#", again) == _NUMBER.sub(b"#", kept), path.name
        numbers = [np.array(_NUMBER.findall(content), dtype=float) for content in (again, kept)]
        assert np.allclose(*numbers, rtol=0, atol=1.01 * _LAST_DIGIT), path.name


def test_all_together_are_small():
    """They travel with every installation."""
    assert sum(path.stat().st_size for path in MOTIONS.glob("*.*")) < 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_configuration_is_complete(name):
    """AnimatedDrawings' keys, and ours."""
    fields = yaml.safe_load((MOTIONS / f"{name}.yaml").read_text())
    assert fields["filepath"] == f"{name}.bvh"
    assert fields["up"] == "+y"
    assert fields["loops"] is True
    assert fields["title"]
    assert fields["retarget"] in ("doodled", "doodled_side")


@pytest.mark.parametrize("name", NAMES)
def test_pipeline_reads_what_was_meant(name, library, clips):
    """Same joints at the same places, to the files' two decimals; same length and rate."""
    motion, clip = library.motion(name), clips[name]
    assert motion.loops
    assert motion.frame_count == clip.frame_count
    assert motion.frame_time == pytest.approx(Fraction(1, 30), abs=1e-6)
    for joint, path in clip.positions().items():
        read = motion.positions[:, motion.joint_names.index(joint)]
        assert np.abs(read - path).max() < 0.1, joint


@pytest.mark.parametrize("name", NAMES)
def test_retarget_sees_the_clip_from_its_side(name, library, clips):
    """Whatever a configuration chooses by itself must choose the plane that the clip is written in."""
    motion = library.motion(name)
    config = library.matching_retarget(motion)
    rig = read_character(MOTIONS.parent / "characters" / "crayon_girl").rig
    planes = driven_pose(rig, motion, config, [Fraction(0)]).planes
    assert set(planes.values()) == {clips[name].plane.name == "FRONT"}
