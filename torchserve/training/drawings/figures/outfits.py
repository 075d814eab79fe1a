# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Clothes over the plain parts of a finished figure: patterns, two colors, straps, bags, scarves, bibs, bands, pads, gloves.

Straps, seams and folds cross bodies as limbs do, so that the network learns to tell them apart. A mark belongs to the part that it is on;
only bags and scarves are `BodyPart.WORN`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from drawings.figures.colors import BRIGHT, SKINS, any_of
from drawings.figures.extras import furry
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Color, DrawnFigure, Mark, Points
from drawings.figures.parts import ARM, BOTH_LEGS, FOOT, HAND, LEG, LIMB_ROWS, BodyPart
from drawings.figures.patterns import PATTERNS, lines_inside, part_beyond, pattern_marks
from drawings.figures.shapes import oval, points, smooth, unit
from drawings.scenery.letters import GLYPHS
from pipeline.types.keypoints import HIPS, SHOULDERS

PLAIN_SHARE = 0.45
"""Share of figures that get no more clothes."""
MIN_HALF_WIDTH, MIN_LENGTH = 0.03, 0.08
"""Of trunks that clothes can be seen on, in figure units."""
LIGHT_FRONTS = {"beast": 0.6, "animal_person": 0.3}
"""Share of figures of a style whose chest or belly is light, whatever else they wear."""
TUFTED_FRONT = 0.35
"""Share of light chests and bellies whose edge has tufts, as fur's."""
HANDS_AND_FEET = (*HAND.values(), *FOOT.values())
LIGHT: tuple[Color, ...] = ((245, 238, 220), (215, 190, 150), (250, 250, 250), (200, 200, 195))
"""Chests and bellies of animals."""
ACROSS, DOWN = 0, 1
"""A trunk's axes: to the viewer's right, and down its spine."""


@dataclass(frozen=True)
class _Trunk:
    """A trunk, and the hand that draws clothes on it.

    Attributes:
        origin: the middle of its upper end, in figure units.
        axes: `(2, 2)`, the unit vectors ACROSS and DOWN.
        local: its outline along these axes, from the origin.
        colored: it is filled, so that clothes on it are, too.
    """

    hand: Hand
    mark: Mark
    origin: Points
    axes: Points
    local: Points
    colored: bool

    @property
    def half_width(self) -> float:
        return float(np.ptp(self.local[:, 0])) / 2

    @property
    def length(self) -> float:
        return float(self.local[:, 1].max())

    def on_page(self, shape: Points) -> Points:
        return np.asarray(self.origin + shape @ self.axes)

    def at(self, *pairs: tuple[float, float]) -> Points:
        """A shape given in half widths and lengths."""
        return self.on_page(points(*pairs) * (self.half_width, self.length))

    def color(self) -> Color | None:
        return any_of(self.hand.rng, BRIGHT) if self.colored or self.hand.rng.random() < 0.15 else None

    def area(self, outline: Points, fill: Color | None, *, closed: bool = True) -> list[Mark]:
        """An area, which the caller keeps inside the trunk: it is not cut off."""
        return [replace(self.hand.shape(outline, fill=fill, closed=closed, see_through=fill is None), joints=())]

    def lines(self, *lines: Points, width: float = 1.0, ink: Color = INK) -> list[Mark]:
        """Lines as far as they are on the trunk."""
        drawn = [run for line in lines for run in lines_inside(self._outline, self.hand.line(line)[None])]
        return [Mark(tuple(drawn), width=width, ink=ink)] if drawn else []

    @property
    def _outline(self) -> Points:
        assert self.mark.area is not None
        return self.mark.area

    def beyond(self, axis: int, limit: float, fill: Color | None, *, lower: bool = False) -> list[Mark]:
        """The trunk from a limit along an axis on (with `lower`, up to it) in another color, with a line at the limit."""
        ends = np.full((2, 2), limit)
        other = self.local[:, 1 - axis]
        ends[:, 1 - axis] = other.min(), other.max()
        edge = self.lines(self.on_page(ends))
        if not fill:
            return edge
        direction = np.eye(2)[axis] * (-1 if lower else 1)
        area = self.on_page(part_beyond(self.local, direction, -limit if lower else limit))
        return [Mark((), area, fill=fill, see_through=True), *edge]


