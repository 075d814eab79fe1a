"""The background color of a frame, without OpenGL."""

import numpy as np
import pytest

from pipeline.adapters.opengl.clear_color import clear_color, rim_color
from pipeline.types import Canvas, PixelLayout, Sprite


def sprite(*texels, colors=None):
    return Sprite(np.array([texels], np.uint8), np.zeros((3, 2), np.float32), colors)


def canvas(*background):
    return Canvas(4, 4, background, None, np.eye(4, dtype=np.float32))


def test_rim_is_what_is_half_seen():
    assert rim_color([sprite((0, 0, 0, 255), (255, 0, 0, 100), (0, 255, 0, 200), (0, 0, 255, 0))]) == pytest.approx((0.5, 0.5, 0.0))


def test_hard_cut_has_the_mean_of_all_that_is_seen():
    assert rim_color([sprite((51, 0, 0, 255), (153, 0, 0, 255), (0, 255, 255, 0))]) == pytest.approx((0.4, 0.0, 0.0))


def test_painted_figure_has_the_mean_of_its_paints():
    paints = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    assert rim_color([sprite((51, 51, 51, 128), colors=paints)]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_figures_weigh_the_same_and_invisible_ones_nothing():
    large, small = sprite(*[(255, 0, 0, 128)] * 9), sprite((0, 0, 255, 128))
    assert rim_color([large, small, sprite((9, 9, 9, 0))]) == pytest.approx((0.5, 0.0, 0.5))


@pytest.mark.parametrize("sprites", [[], [sprite((255, 255, 255, 0))]], ids=["none", "invisible"])
def test_nothing_to_see_has_a_black_rim(sprites):
    assert rim_color(sprites) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("layout", "alpha", "expected"),
    [
        (PixelLayout.RGBA, 0.5, (0.1, 0.2, 0.3, 0.5)),
        (PixelLayout.OPAQUE, 0.5, (0.6, 0.7, 0.8, 1.0)),
        (PixelLayout.OPAQUE, 0.0, (1.0, 1.0, 1.0, 1.0)),
        (PixelLayout.CUT_OUT, 1.0, (0.2, 0.4, 0.6, 1.0)),
        (PixelLayout.CUT_OUT, 0.5, (0.2, 0.4, 0.6, 1.0)),
        (PixelLayout.CUT_OUT, 0.49, (1.0, 0.0, 0.0, 0.0)),
        (PixelLayout.CUT_OUT, 0.0, (1.0, 0.0, 0.0, 0.0)),
        (PixelLayout.RGBA, 7.0, (0.2, 0.4, 0.6, 1.0)),
    ],
)
def test_clear_color(layout, alpha, expected):
    assert clear_color(canvas(0.2, 0.4, 0.6, alpha), [sprite((255, 0, 0, 128))], layout) == pytest.approx(expected)
