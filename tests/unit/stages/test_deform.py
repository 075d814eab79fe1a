"""Poses become shapes."""

from __future__ import annotations

import numpy as np
import pytest
import sample_scene
from single_layer import single_layer_figure

from pipeline.mesh.arap import ArapSolver
from pipeline.stages import deform
from pipeline.stages.deform import MovingMesh
from pipeline.stages.retarget import pose_track


@pytest.fixture
def moving() -> MovingMesh:
    character, motion = sample_scene.character(), sample_scene.motion(frames=40, step_cm=(3.0, 0.0, 0.0))
    figure = single_layer_figure(character)
    track = pose_track(character.rig, motion, sample_scene.retarget_config(), [k * motion.frame_time for k in range(40)])
    return MovingMesh(ArapSolver(figure.mesh, figure.pins), track, figure.pin_joints)


def test_the_stream_of_shapes_is_the_same_as_asking_for_each(moving: MovingMesh) -> None:
    streamed = list(moving.each_shape())
    assert len(streamed) == moving.frame_count == 40
    for index in (0, deform.FRAMES_AT_ONCE - 1, deform.FRAMES_AT_ONCE, 39):
        np.testing.assert_allclose(streamed[index], moving.shapes(np.array([index]))[0], atol=1e-9)


def test_the_shape_travels_with_the_root(moving: MovingMesh) -> None:
    shapes = moving.shapes(np.array([0, 39]))
    traveled = moving.track.root[39, 0] - moving.track.root[0, 0]
    foot = np.argmin(shapes[0][:, 1])
    assert shapes[1][foot, 0] - shapes[0][foot, 0] == pytest.approx(traveled, abs=0.02)


def test_bounds_hold_every_frame_they_looked_at_and_always_the_last(moving: MovingMesh) -> None:
    every = np.stack(list(moving.each_shape()))
    np.testing.assert_allclose(moving.bounds(step=1), [every.min(axis=(0, 1)), every.max(axis=(0, 1))])
    assert moving.bounds(step=1000)[1, 0] == pytest.approx(every[[0, 39], :, 0].max())
