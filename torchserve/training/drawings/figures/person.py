"""A whole figure: proportions, pose, limbs, body, head and dress put together, with its joints.

Joints follow what people mark on drawings: shoulders and hips where limbs leave the body, wrists and ankles where hands and feet
begin, the nose in the face (of a body with a face: never below the shoulders, so that a neck points up).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.bodies import CREATURES, TORSOS, BodyPlan, creature, torso
from drawings.figures.colours import Palette, sampled_palette
from drawings.figures.hand import Hand
from drawings.figures.heads import ear_marks, face_marks, hair_marks, hat_marks, head_outline
from drawings.figures.limbs import FEET, HANDS, LimbStyle, foot_marks, hand_marks, limb_marks, way
from drawings.figures.marks import Colour, DrawnFigure, Mark, Points
from drawings.figures.poses import Pose, sampled_pose
from drawings.figures.shapes import body, half_width, points

STYLES = ("stick", "stick", "stick_body", "outline", "outline", "thick", "dress", "potato", "vegetable", "robot", "monster", "big_head")
HELD_OUT_STYLES = ("snow_person", "block", "alien")
RIGHT, LEFT = -1, 1
"""Sides of the page on which the figure's right and left limbs are: it faces us."""


@dataclass(frozen=True)
class Limbs:
    """The joints of one figure's limbs: `(2, 3, 2)` each, right then left, root to tip."""

    arms: Points
    legs: Points


def _limb_style(rng: np.random.Generator, style: str, palette: Palette, *, arm: bool) -> LimbStyle:
    thin = style in ("stick", "stick_body") or (style in ("potato", "vegetable", "dress", "big_head") and rng.random() < 0.6)
    thin = thin or (style in ("monster", "robot") and rng.random() < 0.25)
    kind = "line" if thin else ("outline", "outline", "outline", "segments", "pipe")[rng.integers(5)]
    root = rng.uniform(0.02, 0.055) if arm else rng.uniform(0.026, 0.07)
    if style == "thick":
        root *= 1.5
    ends = HANDS if arm else FEET
    end = ends[rng.integers(len(ends))] if rng.random() > 0.15 else "none"
    covered = not thin and rng.random() < 0.35
    return LimbStyle(
        kind=kind,
        curved=bool(rng.random() < (0.3 if style != "robot" else 0.08)),
        root=root,
        tip=root * rng.uniform(0.55, 1.1),
        end=end,
        size=rng.uniform(0.022, 0.05) if thin else root * rng.uniform(0.8, 1.5),
        fill=palette.skin if arm else palette.bottom,
        end_fill=palette.skin if arm else palette.shoes,
        sleeve=rng.uniform(0.25, 0.8) if covered else 0.0,
        sleeve_fill=palette.top if arm else palette.bottom,
    )


def _limb_joints(roots: Points, angles: tuple[tuple[float, float], ...], lengths: Points) -> Points:
    """Root, middle and tip of the right and the left limb; `lengths (2, 2)` of their halves."""
    joints = np.zeros((2, 3, 2))
    for index, side in enumerate((RIGHT, LEFT)):
        middle = roots[index] + way(side, angles[index][0]) * lengths[index, 0]
        joints[index] = roots[index], middle, middle + way(side, angles[index][1]) * lengths[index, 1]
    return joints


def _turned(shape: Points, degrees: float) -> Points:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(shape @ turn)


def _limbs(rng: np.random.Generator, plan: BodyPlan, pose: Pose, radii: tuple[float, float], lean: float) -> Limbs:
    inset = max(0.0, 0.6 - radii[0] * 4) * radii[0]
    shoulder = max(half_width(plan.profile, plan.shoulders) - inset, 0.012)
    slope = rng.normal(0, 0.015)
    shoulders = points((-shoulder, plan.shoulders * plan.length + slope), (shoulder, plan.shoulders * plan.length - slope))
    across = half_width(plan.profile, plan.hips) * plan.stance
    hip = max(across, 0.004 if plan.kind == "line" else radii[1] * 0.9)
    hips = points((-hip, plan.hips * plan.length), (hip, plan.hips * plan.length))
    shoulders, hips = _turned(shoulders, lean), _turned(hips, lean)
    arm, leg = rng.uniform(0.22, 0.44), rng.uniform(0.2, 0.48)
    if plan.skirt:
        leg += (1 - plan.hips) * plan.length
    halves = rng.uniform(0.44, 0.56, (2, 2))
    arms = _limb_joints(shoulders, pose.arms, np.column_stack([halves[0], 1 - halves[0]]) * arm * rng.normal(1, 0.06, (2, 1)))
    legs = _limb_joints(hips, pose.legs, np.column_stack([halves[1], 1 - halves[1]]) * leg * rng.normal(1, 0.04, (2, 1)))
    return Limbs(arms, legs)


