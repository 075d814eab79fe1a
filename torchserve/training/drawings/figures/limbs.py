# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Arms and legs with their hands and feet: lines, sausages, noodles, sleeves; mittens, forks, balls; shoes and toes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import Color, Mark, Points
from drawings.figures.shapes import arc_lengths, chain_axis, limb, normals, oval, smooth, unit

HANDS = ("none", "fork", "ball", "mitten", "fingers", "claw", "stub")
BOOT = np.array([[-0.6, -1.3], [0.6, -1.3], [0.7, 0.0], [1.9, 0.2], [2.2, 0.8], [-0.6, 0.8]])
FEET = ("none", "line", "shoe", "round", "boot", "toes", "triangle")

LINE_KINDS = ("line", "zigzag", "wavy")
"""Kinds that are mere lines, without an area."""
RARE_KINDS = ("puppet", "pegs", "flare", "sleeve", "wing", "flipper", "balloon", "angular", "zigzag", "wavy")
"""Of mixed figures only: separate rods; rods with pegs at the joints; wide at the tip; with a sleeve or feathers that hang down; a leaf;
two balloons; with a sharp middle joint; a zigzag or a wave instead of a line.
"""


@dataclass(frozen=True)
class LimbStyle:
    """How a figure's arms or legs are drawn.

    Attributes:
        kind: "line", "outline" (one open outline), "segments" (closed sausages), "pipe" (two lines, not joined at the tip); or one of
            `RARE_KINDS`.
        root, tip: radii, in figure units.
        end: a hand or a foot.
        size: radius of that.
        sleeve: share of the limb that the sleeve or trouser covers, 0 for none.
    """

    kind: str
    curved: bool
    root: float
    tip: float
    end: str
    size: float
    fill: Color | None
    end_fill: Color | None
    sleeve: float = 0.0
    sleeve_fill: Color | None = None


def way(side: int, degrees: float) -> Points:
    """The unit vector that an angle from straight down, outwards on a side (-1 viewer's left), points along."""
    angle = np.radians(degrees)
    return np.array([side * np.sin(angle), np.cos(angle)])


def _turned(shape: Points, at: Points, along: Points) -> Points:
    """A shape whose x axis is put along a direction."""
    across = np.array([-along[1], along[0]])
    moved: Points = at + shape[:, :1] * along + shape[:, 1:] * across
    return moved


