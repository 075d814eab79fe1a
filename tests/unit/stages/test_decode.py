from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.stages.decode import drawing, is_line_art
from tests.drawn_figures import drawn_figure

THIN, THICK = 3, 12


def outline(thickness: int) -> np.ndarray:
    """Alpha of an outlined figure, (300, 200) uint8."""
    alpha = np.zeros((300, 200), np.uint8)
    cv2.circle(alpha, (100, 60), 40, 255, thickness, cv2.LINE_AA)
    cv2.rectangle(alpha, (60, 100), (140, 220), 255, thickness)
    for x in (80, 120):
        cv2.line(alpha, (x, 220), (x, 285), 255, thickness, cv2.LINE_AA)
    return alpha


@pytest.mark.parametrize("thickness", [THIN, THICK])
def test_outline_on_transparent_ground_is_line_art(thickness):
    assert is_line_art(outline(thickness))


def test_cut_out_figure_is_not_line_art():
    assert not is_line_art(np.where(drawn_figure("outlined").mask, 255, 0).astype(np.uint8))


def test_line_art_becomes_a_drawing_on_white_paper():
    alpha = outline(THIN)
    found = drawing(np.zeros((300, 200, 3), np.uint8), alpha, orientation=1, sha256="0" * 64, notes=())
    assert found.alpha is None
    assert np.array_equal(found.rgb[..., 0], 255 - alpha)
    assert found.notes == ("it is line art on a transparent ground, which was taken for white paper",)


def test_cut_out_figure_keeps_its_alpha():
    alpha = np.where(drawn_figure("crayon").mask, 255, 0).astype(np.uint8)
    rgb = drawn_figure("crayon").rgb
    found = drawing(rgb, alpha, orientation=1, sha256="0" * 64, notes=())
    assert np.array_equal(found.alpha, alpha)
    assert found.notes == ()