def _torso_marks(hand: Hand, plan: BodyPlan, outline: Points, palette: Palette, lean: float) -> list[Mark]:
    rng = hand.rng
    if plan.kind == "line":
        return [hand.strokes(_turned(points((0, -0.01), (0, plan.length)), lean))]
    marks = [hand.shape(outline, fill=palette.top)]
    length = plan.length
    if rng.random() < 0.25 and not plan.skirt:
        share = rng.uniform(0.6, 0.9)
        across = half_width(plan.profile, share)
        marks.append(hand.strokes(_turned(points((-across, share * length), (across, share * length)), lean)))
    if rng.random() < 0.2:
        spots = np.linspace(0.25, 0.8, int(rng.integers(2, 5)))
        marks.append(
            hand.strokes(*(_turned(points((-0.008, s * length), (0.008, s * length), (0, s * length + 0.008)), lean) for s in spots))
        )
    if rng.random() < 0.12:
        stripes = np.linspace(0.2, 0.9, int(rng.integers(3, 7)))
        widths = [half_width(plan.profile, s) for s in stripes]
        marks.append(
            hand.strokes(*(_turned(points((-w, s * length), (w, s * length)), lean) for s, w in zip(stripes, widths, strict=True)))
        )
    if plan.skirt and rng.random() < 0.3:
        hem = half_width(plan.profile, 1.0)
        folds = np.linspace(-0.7, 0.7, int(rng.integers(3, 6))) * hem
        marks.append(hand.strokes(*(_turned(points((x * 0.8, 0.72 * length), (x, 0.97 * length)), lean) for x in folds)))
    return marks


def _head(hand: Hand, style: str, palette: Palette, neck_from: Points, lean: float) -> tuple[list[Mark], Points]:
    """Neck, head and all on it; and the joints nose, eyes, ears `(5, 2)`."""
    rng = hand.rng
    ry = rng.uniform(0.09, 0.17) if style != "big_head" else rng.uniform(0.19, 0.32)
    rx = ry * rng.uniform(0.8, 1.25)
    neck = 0.0 if rng.random() < 0.45 else rng.uniform(0.015, 0.09)
    up = _turned(points((0, -1)), lean)[0]
    centre = neck_from + up * (neck + ry * rng.uniform(0.9, 1.0))
    marks: list[Mark] = []
    if neck > 0:
        if style in ("stick", "stick_body") or rng.random() < 0.3:
            marks.append(hand.strokes(np.array([neck_from, neck_from + up * (neck + 0.02)])))
        else:
            half = rng.uniform(0.15, 0.35) * rx
            tube = np.array(
                [
                    neck_from - (half, -0.02),
                    neck_from + up * (neck + ry * 0.2) - (half, 0),
                    neck_from + up * (neck + ry * 0.2) + (half, 0),
                    neck_from + (half, 0.02),
                ]
            )
            marks.append(hand.shape(tube, fill=palette.skin, closed=False))
    if rng.random() < (0.22 if style != "stick" else 0.08):
        marks += ear_marks(hand, centre, rx, ry, palette)
    behind, before = hair_marks(hand, centre, rx, ry, palette.hair)
    outline = head_outline(rng, centre, rx, ry) if style != "robot" else points((-rx, -ry), (rx, -ry), (rx, ry), (-rx, ry)) + centre
    face, landmarks = face_marks(hand, centre, rx, ry)
    marks += [*behind, hand.shape(outline, fill=palette.skin), *face, *before, *hat_marks(hand, centre, rx, ry, palette.accent)]
    ears = np.array([centre + (rx * 0.95, 0), centre - (rx * 0.95, 0)])
    return marks, np.concatenate([landmarks, ears])


