"""Rarer heads of finished figures: masks, helmets, hoods, huge hats, antlers, beaks, beards, many eyes, turned faces, no face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.colors import BRIGHT, HAIRS, any_of
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Color, DrawnFigure, Mark, Points
from drawings.figures.parts import BodyPart
from drawings.figures.patterns import pattern_marks
from drawings.figures.shapes import arc, limb, oval, points, smooth

PLAIN_SHARE = 0.62
"""Share of figures whose heads stay as they are."""
TURNED_SHARE, FACELESS_SHARE = 0.15, 0.1
"""Of the others, share whose faces are turned to one side and get nothing, and whose faces are left out."""
DARK: Color = (30, 30, 36)
LENSES: tuple[Color, ...] = ((205, 240, 250), (250, 250, 250), (225, 235, 205), (120, 190, 220))
"""Large glasses that reflect the light."""
SIDES = (-1, 1)


@dataclass(frozen=True)
class _Head:
    """A head, and the hand that draws on it. Shapes are given in its own space, where it is a circle of radius 1 about (0, 0)."""

    hand: Hand
    center: Points
    radii: Points
    colored: bool

    def color(self, colors: tuple[Color, ...] = BRIGHT) -> Color | None:
        return any_of(self.hand.rng, colors) if self.colored or self.hand.rng.random() < 0.2 else None

    def area(self, outline: Points, fill: Color | None, *, part: int = BodyPart.HAIR, see_through: bool = False) -> Mark:
        return replace(self.hand.shape(self.center + outline * self.radii, fill=fill, see_through=see_through), part=part)

    def lines(self, *lines: Points, part: int = BodyPart.HEAD, width: float = 1.0) -> Mark:
        return replace(self.hand.strokes(*(self.center + line * self.radii for line in lines), width=width), part=part)

    def spot(self, at: Points, size: float, ink: Color = INK) -> Mark:
        return replace(self.hand.blob(self.center + oval(at, size, size, count=10) * self.radii, ink), part=BodyPart.HEAD)


def _beard(head: _Head) -> list[Mark]:
    """Down to the chin or over the chest, plain or in strands."""
    rng = head.hand.rng
    low, tip = rng.uniform(1.1, 2.8), rng.uniform(0.1, 0.7)
    outline = points((-0.9, 0.2), (-0.5, 0.55), (0, 0.45), (0.5, 0.55), (0.9, 0.2), (0.85, 0.8), (tip, low), (-tip, low), (-0.85, 0.8))
    return _strands(head, [smooth(outline, closed=True)])


def _locks(head: _Head) -> list[Mark]:
    """Hair over the shoulders and upper arms."""
    rng = head.hand.rng
    low, wide = rng.uniform(1.4, 3.6), rng.uniform(0.25, 0.6)
    lock = points((0.75, -0.7), (1.05, -0.2), (1.05 + wide, low), (0.95, low + 0.15), (0.85, 0.2))
    return _strands(head, [smooth(lock * (side, 1), closed=True) for side in SIDES])


def _strands(head: _Head, outlines: list[Points]) -> list[Mark]:
    rng, fill = head.hand.rng, head.color(HAIRS)
    marks: list[Mark] = []
    for outline in outlines:
        area = head.area(outline, fill)
        marks += [area, *(pattern_marks(rng, area, "stripes", np.array([1.0, 0.0])) if rng.random() < 0.4 else [])]
    return marks


def _glasses(head: _Head) -> list[Mark]:
    """Dark glasses, clear ones, or large opaque ones that reach beyond the face."""
    rng, draw = head.hand.rng, head.hand.rng.random()
    is_large = draw > 0.6
    fill = DARK if draw < 0.4 else head.color(LENSES) if is_large else None
    size = rng.uniform(0.42, 0.62) if is_large else rng.uniform(0.25, 0.42)
    apart = max(0.44, size * rng.uniform(0.95, 1.15))
    squareness = rng.choice([0.0, 0.7])
    lenses = [oval((s * apart, -0.15), size, size, squareness=squareness, count=18) for s in SIDES]
    marks = [head.area(lens, fill, part=BodyPart.HEAD, see_through=fill is None and not is_large) for lens in lenses]
    return [*marks, head.lines(points((-0.2, -0.2), (0.2, -0.2)), *(points((s * 0.8, -0.2), (s * 1.0, -0.25)) for s in SIDES))]


def _mask(head: _Head) -> list[Mark]:
    """Across the eyes, over mouth and nose, or a patch on one eye with its band."""
    rng, draw = head.hand.rng, head.hand.rng.random()
    color = head.color() or (DARK if rng.random() < 0.5 else None)
    if draw < 0.4:
        band = points((-0.96, -0.4), (0.96, -0.4), (0.98, 0.08), (0.3, 0.12), (0, -0.02), (-0.3, 0.12), (-0.98, 0.08))
        return [head.area(band, color, part=BodyPart.HEAD), *(head.spot(np.array([s * 0.4, -0.15]), 0.12, (250, 250, 250)) for s in SIDES)]
    if draw < 0.75:
        cover = points((-0.97, 0.05), (0, -0.05), (0.97, 0.05), (0.7, 0.72), (0, 0.98), (-0.7, 0.72))
        return [head.area(smooth(cover, closed=True), color, part=BodyPart.HEAD)]
    side = rng.choice(SIDES)
    return [head.lines(points((-side * 0.75, -0.65), (side * 0.98, 0.1))), head.spot(np.array([side * 0.4, -0.15]), 0.26, DARK)]


def _helmet(head: _Head) -> list[Mark]:
    """Over the whole head, with a slit, a visor or a pane of glass."""
    rng = head.hand.rng
    size = rng.uniform(1.05, 1.35)
    shell = head.area(oval((0, -0.05), size, size, squareness=rng.choice([0.0, 0.5])), head.color())
    draw = rng.random()
    pane = oval((0, rng.uniform(-0.2, 0.1)), rng.uniform(0.6, 0.85), rng.uniform(0.15, 0.6), squareness=rng.choice([0.0, 0.6]))
    if draw < 0.7:
        return [shell, head.area(pane, DARK if rng.random() < 0.4 else head.color(), part=BodyPart.HEAD)]
    slits = [points((-0.7, level), (0.7, level)) for level in np.linspace(-0.3, 0.5, int(rng.integers(1, 5)))]
    return [shell, head.lines(*slits, width=1.5)]


def _hood(head: _Head) -> list[Mark]:
    """A hood or a veil around the face, perhaps down to the shoulders or in a point."""
    rng = head.hand.rng
    low, wide, tip = rng.uniform(0.6, 2.6), rng.uniform(1.15, 1.6), rng.uniform(1.15, 2.2)
    outside = smooth(points((-wide, low), (-1.2, -0.2), (-0.8, -1.0), (0, -tip), (0.8, -1.0), (1.2, -0.2), (wide, low)), closed=False)
    inside = arc((0, 0), rng.uniform(0.65, 0.92), rng.uniform(0.7, 0.9), 0.25 * np.pi, -1.25 * np.pi, count=16)
    return [head.area(np.concatenate([outside, inside]), head.color())]


def _hat(head: _Head) -> list[Mark]:
    """A huge one: a brim over the shoulders, or a crown taller than the head."""
    rng = head.hand.rng
    brim, tall, wide = rng.uniform(1.3, 3.2), rng.uniform(0.6, 3.0), rng.uniform(0.6, 1.3)
    level, color = rng.uniform(-0.8, -0.4), head.color()
    top = wide * rng.uniform(0.2, 1.4)
    crown = points((-wide, level), (-top, level - tall), (top, level - tall), (wide, level))
    marks = [head.area(smooth(crown, closed=False) if rng.random() < 0.4 else crown, color)]
    marks.append(head.area(oval((0, level), brim, rng.uniform(0.08, 0.3)), color))
    if rng.random() < 0.5:
        marks.append(head.lines(points((-wide * 0.95, level - 0.25), (wide * 0.95, level - 0.25)), part=BodyPart.HAIR, width=2))
    return marks


def _mohawk(head: _Head) -> list[Mark]:
    rng = head.hand.rng
    count, tall = int(rng.integers(3, 8)), rng.uniform(0.4, 1.3)
    ways = np.linspace(-0.45, 0.45, 2 * count + 1)
    reach = np.where(np.arange(len(ways)) % 2, -1.0 - tall, -0.95)
    return [head.area(np.column_stack([ways, reach]), head.color())]


def _antlers(head: _Head) -> list[Mark]:
    """Branches, or curved horns, which might be taken for raised arms."""
    rng = head.hand.rng
    out, tall = rng.uniform(0.5, 1.6), rng.uniform(0.8, 2.2)
    axis = smooth(points((0.4, -0.85), (0.4 + out * 0.7, -1.0 - tall * 0.4), (0.4 + out, -0.9 - tall)), closed=False)
    if rng.random() < 0.4:
        color = head.color()
        return [head.area(limb(axis * (s, 1), rng.uniform(0.12, 0.25), 0.03), color) for s in SIDES]
    branches = [np.array([axis[at], axis[at] + (way * 0.35, -0.4)]) for at, way in ((4, -0.6), (7, 1.0), (9, -0.5))]
    return [head.lines(*(line * (s, 1) for line in (axis, *branches) for s in SIDES), part=BodyPart.HAIR, width=rng.uniform(1, 2.5))]


def _snout(head: _Head) -> list[Mark]:
    """A beak, a pig's nose, a long snout."""
    rng, draw = head.hand.rng, head.hand.rng.random()
    color = head.color()
    if draw < 0.5:
        side = rng.choice([-1.0, 0.0, 1.0])
        beak = points((-0.35, 0.05), (0.35, 0.05), (side * rng.uniform(0.5, 1.5), rng.uniform(0.4, 0.9)))
        return [head.area(beak, color, part=BodyPart.HEAD)]
    snout = head.area(oval((0, 0.3), rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.35)), color, part=BodyPart.HEAD)
    return [snout, *(head.spot(np.array([s * 0.12, 0.3]), 0.06) for s in SIDES)]


