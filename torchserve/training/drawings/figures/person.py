"""A whole figure: proportions, pose, limbs, body, head and dress put together, with its joints.

Joints follow what people mark on drawings: shoulders and hips where limbs leave the body, wrists and ankles where hands and feet
begin, the nose in the face (of a body with a face: never below the shoulders, so that a neck points up).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drawings.figures.bodies import LINES, BodyPlan
from drawings.figures.colors import Palette
from drawings.figures.extras import Groups, behind_marks, flattened, furry, held_thing, in_colors, merged, silhouette, trousers
from drawings.figures.figure_plan import ONE_COLOR, FigurePlan, style_plan
from drawings.figures.hand import Hand
from drawings.figures.heads import creature_head_marks, head_marks
from drawings.figures.limbs import LimbStyle, foot_marks, hand_marks, limb_marks
from drawings.figures.marks import Color, DrawnFigure, Mark, Points
from drawings.figures.mixed import MIXED, mixed_plan, with_bend_or_lean
from drawings.figures.parts import ARM, FOOT, HAND, LEG, LIMB_ROWS
from drawings.figures.people import PEOPLE, clothes_marks
from drawings.figures.poses import Pose, sampled_pose
from drawings.figures.rare_poses import rare_pose
from drawings.figures.reaches import IN_FRONT, RARE_REACHES
from drawings.figures.shapes import arc, body_outline, half_width, oval, points, turned, unit
from drawings.figures.stance import LEFT, RIGHT, Limbs, limbs_of
from drawings.figures.torsos import torso_marks
from pipeline.pose.stride import faces_viewer
from pipeline.types.keypoints import ARMS, EARS, FIRST_BODY_KEYPOINT, HIPS, LEGS

STYLES = (
    "stick", "stick", "stick", "stick_body", "stick_body", "outline", "outline", "outline", "thick", "thick", "dress", "dress",
    "potato", "vegetable", "vegetable", "robot", "monster", "monster", "big_head", "big_head", "gingerbread", "silhouette", "silhouette",
    "stickman", "stickman",
    "adult", "adult", "adult", "suit", "child", "child", "child", "chibi", "chibi", "princess", "princess", "profile", "profile",
    "animal_person", "animal_person", "beast", "beast",
)  # fmt: skip
HELD_OUT_STYLES = ("snow_person", "block", "alien")
ARM_ROWS, LEG_ROWS = ({side: LIMB_ROWS[limb[side]][1:] for side in (RIGHT, LEFT)} for limb in (ARM, LEG))
"""The joints along a limb without its first: where a limb leaves the body can be seen even if that point is hidden."""
HEM_SHARE = 0.94
"""Level at which people mark the start of the legs, as a share of the length of a skirt, a dress or a coat."""
MIN_LEG_SHARE = 0.25
"""Least share of a leg that must show below the hem: below a gown only the feet show, and people mark hips where they would be."""
LOW_HEADS = {"beast": 0.8, "chibi": 0.3, "big_head": 0.3}
"""Share of figures of a style without a neck, whose head covers the top of the trunk; of others LOW_HEAD."""
LOW_HEAD = 0.06
HEAD_TILT_SHARE, HEAD_TILT_DEG = 0.25, 18
"""Share of mixed figures whose heads are tilted by themselves, and the standard deviation of that angle."""
FURRY = {"monster": 0.35, "beast": 0.6, MIXED: 0.06}
"""Share of figures of a style whose bodies have tufts all around."""
BEHIND, BEHIND_OTHERS, HERO_CAPE = {"monster": 0.2, "animal_person": 0.6}, 0.04, 0.5
"""Share of figures of a style with a tail, wings, a cape or a backpack; of other styles; of heroes with a cape."""
CLOTHED = 0.4
"""Share of mixed figures, of bodies with room for them, with a person's clothes."""
HAIR_BEHIND_BODY = 0.5
"""Share of figures whose hair falls behind the shoulders, where it is long enough, instead of over them."""
HAND_IN_POCKET = 0.5
"""Share of hands at a pocket that are in it, so that the arm ends at its edge."""
SAME_WAY_FEET = 0.15
"""Share of figures that face us with both feet to one side."""
MIN_CROSSED = 0.028
"""Least half distance of the hips for crossed legs: on narrower bodies, left and right could not be told apart."""
RAISED_KNEE = 0.04
"""A knee counts as raised if it is less than this below its hip, in figure units."""


