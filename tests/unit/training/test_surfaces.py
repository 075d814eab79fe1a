"""What figures wear and how their surfaces are drawn: it stays on its part, and changes no joint."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from drawings import mediums
from drawings.canvas import Canvas
from drawings.figures.dress import TRUNK_WEAR, dressed
from drawings.figures.hand import Hand
from drawings.figures.marks import DrawnFigure
from drawings.figures.parts import BodyPart
from drawings.figures.patterns import PATTERNS, clipped, half_of, pattern_strokes
from drawings.figures.person import STYLES, drawn_person
from drawings.mediums import Pen
from drawings.scenes import draw_figure, fitted

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
ADDED = (BodyPart.HEAD, BodyPart.HAIR, BodyPart.TRUNK, BodyPart.WORN)


def _label(figure: DrawnFigure, seed: int):
    canvas = Canvas(np.full((320, 240, 3), 255, np.float32), np.random.default_rng(seed))
    pen = Pen(mediums.MEDIUMS["mouse"], 1.5, 1.0, (0, 0, 0))
    return draw_figure(canvas, figure, pen, opaque=True, fill_kind="flood")


@pytest.mark.parametrize("style", sorted(set(STYLES)))
def test_clothes_leave_limbs_where_they_were(style):
    """Of what is limb on the dressed figure, no more than lines at its rim was anything else, or nothing, on the plain one."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        hand = Hand.sampled(rng)
        plain = fitted(drawn_person(rng, hand, style, filled=0.5), (20, 20, 220, 300))[0]
        worn = dressed(hand, plain)
        assert np.array_equal(worn.joints, plain.joints)
        before, after = _label(plain, seed).parts, _label(worn, seed).parts
        is_limb = ~np.isin(after, (0, *ADDED))
        strange = (is_limb & (after != before)).astype(np.uint8)
        assert cv2.erode(strange, np.ones((9, 9), np.uint8)).sum() == 0


def test_most_figures_get_something_to_wear():
    changed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        hand = Hand.sampled(rng)
        figure = drawn_person(rng, hand, "adult", filled=0.5)
        changed += len(dressed(hand, figure).marks) > len(figure.marks)
    assert 20 < changed < 50
    assert len(TRUNK_WEAR) > 8


@pytest.mark.parametrize("kind", sorted(set(PATTERNS)))
def test_patterns_stay_on_their_area(kind):
    rng = np.random.default_rng(2)
    strokes, width = pattern_strokes(rng, kind, SQUARE, np.array([0.0, 1.0]))
    everything = np.concatenate(strokes)
    assert width > 0
    assert everything.min() > -0.02
    assert everything.max() < 1.02


def test_a_line_is_cut_where_it_leaves_an_area():
    line = np.column_stack([np.linspace(-1, 2, 61), np.full(61, 0.5)])[None]
    runs = clipped(SQUARE, line)
    assert len(runs) == 1
    assert runs[0][:, 0].min() == pytest.approx(0, abs=0.06)
    assert runs[0][:, 0].max() == pytest.approx(1, abs=0.06)
    assert not clipped(SQUARE, line + np.array([0.0, 5.0]))


def test_half_of_a_polygon_ends_at_the_line():
    half = half_of(SQUARE, np.array([0.0, 1.0]), 0.75)
    assert half[:, 1].min() == pytest.approx(0.75)
    assert cv2.contourArea(half.astype(np.float32)) == pytest.approx(0.25)
    assert len(half_of(SQUARE, np.array([0.0, 1.0]), 3.0)) == 0
