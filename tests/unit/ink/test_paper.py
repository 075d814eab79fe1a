from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.ink.paper import contrast, has_dark_paper


def sheet(paper: float, ink: float, light: np.ndarray | float = 1.0) -> np.ndarray:
    """(240, 200, 3): a circle on paper, lit by `light`."""
    gray = np.full((240, 200), paper, np.float32)
    cv2.circle(gray, (100, 120), 60, ink, 5)
    return np.repeat(np.clip(gray * light, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_ink_stands_out_by_the_share_of_light_that_it_swallows():
    seen = contrast(sheet(200, 100))
    assert seen.stroke[120, 40] == pytest.approx(0.5, abs=0.03)
    assert abs(float(np.median(seen.stroke))) < 0.01


def test_light_and_shade_change_nothing():
    x = np.linspace(1.0, 0.3, 200)[None, :]
    seen = contrast(sheet(230, 115, x))
    assert seen.stroke[120, 40] == pytest.approx(0.5, abs=0.06)
    assert seen.stroke[120, 160] == pytest.approx(0.5, abs=0.06)
    assert np.abs(seen.stroke[120, 60:140]).max() < 0.06


def test_color_is_no_matter_of_light():
    rgb = sheet(200, 200)
    rgb[90:150, 70:130] = (220, 140, 60)
    shaded = (rgb * np.linspace(1.0, 0.5, 200)[None, :, None]).astype(np.uint8)
    seen = contrast(shaded)
    assert seen.color[100:140, 80:120].min() > 0.3
    assert np.abs(seen.color[:60]).max() < 0.08


@pytest.mark.parametrize(("paper", "ink", "dark"), [(30, 220, True), (80, 160, True), (220, 40, False), (70, 20, False), (150, 250, True)])
def test_chalk_is_not_taken_for_pencil(paper, ink, dark):
    assert has_dark_paper(sheet(paper, ink)) == dark
    assert has_dark_paper(sheet(paper, ink)) == dark


def test_noise_is_measured_where_no_ink_is():
    rgb = sheet(200, 60).astype(float) + np.random.default_rng(0).normal(0, 6, (240, 200, 3))
    assert 0.01 < contrast(np.clip(rgb, 0, 255).astype(np.uint8)).stroke_noise < 0.06
