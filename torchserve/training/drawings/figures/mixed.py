"""Figures put together from several kinds: trunk, limbs, head and colours each from another, proportions over the range of all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.bodies import CREATURES, LINES, RARE_TORSOS, TORSOS, BodyPlan, creature, rare_torso, torso
from drawings.figures.colours import Palette, sampled_palette
from drawings.figures.heads import HeadView
from drawings.figures.limbs import FEET, HANDS, RARE_KINDS, LimbStyle
from drawings.figures.marks import DrawnFigure, Points
from drawings.figures.people import PEOPLE, Build, build_of, limb_lengths, person_limbs, person_palette, person_plan
from drawings.figures.shapes import half_width, turned
from drawings.figures.stance import limb_style

ANY = Build((0.05, 0.26), (0.05, 0.24), (0.17, 0.44), (0.12, 0.6), (0.1, 0.6), (0.012, 0.085), (0.016, 0.1))
"""All builds' ranges, and more; each proportion is drawn by itself."""
WIDEST = 0.28
"""Most of half a body's width."""
THICKEST = 0.26
"""Most of a limb's radius, as a share of its length."""
ARMS_ONLY, LEGS_ONLY = ("sleeve", "wing", "flipper"), ("flare",)
UPRIGHT = 0.05
"""Half the shoulders' width from which on a figure may lean strongly: of narrower ones, one shoulder would be below the other."""


@dataclass(frozen=True)
class Makeup:
    """What a figure is made of, before it has a pose.

    Attributes:
        lengths: of arms and legs; None for any.
        head: the style of its head.
        has_face: the body is the head.
        look: the style that says how all is finished.
    """

    plan: BodyPlan
    arms: LimbStyle
    legs: LimbStyle
    lengths: tuple[float, float] | None
    palette: Palette
    head: str
    view: HeadView
    has_face: bool
    look: str


def mixed_makeup(rng: np.random.Generator, styles: tuple[str, ...], filled: float) -> Makeup:
    """A figure of parts of several of the `styles`."""
    person = PEOPLE[rng.integers(len(PEOPLE))]
    palette = person_palette(rng, person, coloured=rng.random() < filled + 0.1) if rng.random() < 0.4 else sampled_palette(rng, filled)
    plan, has_face = _trunk(rng)
    lengths = limb_lengths(rng, ANY)
    arms, legs = (_limbs(rng, styles, palette, length, arm=arm) for arm, length in zip((True, False), lengths, strict=True))
    if rng.random() < 0.4:  # limbs of one kind
        kind = arms.kind if legs.kind in LEGS_ONLY or arms.kind not in ARMS_ONLY else legs.kind
        arms, legs = replace(arms, kind=kind), replace(legs, kind=legs.kind if kind in ARMS_ONLY else kind)
    draw = rng.random()
    look = (
        "silhouette"
        if draw < 0.07
        else "gingerbread"
        if draw < 0.11 and not {arms.kind, legs.kind} & {"line", "zigzag", "wavy"}
        else "mixed"
    )
    return Makeup(plan, arms, legs, lengths, palette, ("stick", "outline", "outline", "robot")[rng.integers(4)], _head(rng), has_face, look)


def _trunk(rng: np.random.Generator) -> tuple[BodyPlan, bool]:
    draw, has_face = rng.random(), False
    if draw < 0.14:
        return torso(rng, LINES[rng.integers(len(LINES))]), False
    if draw < 0.24:
        plan, has_face = creature(rng, tuple(CREATURES)[rng.integers(len(CREATURES))]), True
    elif draw < 0.42:
        style = PEOPLE[rng.integers(len(PEOPLE))]
        plan = person_plan(rng, style, ANY if rng.random() < 0.6 else build_of(rng, style))
    elif draw < 0.55:
        plan = torso(rng, TORSOS[rng.integers(len(TORSOS))])
    else:
        plan = rare_torso(rng, RARE_TORSOS[rng.integers(len(RARE_TORSOS))])
    wide, long = np.exp(rng.uniform(-0.35, 0.35, 2))
    wide = min(float(wide), WIDEST / max(width for _, width in plan.profile))
    profile = tuple((share, width * wide) for share, width in plan.profile)
    return replace(plan, profile=profile, length=plan.length * float(long)), has_face


