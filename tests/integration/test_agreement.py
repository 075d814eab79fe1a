"""Agreement with AnimatedDrawings' algorithm in double precision, within 1e-4 of the figure's size (etc/doc/algorithm.md, "Agreement")."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.files.character_files import read_character
from pipeline.mesh.arap import ArapSolver
from pipeline.motion.library import MotionLibrary
from pipeline.stages.mesh import bone_ownership, figure_on
from pipeline.stages.retarget import driven_pose, pose_track
from pipeline.types import Character, Mesh, Motion, RetargetConfig

pytestmark = pytest.mark.reference

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    character: Character
    motion: Motion
    config: RetargetConfig
    reference: dict[str, np.ndarray]
    mask: np.ndarray

    @property
    def times(self) -> list[Fraction]:
        return [k * self.motion.frame_time for k in range(self.motion.frame_count)]


@pytest.fixture(params=[("char1", "dab", "fair1_ppf"), ("char2", "jumping_jacks", "cmu1_pfp")], ids="+".join)
def case(request: pytest.FixtureRequest, reference_root: Path) -> Case:
    character, motion, retarget = request.param
    config = reference_root / "examples/config"
    library = MotionLibrary([config / "motion"], [config / "retarget"], roots=[reference_root])
    with np.load(reference_root / f"float64/{character}_{motion}_{retarget}.npz") as numbers:
        reference = {name: numbers[name] for name in numbers}
    folder = reference_root / "examples/characters" / character
    mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE) >= 128
    return Case(read_character(folder), library.motion(motion), library.retarget(retarget), reference, mask)


def test_every_bone_points_where_the_reference_points(case: Case) -> None:
    driven = driven_pose(case.character.rig, case.motion, case.config, case.times)
    for name, expected in zip(case.reference["orient_names"], case.reference["orientations"], strict=True):
        apart = np.abs((driven.orientations[str(name)] - expected + 180.0) % 360.0 - 180.0)
        assert np.radians(apart.max()) < TOLERANCE, name


def test_depths_decide_alike_what_is_in_front(case: Case) -> None:
    driven = driven_pose(case.character.rig, case.motion, case.config, case.times)
    for name, expected in zip(case.reference["depth_names"], case.reference["depths"], strict=True):
        np.testing.assert_allclose(driven.depths[str(name)], expected, atol=TOLERANCE, err_msg=str(name))


def test_root_path_and_posed_joints_agree(case: Case) -> None:
    track = pose_track(case.character.rig, case.motion, case.config, case.times)
    assert list(case.character.rig.joint_names) == list(case.reference["joint_names"])
    np.testing.assert_allclose(track.root, case.reference["root"], atol=TOLERANCE)
    np.testing.assert_allclose(track.joints + track.root[:, None, :2], case.reference["joints"], atol=TOLERANCE)


def test_vertices_of_the_reference_mesh_go_where_they_should(case: Case) -> None:
    mesh = Mesh(case.reference["rest_vertices"].astype(np.float64), case.reference["triangles"])
    figure = figure_on(mesh, case.character.rig, case.mask)
    track = pose_track(case.character.rig, case.motion, case.config, case.times)
    frames = case.reference["vertex_frames"]
    shapes = ArapSolver(mesh, figure.pins).solve(track.joints[frames]) + track.root[frames, None, :2]
    np.testing.assert_allclose(shapes, case.reference["vertices"], atol=TOLERANCE)


def test_joints_are_drawn_in_the_reference_order(case: Case) -> None:
    """The order of joints is the reference's in every frame; on the border of two bones, rounding decides which one owns a triangle."""
    mesh = Mesh(case.reference["rest_vertices"].astype(np.float64), case.reference["triangles"])
    track = pose_track(case.character.rig, case.motion, case.config, case.times)
    owner, _ = bone_ownership(
        mesh, case.character.rig, case.mask, bones=np.flatnonzero(case.character.rig.parents >= 0), side_px=max(case.mask.shape)
    )
    number = {tuple(corners): index for index, corners in enumerate(mesh.triangles.tolist())}
    for frame, drawn in zip(case.reference["draw_order_frames"], case.reference["draw_order"], strict=True):
        theirs = owner[[number[tuple(corners)] for corners in drawn.tolist()]]
        order = track.draw_orders[track.order_of_frame[frame]]
        ours = np.concatenate([np.full((owner == joint).sum(), joint) for joint in order])
        assert np.mean(ours == theirs) > 0.97
        middle = {joint: np.median(np.flatnonzero(theirs == joint)) for joint in order if np.any(theirs == joint)}
        assert list(middle) == sorted(middle, key=middle.__getitem__)
