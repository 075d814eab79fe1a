from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.ink.reduction import reduced
from tests.drawn_figures import drawn_figure


@pytest.mark.parametrize("zoom", [1.0, 1.3, 1.9, 2.0, 3.7, 4.0])
def test_reduced_drawing_looks_as_if_averaged(zoom):
    rgb = drawn_figure("outlined").rgb
    size = (round(rgb.shape[1] / zoom), round(rgb.shape[0] / zoom))
    averaged = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    small = reduced(rgb, size)
    assert small.shape == averaged.shape
    assert np.abs(small.astype(int) - averaged).mean() < 1.5


@pytest.mark.parametrize("side", [101, 150, 199, 200, 399])
def test_no_line_of_one_pixel_vanishes(side):
    lines = np.full((400, 400), 255, np.uint8)
    lines[:, 7::16] = 0
    row = reduced(lines, (side, side))[side // 2].astype(int)
    darkness = (255 - row).sum() * 400 / side
    assert darkness == pytest.approx(25 * 255, rel=0.35)


def test_long_strip_loses_no_line():
    strip = np.full((9, 3000), 255, np.uint8)
    strip[:, 100::300] = 0
    assert ((255 - reduced(strip, (512, 8)))[4] > 20).sum() >= 10


def test_image_of_that_size_stays_as_it_is():
    rgb = drawn_figure("stick").rgb
    assert np.array_equal(reduced(rgb, (rgb.shape[1], rgb.shape[0])), rgb)
