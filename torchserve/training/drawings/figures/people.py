# ruff: noqa: RUF005 - adding a pair to an array moves it
"""People as cartoons, clip art, anime and sketches show them: grown-up or big-headed proportions, clothes, views from the side and back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.bodies import BodyPlan
from drawings.figures.colors import BRIGHT, HAIRS, SKINS, Palette, any_of, varied
from drawings.figures.hand import Hand
from drawings.figures.limbs import LimbStyle
from drawings.figures.marks import Color, Mark, Points
from drawings.figures.shapes import half_width, oval, points, smooth, turned

PEOPLE = ("adult", "suit", "child", "chibi", "princess", "profile", "animal_person", "beast")
FURRY = ("animal_person", "beast")
DARK: tuple[Color, ...] = ((30, 32, 48), (22, 22, 26), (50, 46, 44), (36, 48, 72), (62, 30, 40), (70, 70, 76))
FURS: tuple[Color, ...] = ((160, 110, 70), (230, 160, 80), (190, 190, 195), (90, 70, 60), (245, 235, 220), (120, 85, 60), (235, 180, 190))


@dataclass(frozen=True)
class Build:
    """Proportions of one kind of person, in figure units (from, to).

    Attributes:
        head: half the head's height.
        width: half the shoulders' width.
        trunk: its length.
        arm, leg: their lengths.
        arm_radius, leg_radius: at their roots.
    """

    head: tuple[float, float]
    width: tuple[float, float]
    trunk: tuple[float, float]
    arm: tuple[float, float]
    leg: tuple[float, float]
    arm_radius: tuple[float, float]
    leg_radius: tuple[float, float]


GROWN_UP = Build((0.062, 0.09), (0.085, 0.135), (0.27, 0.34), (0.34, 0.44), (0.38, 0.5), (0.024, 0.044), (0.036, 0.062))
SMALL = Build((0.1, 0.16), (0.075, 0.12), (0.22, 0.3), (0.24, 0.34), (0.24, 0.38), (0.022, 0.04), (0.03, 0.052))
CHIBI = Build((0.16, 0.25), (0.06, 0.1), (0.18, 0.26), (0.15, 0.25), (0.15, 0.27), (0.018, 0.036), (0.024, 0.045))
BEAST = Build((0.05, 0.085), (0.13, 0.23), (0.3, 0.42), (0.38, 0.58), (0.26, 0.42), (0.032, 0.058), (0.045, 0.085))
BUILDS = {
    "adult": GROWN_UP, "suit": GROWN_UP, "child": SMALL, "chibi": CHIBI, "princess": SMALL, "profile": GROWN_UP, "animal_person": SMALL,
    "beast": BEAST,
}  # fmt: skip


def build_of(rng: np.random.Generator, style: str) -> Build:
    """The proportions of a style, which any kind of person may borrow from another."""
    return BUILDS[style] if style == "beast" or rng.random() < 0.8 else (GROWN_UP, SMALL, CHIBI)[rng.integers(3)]


def person_plan(rng: np.random.Generator, style: str, build: Build) -> BodyPlan:
    """The trunk of a person: shoulders that slope, a waist, hips; or a dress, a coat, a gown down to the floor."""
    width, length = rng.uniform(*build.width), rng.uniform(*build.trunk)
    draw = rng.random()
    if style == "princess" or (style in ("child", "chibi", "adult") and draw < 0.22):
        return _dress(rng, width, length, floor=style == "princess" and draw < 0.5)
    if style == "profile":
        width *= 0.7
    waist, hips = rng.uniform(0.72, 1.0), rng.uniform(0.78, 1.12)
    slope = rng.uniform(0.04, 0.12)
    profile: tuple[tuple[float, float], ...] = (
        (0, 0.025),
        (0.02, 0.035),
        (slope, width * 0.9),
        (slope + 0.07, width),
        (0.6, width * waist),
        (0.95, width * hips),
        (1, width * hips * 0.95),
    )
    coat = style in ("suit", "adult") and rng.random() < 0.25
    if coat:
        flare = rng.uniform(0.95, 1.4)
        profile = (*profile[:4], (0.5, width * waist), (1, width * flare))
        longer = rng.uniform(1.15, 1.6)
        return BodyPlan("coat", profile, length * longer, rounded=False, shoulders=slope + 0.05, hips=0.95 / longer, stance=0.5, skirt=True)
    return BodyPlan(
        "person",
        profile,
        length,
        rounded=bool(rng.random() < 0.3),
        shoulders=slope + rng.uniform(0.02, 0.07),
        hips=0.97,
        stance=rng.uniform(0.45, 0.6),
    )


def _dress(rng: np.random.Generator, width: float, length: float, *, floor: bool) -> BodyPlan:
    longer = rng.uniform(2.1, 2.7) if floor else rng.uniform(1.25, 1.8)
    waist = rng.uniform(0.75, 0.95) / longer
    hem = width * (rng.uniform(1.6, 2.8) if floor else rng.uniform(1.2, 2.4))
    profile: tuple[tuple[float, float], ...] = (
        (0, 0.025),
        (0.06 / longer, width * 0.85),
        (0.16 / longer, width),
        (waist, width * rng.uniform(0.6, 0.85)),
        (waist + 0.12, width),
        (1, hem),
    )
    return BodyPlan(
        "gown" if floor else "dress",
        profile,
        length * longer,
        rounded=False,
        shoulders=0.12 / longer,
        hips=0.97 / longer,
        stance=0.5,
        skirt=True,
    )


def limb_lengths(rng: np.random.Generator, build: Build) -> tuple[float, float]:
    """Of an arm and a leg."""
    return rng.uniform(*build.arm), rng.uniform(*build.leg)


def person_limbs(rng: np.random.Generator, build: Build, palette: Palette, *, arm: bool) -> LimbStyle:
    """Arms that taper to the wrist, sleeves; legs in trousers, in shorts or bare."""
    root = rng.uniform(*(build.arm_radius if arm else build.leg_radius))
    ends = ("mitten", "mitten", "fingers", "ball", "stub") if arm else ("shoe", "shoe", "boot", "round")
    share = (0.0, rng.uniform(0.25, 0.5), rng.uniform(0.85, 0.97))[rng.integers(3)]
    clothes = palette.top if arm else palette.bottom
    return LimbStyle(
        kind="outline",
        curved=bool(rng.random() < 0.2),
        root=root,
        tip=root * rng.uniform(0.5, 0.8),
        end=ends[rng.integers(len(ends))],
        size=root * rng.uniform(0.55, 0.9),
        fill=palette.skin,
        end_fill=palette.skin if arm else palette.shoes,
        sleeve=share,
        sleeve_fill=clothes,
    )


def person_palette(rng: np.random.Generator, style: str, *, colored: bool) -> Palette:
    """Colors of clothes, skin and hair; none at all for line art."""
    if not colored:
        hair = any_of(rng, DARK) if rng.random() < 0.2 else None
        return Palette(hair=hair)
    skin = any_of(rng, FURS if style in FURRY else SKINS)
    top, bottom = any_of(rng, BRIGHT), any_of(rng, (*BRIGHT, *DARK))
    if style == "suit" or rng.random() < 0.12:
        top = any_of(rng, DARK)
        bottom = varied(rng, top, 4) if rng.random() < 0.75 else any_of(rng, DARK)
    if style in FURRY and rng.random() < (0.5 if style == "animal_person" else 0.85):
        top, bottom = varied(rng, skin, 5), varied(rng, skin, 5)
    hair = skin if style in FURRY else any_of(rng, HAIRS)
    return Palette(skin, top, bottom, any_of(rng, (*DARK, *BRIGHT)), hair, any_of(rng, BRIGHT))


def clothes_marks(hand: Hand, plan: BodyPlan, palette: Palette, *, suit: bool, lean: float) -> list[Mark]:
    """What is on a person's trunk: a collar, a tie, lapels, buttons, a belt, pockets, an apron, a necklace, braces."""
    rng, length = hand.rng, plan.length
    wide = half_width(plan.profile, 0.3)
    marks: list[Mark] = []
    if suit:
        shirt = points((-wide * 0.4, 0.02), (0, length * rng.uniform(0.3, 0.55)), (wide * 0.4, 0.02))
        marks.append(hand.shape(shirt, fill=(245, 245, 245) if palette.top else None, see_through=True))
        tie = points((0, 0.02), (0.012, 0.05), (0, length * 0.35), (-0.012, 0.05))
        marks.append(hand.shape(tie, fill=palette.accent, see_through=True))
        marks.append(hand.strokes(points((0, length * 0.5), (0, length * 0.95))))
    elif plan.kind == "dress" and rng.random() < 0.4:
        marks.append(_skirt(hand, plan, palette))
    elif rng.random() < 0.4:
        marks.append(hand.strokes(points((-wide * 0.35, 0.01), (0, rng.uniform(0.03, 0.06)), (wide * 0.35, 0.01))))
    if rng.random() < 0.35:
        level = plan.hips * length * rng.uniform(0.85, 0.97)
        across = half_width(plan.profile, level / length)
        belt = points((-across, level), (across, level), (across, level + 0.02), (-across, level + 0.02))
        marks.append(hand.shape(belt, fill=palette.accent, see_through=True))
    if rng.random() < 0.15:
        braces = [points((s * wide * 0.5, 0.02), (s * wide * 0.4, plan.hips * length)) for s in (-1, 1)]
        marks.append(hand.strokes(*braces, width=2))
    if rng.random() < 0.15:
        apron = points((-wide * 0.5, length * 0.2), (wide * 0.5, length * 0.2), (wide * 0.8, length * 0.9), (-wide * 0.8, length * 0.9))
        marks.append(hand.shape(apron, fill=palette.accent, see_through=True))
    if rng.random() < 0.2:
        pockets = [oval((s * wide * 0.5, length * 0.3), 0.015, 0.015, squareness=0.9, count=12) for s in (-1, 1)]
        marks += [hand.shape(pocket, fill=palette.accent, see_through=True) for pocket in pockets]
    return [mark.moved(lambda shape: turned(shape, lean)) for mark in marks]