def _trunk_of(hand: Hand, figure: DrawnFigure) -> tuple[int, _Trunk] | None:
    """The row of the mark that is the trunk, and the trunk; None if it is a line or tiny."""
    rows = [row for row, mark in enumerate(figure.marks) if mark.is_solid and mark.part == BodyPart.TRUNK and not mark.joints]
    if not rows:
        return None
    row = max(rows, key=lambda row: figure.marks[row].box_area)
    mark = figure.marks[row]
    assert mark.area is not None
    spine = figure.joints[list(HIPS), :2].mean(axis=0) - figure.joints[list(SHOULDERS), :2].mean(axis=0)
    size = float(np.hypot(*spine))
    down = spine / size if size > 1e-6 and spine[1] > 0 else np.array([0.0, 1.0])
    axes = np.array([[down[1], -down[0]], down])
    flat = mark.area @ axes.T
    origin = np.array([(flat[:, 0].min() + flat[:, 0].max()) / 2, flat[:, 1].min()])
    trunk = _Trunk(hand, mark, origin @ axes, axes, flat - origin, mark.fill is not None)
    return (row, trunk) if trunk.half_width > MIN_HALF_WIDTH and trunk.length > MIN_LENGTH else None


def _sash(trunk: _Trunk) -> list[Mark]:
    """A strap from a shoulder to the other hip, perhaps with a bag at its end; or two that cross."""
    rng = trunk.hand.rng
    side, low = rng.choice([-1, 1]), rng.uniform(0.6, 1.0)
    width = rng.uniform(0.0, 0.3)
    slants = [side] if rng.random() < 0.8 else [side, -side]
    lines = [
        trunk.at((way * 0.75 + shift, 0.0), (-way + shift, low)) for way in slants for shift in ((0.0, width) if width > 0.08 else (0.0,))
    ]
    marks = trunk.lines(*lines, width=rng.uniform(0.8, 2.5))
    if len(slants) == 1 and rng.random() < 0.6:
        wide, deep = rng.uniform(0.25, 0.6), rng.uniform(0.12, 0.3)
        at, square = (-side * rng.uniform(0.7, 1.1), low), rng.choice([0.0, 0.9])
        bag = trunk.on_page(oval(at, wide, deep, squareness=square) * (trunk.half_width, trunk.length))
        marks.append(replace(trunk.hand.shape(bag, fill=trunk.color()), part=BodyPart.WORN))
    return marks


def _jacket(trunk: _Trunk) -> list[Mark]:
    """Open over a shirt of another color; or the trunk in halves."""
    rng = trunk.hand.rng
    gap = trunk.half_width * rng.uniform(0.05, 0.5)
    color = trunk.color()
    return [*trunk.beyond(ACROSS, gap, color), *trunk.beyond(ACROSS, -gap, color, lower=True)]


def _two_tone(trunk: _Trunk) -> list[Mark]:
    """Another color from a level down or up: trousers up to the chest, a yoke, a jumper."""
    rng = trunk.hand.rng
    return trunk.beyond(DOWN, trunk.length * rng.uniform(0.2, 0.85), trunk.color(), lower=bool(rng.random() >= 0.7))


def _bib(trunk: _Trunk) -> list[Mark]:
    """Overalls: a bib on two braces, with a pocket."""
    rng = trunk.hand.rng
    top, wide = rng.uniform(0.25, 0.45), rng.uniform(0.4, 0.6)
    color = trunk.color()
    marks = trunk.beyond(DOWN, trunk.length * rng.uniform(0.6, 0.75), color)
    marks += trunk.area(trunk.at((-wide, top), (wide, top), (wide, 0.8), (-wide, 0.8)), color)
    marks += trunk.lines(*(trunk.at((s * wide * 0.8, top), (s * wide * 0.9, 0.0)) for s in (-1, 1)), width=rng.uniform(1, 3))
    if rng.random() < 0.6:
        marks += trunk.area(trunk.at((-0.2, top + 0.1), (0.2, top + 0.1), (0.2, top + 0.22), (-0.2, top + 0.22)), None)
    return marks


def _scarf(trunk: _Trunk) -> list[Mark]:
    """Around the neck, an end of it hanging over the chest."""
    rng = trunk.hand.rng
    color, thick = trunk.color(), rng.uniform(0.08, 0.16)
    wide, side = rng.uniform(0.45, 0.75), rng.choice([-1, 1])
    end = rng.uniform(0.35, 0.8)
    hanging = trunk.at((side * 0.1, 0.05), (side * 0.45, 0.05), (side * rng.uniform(0.4, 0.6), end), (side * 0.1, end))
    around = trunk.on_page(oval((0, 0.03), wide, thick, squareness=0.4) * (trunk.half_width, trunk.length))
    return [*trunk.area(hanging, color), *(replace(mark, part=BodyPart.WORN) for mark in trunk.area(around, color))]


def _zip(trunk: _Trunk) -> list[Mark]:
    rng = trunk.hand.rng
    at = rng.normal(0, 0.05)
    ticks = [trunk.at((at - 0.07, level), (at + 0.07, level)) for level in np.linspace(0.1, 0.9, int(rng.integers(0, 9)))]
    return trunk.lines(trunk.at((at, 0.02), (at, 0.98)), *ticks)


