"""What is drawn to see why a figure moves as it does."""

from __future__ import annotations

import numpy as np

from pipeline.stages import debug_views
from pipeline.types import DebugViews

PARENTS = np.array([-1, 0, 1], np.int32)


def test_a_bone_is_a_line_from_parent_to_child_at_the_figures_place() -> None:
    strokes = debug_views.rig_strokes(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 2.0)]), PARENTS, np.array([5.0, 6.0, -0.5]))
    np.testing.assert_allclose(strokes.points, [(5, 6, -0.5), (6, 6, -0.5), (6, 6, -0.5), (6, 8, -0.5)])
    assert strokes.rgba.shape == (4, 4)


def test_mesh_lines_draw_each_edge_once() -> None:
    strokes = debug_views.mesh_strokes(np.eye(4, 2), np.array([(0, 1, 2), (0, 2, 3)], np.int32), 1.0)
    assert len(strokes.points) == 2 * 5
    assert (strokes.points[:, 2] == 1.0).all()


def test_the_skeleton_is_drawn_in_three_dimensions() -> None:
    points = np.arange(9.0).reshape(3, 3)
    np.testing.assert_allclose(debug_views.skeleton_strokes(points, PARENTS).points, points[[0, 1, 1, 2]])


def test_the_floor_is_a_chessboard_behind_everything() -> None:
    floor = debug_views.floor_strokes()
    assert floor.filled
    assert floor.behind
    assert len(floor.points) == 100 * 6
    assert (floor.points[:, 1] == 0).all()
    shades = floor.rgba.reshape(10, 10, 6, 4)[:, :, 0, 0]
    assert (shades[:, 1:] != shades[:, :-1]).all()
    assert (shades[1:] != shades[:-1]).all()


def test_a_palette_is_told_of_every_stroke_that_is_drawn() -> None:
    assert debug_views.stroke_colors(DebugViews()) == []
    everything = DebugViews(rig=True, mesh_lines=True, floor=True, skeleton=True)
    assert len(debug_views.stroke_colors(everything)) == 5