def _creature_head(hand: Hand, plan: BodyPlan, palette: Palette, lean: float) -> tuple[list[Mark], Points]:
    """The face on a body that is its own head, with whatever grows on top; and the joints nose, eyes, ears."""
    rng = hand.rng
    share = rng.uniform(0.2, 0.55)
    wide = max(half_width(plan.profile, share), 0.06)
    centre = points((0, share * plan.length))[0]
    face, landmarks = face_marks(hand, centre, wide * 0.85, min(wide, 0.3 * plan.length))
    nose = min(landmarks[0, 1], plan.shoulders * plan.length - 0.12 * plan.length)
    landmarks[:, 1] += min(0.0, nose - landmarks[0, 1])
    ears = np.array([landmarks[0] + (wide * 0.8, 0), landmarks[0] - (wide * 0.8, 0)])
    top = max(half_width(plan.profile, 0.06), 0.05)
    crown = points((0, top * 0.9))[0]
    marks = hat_marks(hand, crown, top, top, palette.accent)
    if rng.random() < 0.4:
        behind, before = hair_marks(hand, crown, top, top, palette.hair)
        marks = [*marks, *behind, *before] if rng.random() < 0.3 else [*before, *marks]
    marks += [mark.moved(lambda shape: _turned(shape, lean)) for mark in face]
    return marks, _turned(np.concatenate([landmarks, ears]), lean)


def _visible(rng: np.random.Generator, pose: Pose, plan: BodyPlan) -> np.ndarray:
    visibility = np.full(17, 2.0)
    visibility[3:5] = 1
    if plan.skirt:
        visibility[11:13] = 1
    return visibility


def drawn_person(rng: np.random.Generator, hand: Hand, style: str, *, filled: float, inks: tuple[Colour, ...] = ()) -> DrawnFigure:
    """A figure of a style, about 1 high, its hips' height near 0.4; `filled` is the probability that a part is coloured in."""
    palette, pose = sampled_palette(rng, filled), sampled_pose(rng)
    alone = style in ("potato", "vegetable", "monster")
    if alone:
        kinds = ("egg", "ball", "box") if style == "potato" else tuple(CREATURES)
        plan = creature(rng, kinds[rng.integers(len(kinds))])
    else:
        kind = {"stick": "line", "robot": "box"}.get(style) or TORSOS[rng.integers(len(TORSOS))]
        if style == "dress":
            kind = "triangle" if rng.random() < 0.5 else "dress"
        plan = torso(rng, kind)
    arm_style, leg_style = (_limb_style(rng, style, palette, arm=arm) for arm in (True, False))
    lean = pose.lean * (0.5 if plan.skirt else 1)
    limbs = _limbs(rng, plan, pose, (arm_style.root, leg_style.root), lean)
    outline = _turned(body(plan.profile, plan.length, rounded=plan.rounded), lean)
    torso_marks = _torso_marks(hand, plan, outline, palette, lean)
    arm_marks, leg_marks = _all_arms(hand, limbs, arm_style), _all_legs(hand, limbs, leg_style)
    if alone:
        head_marks, landmarks = _creature_head(hand, plan, palette, lean)
    else:
        head_marks, landmarks = _head(hand, style, palette, np.zeros(2), lean + pose.nod)
    behind_body = rng.random() < 0.5
    legs_first = plan.skirt or rng.random() < 0.6
    marks = [*(arm_marks if behind_body else []), *(leg_marks if legs_first else []), *torso_marks]
    marks += [*([] if legs_first else leg_marks), *([] if behind_body else arm_marks), *head_marks]
    joints = np.zeros((17, 3))
    joints[:, 2] = _visible(rng, pose, plan)
    joints[:5, :2] = landmarks
    joints[[6, 8, 10], :2], joints[[5, 7, 9], :2] = limbs.arms
    joints[[12, 14, 16], :2], joints[[11, 13, 15], :2] = limbs.legs
    return DrawnFigure(tuple(marks), joints, style, (plan.kind, pose.name, arm_style.kind, leg_style.kind))


def _all_arms(hand: Hand, limbs: Limbs, style: LimbStyle) -> list[Mark]:
    marks = []
    for joints in limbs.arms:
        along = joints[2] - joints[1]
        marks += [*limb_marks(hand, joints, style), *hand_marks(hand, joints[2], along / max(float(np.hypot(*along)), 1e-9), style)]
    return marks


def _all_legs(hand: Hand, limbs: Limbs, style: LimbStyle) -> list[Mark]:
    marks = []
    same_way = hand.rng.random() < 0.15
    for joints, side in zip(limbs.legs, (RIGHT, LEFT), strict=True):
        along = joints[2] - joints[1]
        toes = RIGHT if same_way else side
        marks += [*limb_marks(hand, joints, style), *foot_marks(hand, joints[2], toes, along / max(float(np.hypot(*along)), 1e-9), style)]
    return marks
