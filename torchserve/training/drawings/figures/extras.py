# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Variations of figures of one kind: one outline around everything, parts in different colors, trousers, things in
hands, tails, wings and capes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from drawings.figures.colors import BRIGHT, Palette, any_of
from drawings.figures.hand import Hand
from drawings.figures.limbs import LimbStyle
from drawings.figures.marks import INK, Color, Mark, Points
from drawings.figures.parts import BOTH_LEGS, BodyPart
from drawings.figures.shapes import arc, arc_lengths, chain_axis, limb, oval, points, smooth

HELD = ("balloon", "stick", "flower", "bag", "ball", "flag", "umbrella", "axe", "sword", "book")

Groups = dict[str, list[Mark]]
"""A figure's marks by part: arms, legs, torso, head, ..."""


def merged(parts: list[Mark], fill: Color | None) -> list[Mark]:
    """One outline around all parts, like a gingerbread man's: every part drawn, then every part's inside wiped (and filled)."""
    outlines = [replace(part, fill=None, width=part.width * 1.7) for part in parts]
    insides = [replace(part, strokes=(), fill=fill) for part in parts if part.area is not None]
    return [*outlines, *insides]


def in_colors(rng: np.random.Generator, groups: Groups, inks: tuple[Color, ...]) -> Groups:
    """Every part in a pen of its own, hair in that of the head."""
    drawn: Groups = {}
    pens = {name: inks[rng.integers(len(inks))] for name in groups if name != "hair"}
    for name, marks in groups.items():
        ink = pens["head" if name == "hair" else name]
        drawn[name] = [
            replace(mark, ink=ink if mark.ink == INK else mark.ink, fill=ink if mark.fill == INK else mark.fill) for mark in marks
        ]
    return drawn


def flattened(rng: np.random.Generator, groups: Groups, palette: Palette) -> Groups:
    """Flat vector art: no outlines, every part filled; limbs that are lines get the color of their part."""
    arms = palette.skin or any_of(rng, BRIGHT)
    colors = {"legs": palette.bottom, "torso": palette.top, "head": palette.skin, "hair": palette.skin, "behind": palette.accent}
    drawn: Groups = {}
    for name, marks in groups.items():
        color = colors.get(name, arms) or any_of(rng, BRIGHT)
        drawn[name] = []
        for mark in marks:
            if mark.area is not None and not mark.see_through:
                fill = mark.fill if mark.fill not in (None, INK) else color
                drawn[name].append(replace(mark, fill=fill, ink=fill, width=0.3))
            else:
                drawn[name].append(replace(mark, ink=color, width=2.5) if name not in ("head", "hair", "behind") else mark)
    return drawn


def silhouette(groups: Groups) -> Groups:
    """Everything filled with the pen's own color."""
    return {name: [replace(mark, fill=INK if mark.area is not None else None, ink=INK) for mark in marks] for name, marks in groups.items()}


def trousers(hand: Hand, legs: Points, style: LimbStyle, waist: Points) -> Mark:
    """Both legs in one garment: from the waist (2 points, viewer's left first) down the outer sides, up to the crotch between."""
    sides = []
    for joints in legs:
        outline = limb(chain_axis(joints, curved=style.curved), style.root, style.tip * 1.15, capped=False)
        half = len(outline) // 2
        sides.append((outline[:half], outline[half:]))
    (right_inner, right_outer), (left_outer, left_inner) = sides
    crotch = (legs[0, 0] + legs[1, 0]) / 2 + (0, max(style.root, 0.02) * 0.8)
    path = [waist[:1], right_outer[::-1][2:], right_inner[::-1][:-2], crotch[None], left_inner[::-1][2:], left_outer[::-1][:-2], waist[1:]]
    garment = hand.shape(np.concatenate(path), fill=style.fill, closed=bool(hand.rng.random() < 0.6))
    return replace(garment, part=BOTH_LEGS)


def held_thing(hand: Hand, at: Points, side: int, palette: Palette) -> list[Mark]:
    """What a hand holds: a stick, a sword, a pickaxe, a flower, an umbrella, a bag, a ball, a book. A balloon is no part of the figure."""
    rng = hand.rng
    kind = HELD[rng.integers(len(HELD))]
    fill = palette.accent
    if kind == "balloon":
        top = at + (side * rng.uniform(0, 0.08), -rng.uniform(0.3, 0.5))
        string = hand.strokes(smooth(np.array([at, (at + top) / 2 + (rng.normal(0, 0.02), 0), top]), closed=False))
        return [replace(mark, loose=True) for mark in (string, hand.shape(oval(top - (0, 0.08), 0.07, 0.09), fill=fill))]
    return [replace(mark, part=BodyPart.HELD) for mark in _in_hand(hand, kind, at, side, fill)]


