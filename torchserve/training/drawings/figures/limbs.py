# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Arms and legs with their hands and feet: lines, sausages, noodles, sleeves; mittens, forks, balls; shoes and toes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import Colour, Mark, Points
from drawings.figures.shapes import chain_axis, limb, oval, smooth

HANDS = ("none", "fork", "ball", "mitten", "fingers", "claw", "stub")
BOOT = np.array([[-0.6, -1.3], [0.6, -1.3], [0.7, 0.0], [1.9, 0.2], [2.2, 0.8], [-0.6, 0.8]])
FEET = ("none", "line", "shoe", "round", "boot", "toes", "triangle")


@dataclass(frozen=True)
class LimbStyle:
    """How a figure's arms or legs are drawn.

    Attributes:
        kind: "line", "outline" (one open outline), "segments" (closed sausages), "pipe" (two lines, not joined at the tip).
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
    fill: Colour | None
    end_fill: Colour | None
    sleeve: float = 0.0
    sleeve_fill: Colour | None = None


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
        if style.kind == "line" or style.end == "claw":
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