@dataclass(frozen=True)
class _PosedFigure:
    """A figure in its pose.

    Attributes:
        lean: degrees that the body leans.
        outline: the body's, leaning.
        has_arms: the right one, the left one.
    """

    plan: FigurePlan
    pose: Pose
    lean: float
    limbs: Limbs
    outline: Points
    has_arms: tuple[bool, bool]


def _arm(hand: Hand, joints: Points, side: int, style: LimbStyle, palette: Palette, reach: str) -> list[Mark]:
    along = unit(joints[2] - joints[1])
    parts = [replace(part, part=ARM[side]) for part in limb_marks(hand, joints, style)]
    if reach == "pocket" and hand.rng.random() < HAND_IN_POCKET:
        edge = joints[2] + points((-along[1], along[0]), (along[1], -along[0])) * hand.rng.uniform(1.0, 2.0) * style.tip
        parts.append(replace(hand.strokes(edge), part=ARM[side]))
        return [replace(part, joints=ARM_ROWS[side]) for part in parts]
    if hand.rng.random() < 0.07:
        parts += held_thing(hand, joints[2] + along * style.size, side, palette)
    parts += [replace(part, part=HAND[side]) for part in hand_marks(hand, joints[2], along, style)]
    return [replace(part, joints=ARM_ROWS[side]) for part in parts]


def _legs(hand: Hand, figure: _PosedFigure) -> list[Mark]:
    marks: list[Mark] = []
    rng, style, body, limbs = hand.rng, figure.plan.legs, figure.plan.body, figure.limbs
    toes = figure.plan.view.facing or (int(rng.choice([-1, 1])) if rng.random() < SAME_WAY_FEET else 0)
    together = style.kind == "outline" and not body.skirt and body.kind not in LINES and not _are_entangled(limbs) and rng.random() < 0.4
    if together:
        width = half_width(body.profile, 0.97)
        level = body.length * 0.97
        garment = trousers(hand, limbs.legs, style, turned(points((-width, level), (width, level)), figure.lean))
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
    return bool((np.diff(legs[:, 1:, 0], axis=0) < 0).any() or (legs[:, 1, 1] - legs[:, 0, 1] < RAISED_KNEE).any())


def _sampled_arms(rng: np.random.Generator) -> tuple[bool, bool]:
    """Which arms a figure has, the viewer's left first; mostly both, but children forget arms."""
    draw = rng.random()
    return (False, False) if draw < 0.025 else (bool(draw < 0.035), bool(draw >= 0.035)) if draw < 0.045 else (True, True)


def _joints(limbs: Limbs, landmarks: Points, body: BodyPlan, has_arms: tuple[bool, bool]) -> NDArray[np.float64]:
    """The 17 joints `(17, 3)`, as people mark them. Of line limbs that meet in one point, shoulders and hips are a little down the line. Of
    legs that come out of a skirt, hips are near its hem, even where the legs show through it, and knees are where they can be seen.
    """
    arms, legs = limbs.arms.copy(), limbs.legs.copy()
    if body.skirt and body.kind != "gown":
        legs = np.array([joints_below(leg, HEM_SHARE * body.length) for leg in legs])
    if body.kind in LINES:
        arms[:, 0] += 0.08 * (arms[:, 1] - arms[:, 0])
        legs[:, 0] += 0.05 * (legs[:, 1] - legs[:, 0])
    joints = np.full((17, 3), 2.0)
    joints[:FIRST_BODY_KEYPOINT, :2] = landmarks
    joints[list(EARS), 2] = 1
    joints[list(ARMS[1]), :2], joints[list(ARMS[0]), :2] = arms
    joints[list(LEGS[1]), :2], joints[list(LEGS[0]), :2] = legs
    if body.skirt:
        joints[list(HIPS), 2] = 1
    for is_there, (shoulder, elbow, wrist) in zip(has_arms, ARMS[::-1], strict=True):
        if not is_there:
            joints[shoulder, 2] = 1
            joints[[elbow, wrist], 2] = 0
    return joints


