"""The marks of a torso: its outline, belts, buttons, stripes, folds, knobs, pictures on the chest."""

from __future__ import annotations

import numpy as np

from drawings.figures.bodies import BodyPlan
from drawings.figures.colors import Palette
from drawings.figures.hand import Hand
from drawings.figures.marks import Mark, Points
from drawings.figures.shapes import half_width, oval, points, turned


def _across(plan: BodyPlan, share: float) -> Points:
    """A line through the body from side to side."""
    width = half_width(plan.profile, share)
    return points((-width, share * plan.length), (width, share * plan.length))


def _details(hand: Hand, plan: BodyPlan, palette: Palette) -> list[Mark]:
    """Marks on an upright body."""
    rng, length = hand.rng, plan.length
    marks: list[Mark] = []
    if rng.random() < 0.2 and not plan.skirt:
        marks.append(hand.strokes(_across(plan, rng.uniform(0.6, 0.9))))
    if rng.random() < 0.18:
        spots = np.linspace(0.25, 0.8, int(rng.integers(2, 5)))
        marks.append(hand.strokes(*(points((-0.008, s * length), (0.008, s * length), (0, s * length + 0.008)) for s in spots)))
    if rng.random() < 0.1:
        marks.append(hand.strokes(*(_across(plan, share) for share in np.linspace(0.2, 0.9, int(rng.integers(3, 7))))))
    if rng.random() < 0.06:
        columns = np.linspace(-0.7, 0.7, int(rng.integers(3, 6))) * half_width(plan.profile, 0.5)
        marks.append(hand.strokes(*(points((x, 0.15 * length), (x, 0.92 * length)) for x in columns)))
    if plan.skirt and rng.random() < 0.3:
        folds = np.linspace(-0.7, 0.7, int(rng.integers(3, 6))) * half_width(plan.profile, 1.0)
        marks.append(hand.strokes(*(points((x * 0.8, 0.72 * length), (x, 0.97 * length)) for x in folds)))
    if rng.random() < 0.1:
        size = 0.4 * half_width(plan.profile, 0.45)
        logo = oval((rng.normal(0, 0.01), 0.45 * length), size, size * rng.uniform(0.6, 1.2), squareness=rng.choice([0.0, 0.9]), count=16)
        marks.append(hand.shape(logo, fill=palette.accent, see_through=True))
    if rng.random() < (0.5 if plan.kind == "box" else 0.06):
        for _ in range(int(rng.integers(1, 5))):
            share = rng.uniform(0.2, 0.8)
            x = rng.uniform(-0.6, 0.6) * half_width(plan.profile, share)
            shape = oval(
                (x, share * length), rng.uniform(0.008, 0.03), rng.uniform(0.008, 0.03), squareness=rng.choice([0.0, 0.95]), count=12
            )
            marks.append(hand.shape(shape, fill=palette.accent, see_through=True))
    return marks


def torso_marks(hand: Hand, plan: BodyPlan, outline: Points, palette: Palette, lean: float) -> list[Mark]:
    """A body, leaning, with the marks on it. The first mark is the body itself."""
    spine = points((0, -0.01), (0, plan.length))
    if plan.kind == "line":
        return [hand.strokes(turned(spine, lean))]
    if plan.kind == "vee":
        hip_line = _across(plan, 1.0)
        sides = [np.array([spine[0], hip]) for hip in hip_line]
        return [hand.strokes(*(turned(line, lean) for line in (*sides, *([hip_line] if hand.rng.random() < 0.6 else []))))]
    if plan.kind == "bars":
        return [hand.strokes(*(turned(line, lean) for line in (spine, _across(plan, plan.shoulders), _across(plan, 1.0))))]
    details = [mark.moved(lambda shape: turned(shape, lean)) for mark in _details(hand, plan, palette)]
    return [hand.shape(outline, fill=palette.top, closed=bool(hand.rng.random() > 0.12)), *details]
