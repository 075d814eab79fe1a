from __future__ import annotations

import numpy as np
import pytest

from pipeline.ink.ruling import rulings, without_lines


def sheet(*, tilt: float = 0.0, squares: bool = False, pitch: int = 22, noise: float = 0.01) -> np.ndarray:
    """(300, 260) float32 with printed lines of darkness 0.3."""
    y, x = np.mgrid[0:300, 0:260].astype(float)
    lines = np.abs((y - tilt * x) % pitch - pitch / 2) < 1
    if squares:
        lines |= np.abs((x + tilt * y) % pitch - pitch / 2) < 1
    return (0.3 * lines + np.random.default_rng(0).normal(0, noise, lines.shape)).astype(np.float32)


@pytest.mark.parametrize("tilt", [-0.06, 0.0, 0.03, 0.1])
def test_ruled_lines_are_found_and_taken_out(tilt):
    image = sheet(tilt=tilt)
    found = rulings(image, image, 0.01)
    assert found[0] is not None
    assert found[1] is None
    assert np.mean(without_lines(image, found) > 0.15) < 0.004


def test_squares_are_two_rulings():
    image = sheet(squares=True, tilt=0.02)
    found = rulings(image, image, 0.01)
    assert None not in found
    assert np.mean(without_lines(image, found) > 0.15) < 0.006


def test_strokes_that_cross_the_lines_stay_whole():
    image = sheet()
    image[20:280, 130:135] = 0.6
    found = rulings(image, image, 0.01)
    assert (without_lines(image, found)[20:280, 132] > 0.25).all()


def test_a_stroke_along_a_line_stays_if_it_is_darker():
    image = sheet()
    image[98:101, 60:200] = 0.8
    found = rulings(image, image, 0.01)
    assert (without_lines(image, found)[99, 62:198] > 0.7).all()


@pytest.mark.parametrize("rows", [(50,), (40, 60, 80, 100), (20, 51, 77, 130, 149, 210, 222, 280)])
def test_few_or_uneven_lines_are_drawn_and_not_printed(rows):
    image = np.random.default_rng(1).normal(0, 0.01, (300, 260)).astype(np.float32)
    for row in rows:
        image[row : row + 2] += 0.4
    assert rulings(image, image, 0.01) == (None, None)


def test_a_striped_shirt_is_no_paper():
    image = np.random.default_rng(1).normal(0, 0.01, (300, 260)).astype(np.float32)
    for row in range(110, 190, 10):
        image[row : row + 2, 90:170] += 0.4
    assert rulings(image, image, 0.01) == (None, None)