def _mouth(head: _Head) -> list[Mark]:
    """Open, with teeth."""
    rng = head.hand.rng
    wide, deep, level = rng.uniform(0.3, 0.7), rng.uniform(0.15, 0.4), rng.uniform(0.3, 0.5)
    mouth = head.area(oval((0, level), wide, deep), head.color(((150, 20, 30), DARK)), part=BodyPart.HEAD)
    ways = np.linspace(-wide * 0.9, wide * 0.9, 2 * int(rng.integers(3, 6)) + 1)
    teeth = np.column_stack([ways, level - deep * 0.4 + np.where(np.arange(len(ways)) % 2, 0.5 * deep, 0.0)])
    return [mouth, head.lines(teeth)]


def _eyes(head: _Head) -> list[Mark]:
    """One large one in the middle, or many."""
    rng = head.hand.rng
    count = 1 if rng.random() < 0.4 else int(rng.integers(3, 8))
    angles = rng.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count
    reach, size = (0.0, rng.uniform(0.3, 0.6)) if count == 1 else (0.5, rng.uniform(0.12, 0.22))
    marks: list[Mark] = []
    for angle in angles:
        at = np.array([np.cos(angle), np.sin(angle)]) * reach - (0, 0.1)
        white = (255, 255, 255) if head.colored else None
        marks += [head.area(oval(at, size, size, count=16), white, part=BodyPart.HEAD), head.spot(at, size * rng.uniform(0.25, 0.6))]
    return marks


