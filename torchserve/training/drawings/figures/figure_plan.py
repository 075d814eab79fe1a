"""The plan of a figure before it has a pose: body, limbs, colors and head of one style."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.bodies import CREATURES, LINES, TORSOS, BodyPlan, creature, ellipse, torso
from drawings.figures.colors import Palette, sampled_palette
from drawings.figures.heads import HeadView
from drawings.figures.limbs import LimbStyle
from drawings.figures.people import PEOPLE, Build, build_of, limb_lengths, person_limbs, person_palette, person_plan
from drawings.figures.stance import limb_style

ONE_COLOR = ("silhouette", "stickman")
"""Styles that are one area of ink, without a face."""
WITH_FACE = ("potato", "vegetable", "monster")
"""Styles of which the body is the head."""
LOW_ARMS, LOW_ARMS_OF_LINES = 0.1, 0.25
"""Share of figures whose arms leave low on the trunk, or at its hem; of those whose trunk is a line."""


@dataclass(frozen=True)
class FigurePlan:
    """The plan of a figure.

    Attributes:
        style: what kind of figure it is labeled as.
        lengths: of arms and legs; None for any.
        head: the style of its head.
        has_face: the body is the head.
        finish: the style that decides on what concerns the whole figure, such as one outline or one color.
    """

    style: str
    body: BodyPlan
    arms: LimbStyle
    legs: LimbStyle
    lengths: tuple[float, float] | None
    palette: Palette
    head: str
    view: HeadView
    has_face: bool
    finish: str

    @property
    def is_one_area(self) -> bool:
        """Whether nothing inside the figure's outline is drawn."""
        return self.finish in ("gingerbread", *ONE_COLOR)

    @property
    def is_from_side(self) -> bool:
        """Whether the figure may be one that is seen from the side."""
        return self.finish in (*ONE_COLOR, "profile") or self.view.facing != 0


def style_plan(rng: np.random.Generator, style: str, filled: float) -> FigurePlan:
    """A figure of one style; `filled` is the probability that a part is colored in."""
    build = build_of(rng, style) if style in PEOPLE else None
    palette = person_palette(rng, style, colored=rng.random() < filled + 0.15) if build else sampled_palette(rng, filled)
    body = person_plan(rng, style, build) if build else _body_plan(rng, style)
    if rng.random() < (LOW_ARMS_OF_LINES if body.kind in LINES else LOW_ARMS) and body.kind != "gown":
        body = replace(body, shoulders=rng.uniform(body.shoulders, 0.95))
    if not build:
        arms, legs = (limb_style(rng, style, palette, arm=arm) for arm in (True, False))
        return FigurePlan(style, body, arms, legs, None, palette, style, HeadView(), has_face=style in WITH_FACE, finish=style)
    arms, legs = (person_limbs(rng, build, palette, arm=arm) for arm in (True, False))
    view = _person_view(rng, style, build)
    return FigurePlan(style, body, arms, legs, limb_lengths(rng, build), palette, style, view, has_face=False, finish=style)


def _person_view(rng: np.random.Generator, style: str, build: Build) -> HeadView:
    facing = int(rng.choice([-1, 1])) if style == "profile" else 0
    back = style != "animal_person" and not facing and rng.random() < 0.07
    animal = style == "animal_person" or (style == "beast" and rng.random() < 0.6)
    return HeadView(rng.uniform(*build.head), facing, back, animal=animal)


def _body_plan(rng: np.random.Generator, style: str) -> BodyPlan:
    if style in WITH_FACE:
        kinds = ("egg", "ball", "box") if style == "potato" else tuple(CREATURES)
        return creature(rng, kinds[rng.integers(len(kinds))])
    if style == "dress":
        return torso(rng, "triangle" if rng.random() < 0.5 else "dress")
    fixed = {"robot": "box", "snow_person": "snow", "block": "box", "alien": "oval"}
    if style == "stickman":
        return replace(torso(rng, "oval"), profile=ellipse(rng.uniform(0.035, 0.085)), stance=0.3)
    if style == "stick":
        return torso(rng, ("line", "line", "line", "line", "line", "line", "bars", "vee")[rng.integers(8)])
    return torso(rng, fixed.get(style) or TORSOS[rng.integers(len(TORSOS))])
