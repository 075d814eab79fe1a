"""A whole figure: proportions, pose, limbs, body, head and dress put together, with its joints.

Joints follow what people mark on drawings: shoulders and hips where limbs leave the body, wrists and ankles where hands and feet
begin, the nose in the face (of a body with a face: never below the shoulders, so that a neck points up).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drawings.figures.bodies import CREATURES, LINES, TORSOS, BodyPlan, creature, ellipse, torso
from drawings.figures.colours import Palette, sampled_palette
from drawings.figures.extras import Groups, behind_marks, flattened, furry, held_thing, in_colours, merged, silhouette, trousers
from drawings.figures.hand import Hand
from drawings.figures.heads import HeadView, creature_head_marks, head_marks
from drawings.figures.limbs import LimbStyle, foot_marks, hand_marks, limb_marks
from drawings.figures.marks import Colour, DrawnFigure, Mark, Points
from drawings.figures.mixed import Makeup, mixed_makeup, swayed
from drawings.figures.parts import ARM, FOOT, HAND, LEG
from drawings.figures.people import PEOPLE, build_of, clothes_marks, limb_lengths, person_limbs, person_palette, person_plan
from drawings.figures.poses import Pose, sampled_pose
from drawings.figures.rare_poses import rare_pose
from drawings.figures.reaches import IN_FRONT, RARE_REACHES
from drawings.figures.shapes import arc, body, half_width, oval, points, turned, unit
from drawings.figures.stance import LEFT, RIGHT, Limbs, limb_style, limbs_of
from drawings.figures.torsos import torso_marks
from pipeline.pose.stride import faces_viewer

STYLES = (
    "stick", "stick", "stick", "stick_body", "stick_body", "outline", "outline", "outline", "thick", "thick", "dress", "dress",
    "potato", "vegetable", "vegetable", "robot", "monster", "monster", "big_head", "big_head", "gingerbread", "silhouette", "silhouette",
    "stickman", "stickman",
    "adult", "adult", "adult", "suit", "child", "child", "child", "chibi", "chibi", "princess", "princess", "profile", "profile",
    "animal_person", "animal_person", "beast", "beast",
)  # fmt: skip
MIXED = "mixed"
"""A style only of training pictures: parts of several."""
HELD_OUT_STYLES = ("snow_person", "block", "alien")
ARM_ROWS, LEG_ROWS = {RIGHT: (8, 10), LEFT: (7, 9)}, {RIGHT: (14, 16), LEFT: (13, 15)}
"""The joints along a limb, but for the one that it begins with: where it leaves the body one sees even if it is hidden."""
HEM_SHARE = 0.94
"""Of the length of a skirt, a dress or a coat: the level at which its legs begin, as people mark them."""
LEAST_LEG = 0.25
"""Share of a leg that is left below its hem: of a gown one sees the feet only, and people mark hips where they would be."""
LOW_ARMS = 0.1
"""Share of figures whose arms leave low on the trunk, or at its hem."""
LOW_HEADS = {"beast": 0.8, "chibi": 0.3, "big_head": 0.3}
"""Share of figures of a style without a neck, whose head covers the top of the trunk; of others LOW_HEAD."""
LOW_HEAD = 0.06
ONE_COLOR = ("silhouette", "stickman")
"""Styles that are one area of ink, without a face."""
SEEN_FROM_SIDE = (*ONE_COLOR, "profile")
LEAST_CROSSED = 0.028
"""Half the distance of the hips from which on legs may be crossed."""
WITH_FACE = ("potato", "vegetable", "monster")
"""Styles of which the body is the head."""


def _plan(rng: np.random.Generator, style: str) -> BodyPlan:
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


def _arm(hand: Hand, joints: Points, side: int, style: LimbStyle, palette: Palette) -> list[Mark]:
    along = unit(joints[2] - joints[1])
    parts = [replace(part, part=ARM[side]) for part in limb_marks(hand, joints, style)]
    if hand.rng.random() < 0.07:
        parts += held_thing(hand, joints[2] + along * style.size, side, palette)
    parts += [replace(part, part=HAND[side]) for part in hand_marks(hand, joints[2], along, style)]
    return [replace(part, joints=ARM_ROWS[side]) for part in parts]


def _legs(hand: Hand, limbs: Limbs, style: LimbStyle, plan: BodyPlan, lean: float, toes: int) -> list[Mark]:
    marks: list[Mark] = []
    rng = hand.rng
    toes = toes or (int(rng.choice([-1, 1])) if rng.random() < 0.15 else 0)
    together = style.kind == "outline" and not plan.skirt and plan.kind not in LINES and not _are_entangled(limbs) and rng.random() < 0.4
    if together:
        width = half_width(plan.profile, 0.97)
        level = plan.length * 0.97
        garment = trousers(hand, limbs.legs, style, turned(points((-width, level), (width, level)), lean))
        marks.append(replace(garment, joints=LEG_ROWS[RIGHT] + LEG_ROWS[LEFT]))
    for joints, side in zip(limbs.legs, (RIGHT, LEFT), strict=True):
        parts = [] if together else [replace(part, part=LEG[side]) for part in limb_marks(hand, joints, style)]
        feet = foot_marks(hand, joints[2], toes or side, unit(joints[2] - joints[1]), style)
        parts += [replace(part, part=FOOT[side]) for part in feet]
        marks += [replace(part, joints=LEG_ROWS[side]) for part in parts]
    return marks


def _are_entangled(limbs: Limbs) -> bool:
    """Whether no pair of trousers can be drawn around both legs in one line: feet are crossed, or a knee is raised."""
    legs = limbs.legs
    return bool((np.diff(legs[:, 1:, 0], axis=0) < 0).any() or (legs[:, 1, 1] - legs[:, 0, 1] < 0.04).any())


def _kept_arms(rng: np.random.Generator) -> tuple[bool, bool]:
    """Mostly both; children forget arms."""
    draw = rng.random()
    return (False, False) if draw < 0.025 else (bool(draw < 0.035), bool(draw >= 0.035)) if draw < 0.045 else (True, True)


def _joints(limbs: Limbs, landmarks: Points, plan: BodyPlan, keep: tuple[bool, bool], *, thin: bool) -> NDArray[np.float64]:
    """The 17 joints `(17, 3)`, as people mark them. Of line limbs that meet in one point, shoulders and hips are a little down the line. Of
    legs that come out of a skirt, hips are near its hem, even where one sees the legs go on inside, and knees are where they can be seen.
    """
    arms, legs = limbs.arms.copy(), limbs.legs.copy()
    if plan.skirt and plan.kind != "gown":
        legs = np.array([joints_below(leg, HEM_SHARE * plan.length) for leg in legs])
    if thin:
        arms[:, 0] += 0.08 * (arms[:, 1] - arms[:, 0])
        legs[:, 0] += 0.05 * (legs[:, 1] - legs[:, 0])
    joints = np.full((17, 3), 2.0)
    joints[:5, :2] = landmarks
    joints[3:5, 2] = 1
    joints[[6, 8, 10], :2], joints[[5, 7, 9], :2] = arms
    joints[[12, 14, 16], :2], joints[[11, 13, 15], :2] = legs
    if plan.skirt:
        joints[11:13, 2] = 1
    for kept, shoulder in zip(keep, (6, 5), strict=True):
        if not kept:
            joints[shoulder, 2] = 1
            joints[[shoulder + 2, shoulder + 4], 2] = 0
    return joints


def joints_below(leg: Points, level: float) -> Points:
    """A leg `(3, 2)` as people mark it whose upper part is covered down to a level: from there on, with a knee that can be seen."""
    way = np.concatenate([np.linspace(leg[0], leg[1], 50), np.linspace(leg[1], leg[2], 50)])
    start = int(np.argmax(way[:, 1] >= level)) if (way[:, 1] >= level).any() else len(way)
    if start == 0 or start > (1.0 - LEAST_LEG) * len(way):
        return leg
    knee = leg[1] if leg[1, 1] - level > 0.3 * (leg[2, 1] - level) else way[(start + len(way) - 1) // 2]
    return np.array([way[start], knee, leg[2]])


def _ordered(rng: np.random.Generator, groups: Groups, plan: BodyPlan, pose: Pose, facing: int) -> list[Mark]:
    """Parts in the order in which they are drawn: later ones hide earlier ones. Seen from the side, the near arm is before the body and
    the far one behind it; an arm that reaches for the chest or a pocket is mostly before it, one at the back behind it.
    """
    behind = [rng.random() < 0.5] * 2
    if rng.random() < 0.1:
        behind = [not behind[0], behind[1]]
    for index, reach in enumerate(pose.reaches):
        if reach in IN_FRONT:
            behind[index] = rng.random() < (0.12 if reach not in RARE_REACHES else 0.03)
        elif reach in ("back", "nape"):
            behind[index] = rng.random() < 0.9
    if facing:
        behind = [facing < 0, facing > 0]
    arms = ("right arm", "left arm") if rng.random() < 0.5 else ("left arm", "right arm")
    is_behind = dict(zip(("right arm", "left arm"), behind, strict=True))
    legs_first = plan.skirt or rng.random() < 0.6
    names = ["behind", *(arm for arm in arms if is_behind[arm]), *(["legs"] if legs_first else []), "torso"]
    before = [arm for arm in arms if not is_behind[arm]]
    names += [*([] if legs_first else ["legs"]), *before, "head"]
    raised = any(reach in ("chin", "ear") for reach in pose.reaches) or "up" in pose.name or pose.name.startswith("overhead")
    if before and rng.random() < (0.5 if raised else 0.06):
        names = [*(name for name in names if name not in before), *before]
    return [mark for name in names for mark in groups[name]]


def drawn_person(
    rng: np.random.Generator,
    hand: Hand,
    style: str,
    *,
    filled: float,
    inks: tuple[Colour, ...] = (),
    flat: bool = False,
    rare_poses: float = 0.0,
) -> DrawnFigure:
    """A figure of a style, about 1 high; `filled` is the probability that a part is coloured in, `inks` the pens for its parts (none:
    one pen for all); `flat` for vector art without outlines; `rare_poses` the probability of a rare pose.
    """
    makeup = mixed_makeup(rng, STYLES, filled) if style == MIXED else _makeup(rng, style, filled)
    plan, palette, view, facing = makeup.plan, makeup.palette, makeup.view, makeup.view.facing
    arm_style, leg_style = makeup.arms, makeup.legs
    from_side, grown_up = makeup.look in SEEN_FROM_SIDE or facing != 0, style in PEOPLE or (style == MIXED and rng.random() < 0.5)
    if rng.random() < rare_poses:
        narrow = half_width(plan.profile, plan.hips) * plan.stance < LEAST_CROSSED
        pose = rare_pose(rng, grown_up=grown_up, from_side=from_side, hidden=plan.skirt or makeup.has_face, narrow=narrow)
    else:
        pose = sampled_pose(rng, grown_up=grown_up, from_side=from_side)
    lean = pose.lean * (0.5 if plan.skirt else 1)
    limbs = limbs_of(rng, plan, pose, (arm_style.root, leg_style.root), lean, makeup.lengths)
    if pose.has_legs_exchanged and not faces_viewer(_joints(limbs, np.zeros((5, 2)), plan, (True, True), thin=plan.kind in LINES)):
        limbs = replace(limbs, legs=limbs.legs[::-1])
    outline = turned(body(plan.profile, plan.length, rounded=plan.rounded), lean)
    if rng.random() < {"monster": 0.35, "beast": 0.6, MIXED: 0.06}.get(style, 0.0):
        outline = furry(rng, outline)
    keep = _kept_arms(rng)
    right, left = (
        _arm(hand, joints, side, arm_style, palette) if kept else []
        for joints, side, kept in zip(limbs.arms, (RIGHT, LEFT), keep, strict=True)
    )
    groups: Groups = {
        "behind": _behind(hand, style, plan, limbs, palette),
        "right arm": right,
        "left arm": left,
        "legs": _legs(hand, limbs, leg_style, plan, lean, facing),
        "torso": torso_marks(hand, plan, outline, palette, lean),
    }
    if style in PEOPLE or (style == MIXED and not makeup.has_face and plan.kind not in LINES and rng.random() < 0.4):
        groups["torso"] += clothes_marks(hand, plan, palette, suit=style == "suit", lean=lean)
    if makeup.has_face:
        groups["head"], landmarks = creature_head_marks(hand, plan, palette, lean)
    else:
        low = rng.uniform(0.2, 0.9) * plan.shoulders * plan.length if rng.random() < LOW_HEADS.get(style, LOW_HEAD) else 0.0
        groups["head"], landmarks = head_marks(hand, makeup.head, palette, turned(np.array([[0.0, low]]), lean)[0], lean + pose.nod, view)
        if style == MIXED and rng.random() < 0.25:
            groups["head"], landmarks = _cocked(groups["head"], landmarks, rng.normal(0, 18))
    if flat and makeup.look not in ("gingerbread", *ONE_COLOR):
        groups = flattened(rng, groups, palette)
    groups["behind"] = [*_around(hand, limbs), *groups["behind"]]
    marks = _finished(rng, makeup.look, groups, (plan, pose, facing), palette, inks=inks)
    joints = _joints(limbs, landmarks, plan, keep, thin=plan.kind in LINES)
    traits = (plan.kind, pose.name, arm_style.kind, leg_style.kind)
    figure = DrawnFigure(tuple(marks), joints, style, traits, is_one_area=makeup.look in ("gingerbread", *ONE_COLOR))
    return swayed(rng, figure, plan) if style == MIXED else figure


def _makeup(rng: np.random.Generator, style: str, filled: float) -> Makeup:
    """What a figure of one style is made of."""
    build = build_of(rng, style) if style in PEOPLE else None
    palette = person_palette(rng, style, coloured=rng.random() < filled + 0.15) if build else sampled_palette(rng, filled)
    plan = person_plan(rng, style, build) if build else _plan(rng, style)
    if rng.random() < LOW_ARMS and plan.kind != "gown":
        plan = replace(plan, shoulders=rng.uniform(plan.shoulders, 0.95))
    if not build:
        arms, legs = (limb_style(rng, style, palette, arm=arm) for arm in (True, False))
        return Makeup(plan, arms, legs, None, palette, style, HeadView(), has_face=style in WITH_FACE, look=style)
    arms, legs = (person_limbs(rng, build, palette, arm=arm) for arm in (True, False))
    facing = int(rng.choice([-1, 1])) if style == "profile" else 0
    back = style != "animal_person" and not facing and rng.random() < 0.07
    animal = style == "animal_person" or (style == "beast" and rng.random() < 0.6)
    view = HeadView(rng.uniform(*build.head), facing, back, animal=animal)
    return Makeup(plan, arms, legs, limb_lengths(rng, build), palette, style, view, has_face=False, look=style)


def _cocked(head: list[Mark], landmarks: Points, degrees: float) -> tuple[list[Mark], Points]:
    """A head and its joints `(5, 2)` tilted about a point below it."""
    pivot = landmarks[0] + (0, max(mark.area[:, 1].max() for mark in head if mark.area is not None) - landmarks[0, 1])

    def move(shape: Points) -> Points:
        return pivot + turned(shape - pivot, degrees)

    return [mark.moved(move) for mark in head], move(landmarks)


def _around(hand: Hand, limbs: Limbs) -> list[Mark]:
    """A shadow on the ground, strokes of motion: near the figure, and no part of it."""
    rng = hand.rng
    marks: list[Mark] = []
    if rng.random() < 0.08:
        feet = limbs.legs[:, 2]
        middle, low = feet[:, 0].mean() + rng.normal(0, 0.05), feet[:, 1].max() + rng.uniform(0.01, 0.04)
        shade = int(rng.uniform(60, 200))
        shadow = oval((middle, low), rng.uniform(0.1, 0.35), rng.uniform(0.01, 0.045), count=20)
        marks.append(replace(hand.shape(shadow, fill=(shade, shade, shade), ink=(shade, shade, shade), width=0.3), loose=True))
    if rng.random() < 0.04:
        at = (limbs.arms, limbs.legs)[rng.integers(2)][rng.integers(2), 2]
        first = rng.uniform(0, 2 * np.pi)
        arcs = [arc(at, reach, reach, first, first + rng.uniform(0.5, 1.2), count=6) for reach in (0.08, 0.11, 0.14)]
        marks.append(replace(hand.strokes(*arcs), loose=True))
    return marks


def _behind(hand: Hand, style: str, plan: BodyPlan, limbs: Limbs, palette: Palette) -> list[Mark]:
    if plan.kind == "hero" and hand.rng.random() < 0.5:
        return behind_marks(hand, plan.length, half_width(plan.profile, 0.3) + 0.02, limbs.legs[:, 0].mean(axis=0), palette, "cape")
    if hand.rng.random() > {"monster": 0.2, "animal_person": 0.6}.get(style, 0.04):
        return []
    kind = "tail" if style == "animal_person" else ""
    return behind_marks(hand, plan.length, half_width(plan.profile, 0.3) + 0.02, limbs.legs[:, 0].mean(axis=0), palette, kind)


def _finished(
    rng: np.random.Generator,
    style: str,
    groups: Groups,
    order: tuple[BodyPlan, Pose, int],
    palette: Palette,
    *,
    inks: tuple[Colour, ...],
) -> list[Mark]:
    """The parts in order, and what concerns all of them: one outline, one colour, many colours."""
    if style in ONE_COLOR:
        groups = silhouette(groups)
    elif style == "gingerbread":
        marks = _ordered(rng, groups, *order)
        parts = [mark for mark in marks if mark.is_solid]
        inside = {id(part) for part in parts}
        return [*merged(parts, palette.top), *(mark for mark in marks if id(mark) not in inside)]
    elif inks:
        groups = in_colours(rng, groups, inks)
    return _ordered(rng, groups, *order)
