"""Mixed figures: trunk, limbs, head and colors each of another kind, proportions over the range of all kinds.

The network meets combinations in them instead of a fixed number of styles.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drawings.figures.bodies import CREATURES, LINES, RARE_TORSOS, TORSOS, BodyPlan, creature, rare_torso, torso
from drawings.figures.colors import Palette, sampled_palette
from drawings.figures.figure_plan import FigurePlan
from drawings.figures.heads import HeadView
from drawings.figures.limbs import FEET, HANDS, LINE_KINDS, RARE_KINDS, LimbStyle
from drawings.figures.marks import DrawnFigure, Points
from drawings.figures.people import PEOPLE, Build, build_of, limb_lengths, person_limbs, person_palette, person_plan
from drawings.figures.shapes import half_width, turned
from drawings.figures.stance import limb_style

MIXED = "mixed"
"""The style of these figures, which only training images have."""
ANY_BUILD = Build((0.05, 0.26), (0.05, 0.24), (0.17, 0.44), (0.12, 0.6), (0.1, 0.6), (0.012, 0.085), (0.016, 0.1))
"""All builds' ranges, and more; each proportion is drawn by itself."""
WIDEST = 0.28
"""Most of half a body's width."""
THICKEST = 0.26
"""Most of a limb's radius, as a share of its length."""
ARMS_ONLY, LEGS_ONLY = ("sleeve", "wing", "flipper"), ("flare",)
"""Kinds of limbs that only arms, or only legs, have."""
SAME_LIMBS_SHARE = 0.4
"""Share of figures with arms and legs of one kind."""
SILHOUETTE_SHARE, GINGERBREAD_SHARE = 0.07, 0.04
"""Share of figures that are one area of ink, or have one outline around all."""
BEND_SHARE, LEAN_SHARE = 0.14, 0.12
"""Share of figures bent sideways as a whole, or leaning strongly."""
MIN_LEANING = 0.05
"""Half the shoulders' width from which on a figure may lean strongly: of narrower ones, one shoulder would be below the other."""


def mixed_plan(rng: np.random.Generator, styles: tuple[str, ...], filled: float) -> FigurePlan:
    """A figure of parts of several of the `styles`; `filled` is the probability that a part is colored in."""
    person = PEOPLE[rng.integers(len(PEOPLE))]
    palette = person_palette(rng, person, colored=rng.random() < filled + 0.1) if rng.random() < 0.4 else sampled_palette(rng, filled)
    body, has_face = _body(rng)
    lengths = limb_lengths(rng, ANY_BUILD)
    arms, legs = (_limbs(rng, styles, palette, length, arm=arm) for arm, length in zip((True, False), lengths, strict=True))
    if rng.random() < SAME_LIMBS_SHARE:
        kind = arms.kind if legs.kind in LEGS_ONLY or arms.kind not in ARMS_ONLY else legs.kind
        arms, legs = replace(arms, kind=kind), replace(legs, kind=legs.kind if kind in ARMS_ONLY else kind)
    finish = _finish(rng, arms, legs)
    head = ("stick", "outline", "outline", "robot")[rng.integers(4)]
    return FigurePlan(MIXED, body, arms, legs, lengths, palette, head, _head_view(rng), has_face, finish)


def _finish(rng: np.random.Generator, arms: LimbStyle, legs: LimbStyle) -> str:
    """Mostly none in particular; limbs that are mere lines have no area that one outline could go around."""
    draw = rng.random()
    if draw < SILHOUETTE_SHARE:
        return "silhouette"
    are_lines = arms.kind in LINE_KINDS or legs.kind in LINE_KINDS
    return "gingerbread" if draw < SILHOUETTE_SHARE + GINGERBREAD_SHARE and not are_lines else MIXED


def _body(rng: np.random.Generator) -> tuple[BodyPlan, bool]:
    """A body of any kind and proportions, and whether it is the head."""
    draw, has_face = rng.random(), False
    if draw < 0.14:
        return torso(rng, LINES[rng.integers(len(LINES))]), False
    if draw < 0.24:
        plan, has_face = creature(rng, tuple(CREATURES)[rng.integers(len(CREATURES))]), True
    elif draw < 0.42:
        style = PEOPLE[rng.integers(len(PEOPLE))]
        plan = person_plan(rng, style, ANY_BUILD if rng.random() < 0.6 else build_of(rng, style))
    elif draw < 0.55:
        plan = torso(rng, TORSOS[rng.integers(len(TORSOS))])
    else:
        plan = rare_torso(rng, RARE_TORSOS[rng.integers(len(RARE_TORSOS))])
    wide, long = np.exp(rng.uniform(-0.35, 0.35, 2))
    wide = min(float(wide), WIDEST / max(width for _, width in plan.profile))
    profile = tuple((share, width * wide) for share, width in plan.profile)
    return replace(plan, profile=profile, length=plan.length * float(long)), has_face