def joints_below(leg: Points, level: float) -> Points:
    """A leg `(3, 2)` whose upper part is covered down to a level, as people mark it: it starts there, and its knee is visible."""
    way = np.concatenate([np.linspace(leg[0], leg[1], 50), np.linspace(leg[1], leg[2], 50)])
    start = int(np.argmax(way[:, 1] >= level)) if (way[:, 1] >= level).any() else len(way)
    if start == 0 or start > (1.0 - MIN_LEG_SHARE) * len(way):
        return leg
    knee = leg[1] if leg[1, 1] - level > 0.3 * (leg[2, 1] - level) else way[(start + len(way) - 1) // 2]
    return np.array([way[start], knee, leg[2]])


def _ordered(rng: np.random.Generator, groups: Groups, figure: _PosedFigure) -> list[Mark]:
    """Parts in the order in which they are drawn: later ones hide earlier ones. Seen from the side, the near arm is before the body and
    the far one behind it; an arm that reaches for the chest or a pocket is mostly before it, one at the back behind it.
    """
    pose, facing = figure.pose, figure.plan.view.facing
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
    legs_first = figure.plan.body.skirt or rng.random() < 0.6
    names = ["behind", "hair", *(arm for arm in arms if is_behind[arm]), *(["legs"] if legs_first else []), "torso"]
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
    inks: tuple[Color, ...] = (),
    flat: bool = False,
    rare_poses: float = 0.0,
) -> DrawnFigure:
    """A figure of a style, about 1 high; `filled` is the probability that a part is colored in, `inks` the pens for its parts (none:
    one pen for all); `flat` for vector art without outlines; `rare_poses` the probability of a rare pose.
    """
    plan = mixed_plan(rng, STYLES, filled) if style == MIXED else style_plan(rng, style, filled)
    posed = _posed_figure(rng, plan, rare_poses)
    groups, landmarks = _groups(hand, posed)
    if flat and not plan.is_one_area:
        groups = flattened(rng, groups, plan.palette)
    groups["behind"] = [*_around(hand, posed.limbs), *groups["behind"]]
    marks = _finished(rng, groups, posed, inks)
    joints = _joints(posed.limbs, landmarks, plan.body, posed.has_arms)
    traits = (plan.body.kind, posed.pose.name, plan.arms.kind, plan.legs.kind)
    figure = DrawnFigure(tuple(marks), joints, style, traits, is_one_area=plan.is_one_area)
    return with_bend_or_lean(rng, figure, plan.body) if style == MIXED else figure


def _posed_figure(rng: np.random.Generator, plan: FigurePlan, rare_poses: float) -> _PosedFigure:
    body = plan.body
    pose = _pose(rng, plan, rare_poses)
    lean = pose.lean * (0.5 if body.skirt else 1)
    limbs = limbs_of(rng, body, pose, (plan.arms.root, plan.legs.root), lean, plan.lengths)
    if pose.has_legs_exchanged and not faces_viewer(_joints(limbs, np.zeros((5, 2)), body, (True, True))):
        limbs = replace(limbs, legs=limbs.legs[::-1])
    outline = turned(body_outline(body.profile, body.length, rounded=body.rounded), lean)
    if rng.random() < FURRY.get(plan.style, 0.0):
        outline = furry(rng, outline)
    return _PosedFigure(plan, pose, lean, limbs, outline, _sampled_arms(rng))


def _pose(rng: np.random.Generator, plan: FigurePlan, rare_poses: float) -> Pose:
    grown_up = plan.style in PEOPLE or (plan.style == MIXED and rng.random() < 0.5)
    if rng.random() >= rare_poses:
        return sampled_pose(rng, grown_up=grown_up, from_side=plan.is_from_side)
    is_narrow = half_width(plan.body.profile, plan.body.hips) * plan.body.stance < MIN_CROSSED
    is_hidden = plan.body.skirt or plan.has_face
    return rare_pose(rng, grown_up=grown_up, from_side=plan.is_from_side, hidden_thighs=is_hidden, narrow_hips=is_narrow)