def limb_marks(hand: Hand, joints: Points, style: LimbStyle) -> list[Mark]:
    """A limb through its three joints (root, middle, tip), without hand or foot."""
    axis = chain_axis(joints, curved=style.curved)
    if style.kind == "line":
        return [hand.strokes(axis)]
    if style.kind in RARE_KINDS:
        return _rare_marks(hand, joints, axis, style)
    if style.kind == "segments":
        halves = np.array_split(np.arange(len(axis)), 2)
        cut = halves[1][0]
        middle = (style.root + style.tip) / 2
        outlines = [limb(axis[: cut + 1], style.root, middle), limb(axis[cut:], middle, style.tip)]
        order = outlines if hand.rng.random() < 0.5 else outlines[::-1]
        return [hand.shape(outline, fill=style.fill) for outline in order]
    outline = limb(axis, style.root, style.tip, capped=style.kind != "pipe")
    marks = [hand.shape(outline, fill=style.fill, closed=False)]
    if style.kind == "pipe":
        drawn = marks[0].strokes[0]
        marks[0] = replace(marks[0], strokes=(drawn[: len(drawn) // 2], drawn[len(drawn) // 2 + 1 :]))
    if style.sleeve > 0:
        cut = max(2, round(style.sleeve * len(axis)))
        radius = style.root + (style.tip - style.root) * cut / len(axis)
        cuff = limb(axis[:cut], style.root * 1.12, radius * 1.25, capped=False)
        marks.append(hand.shape(cuff, fill=style.sleeve_fill, closed=False))
    return marks


def _rare_marks(hand: Hand, joints: Points, axis: Points, style: LimbStyle) -> list[Mark]:
    if style.kind in ("zigzag", "wavy"):
        return [hand.strokes(_waved(hand.rng, axis, sharp=style.kind == "zigzag"))]
    if style.kind in ("puppet", "pegs", "balloon"):
        return _rods(hand, joints, style)
    return [hand.shape(_rare_outline(hand.rng, joints, axis, style), fill=style.fill, closed=bool(hand.rng.random() < 0.5))]


def _waved(rng: np.random.Generator, axis: Points, *, sharp: bool) -> Points:
    """A zigzag line across an axis, which ends where the axis does."""
    lengths = arc_lengths(axis)
    total = float(lengths[-1])
    turns = max(3, round(total / rng.uniform(0.03, 0.07)))
    at = np.linspace(0, total, (1 if sharp else 6) * turns + 1)
    path = np.column_stack([np.interp(at, lengths, axis[:, 0]), np.interp(at, lengths, axis[:, 1])])
    swing = (-1.0) ** np.arange(len(at)) if sharp else np.sin(np.linspace(0, np.pi * turns, len(at)))
    swing[[0, -1]] = 0
    return np.asarray(path + normals(path) * swing[:, None] * rng.uniform(0.008, 0.02))


def _rods(hand: Hand, joints: Points, style: LimbStyle) -> list[Mark]:
    """Each half a closed shape of its own: a puppet's, or a balloon."""
    rng, marks, is_balloon = hand.rng, [], style.kind == "balloon"
    short, square = rng.uniform(0.0, 0.12), float(rng.choice([0.0, 0.5, 0.9]))
    for first, second, radius in ((joints[0], joints[1], style.root), (joints[1], joints[2], (style.root + style.tip) / 2)):
        bone = second - first
        half = float(np.hypot(*bone)) / 2
        along = bone / max(2 * half, 1e-9)
        wide = max(radius, half * rng.uniform(0.4, 0.75)) if is_balloon else min(radius, half * 0.8)
        long = half * (1.06 if is_balloon else 1 - short)
        shape = oval((half, 0), long, wide, squareness=0 if is_balloon else square)
        marks.append(hand.shape(_turned(shape, first, along), fill=style.fill))
    if style.kind == "pegs":
        marks += [hand.shape(oval(joint, style.root * 0.7, style.root * 0.7, count=14), fill=style.sleeve_fill) for joint in joints]
    return marks


def _rare_outline(rng: np.random.Generator, joints: Points, axis: Points, style: LimbStyle) -> Points:
    lengths = arc_lengths(axis)
    share = lengths / max(float(lengths[-1]), 1e-9)
    if style.kind == "angular":
        return _angular(joints, style.root, style.tip)
    if style.kind == "flipper":
        peak = rng.uniform(0.35, 0.65)
        radii = style.root * np.interp(share, (0, peak, 0.9, 1), (0.7, rng.uniform(1.2, 1.9), 0.9, 0.45))
    else:
        wide = rng.uniform(1.4, 2.6) if style.kind == "flare" else 1.0
        radii = style.root * np.interp(share, (0, rng.uniform(0.3, 0.6), 1), (1, 0.95, wide))
    offsets = normals(axis) * radii[:, None]
    one, other = axis + offsets, axis - offsets
    bone = joints[2] - joints[1]
    is_hanging = abs(bone[0]) < 0.5 * float(np.hypot(*bone))  # a forearm straight down has nothing that could hang from it
    if style.kind in ("flare", "flipper") or is_hanging:
        return np.concatenate([one, other[::-1]])
    upper, lower = (one, other) if one[:, 1].mean() < other[:, 1].mean() else (other, one)
    begin, most = (0.35, 1) if style.kind == "sleeve" else (0.05, 0.7)
    hang = rng.uniform(0.06, 0.2) * np.interp(share, (0, begin, 1), (0, 0.25, most))
    if style.kind == "wing":  # feathers
        hang = hang * np.where(np.arange(len(hang)) % 2, 1.25, 0.85)
    return np.concatenate([upper, (lower + np.column_stack([np.zeros(len(hang)), hang]))[::-1]])


def _angular(joints: Points, root: float, tip: float) -> Points:
    """Two straight halves with a mitred corner between them."""
    first, second = (unit(bone) for bone in np.diff(joints, axis=0))
    middle = first + second
    middle = middle / max(float(np.hypot(*middle)), 0.3)  # folded back on itself, a limb has hardly a direction there
    along = np.array([first, middle, second])
    offsets = along[:, ::-1] * (1, -1) * np.array([[root], [(root + tip) / 2], [tip]])
    return np.concatenate([joints + offsets, (joints - offsets)[::-1]])


def _fingers(rng: np.random.Generator, length: float, count: int, spread: float) -> list[Points]:
    angles = np.radians(np.linspace(-spread, spread, count) + rng.normal(0, 6, count))
    return [np.array([[0.0, 0.0], [np.cos(angle) * length, np.sin(angle) * length]]) * rng.uniform(0.75, 1.2) for angle in angles]


def hand_marks(hand: Hand, wrist: Points, along: Points, style: LimbStyle) -> list[Mark]:
    """What is at the end of an arm."""
    rng, size = hand.rng, style.size
    if style.end in ("none", "stub"):
        return []
    if style.end in ("fork", "claw"):
        count = int(rng.integers(3, 6)) if style.end == "fork" else 3
        fan = _fingers(rng, size * 1.9, count, rng.uniform(35, 85))
        if style.kind in LINE_KINDS or style.end == "claw":
            return [hand.strokes(*(_turned(finger, wrist, along) for finger in fan))]
        palm = hand.shape(_turned(oval((size * 0.6, 0), size * 0.9, size * 0.9), wrist, along), fill=style.end_fill)
        return [hand.strokes(*(_turned(finger + (size, 0), wrist, along) for finger in fan)), palm]
    if style.end == "ball":
        return [hand.shape(_turned(oval((size * 0.8, 0), size, size * rng.uniform(0.8, 1.1)), wrist, along), fill=style.end_fill)]
    if style.end == "mitten":
        thumb = rng.choice([-1, 1])
        outline = np.array([[0, -0.6], [0.5, -1.0], [0.9, -1.9], [1.3, -1.6], [1.2, -0.9], [2.1, -0.5], [2.3, 0.3], [1.5, 0.95], [0, 0.7]])
        return [hand.shape(_turned(smooth(outline * (size, size * thumb), closed=True), wrist, along), fill=style.end_fill)]
    # fingers: a glove of loops, as on an orange or yellow monster
    count = int(rng.integers(3, 6))
    angles = np.radians(np.linspace(-55, 55, count))
    tips = [
        np.array([[np.cos(a - 0.2), np.sin(a - 0.2)], [2.1 * np.cos(a), 2.1 * np.sin(a)], [np.cos(a + 0.2), np.sin(a + 0.2)]])
        for a in angles
    ]
    outline = np.concatenate([np.array([[-0.3, -0.6]]), *tips, np.array([[-0.3, 0.6]])]) * size
    return [hand.shape(_turned(smooth(outline, closed=True, per_segment=4), wrist, along), fill=style.end_fill)]


def foot_marks(hand: Hand, ankle: Points, side: int, along: Points, style: LimbStyle) -> list[Mark]:
    """What is at the end of a leg; `side` is where the toes point (-1 viewer's left)."""
    rng, size = hand.rng, style.size
    tilt = np.radians(rng.normal(0, 8))
    out = np.array([side * np.cos(tilt), np.sin(tilt)])
    if style.end == "none":
        return []
    if style.end == "line":
        return [hand.strokes(np.array([ankle, ankle + out * size * 2.2]))]
    if style.end == "toes":
        fan = _fingers(rng, size * 1.5, 3, 45)
        return [hand.strokes(*(_turned(toe, ankle, out * 0.7 + along * 0.7) for toe in fan))]
    reach = size * rng.uniform(1.2, 1.7)
    outlines = {
        "round": oval(ankle + along * size * 0.4, size * 1.1, size),
        "triangle": np.array([ankle, ankle + out * size * 2 + (0, size), ankle - out * size * 0.3 + (0, size)]),
        "shoe": oval(ankle + out * reach * 0.55 + (0, size * 0.3), reach, size * rng.uniform(0.55, 0.8)),
        "boot": ankle + BOOT * size * (side, 1),
    }
    return [hand.shape(outlines[style.end], fill=style.end_fill)]
