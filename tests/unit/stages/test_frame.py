"""Where the camera stands, and what it sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.frame import MARGIN, camera_around, canvas_of_view, downscaled_background, px_per_unit, view_projection
from pipeline.types import Camera, View


def on_screen(canvas_matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    clip = np.column_stack([points, np.ones(len(points))]) @ canvas_matrix.T.astype(float)
    return clip[:, :2] / clip[:, 3:]


def corners(box: np.ndarray, z: float) -> np.ndarray:
    return np.array([(x, y, z) for x in box[:, 0] for y in box[:, 1]])


def test_the_originals_camera_looks_along_the_negative_of_backward() -> None:
    camera = Camera((0.0, 0.7, 2.0), (0.0, 0.5, 2.0))
    matrix = view_projection(camera, aspect=1.0)
    ahead = np.array(camera.position) - 3 * np.array(camera.backward)
    np.testing.assert_allclose(on_screen(matrix, ahead[None]), 0.0, atol=1e-6)


def test_half_the_field_of_view_up_is_the_upper_edge() -> None:
    matrix = view_projection(Camera((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)), aspect=2.0)
    edge = math.tan(math.radians(17.5)) * 4
    np.testing.assert_allclose(on_screen(matrix, np.array([(2 * edge, edge, -4.0)])), [(1.0, 1.0)], rtol=1e-5)


def test_looking_straight_down_is_possible() -> None:
    assert np.isfinite(view_projection(Camera((0.0, 5.0, 0.0), (0.0, 1.0, 0.0)), aspect=1.0)).all()


coordinate = st.floats(-5, 5)


@given(
    st.lists(st.tuples(coordinate, coordinate, st.floats(0.01, 4), st.floats(0.01, 4), st.floats(-3, 3)), min_size=1, max_size=4),
    st.floats(0.3, 3),
)
def test_every_figure_is_inside_the_margins_and_one_of_them_touches_it(boxes: list[tuple[float, ...]], aspect: float) -> None:
    bounds = [(np.array([(x, y), (x + w, y + h)]), z) for x, y, w, h, z in boxes]
    matrix = view_projection(camera_around(bounds, aspect=aspect), aspect=aspect)
    seen = np.abs(np.concatenate([on_screen(matrix, corners(box, z)) for box, z in bounds]))
    assert seen.max() <= 1 - 2 * MARGIN + 1e-4
    nearest_limits = max(z for _, z in bounds) + 0.2
    assert seen.max() >= 1 - 2 * MARGIN - 1e-3 or camera_around(bounds, aspect=aspect).position[2] == pytest.approx(nearest_limits)


def test_a_file_camera_is_used_as_it_is() -> None:
    camera = Camera((1.0, 2.0, 3.0), (0.0, 0.0, 1.0))
    canvas = canvas_of_view(View(300, 200, camera=camera), [(np.array([(0.0, 0.0), (1.0, 1.0)]), 0.0)])
    np.testing.assert_array_equal(canvas.view_projection, view_projection(camera, aspect=1.5))


def test_a_background_finer_than_the_canvas_is_averaged() -> None:
    """Not sampled: stripes become gray, whatever is hidden weighs nothing, and no texture is larger than the canvas."""
    stripes = np.full((300, 900, 4), 255, np.uint8)
    stripes[:, ::2, :3] = 0
    image = canvas_of_view(View(30, 400, background_image=stripes), [(np.array([(0.0, 0.0), (1.0, 1.0)]), 0.0)]).background_image
    assert image is not None
    assert image.shape == (300, 30, 4)
    assert np.abs(image[..., :3].astype(int) - 127.5).max() < 1
    stripes[:, 1::2] = (250, 100, 30, 0)
    stripes[:, ::2] = (20, 40, 60, 255)
    np.testing.assert_allclose(downscaled_background(stripes, 450, 300), np.broadcast_to((20, 40, 60, 127.5), (300, 450, 4)), atol=1)
    assert downscaled_background(stripes, 900, 300) is stripes


def test_pixels_a_unit_are_those_on_the_screen() -> None:
    canvas = canvas_of_view(View(400, 400), [(np.array([(0.0, 0.0), (2.0, 1.0)]), -0.5)])
    assert px_per_unit(canvas, np.array([1.0, 0.5, -0.5])) == pytest.approx(400 * (1 - 2 * MARGIN) / 2, rel=1e-3)


def test_what_is_behind_the_camera_has_no_size() -> None:
    canvas = canvas_of_view(View(10, 10, camera=Camera((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))), [])
    assert px_per_unit(canvas, np.array([0.0, 0.0, 1.0])) == 1.0