def _limbs(rng: np.random.Generator, styles: tuple[str, ...], palette: Palette, length: float, *, arm: bool) -> LimbStyle:
    """Of any style, of a person, rubber hoses or one of the rare kinds; hands and feet of any size."""
    draw = rng.random()
    style = styles[rng.integers(len(styles))]
    if draw < 0.2:
        limbs = person_limbs(rng, ANY_BUILD, palette, arm=arm)
    else:
        limbs = limb_style(rng, style, palette, arm=arm)
        limbs = replace(limbs, root=rng.uniform(*(ANY_BUILD.arm_radius if arm else ANY_BUILD.leg_radius)))
        limbs = replace(limbs, tip=limbs.root * rng.uniform(0.4, 1.1))
    if 0.36 < draw < 0.5:
        return _rubber_hose(rng, limbs, arm=arm)
    if draw >= 0.5:
        kinds = [kind for kind in RARE_KINDS if kind not in (LEGS_ONLY if arm else ARMS_ONLY)]
        limbs = replace(limbs, kind=kinds[rng.integers(len(kinds))])
    thickest = THICKEST * length
    limbs = replace(limbs, root=min(limbs.root, thickest), tip=min(limbs.tip, thickest), curved=limbs.curved or limbs.kind in ARMS_ONLY)
    if limbs.kind == "wing" or (limbs.kind == "flipper" and rng.random() < 0.8):
        return replace(limbs, end="none")
    return _with_other_end(rng, limbs, arm=arm)


def _rubber_hose(rng: np.random.Generator, limbs: LimbStyle, *, arm: bool) -> LimbStyle:
    """Thin, equally thick all along and curved, with a large glove or shoe, as in old cartoons."""
    root = rng.uniform(0.01, 0.024)
    ends = ("mitten", "fingers", "ball") if arm else ("shoe", "boot", "round")
    end, size = ends[rng.integers(3)], root * rng.uniform(1.6, 3.2)
    return replace(limbs, kind="outline", curved=True, root=root, tip=root, end=end, size=size, sleeve=0.0)


def _with_other_end(rng: np.random.Generator, limbs: LimbStyle, *, arm: bool) -> LimbStyle:
    """With a tiny or huge hand or foot, now and then."""
    draw = rng.random()
    if draw >= 0.4:
        return limbs
    size = rng.uniform(0.008, 0.02) if draw < 0.1 else rng.uniform(0.05, 0.11)
    ends = HANDS if arm else FEET
    return replace(limbs, size=size, end=ends[rng.integers(1, len(ends))])


def _head_view(rng: np.random.Generator) -> HeadView:
    """Of any size, width and length of neck."""
    draw = rng.random()
    half = rng.uniform(*ANY_BUILD.head) if draw < 0.5 else rng.uniform(0.07, 0.16)
    aspect = rng.uniform(0.6, 1.7) if rng.random() < 0.4 else rng.uniform(0.8, 1.15)
    necks = (0.0, rng.uniform(0.01, 0.06), rng.uniform(0.06, 0.16))
    facing = int(rng.choice([-1, 1])) if rng.random() < 0.1 else 0
    animal = not facing and rng.random() < 0.12
    neck = necks[rng.choice(3, p=(0.4, 0.4, 0.2))]
    return HeadView(half, facing, bool(not animal and not facing and rng.random() < 0.04), animal=animal, aspect=aspect, neck=neck)


def with_bend_or_lean(rng: np.random.Generator, figure: DrawnFigure, body: BodyPlan) -> DrawnFigure:
    """The figure as a whole bent sideways in a C or an S, or leaning strongly, now and then."""
    draw = rng.random()
    if draw < BEND_SHARE:
        reach = rng.uniform(0.02, 0.06) * rng.choice([-1, 1])
        wave = np.pi * rng.uniform(0.6, 1.2) / max(body.length, 0.25)
        start = rng.uniform(0, 3)

        def bent(shape: Points) -> Points:
            return np.column_stack([shape[:, 0] + reach * np.sin(shape[:, 1] * wave + start), shape[:, 1]])

        return figure.moved(bent)
    if draw < BEND_SHARE + LEAN_SHARE and half_width(body.profile, body.shoulders) > MIN_LEANING:
        angle = rng.uniform(8, 35) * rng.choice([-1, 1])
        return figure.moved(lambda shape: turned(shape, angle))
    return figure