def _in_hand(hand: Hand, kind: str, at: Points, side: int, fill: Color | None) -> list[Mark]:
    rng = hand.rng
    if kind == "umbrella":
        top = at + (side * rng.uniform(0, 0.08), -rng.uniform(0.3, 0.45))
        return [hand.strokes(np.array([at, top])), hand.shape(arc(top, 0.15, 0.12, np.pi, 2 * np.pi), fill=fill)]
    if kind in ("stick", "flag", "axe", "sword"):
        up = np.array([side * rng.normal(0.2, 0.5), -1.0]) * rng.uniform(0.15, 0.4)
        across = np.array([-up[1], up[0]]) / max(float(np.hypot(*up)), 1e-9)
        stick = limb(np.array([at - up * 0.25, at, at + up]), 0.008, 0.008)
        marks = [hand.shape(stick, fill=fill) if rng.random() < 0.6 else hand.strokes(stick, width=rng.uniform(1, 2))]
        if kind == "flag":
            marks.append(hand.shape(at + up + points((0, 0), (side * 0.16, 0.02), (side * 0.16, 0.1), (0, 0.1)), fill=fill))
        if kind == "axe":
            blade = smooth(np.array([up - across * 0.1 + up * 0.1, up * 1.12, up + across * 0.1 + up * 0.1, up * 0.95]), closed=True)
            marks.append(hand.shape(at + blade, fill=fill))
        if kind == "sword":
            marks.append(hand.strokes(np.array([at + up * 0.1 - across * 0.04, at + up * 0.1 + across * 0.04]), width=2))
        return marks
    if kind == "flower":
        top = at + (side * 0.02, -0.14)
        petals = [
            hand.shape(oval(top + np.array([np.cos(a), np.sin(a)]) * 0.025, 0.018, 0.018, count=9), fill=fill) for a in np.arange(5) * 1.257
        ]
        return [hand.strokes(np.array([at + (0, 0.03), top])), *petals]
    if kind == "bag":
        low = at + (0, 0.1)
        box = low + points((-0.06, 0), (0.06, 0), (0.07, 0.1), (-0.07, 0.1))
        return [hand.strokes(arc(low, 0.04, 0.09, np.pi, 2 * np.pi)), hand.shape(box, fill=fill)]
    if kind == "book":
        return [hand.shape(at + points((-0.05, -0.07), (0.05, -0.07), (0.05, 0.05), (-0.05, 0.05)), fill=fill)]
    return [hand.shape(oval(at + (side * 0.05, 0.02), *(rng.uniform(0.03, 0.08),) * 2), fill=fill)]


def behind_marks(hand: Hand, length: float, width: float, hips: Points, palette: Palette, kind: str = "") -> list[Mark]:
    """A tail, wings, a cape or a backpack: drawn first, no limbs."""
    kind = kind or ("tail", "wings", "cape", "backpack")[hand.rng.integers(4)]
    return [replace(mark, part=BodyPart.WORN) for mark in _behind(hand, kind, length, width, hips, palette)]


def _behind(hand: Hand, kind: str, length: float, width: float, hips: Points, palette: Palette) -> list[Mark]:
    rng = hand.rng
    if kind == "backpack":
        reach = width * rng.uniform(1.1, 1.7)
        pack = points((-reach, 0.1 * length), (reach, 0.1 * length), (reach, 0.65 * length), (-reach, 0.65 * length))
        return [hand.shape(pack + (rng.choice([-1, 0, 1]) * width * 0.6, 0), fill=palette.accent)]
    if kind == "tail":
        side = rng.choice([-1, 1])
        way = smooth(
            hips + points((0, -0.02), (side * 0.14, 0.03), (side * 0.2, -0.06), (side * rng.uniform(0.15, 0.3), -0.14)), closed=False
        )
        return [hand.strokes(way)] if rng.random() < 0.5 else [hand.shape(limb(way, 0.03, 0.006), fill=palette.accent, closed=False)]
    if kind == "wings":
        reach = rng.uniform(0.12, 0.25)
        wing = smooth(points((0, 0.05), (0.5, -0.35), (1, -0.3), (0.95, 0.2), (0.5, 0.55), (0, 0.35)), closed=True)
        return [
            hand.shape(points((side * width * 0.5, 0.25 * length)) + wing * (side * (reach + width), length * 0.8), fill=palette.accent)
            for side in (-1, 1)
        ]
    flare = rng.uniform(1.3, 2.2)
    cape = points((-width * 0.6, 0.02), (-width * flare, length * 1.35), (width * flare, length * 1.3), (width * 0.6, 0.02))
    return [hand.shape(cape, fill=palette.accent)]


def furry(rng: np.random.Generator, outline: Points) -> Points:
    """A closed outline with tufts or teeth all around."""
    count = int(rng.integers(18, 44))
    path = np.concatenate([outline, outline[:1]])
    lengths = arc_lengths(path)
    at = np.linspace(0, lengths[-1], count * 2, endpoint=False)
    even = np.column_stack([np.interp(at, lengths, path[:, 0]), np.interp(at, lengths, path[:, 1])])
    out = even - even.mean(axis=0)
    return np.asarray(even + out * (np.arange(count * 2) % 2 * rng.uniform(0.06, 0.16))[:, None])
