"""A window into a square and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pose.letterbox import Letterbox, paper_color


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1))
def test_there_and_back(width: int, height: int, across: float, down: float) -> None:
    window = Letterbox.whole(width, height, 192)
    point = np.array([across * width, down * height])
    inside = window.into(point)
    assert np.all(inside >= -1e-6)
    assert np.all(inside <= 192 + 1e-6)
    np.testing.assert_allclose(window.back(inside), point, atol=1e-6)


@pytest.mark.parametrize("zoom", [0.25, 0.6, 1.0, 3.0])
def test_pixels_land_where_points_do(zoom: float) -> None:
    image = np.full((200, 300), 0, np.uint8)
    image[80:120, 140:180] = 255
    window = Letterbox(160, zoom, 80 - 160 * zoom, 80 - 100 * zoom)
    square = window.cut(image, (0.0, 0.0, 0.0))
    ys, xs = np.nonzero(square > 127)
    corners = np.clip(window.into(np.array([[140.0, 80.0], [180.0, 120.0]])), 0, 160)
    found = [[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]]
    np.testing.assert_allclose(found, corners, atol=0.76)


def test_outside_the_image_there_is_paper() -> None:
    image = np.full((40, 80, 3), (10, 200, 30), np.uint8)
    square = Letterbox.whole(80, 40, 64).cut(image, (1.0, 2.0, 3.0))
    assert square.shape == (64, 64, 3)
    np.testing.assert_array_equal(square[2, 30], (1, 2, 3))
    np.testing.assert_array_equal(square[32, 30], (10, 200, 30))


def test_the_papers_color_is_the_rims() -> None:
    image = np.full((60, 90, 3), (250, 240, 200), np.uint8)
    image[10:50, 10:80] = 0
    assert paper_color(image) == (250.0, 240.0, 200.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (2, 2)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 7, np.uint8)
    assert np.all(Letterbox.whole(shape[1], shape[0], 96).cut(image, paper_color(image)) == 7)