def _pockets(trunk: _Trunk) -> list[Mark]:
    rng = trunk.hand.rng
    level, size = rng.uniform(0.25, 0.7), rng.uniform(0.15, 0.28)
    sides = (-1, 1) if rng.random() < 0.7 else (1,)
    boxes = [np.array([[-size, 0], [size, 0], [size, 0.18], [0, 0.22], [-size, 0.18], [-size, 0]]) + (s * 0.5, level) for s in sides]
    return trunk.lines(*(trunk.on_page(box * (trunk.half_width, trunk.length)) for box in boxes))


def _letters(trunk: _Trunk) -> list[Mark]:
    """A number or a few letters on the shirt."""
    rng = trunk.hand.rng
    count, tall = int(rng.integers(1, 4)), rng.uniform(0.15, 0.4)
    names, size = list(GLYPHS), np.array([1.0 / count, tall])
    start = np.array([-0.5, rng.uniform(0.2, 0.45)])
    strokes = [
        trunk.on_page((start + (index / count, 0) + np.array(stroke) * size * 0.8) * (trunk.half_width, trunk.length))
        for index in range(count)
        for stroke in GLYPHS[names[rng.integers(len(names))]]
    ]
    return trunk.lines(*strokes, width=rng.uniform(0.7, 2), ink=any_of(rng, BRIGHT) if trunk.colored else INK)


def _folds(trunk: _Trunk) -> list[Mark]:
    """Folds from the armpits and at the waist, pleats from the hem."""
    rng = trunk.hand.rng
    slants = [
        trunk.at((s, rng.uniform(0.1, 0.35)), (s * rng.uniform(0.4, 0.7), rng.uniform(0.35, 0.6)))
        for s in (-1, 1)
        for _ in range(rng.integers(1, 4))
    ]
    pleats = [trunk.at((x, rng.uniform(0.6, 0.8)), (x * 1.1, 1.0)) for x in np.linspace(-0.8, 0.8, int(rng.integers(2, 7)))]
    return trunk.lines(*slants, *(pleats if rng.random() < 0.5 else []), width=rng.uniform(0.5, 1.0))


def _seams(trunk: _Trunk) -> list[Mark]:
    """Sleeves' seams, a ruff, a round collar."""
    rng = trunk.hand.rng
    inset = rng.uniform(0.5, 0.85)
    sides = [trunk.at((s * inset * 0.8, 0.0), (s * inset, rng.uniform(0.25, 0.5)), (s, 0.5)) for s in (-1, 1)]
    collar = smooth(trunk.at((-0.5, 0.0), (0, rng.uniform(0.06, 0.2)), (0.5, 0.0)), closed=False)
    return trunk.lines(*sides, *([collar] if rng.random() < 0.5 else []))


def _light_front(trunk: _Trunk) -> list[Mark]:
    """A chest or a belly of another color than the sides, as of animals, bare or below an open shirt; perhaps with its muscles."""
    rng = trunk.hand.rng
    top, bottom, narrow = rng.uniform(0.05, 0.5), rng.uniform(0.7, 1.0), rng.uniform(0.45, 0.92)
    front = part_beyond(trunk.local * (narrow, 1.0), np.array([0.0, 1.0]), top * trunk.length)
    front = part_beyond(front, np.array([0.0, -1.0]), -bottom * trunk.length)
    if len(front) < 4:
        return []
    middle = front.mean(axis=0)
    round_share = rng.uniform(0.0, 0.6)
    away = front - middle
    around = middle + away / np.maximum(np.hypot(*away.T)[:, None], 1e-6) * np.ptp(front, axis=0).min() / 2
    fill = any_of(rng, (*SKINS, *LIGHT)) if trunk.colored else None
    outline = front + round_share * (around - front)
    if rng.random() < TUFTED_FRONT:
        outline = furry(rng, middle + 0.85 * (outline - middle))  # smaller, so that its tufts stay on the trunk
    marks = trunk.area(trunk.on_page(outline), fill)
    return [*marks, *(_muscles(trunk, top, bottom) if rng.random() < 0.5 else [])]


def _muscles(trunk: _Trunk, top: float, bottom: float) -> list[Mark]:
    """Breasts, and a belly in rows, between two levels."""
    rng = trunk.hand.rng
    wide, chest = rng.uniform(0.5, 0.85), top + (bottom - top) * rng.uniform(0.25, 0.45)
    breasts = [smooth(trunk.at((0.0, chest), (s * wide / 2, chest + 0.05), (s * wide, chest - 0.06)), closed=False) for s in (-1, 1)]
    rows = np.linspace(chest, bottom, int(rng.integers(1, 5)) + 1)[1:-1]
    belly = [trunk.at((-wide * 0.4, level), (wide * 0.4, level)) for level in rows]
    return trunk.lines(*breasts, trunk.at((0.0, chest * rng.uniform(0.6, 1.0)), (0.0, bottom)), *belly, width=rng.uniform(0.5, 1.5))


