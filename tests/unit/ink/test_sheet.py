"""Sheets of paper: figures are taken off without a trace, and paper becomes white without its pale drawings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.ink.sheet import paper_light, whitened, without_figures
from pipeline.types import Bools, Bytes

SIDE = 320


def paper(*, rules: bool, seed: int = 3) -> Bytes:
    """Grainy paper in uneven, warm light, with pale blue rules or without."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    light = 165 + 50 * x - 35 * y * y
    sheet = light[..., None] * np.array([1.0, 0.97, 0.88]) + np.random.default_rng(seed).normal(0, 2.0, (SIDE, SIDE, 1))
    if rules:
        sheet[10::20] -= (40, 25, 8)
    return np.asarray(sheet.clip(0, 255), np.uint8)


def with_figure(sheet: Bytes, color: tuple[int, int, int] = (40, 60, 150)) -> tuple[Bytes, Bools]:
    drawn, mask = sheet.copy(), np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(drawn, (160, 160), (50, 90), 0, 0, 360, color, 5, cv2.LINE_AA)
    cv2.ellipse(mask, (160, 160), (51, 91), 0, 0, 360, 1, -1)  # the line's outer rim is not part of the mask
    return drawn, mask > 0


@pytest.mark.parametrize("rules", [False, True])
def test_takes_figure_off_without_a_trace(*, rules: bool) -> None:
    clean = paper(rules=rules)
    drawn, mask = with_figure(clean)
    bare = without_figures(drawn, mask, np.zeros_like(mask))
    smooth = [cv2.GaussianBlur(image, (0, 0), 2.0).astype(int) for image in (clean, bare)]
    difference = np.abs(smooth[0] - smooth[1]).max(axis=2)
    assert np.percentile(difference[mask], 99) < 12
    assert difference.max() < 20
    assert bare[mask].std() == pytest.approx(clean[mask].std(), rel=0.25)
    far = ~(cv2.dilate(mask.astype(np.uint8), np.ones((31, 31), np.uint8)) > 0)
    assert np.array_equal(bare[far], drawn[far])


def test_other_figures_stay() -> None:
    drawn, mask = with_figure(paper(rules=False))
    cv2.circle(drawn, (238, 160), 20, (150, 20, 20), -1)
    other = np.zeros_like(mask)
    other[140:181, 218:259] = True
    bare = without_figures(drawn, mask, other)
    assert np.array_equal(bare[other], drawn[other])
    assert np.array_equal(without_figures(drawn, np.zeros_like(mask), other), drawn)


def test_whitens_paper_in_uneven_light_and_keeps_pale_crayon() -> None:
    drawn, mask = with_figure(paper(rules=False))
    pale = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(pale, (130, 140), (190, 190), 1, 9)
    drawn[pale > 0] = (drawn[pale > 0] * np.array([1.0, 0.99, 0.85])).astype(np.uint8)  # pale yellow
    light, _ = paper_light(drawn, mask)
    white = whitened(drawn, light)
    inside = mask & (cv2.erode(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0) & (cv2.dilate(pale, np.ones((5, 5), np.uint8)) == 0)
    assert np.percentile(white[inside], 5) > 245
    crayon = white[(pale > 0) & mask]
    assert np.median(crayon[:, 2]) < 230
    assert np.median(crayon[:, 0]) > 245


def test_sheet_that_figures_cover_stays_as_it_is() -> None:
    drawn, mask = with_figure(paper(rules=False))
    light, grain = paper_light(drawn, np.ones_like(mask))
    assert (float(light.min()), grain) == (255.0, 0.0)


def test_light_of_paper_in_one_corner_reaches_the_others() -> None:
    hidden = np.ones((800, 800), np.bool_)
    hidden[:100, :100] = False
    light, _ = paper_light(np.full((800, 800, 3), 200, np.uint8), hidden)
    np.testing.assert_allclose(light, 200.0, atol=1.0)
