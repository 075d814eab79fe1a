"""As-rigid-as-possible deformation: what must hold whatever the mesh."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ShapeError
from pipeline.mesh.arap import FRAMES_AT_ONCE, ArapSolver, Pins, common_neighbors
from pipeline.mesh.triangles import undirected_edges
from pipeline.types import Mesh


def grid(columns: int = 7, rows: int = 4) -> Mesh:
    x, y = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
    at = np.arange(columns * rows).reshape(rows, columns)
    lower = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:]], axis=-1).reshape(-1, 3)
    upper = np.stack([at[:-1, :-1], at[1:, 1:], at[1:, :-1]], axis=-1).reshape(-1, 3)
    return Mesh(np.stack([x.ravel(), y.ravel()], axis=1), np.concatenate([lower, upper]).astype(np.int32))


def pins_on(vertices: list[int]) -> Pins:
    return Pins(np.array([(v, v, v) for v in vertices], np.int32), np.array([(1.0, 0.0, 0.0)] * len(vertices)))


MESH = grid()
CORNERS = [0, 6, 21, 27]


def test_an_inner_edge_has_two_common_neighbors_and_a_border_edge_one() -> None:
    edges = undirected_edges(np.array([(0, 1, 2), (0, 2, 3)], np.int32))
    neighbors = common_neighbors(edges, 4).toarray()
    assert [sorted(np.flatnonzero(row)) for row in neighbors] == [[2], [1, 3], [2], [0], [0]]


def test_the_third_corner_of_a_one_triangle_hole_counts_as_a_neighbor() -> None:
    """AnimatedDrawings takes them so, and agreement within 1e-4 needs it (char2 has three such holes)."""
    ring = np.array([(0, 1, 3), (1, 2, 4), (2, 0, 5)], np.int32)  # around the empty triangle 0, 1, 2
    edges = undirected_edges(ring)
    neighbors = common_neighbors(edges, 6).toarray()
    assert sorted(np.flatnonzero(neighbors[edges.tolist().index([0, 1])])) == [2, 3]


def test_pins_where_they_rest_leave_the_mesh_as_it_rests() -> None:
    shape = ArapSolver(MESH, pins_on(CORNERS)).solve(MESH.vertices[CORNERS][None])[0]
    np.testing.assert_allclose(shape, MESH.vertices, atol=1e-6)


@pytest.mark.parametrize("angle", [0.3, np.pi / 2, np.pi, -2.5])
def test_turning_and_moving_the_pins_turns_and_moves_the_mesh(angle: float) -> None:
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    moved = MESH.vertices @ turn.T + np.array([3.0, -7.0])
    shape = ArapSolver(MESH, pins_on(CORNERS)).solve(moved[CORNERS][None])[0]
    np.testing.assert_allclose(shape, moved, atol=1e-5)


def test_pins_are_held_to_a_thousandth_while_edges_keep_their_lengths_as_well_as_they_can() -> None:
    targets = MESH.vertices[CORNERS] * np.array([1.4, 1.0])
    shape = ArapSolver(MESH, pins_on(CORNERS)).solve(targets[None])[0]
    np.testing.assert_allclose(shape[CORNERS], targets, atol=1e-3)
    row = np.linalg.norm(np.diff(shape[8:13], axis=0), axis=1)
    assert np.all((row > 1.0) & (row < 1.5))


def test_frames_solved_together_are_those_solved_alone() -> None:
    rng = np.random.default_rng(3)
    targets = MESH.vertices[CORNERS] + rng.normal(scale=0.5, size=(FRAMES_AT_ONCE * 2 + 3, 4, 2))
    solver = ArapSolver(MESH, pins_on(CORNERS))
    alone = np.concatenate([solver.solve(frame[None]) for frame in targets])
    np.testing.assert_allclose(solver.solve(targets), alone, atol=1e-9)


def test_two_pins_on_one_point_meet_in_the_middle() -> None:
    pins = pins_on([0, 0, 27])
    targets = np.array([[(0.0, 0.0), (0.2, 0.0), (6.0, 3.0)]])
    shape = ArapSolver(MESH, pins).solve(targets)[0]
    np.testing.assert_allclose(shape[0], (0.1, 0.0), atol=1e-3)


def test_a_vertex_of_no_triangle_does_no_harm() -> None:
    mesh = Mesh(np.vstack([MESH.vertices, (50.0, 50.0)]), MESH.triangles)
    shape = ArapSolver(mesh, pins_on(CORNERS)).solve(mesh.vertices[CORNERS][None])[0]
    np.testing.assert_allclose(shape[:-1], MESH.vertices, atol=1e-6)
    assert np.isfinite(shape).all()


def test_all_pins_on_one_spot_collapse_nothing_to_nan() -> None:
    shape = ArapSolver(MESH, pins_on(CORNERS)).solve(np.zeros((1, 4, 2)))
    assert np.isfinite(shape).all()


def test_pins_must_have_three_weights_each() -> None:
    with pytest.raises(ShapeError, match=r"Pins.weights"):
        Pins(np.zeros((2, 3), np.int32), np.zeros((2, 2)))