TRUNK_WEAR: tuple[Callable[[_Trunk], list[Mark]], ...] = (
    _sash, _sash, _jacket, _two_tone, _bib, _scarf, _zip, _pockets, _letters, _folds, _seams, _light_front,
    _light_front,
)  # fmt: skip


def _bands(hand: Hand, mark: Mark, chain: Points) -> list[Mark]:
    """A band or two around a limb, or a pad at its middle joint."""
    assert mark.area is not None
    rng = hand.rng
    if rng.random() < 0.4:
        inside = cv2.pointPolygonTest(mark.area.astype(np.float32), (float(chain[1, 0]), float(chain[1, 1])), measureDist=True)
        if inside <= 0.008:
            return []
        pad = hand.shape(oval(chain[1], 0.9 * inside, 0.9 * inside, count=14), fill=any_of(rng, BRIGHT) if mark.fill else None)
        return [replace(pad, see_through=True, joints=mark.joints, part=mark.part)]
    half = rng.integers(2)
    way = chain[half + 1] - chain[half]
    across = unit(np.array([-way[1], way[0]])) * 0.15
    shares = rng.uniform(0.25, 0.8) + np.arange(rng.integers(1, 4)) * rng.uniform(0.08, 0.15)
    lines = np.array([chain[half] + share * way + np.linspace(-1, 1, 40)[:, None] * across for share in shares])
    strokes = lines_inside(mark.area, lines)
    ink = any_of(rng, BRIGHT) if mark.fill is not None and rng.random() < 0.6 else INK
    if not strokes:
        return []
    return [Mark(tuple(strokes), ink=ink, width=rng.uniform(0.8, 3), see_through=True, joints=mark.joints, part=mark.part)]


def _limb_wear(hand: Hand, figure: DrawnFigure, patterns: dict[str, str], color: Color) -> dict[int, list[Mark]]:
    """Patterns on sleeves and trousers, or bands around limbs: what follows each mark, by its row."""
    rng = hand.rng
    has_bands = rng.random() < 0.2
    added: dict[int, list[Mark]] = {}
    for row, mark in enumerate(figure.marks):
        if not mark.is_solid or mark.part not in (*LIMB_ROWS, BOTH_LEGS):
            continue
        chain = figure.joints[list(LIMB_ROWS.get(mark.part, LIMB_ROWS[LEG[-1]])), :2]  # of trousers around both legs, one leg will do
        kind = patterns["arms" if mark.part in ARM.values() else "legs"]
        if kind:
            added[row] = pattern_marks(rng, mark, kind, unit(chain[2] - chain[0]), color if mark.fill is not None else INK)
        elif has_bands and mark.part in LIMB_ROWS:
            added[row] = _bands(hand, mark, chain)
    return added


def _sampled_patterns(rng: np.random.Generator) -> dict[str, str]:
    """The pattern of each part, "" for none; sometimes the same everywhere, as on pyjamas."""
    if rng.random() < 0.12:
        return dict.fromkeys(("trunk", "arms", "legs"), PATTERNS[rng.integers(len(PATTERNS))])
    chances = {"trunk": 0.45, "arms": 0.2, "legs": 0.25}
    return {name: PATTERNS[rng.integers(len(PATTERNS))] if rng.random() < chance else "" for name, chance in chances.items()}


def with_outfit(hand: Hand, figure: DrawnFigure) -> DrawnFigure:
    """The figure, in figure units, mostly with more clothes. One that is a single area has no room for any."""
    rng = hand.rng
    has_light_front = rng.random() < LIGHT_FRONTS.get(figure.style, 0.0)
    if figure.is_one_area or (rng.random() < PLAIN_SHARE and not has_light_front):
        return figure
    patterns = _sampled_patterns(rng)
    color = any_of(rng, BRIGHT) if rng.random() < 0.5 else INK
    added = _limb_wear(hand, figure, patterns, color)
    if found := _trunk_of(hand, figure):
        row, trunk = found
        ink = color if trunk.colored else INK
        marks = pattern_marks(rng, trunk.mark, patterns["trunk"], trunk.axes[DOWN], ink) if patterns["trunk"] else []
        if has_light_front:
            marks += _light_front(trunk)
        for _ in range(int(rng.integers(0, 3))):
            wear = TRUNK_WEAR[rng.integers(len(TRUNK_WEAR))]
            marks += [] if has_light_front and wear is _light_front else wear(trunk)
        added[row] = marks
    gloves = any_of(rng, BRIGHT) if rng.random() < 0.1 else None
    result: list[Mark] = []
    for row, mark in enumerate(figure.marks):
        result.append(replace(mark, fill=gloves) if gloves and mark.part in HANDS_AND_FEET and mark.is_solid else mark)
        result += added.get(row, [])
    return replace(figure, marks=tuple(result))