def _groups(hand: Hand, figure: _PosedFigure) -> tuple[Groups, Points]:
    """The marks of each part, and the joints of the head `(5, 2)`."""
    plan, rng = figure.plan, hand.rng
    right, left = (
        _arm(hand, joints, side, plan.arms, plan.palette, reach) if is_there else []
        for joints, side, is_there, reach in zip(figure.limbs.arms, (RIGHT, LEFT), figure.has_arms, figure.pose.reaches, strict=True)
    )
    groups: Groups = {
        "behind": _behind(hand, figure),
        "right arm": right,
        "left arm": left,
        "legs": _legs(hand, figure),
        "torso": torso_marks(hand, plan.body, figure.outline, plan.palette, figure.lean),
    }
    has_room = plan.style == MIXED and not plan.has_face and plan.body.kind not in LINES
    if plan.style in PEOPLE or (has_room and rng.random() < CLOTHED):
        groups["torso"] += clothes_marks(hand, plan.body, plan.palette, suit=plan.style == "suit", lean=figure.lean)
    hair, head, landmarks = _head(hand, figure)
    if rng.random() < HAIR_BEHIND_BODY and not plan.view.back:
        return {**groups, "head": head, "hair": hair}, landmarks
    return {**groups, "head": [*hair, *head], "hair": []}, landmarks


def _head(hand: Hand, figure: _PosedFigure) -> tuple[list[Mark], list[Mark], Points]:
    """The hair behind a head, the head's other marks and its joints `(5, 2)`."""
    rng, plan, body, lean = hand.rng, figure.plan, figure.plan.body, figure.lean
    if plan.has_face:
        return [], *creature_head_marks(hand, body, plan.palette, lean)
    low = rng.uniform(0.2, 0.9) * body.shoulders * body.length if rng.random() < LOW_HEADS.get(plan.style, LOW_HEAD) else 0.0
    neck_from = turned(points((0.0, low)), lean)[0]
    hair, marks, landmarks = head_marks(hand, plan.head, plan.palette, neck_from, lean + figure.pose.nod, plan.view)
    if plan.style == MIXED and rng.random() < HEAD_TILT_SHARE:
        return _tilted_head(hair, marks, landmarks, rng.normal(0, HEAD_TILT_DEG))
    return hair, marks, landmarks


def _tilted_head(hair: list[Mark], marks: list[Mark], landmarks: Points, degrees: float) -> tuple[list[Mark], list[Mark], Points]:
    """Hair, head and its joints `(5, 2)` tilted about its chin."""
    chin = landmarks[0] + (0, max(mark.area[:, 1].max() for mark in marks if mark.area is not None) - landmarks[0, 1])

    def move(shape: Points) -> Points:
        return chin + turned(shape - chin, degrees)

    return [mark.moved(move) for mark in hair], [mark.moved(move) for mark in marks], move(landmarks)


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


def _behind(hand: Hand, figure: _PosedFigure) -> list[Mark]:
    """A tail, wings, a cape or a backpack of some figures."""
    body, style = figure.plan.body, figure.plan.style
    if body.kind == "hero" and hand.rng.random() < HERO_CAPE:
        kind = "cape"
    elif hand.rng.random() > BEHIND.get(style, BEHIND_OTHERS):
        return []
    else:
        kind = "tail" if style == "animal_person" else ""
    width = half_width(body.profile, 0.3) + 0.02
    return behind_marks(hand, body.length, width, figure.limbs.legs[:, 0].mean(axis=0), figure.plan.palette, kind)


def _finished(rng: np.random.Generator, groups: Groups, figure: _PosedFigure, inks: tuple[Color, ...]) -> list[Mark]:
    """The parts in order, and what concerns all of them: one outline, one color, many colors."""
    if figure.plan.finish in ONE_COLOR:
        groups = silhouette(groups)
    elif figure.plan.finish == "gingerbread":
        marks = _ordered(rng, groups, figure)
        parts = [mark for mark in marks if mark.is_solid]
        inside = {id(part) for part in parts}
        return [*merged(parts, figure.plan.palette.top), *(mark for mark in marks if id(mark) not in inside)]
    elif inks:
        groups = in_colors(rng, groups, inks)
    return _ordered(rng, groups, figure)
