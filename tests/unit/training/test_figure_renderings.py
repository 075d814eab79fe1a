"""Muscles, fur, hands with fingers, views from half the side, tones: they change how figures look, never whose pixels are whose."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from drawings import mediums, tones
from drawings.canvas import Canvas
from drawings.figures import anatomy, gestures, turned_views
from drawings.figures.hand import Hand
from drawings.figures.marks import DrawnFigure
from drawings.figures.parts import ARM, HAND, LIMB_ROWS, BodyPart
from drawings.figures.person import drawn_person
from drawings.mediums import Pen
from drawings.scenes import draw_figure, fitted
from drawings.tones import Tone

from pipeline.types.keypoints import HIPS, NOSE, SHOULDERS

STEADY = {"wobble": 0.0, "tremor": 0.0, "slip": 0.0}


def _person(seed: int, style: str = "adult") -> tuple[Hand, DrawnFigure]:
    rng = np.random.default_rng(seed)
    hand = Hand(rng, **STEADY)
    return hand, drawn_person(rng, hand, style, filled=0.5)


def _widths(figure: DrawnFigure, part: BodyPart) -> np.ndarray:
    """How far the largest mark of a limb is from its axis, at most, in each tenth of its upper bone."""
    area = max((mark for mark in figure.marks if mark.part == part and mark.is_solid), key=lambda mark: mark.box_area).area
    root, middle = figure.joints[list(LIMB_ROWS[part])[:2], :2]
    bone = middle - root
    along = (area - root) @ bone / (bone @ bone)
    across = np.abs((area - root) @ np.array([-bone[1], bone[0]])) / np.hypot(*bone)
    return np.array([across[np.abs(along - share) < 0.1].max(initial=0.0) for share in (0.25, 0.5, 0.75)])


def test_muscles_widen_upper_arms_and_keep_joints(monkeypatch):
    monkeypatch.setattr(anatomy, "MODELLED_SHARE", 1.0)
    monkeypatch.setattr(anatomy, "BENT_PAIRS_SHARE", 1.0)
    monkeypatch.setattr(anatomy, "KINDS", ("muscles",))
    monkeypatch.setattr(anatomy, "FURRY_SHARES", {})
    monkeypatch.setattr(anatomy, "ONE_SIDED_SHARE", 0.0)
    wider = 0
    for seed in range(12):
        hand, plain = _person(seed)
        bent = anatomy.with_anatomy(hand, plain)
        assert np.array_equal(bent.joints, plain.joints)
        assert len(bent.marks) == len(plain.marks)
        wider += bool((_widths(bent, ARM[1]) > _widths(plain, ARM[1])).any())
    assert wider >= 10


def test_bulges_do_not_let_limbs_grow_into_each_other():
    bend = anatomy._Bend(np.array([[0.0, 0.0], [0.0, 0.5], [0.0, 1.0]]), ((0, 9.0), (1, 9.0)), (1.0, 1.0))
    moved = bend.moved(np.array([[0.1, 0.3], [-0.1, 0.7], [0.5, 0.5]]))
    assert moved[:, 0] == pytest.approx([0.3, -0.3, 0.5])
    assert moved[:, 1] == pytest.approx([0.3, 0.7, 0.5])


def test_fur_stays_near_the_outline(monkeypatch):
    monkeypatch.setattr(anatomy, "MODELLED_SHARE", 0.0)
    monkeypatch.setattr(anatomy, "FURRY_SHARES", {"beast": 1.0})
    monkeypatch.setattr(anatomy, "FURRED_LIMBS_ONLY", 0.0)
    for seed in range(6):
        hand, plain = _person(seed, "beast")
        furry = anatomy.with_anatomy(hand, plain)
        grown = np.array(furry.bounds()) - plain.bounds()
        assert (np.abs(grown) < 0.06).all()
        assert sum(len(mark.area) for mark in furry.marks if mark.is_solid) != sum(len(mark.area) for mark in plain.marks if mark.is_solid)


@pytest.mark.parametrize("gesture", sorted(gestures.GESTURES))
def test_hands_are_at_their_wrists(gesture, monkeypatch):
    monkeypatch.setattr(gestures, "MODELLED_SHARE", 1.0)
    monkeypatch.setattr(gestures, "GESTURES", {gesture: gestures.GESTURES[gesture]})
    replaced = 0
    for seed in range(8):
        hand, plain = _person(seed)
        drawn = gestures.with_gestures(hand, plain)
        assert np.array_equal(drawn.joints, plain.joints)
        for side in (-1, 1):
            before = [mark for mark in plain.marks if mark.part == HAND[side]]
            points = np.concatenate(
                [stroke for mark in drawn.marks if mark.part == HAND[side] for stroke in mark.strokes] or [np.zeros((0, 2))]
            )
            if not before:
                assert not len(points)
                continue
            replaced += 1
            away = np.hypot(*(points - drawn.joints[LIMB_ROWS[ARM[side]][2], :2]).T)
            assert away.min() < gestures.SIZES[1]
            assert away.max() < 5 * gestures.SIZES[1]
    assert replaced > 8


def test_view_from_half_the_side_narrows_one_half(monkeypatch):
    monkeypatch.setattr(turned_views, "TURNED_SHARE", 1.0)
    for seed in range(8):
        hand, plain = _person(seed)
        turned = turned_views.with_turned_view(hand, plain)
        spine = plain.joints[list(SHOULDERS), 0].mean()
        before, after = (np.sort(np.abs(figure.joints[list(SHOULDERS), 0] - spine)) for figure in (plain, turned))
        assert after[0] < 0.85 * before.min()
        assert np.array_equal(turned.joints[:, 1], plain.joints[:, 1])
        shoulders = turned.joints[list(SHOULDERS), 0] - spine
        shift = turned.joints[NOSE, 0] - plain.joints[NOSE, 0]
        assert shift == 0 or np.sign(shift) == np.sign(shoulders[np.abs(shoulders).argmin()])
        assert turned.joints[list(HIPS), 2] == pytest.approx(plain.joints[list(HIPS), 2])


@pytest.mark.parametrize("kind", sorted(set(tones.KINDS)))
def test_tones_change_pixels_of_the_figure_only(kind):
    pen = Pen(mediums.MEDIUMS["mouse"], 1.5, 1.0, (0, 0, 0))
    tone = Tone(kind, 0.9, (0.6, 0.8), 0.3, 4.0, 0.7, (0.0, 0.0, 0.0))
    changed = 0
    for seed in range(4):
        figure = fitted(_person(seed)[1], (20, 20, 220, 300))[0]
        pictures = []
        for canvas_tone in (None, tone):
            canvas = Canvas(np.full((320, 240, 3), 200, np.float32), np.random.default_rng(seed))
            canvas.tone = canvas_tone
            label = draw_figure(canvas, figure, pen, opaque=True, fills=("flood",))
            pictures.append((canvas.picture, label))
        (plain, before), (toned, after) = pictures
        assert np.array_equal(before.parts, after.parts)
        is_changed = np.abs(plain - toned).max(axis=2) > 1
        near = cv2.dilate((after.parts > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # edges are smooth
        assert not (is_changed & ~near).any()
        changed += np.count_nonzero(is_changed)
    assert changed > 400


def test_areas_without_room_have_no_tone():
    picture, coverage = np.full((5, 40, 3), 200, np.float32), np.ones((5, 40), np.float32)
    Tone("gradient", 1.0, (1.0, 0.0), 0.3, 4.0, 0.0, (0.0, 0.0, 0.0)).lay(picture, coverage, np.random.default_rng(0))
    assert (picture == 200).all()