def _limbs(rng: np.random.Generator, styles: tuple[str, ...], palette: Palette, length: float, *, arm: bool) -> LimbStyle:
    """Of any style, of a person, or of one of the rarer kinds; hands and feet of any size."""
    draw = rng.random()
    style = styles[rng.integers(len(styles))]
    if draw < 0.2:
        limbs = person_limbs(rng, ANY, palette, arm=arm)
    else:
        limbs = limb_style(rng, style, palette, arm=arm)
        limbs = replace(limbs, root=rng.uniform(*(ANY.arm_radius if arm else ANY.leg_radius)))
        limbs = replace(limbs, tip=limbs.root * rng.uniform(0.4, 1.1))
    if 0.36 < draw < 0.5:  # a rubber hose
        root = rng.uniform(0.01, 0.024)
        ends = ("mitten", "fingers", "ball") if arm else ("shoe", "boot", "round")
        limbs = replace(
            limbs, kind="outline", curved=True, root=root, tip=root, end=ends[rng.integers(3)], size=root * rng.uniform(1.6, 3.2)
        )
        return replace(limbs, sleeve=0.0)
    if draw >= 0.5:
        kinds = [kind for kind in RARE_KINDS if kind not in (LEGS_ONLY if arm else ARMS_ONLY)]
        limbs = replace(limbs, kind=kinds[rng.integers(len(kinds))])
    thickest = THICKEST * length
    limbs = replace(limbs, root=min(limbs.root, thickest), tip=min(limbs.tip, thickest), curved=limbs.curved or limbs.kind in ARMS_ONLY)
    if limbs.kind == "wing" or (limbs.kind == "flipper" and rng.random() < 0.8):
        return replace(limbs, end="none")
    draw = rng.random()
    if draw < 0.4:
        size = rng.uniform(0.008, 0.02) if draw < 0.1 else rng.uniform(0.05, 0.11)
        limbs = replace(limbs, size=size, end=(HANDS if arm else FEET)[rng.integers(1, len(HANDS))])
    return limbs


def _head(rng: np.random.Generator) -> HeadView:
    """Of any size, width and length of neck."""
    draw = rng.random()
    half = rng.uniform(*ANY.head) if draw < 0.5 else rng.uniform(0.07, 0.16)
    aspect = rng.uniform(0.6, 1.7) if rng.random() < 0.4 else rng.uniform(0.8, 1.15)
    necks = (0.0, rng.uniform(0.01, 0.06), rng.uniform(0.06, 0.16))
    facing = int(rng.choice([-1, 1])) if rng.random() < 0.1 else 0
    animal = not facing and rng.random() < 0.12
    neck = necks[rng.choice(3, p=(0.4, 0.4, 0.2))]
    return HeadView(half, facing, bool(not animal and not facing and rng.random() < 0.04), animal=animal, aspect=aspect, neck=neck)


def swayed(rng: np.random.Generator, figure: DrawnFigure, plan: BodyPlan) -> DrawnFigure:
    """The figure as a whole bent sideways in a C or an S, or leaning strongly, now and then."""
    draw = rng.random()
    if draw < 0.14:
        reach, wave, start = (
            rng.uniform(0.02, 0.06) * rng.choice([-1, 1]),
            np.pi * rng.uniform(0.6, 1.2) / max(plan.length, 0.25),
            rng.uniform(0, 3),
        )

        def bent(shape: Points) -> Points:
            return np.column_stack([shape[:, 0] + reach * np.sin(shape[:, 1] * wave + start), shape[:, 1]])

        return figure.moved(bent)
    if draw < 0.26 and half_width(plan.profile, plan.shoulders) > UPRIGHT:
        angle = rng.uniform(8, 35) * rng.choice([-1, 1])
        return figure.moved(lambda shape: turned(shape, angle))
    return figure