def _skirt(hand: Hand, plan: BodyPlan, palette: Palette) -> Mark:
    """The lower part of what covers body and legs, as a garment of its own below a blouse or a jacket."""
    levels = np.linspace(plan.hips * hand.rng.uniform(0.7, 1.2), 1.0, 8)
    right = np.array([(half_width(plan.profile, level), level * plan.length) for level in levels])
    return hand.shape(np.concatenate([right, right[::-1] * (-1, 1)]), fill=palette.bottom, see_through=True)


def profile_face(hand: Hand, center: Points, rx: float, ry: float, facing: int, palette: Palette) -> tuple[list[Mark], Points]:
    """A face from the side: a nose that sticks out, one eye, half a mouth, an ear; and nose, eyes, ears `(5, 2)`."""
    rng = hand.rng
    nose = center + (facing * rx * rng.uniform(1.05, 1.3), ry * rng.uniform(0.0, 0.2))
    bump = smooth(np.array([center + (facing * rx * 0.85, -ry * 0.15), nose, center + (facing * rx * 0.8, ry * 0.35)]), closed=False)
    eye = center + (facing * rx * 0.5, -ry * rng.uniform(0.05, 0.25))
    ear = center + (-facing * rx * rng.uniform(0.0, 0.25), ry * rng.uniform(-0.05, 0.15))
    mouth = points((facing * rx * 0.35, ry * 0.5), (facing * rx * 0.8, ry * rng.uniform(0.4, 0.55)))
    marks = [hand.shape(bump, fill=palette.skin, closed=False), hand.blob(oval(eye, rx * 0.09, ry * 0.13, count=10))]
    marks += [hand.strokes(center + mouth), hand.shape(oval(ear, rx * 0.16, ry * 0.22, count=12), fill=palette.skin)]
    shift = np.array([rx * 0.08, 0.0])
    return marks, np.array([nose, eye + shift, eye - shift, ear + shift, ear - shift])


def muzzle_marks(hand: Hand, center: Points, rx: float, ry: float, palette: Palette) -> list[Mark]:
    """An animal's muzzle, with a nose."""
    rng = hand.rng
    low = center + (0, ry * rng.uniform(0.3, 0.5))
    fill = None if palette.skin is None else varied(rng, (245, 230, 210))
    muzzle = hand.shape(oval(low, rx * rng.uniform(0.35, 0.6), ry * rng.uniform(0.3, 0.45)), fill=fill, see_through=True)
    tip = hand.blob(oval(low - (0, ry * 0.2), rx * 0.14, ry * 0.1, count=10), (30, 25, 25))
    return [muzzle, tip]


def as_back_view(marks: list[Mark], hand: Hand, center: Points, rx: float, ry: float, palette: Palette) -> list[Mark]:
    """A head whose hair covers all that is seen of it."""
    cover = oval(center - (0, ry * 0.08), rx * 1.02, ry * hand.rng.uniform(0.85, 1.05))
    return [*marks, replace(hand.shape(cover, fill=palette.hair), see_through=False)]
