# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Whole heads with neck, face, hair and hat; and faces on bodies that are heads themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.bodies import BodyPlan
from drawings.figures.colors import Palette
from drawings.figures.faces import face_marks
from drawings.figures.hair import ear_marks, hair_marks
from drawings.figures.hand import Hand
from drawings.figures.hats import hat_marks
from drawings.figures.marks import Mark, Points
from drawings.figures.parts import BodyPart
from drawings.figures.people import as_back_view, muzzle_marks, profile_face
from drawings.figures.shapes import half_width, oval, points, turned


def head_outline(rng: np.random.Generator, center: Points, rx: float, ry: float) -> Points:
    """Mostly round, sometimes squarish or narrow below."""
    draw = rng.random()
    outline = oval(center, rx, ry, squareness=0.0 if draw < 0.7 else rng.uniform(0.15, 0.9), start=rng.uniform(-np.pi, 0))
    if draw > 0.88:
        below = np.clip((outline[:, 1] - center[1]) / ry, 0, 1)
        outline[:, 0] = center[0] + (outline[:, 0] - center[0]) * (1 - 0.45 * below)
    return outline


@dataclass(frozen=True)
class HeadView:
    """How a head is seen.

    Attributes:
        half_height: in figure units; None for what the style has.
        facing: -1 looks to the viewer's left, 1 to the right, 0 at us.
        back: from behind.
        animal: a muzzle, and an animal's ears.
        aspect: its width as a multiple of its height; None for what is usual.
        neck: its length in figure units; None for what is usual.
    """

    half_height: float | None = None
    facing: int = 0
    back: bool = False
    animal: bool = False
    aspect: float | None = None
    neck: float | None = None


def _neck_length(rng: np.random.Generator, view: HeadView, half_height: float) -> float:
    if view.neck is not None:
        return view.neck
    if view.half_height is not None:
        return rng.uniform(0.0, 0.4) * min(half_height, 0.1)
    return 0.0 if rng.random() < 0.45 else rng.uniform(0.015, 0.09)


def head_marks(
    hand: Hand, style: str, palette: Palette, neck_from: Points, lean: float, view: HeadView = HeadView()
) -> tuple[list[Mark], list[Mark], Points]:
    """Hair behind all of the head; neck, head and all on it; and the joints nose, eyes, ears `(5, 2)`."""
    rng = hand.rng
    ry = view.half_height or (rng.uniform(0.19, 0.32) if style in ("big_head", "alien") else rng.uniform(0.085, 0.18))
    rx = ry * (view.aspect or rng.uniform(0.8, 1.25 if view.half_height is None else 1.1))
    neck = _neck_length(rng, view, ry)
    up = turned(points((0, -1)), lean)[0]
    center = neck_from + up * (neck + ry * rng.uniform(0.9, 1.0))
    marks: list[Mark] = []
    if neck > 0:
        if style in ("stick", "stick_body") or (view.half_height is None and rng.random() < 0.3):
            marks.append(hand.strokes(np.array([neck_from, neck_from + up * (neck + 0.02)])))
        else:
            half = rng.uniform(0.15, 0.4) * min(rx, 0.15)
            low, high = neck_from + (0, 0.02), neck_from + up * (neck + ry * 0.2)
            tube = np.array([low - (half, 0), high - (half, 0), high + (half, 0), low + (half, 0)])
            marks.append(hand.shape(tube, fill=palette.skin, closed=False))
    if view.animal or rng.random() < (0.22 if style != "stick" else 0.08):
        marks += ear_marks(hand, center, rx, ry, palette, animal=view.animal)
    behind, before = ([], []) if view.animal else hair_marks(hand, center, rx, ry, palette.hair)
    outline = head_outline(rng, center, rx, ry)
    if style in ("robot", "block"):
        outline = center + points((-rx, -ry), (rx, -ry), (rx, ry), (-rx, ry))
    elif style == "alien":
        outline[:, 0] -= np.sign(outline[:, 0] - center[0]) * np.clip(outline[:, 1] - center[1], 0, None) * 0.6
    ears = np.array([center + (rx * 0.95, 0), center - (rx * 0.95, 0)])
    if view.facing:
        face, landmarks = profile_face(hand, center, rx, ry, view.facing, palette)
    else:
        face, landmarks = face_marks(hand, center, rx, ry)
        landmarks = np.concatenate([landmarks, ears])
    if view.animal:
        face = [*muzzle_marks(hand, center, rx, ry, palette), *face]
    if view.back:
        face = as_back_view([], hand, center, rx, ry, palette)
    hair = [replace(mark, part=BodyPart.HAIR) for mark in (*behind, *before, *hat_marks(hand, center, rx, ry, palette.accent))]
    skull = [replace(mark, part=BodyPart.HEAD) for mark in (*marks, hand.shape(outline, fill=palette.skin), *face)]
    count = len(behind)
    return hair[:count], [*skull, *hair[count:]], landmarks


def creature_head_marks(hand: Hand, plan: BodyPlan, palette: Palette, lean: float) -> tuple[list[Mark], Points]:
    """The face on a body that is its own head, with whatever grows on top; and the joints nose, eyes, ears."""
    rng = hand.rng
    share = rng.uniform(0.2, 0.55)
    wide = max(half_width(plan.profile, share), 0.06)
    center = points((0, share * plan.length))[0]
    face, landmarks = face_marks(hand, center, wide * 0.85, min(wide, 0.3 * plan.length))
    nose = min(landmarks[0, 1], plan.shoulders * plan.length - 0.12 * plan.length)
    landmarks[:, 1] += min(0.0, nose - landmarks[0, 1])
    ears = np.array([landmarks[0] + (wide * 0.8, 0), landmarks[0] - (wide * 0.8, 0)])
    top = max(half_width(plan.profile, 0.06), 0.05)
    crown = points((0, top * 0.9))[0]
    marks = hat_marks(hand, crown, top, top, palette.accent)
    if rng.random() < 0.4:
        behind, before = hair_marks(hand, crown, top, top, palette.hair)
        marks = [*marks, *behind, *before] if rng.random() < 0.3 else [*before, *marks]
    marks = [replace(mark, part=BodyPart.HAIR) for mark in marks]
    marks += [mark.moved(lambda shape: turned(shape, lean)) for mark in face]
    return marks, turned(np.concatenate([landmarks, ears]), lean)
