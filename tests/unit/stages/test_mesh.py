"""A character becomes a mesh that its joints hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sample_scene
from single_layer import single_layer_figure

from pipeline.errors import CharacterError
from pipeline.mesh.triangles import signed_areas
from pipeline.stages.mesh import figure_on, pins_at
from pipeline.types import Character, Mesh

CHARACTER = sample_scene.character()
FIGURE = single_layer_figure(CHARACTER)


def with_mask(mask: np.ndarray) -> Character:
    return replace(CHARACTER, mask=mask)


def test_triangles_run_counter_clockwise_and_cover_the_figure() -> None:
    areas = signed_areas(FIGURE.mesh.vertices, FIGURE.mesh.triangles)
    assert areas.min() > 0
    assert areas.sum() * sample_scene.SIDE**2 == pytest.approx(CHARACTER.mask.sum(), rel=0.05)


def test_every_pin_rests_on_its_joint() -> None:
    held = FIGURE.pins.matrix(len(FIGURE.mesh.vertices)) @ FIGURE.mesh.vertices
    np.testing.assert_allclose(held, CHARACTER.rig.rest, atol=1e-9)


def test_a_hand_belongs_to_the_hands_bone_and_the_head_to_the_neck() -> None:
    centroids = FIGURE.mesh.vertices[FIGURE.mesh.triangles].mean(axis=1)
    for name, place in (("left_hand", (104, 42)), ("right_foot", (43, 107)), ("neck", (60, 14))):
        at = np.array([place[0] / sample_scene.SIDE, 1 - place[1] / sample_scene.SIDE])
        nearest = int(np.argmin(np.linalg.norm(centroids - at, axis=1)))
        assert CHARACTER.rig.joint_names[FIGURE.owner[nearest]] == name


def test_triangles_are_drawn_joint_by_joint_the_farthest_from_the_bone_first() -> None:
    order = (6, 5, 3)
    drawn_triangles = FIGURE.triangles_in(order)
    number = {tuple(t): i for i, t in enumerate(FIGURE.mesh.triangles.tolist())}
    indices = [number[tuple(t)] for t in drawn_triangles.tolist()]
    owners = FIGURE.owner[indices]
    assert list(dict.fromkeys(owners.tolist())) == list(order)
    for joint in order:
        assert (np.diff(FIGURE.distance[indices][owners == joint]) <= 0).all()


def test_pieces_that_lie_apart_move_as_one_mesh() -> None:
    mask = CHARACTER.mask.copy()
    mask[:, 94:98] = False  # cuts the left hand off
    figure = single_layer_figure(with_mask(mask))
    neighbors: dict[int, set[int]] = {}
    for a, b, c in figure.mesh.triangles.tolist():
        for vertex in (a, b, c):
            neighbors.setdefault(vertex, set()).update((a, b, c))
    reached, border = {0}, [0]
    while border:
        fresh = neighbors[border.pop()] - reached
        reached |= fresh
        border += fresh
    assert len(reached) == len(figure.mesh.vertices)


def test_a_pin_outside_the_mesh_holds_the_nearest_triangle() -> None:
    triangle = Mesh(np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]), np.array([(0, 1, 2)], np.int32))
    pins = pins_at(triangle, np.array([(2.0, -0.5), (0.25, 0.25)]))
    assert (pins.weights >= 0).all()
    np.testing.assert_allclose(pins.weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(pins.weights[0] @ triangle.vertices, (1.0, 0.0))


def test_one_pixel_makes_the_smallest_mesh() -> None:
    mask = np.zeros_like(CHARACTER.mask)
    mask[70, 60] = True
    figure = single_layer_figure(with_mask(mask))
    assert len(figure.mesh.triangles) >= 1


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(CharacterError, match="encloses no area"):
        single_layer_figure(with_mask(np.zeros_like(CHARACTER.mask)))


def test_refuses_outline_of_too_many_points() -> None:
    row, column = np.mgrid[: sample_scene.SIDE, : sample_scene.SIDE]
    sieve = CHARACTER.mask & ~((row % 3 == 0) & (column % 3 == 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.mesh.outline.MAX_POINTS", 500)
        with pytest.raises(CharacterError, match="too many corners: expected at most 500 points, found"):
            single_layer_figure(with_mask(sieve))


def test_a_mask_without_any_bone_in_it_is_refused() -> None:
    mask = np.zeros_like(CHARACTER.mask)
    mask[2:8, 2:8] = True
    with pytest.raises(CharacterError, match="no bone"):
        single_layer_figure(with_mask(mask))


def test_a_given_mesh_is_taken_as_it_is() -> None:
    figure = figure_on(FIGURE.mesh, CHARACTER.rig, CHARACTER.mask)
    np.testing.assert_array_equal(figure.owner, FIGURE.owner)