VARIANTS: tuple[Callable[[_Head], list[Mark]], ...] = (
    _beard, _beard, _locks, _locks, _glasses, _glasses, _mask, _helmet, _hood, _hood, _hat, _hat, _mohawk, _antlers, _snout, _mouth, _eyes,
)  # fmt: skip
FACES = (_eyes, _snout, _mouth)
"""Variants that are drawn in place of the face that there was."""


def _skull_row(figure: DrawnFigure) -> int | None:
    """The row of the mark that is the head's outline; None for a body that is the head."""
    rows = [row for row, mark in enumerate(figure.marks) if mark.part == BodyPart.HEAD and mark.is_solid]
    return max(rows, key=lambda row: figure.marks[row].box_area, default=None)


def with_head_variant(hand: Hand, figure: DrawnFigure) -> DrawnFigure:
    """A figure in figure units with something on its head, with another face or none, or looking to one side."""
    rng = hand.rng
    skull = _skull_row(figure)
    if skull is None or rng.random() < PLAIN_SHARE:
        return figure
    outline = figure.marks[skull].area
    assert outline is not None
    radii = np.ptp(outline, axis=0) / 2
    is_colored = any(mark.fill is not None and mark.fill != INK for mark in figure.marks)
    head = _Head(hand, outline.min(axis=0) + radii, radii, is_colored)
    face = {row for row, mark in enumerate(figure.marks) if row > skull and mark.part == BodyPart.HEAD and not mark.loose}
    draw = rng.random()
    variant = VARIANTS[rng.integers(len(VARIANTS))]
    if draw >= 1 - TURNED_SHARE:
        return figure if figure.style == "profile" else _turned_face(rng, figure, face, float(radii[0]))
    dropped = face if draw < FACELESS_SHARE or variant in FACES else set()
    last = max(row for row, mark in enumerate(figure.marks) if mark.part in (BodyPart.HEAD, BodyPart.HAIR) and not mark.loose)
    below = [mark for row, mark in enumerate(figure.marks[: last + 1]) if row not in dropped]
    return replace(figure, marks=(*below, *variant(head), *figure.marks[last + 1 :]))


def _turned_face(rng: np.random.Generator, figure: DrawnFigure, face: set[int], radius: float) -> DrawnFigure:
    """The rows of the face, nose and eyes moved to one side of the head."""
    shift = np.array([rng.choice(SIDES) * rng.uniform(0.2, 0.45) * radius, 0.0])
    joints = figure.joints.copy()
    joints[:3, :2] += shift
    marks = (mark.moved(lambda shape: shape + shift) if row in face else mark for row, mark in enumerate(figure.marks))
    return replace(figure, marks=tuple(marks), joints=joints)
