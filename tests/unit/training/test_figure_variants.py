"""Outfits, head variants, line styles and distractors of training figures: they stay on their parts, and change no joint."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from drawings import line_styles, mediums
from drawings.canvas import Canvas
from drawings.figures.hand import Hand
from drawings.figures.head_variants import VARIANTS, with_head_variant
from drawings.figures.marks import DrawnFigure
from drawings.figures.outfits import with_outfit
from drawings.figures.parts import BodyPart
from drawings.figures.patterns import PATTERNS, lines_inside, part_beyond, pattern_strokes
from drawings.figures.person import STYLES, drawn_person
from drawings.labels import with_rim
from drawings.mediums import Pen
from drawings.scenery import distractors
from drawings.scenes import draw_figure, fitted

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
CORNER = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.4], [0.4, 0.4], [0.4, 1.0], [0.0, 1.0]])
ADDED = (BodyPart.HEAD, BodyPart.HAIR, BodyPart.TRUNK, BodyPart.WORN)


def _label(figure: DrawnFigure, seed: int):
    canvas = Canvas(np.full((320, 240, 3), 255, np.float32), np.random.default_rng(seed))
    pen = Pen(mediums.MEDIUMS["mouse"], 1.5, 1.0, (0, 0, 0))
    return draw_figure(canvas, figure, pen, opaque=True, fills=("flood",))


@pytest.mark.parametrize("style", sorted(set(STYLES)))
def test_outfits_and_head_variants_leave_limbs_alone(style):
    """Of what is limb on the dressed figure, no more than lines at its rim was anything else, or nothing, on the plain one."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        hand = Hand.sampled(rng)
        plain = fitted(drawn_person(rng, hand, style, filled=0.5), (20, 20, 220, 300))[0]
        worn = with_head_variant(hand, with_outfit(hand, plain))
        assert np.array_equal(worn.joints[5:], plain.joints[5:])
        before, after = _label(plain, seed).parts, _label(worn, seed).parts
        is_limb = ~np.isin(after, (0, *ADDED))
        strange = (is_limb & (after != before)).astype(np.uint8)
        assert cv2.erode(strange, np.ones((9, 9), np.uint8)).sum() == 0


def test_most_figures_get_an_outfit():
    changed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        hand = Hand.sampled(rng)
        figure = drawn_person(rng, hand, "adult", filled=0.5)
        changed += len(with_outfit(hand, figure).marks) > len(figure.marks)
    assert 20 < changed < 50


@pytest.mark.parametrize("kind", sorted(set(PATTERNS)))
def test_patterns_stay_on_their_area(kind):
    """One with a corner that is missing: it is not enough to stay in its box."""
    strokes = [run for seed in range(6) for run in pattern_strokes(np.random.default_rng(seed), kind, CORNER, np.array([0.0, 1.0]))[0]]
    outline = CORNER.astype(np.float32)
    assert all(cv2.pointPolygonTest(outline, point.tolist(), measureDist=True) > -0.02 for point in np.concatenate(strokes))


def test_a_line_is_cut_where_it_leaves_an_area():
    line = np.column_stack([np.linspace(-1, 2, 61), np.full(61, 0.5)])[None]
    runs = lines_inside(SQUARE, line)
    assert len(runs) == 1
    assert runs[0][:, 0].min() == pytest.approx(0, abs=0.06)
    assert runs[0][:, 0].max() == pytest.approx(1, abs=0.06)
    assert not lines_inside(SQUARE, line + np.array([0.0, 5.0]))


def test_part_of_a_polygon_ends_at_the_line():
    half = part_beyond(SQUARE, np.array([0.0, 1.0]), 0.75)
    assert half[:, 1].min() == pytest.approx(0.75)
    assert cv2.contourArea(half.astype(np.float32)) == pytest.approx(0.25)
    assert len(part_beyond(SQUARE, np.array([0.0, 1.0]), 3.0)) == 0


def _name(maker) -> str:
    return maker.__name__


@pytest.mark.parametrize("line_style", sorted({*line_styles.LINE_STYLES}, key=_name), ids=_name)
def test_line_styles_keep_the_mask(line_style):
    """Not exactly: searching lines are around the line that is meant, those of a nib are thicker."""
    pen = Pen(mediums.MEDIUMS["mouse"], 1.5, 1.0, (0, 0, 0))
    for seed, style in enumerate(("adult", "robot", "monster", "stick_body", "profile", "big_head", "thick", "dress")):
        rng = np.random.default_rng(seed)
        plain = fitted(drawn_person(rng, Hand.sampled(rng), style, filled=0.5), (20, 20, 220, 300))[0]
        drawn = line_styles.with_line_style(rng, line_style, plain, pen)
        assert np.array_equal(drawn.joints, plain.joints)
        before, after = with_rim(_label(plain, seed).parts) > 0, with_rim(_label(drawn, seed).parts) > 0
        near = cv2.dilate(before.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
        assert not (after & ~near).any()
        assert (before & ~after).sum() < 0.12 * before.sum()


@pytest.mark.parametrize("maker", sorted({*distractors.BEHIND, *distractors.IN_FRONT}, key=_name), ids=_name)
def test_distractors_are_no_part_of_the_figure(maker, monkeypatch):
    monkeypatch.setattr(distractors, "ALONE_SHARE", 0.0)
    monkeypatch.setattr(distractors, "BEHIND", (maker,))
    monkeypatch.setattr(distractors, "IN_FRONT", (maker,))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        hand = Hand.sampled(rng)
        alone = drawn_person(rng, hand, "child", filled=0.5)
        both = distractors.with_distractors(hand, alone, 0.5)
        assert len(both.marks) > len(alone.marks)
        assert both.bounds() == alone.bounds()
        labels = [_label(fitted(figure, (40, 40, 200, 280))[0], seed) for figure in (alone, both)]
        assert np.array_equal(labels[0].parts, labels[1].parts)
        assert np.array_equal(labels[0].joints, labels[1].joints)


@pytest.mark.parametrize("variant", dict.fromkeys(VARIANTS), ids=_name)
def test_head_variants_are_head_or_hair(variant, monkeypatch):
    monkeypatch.setattr("drawings.figures.head_variants.PLAIN_SHARE", 0.0)
    monkeypatch.setattr("drawings.figures.head_variants.TURNED_SHARE", 0.0)
    monkeypatch.setattr("drawings.figures.head_variants.VARIANTS", (variant,))
    for seed in range(5):
        plain, changed = _plain_and_changed(seed)
        before = {id(mark) for mark in plain.marks}
        added = [mark for mark in changed.marks if id(mark) not in before]
        assert added
        assert {mark.part for mark in added} <= {BodyPart.HEAD, BodyPart.HAIR}


def test_turned_face_takes_nose_and_eyes_along(monkeypatch):
    monkeypatch.setattr("drawings.figures.head_variants.PLAIN_SHARE", 0.0)
    monkeypatch.setattr("drawings.figures.head_variants.TURNED_SHARE", 1.0)
    for seed in range(5):
        plain, turned = _plain_and_changed(seed)
        shifts = turned.joints[:, :2] - plain.joints[:, :2]
        assert shifts[:3] == pytest.approx(np.tile(shifts[0], (3, 1)))
        assert abs(shifts[0, 0]) > 0
        assert not shifts[3:].any()
        assert len(turned.marks) == len(plain.marks)


def _plain_and_changed(seed: int) -> tuple[DrawnFigure, DrawnFigure]:
    rng = np.random.default_rng(seed)
    hand = Hand.sampled(rng)
    plain = drawn_person(rng, hand, "child", filled=0.5)
    return plain, with_head_variant(hand, plain)
