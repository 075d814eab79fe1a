# ruff: noqa: RUF005 - adding a pair to an array moves it
"""Hair and ears, behind heads and before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drawings.figures.colors import Palette
from drawings.figures.hand import Hand
from drawings.figures.marks import INK, Color, Mark, Points
from drawings.figures.shapes import limb, oval, points, smooth


@dataclass(frozen=True)
class _Hairdresser:
    """Draws in the head's own space, in which the head is a circle of radius 1 about (0, 0)."""

    hand: Hand
    center: Points
    scale: Points
    fill: Color | None
    ink: Color

    def area(self, outline: Points, *, closed: bool = True) -> Mark:
        return self.hand.shape(self.center + outline * self.scale, fill=self.fill, ink=self.ink, closed=closed)

    def lines(self, *lines: Points, width: float = 1.0) -> Mark:
        return self.hand.strokes(*(self.center + line * self.scale for line in lines), ink=self.ink, width=width)


Hairdo = tuple[list[Mark], list[Mark]]
"""Behind the head, before it."""


def _ring(angles: Points) -> Points:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _spikes(dresser: _Hairdresser) -> Hairdo:
    rng = dresser.hand.rng
    angles = np.linspace(np.pi * 1.08, np.pi * 1.92, 2 * int(rng.integers(4, 9)) + 1)
    radii = np.where(np.arange(len(angles)) % 2, rng.uniform(1.2, 1.55), 0.95)[:, None]
    return [], [dresser.area(_ring(angles) * radii, closed=False)]


def _single_hairs(dresser: _Hairdresser, inner: float, outer: float) -> Hairdo:
    rng = dresser.hand.rng
    angles = np.linspace(np.pi * 1.15, np.pi * 1.85, int(rng.integers(3, 14)))
    return [], [dresser.lines(*(_ring(angle[None]) * np.array([[inner], [outer * rng.uniform(0.9, 1.1)]]) for angle in angles))]


def _few(dresser: _Hairdresser) -> Hairdo:
    return _single_hairs(dresser, 0.95, dresser.hand.rng.uniform(1.2, 1.5))


def _fringe(dresser: _Hairdresser) -> Hairdo:
    return _single_hairs(dresser, 0.6, 1.05)


def _curls(dresser: _Hairdresser) -> Hairdo:
    angles = np.linspace(np.pi * 0.95, np.pi * 2.05, int(dresser.hand.rng.integers(6, 11)))
    return [dresser.area(oval(spot, 0.3, 0.3, count=12)) for spot in _ring(angles)], []


def _long(dresser: _Hairdresser) -> Hairdo:
    rng = dresser.hand.rng
    low = rng.uniform(0.4, 0.8) if rng.random() < 0.4 else rng.uniform(0.9, 2.2)
    if rng.random() < 0.5:
        cap = points((-1.15, low), (-1.2, 0), (-0.85, -0.95), (0, -1.25), (0.85, -0.95), (1.2, 0), (1.15, low))
        return [dresser.area(smooth(cap, closed=False))], []
    strands = [points((s * 0.5, -0.9), (s * 1.05, -0.2), (s * rng.uniform(0.9, 1.4), low)) for s in (-1, 1) for _ in range(3)]
    return [], [dresser.lines(*(smooth(strand, closed=False) for strand in strands))]


def _pigtails(dresser: _Hairdresser) -> Hairdo:
    rng = dresser.hand.rng
    down, out = rng.uniform(0.2, 1.4), rng.uniform(0.5, 1.1)
    loops = [points((s * 0.85, -0.6), (s * (1 + out * 0.5), -0.9), (s * (1 + out), down), (s * 1.1, 0.1)) for s in (-1, 1)]
    if rng.random() < 0.5:
        tails = [dresser.area(smooth(loop, closed=True)) for loop in loops]
    else:  # two lines each, that curl outwards
        curls = [
            line + (s * 0.25, 0.1)
            for s in (-1, 1)
            for line in (points((s * 0.6, -0.8), (s * (0.7 + out * 0.4), -1.1), (s * (0.6 + out), down * 0.7)),)
        ]
        tails = [dresser.lines(*(smooth(line, closed=False) for line in [*curls, *(loop[:3] for loop in loops)]))]
    return tails, _fringe(dresser)[1] if rng.random() < 0.3 else _scribble(dresser)[1] if rng.random() < 0.4 else []


def _bun(dresser: _Hairdresser) -> Hairdo:
    return [dresser.area(oval((0, -1.15), 0.4, 0.35, count=16))], []


def _scribble(dresser: _Hairdresser) -> Hairdo:
    way = np.linspace(0, 1, 26)
    radii = 1.05 + 0.22 * np.sin(way * 60) + dresser.hand.rng.normal(0, 0.05, len(way))
    return [], [dresser.lines(_ring(np.pi * (1.05 + 0.9 * way)) * radii[:, None], width=1.2)]


def _cap(dresser: _Hairdresser) -> Hairdo:
    """Hair as a filled cap on the forehead."""
    level = dresser.hand.rng.uniform(-0.6, -0.2)
    top = _ring(np.linspace(np.pi * 0.95, np.pi * 2.05, 12)) * 1.08
    line = points((0.7, level), (0.2, level - 0.2), (-0.2, level), (-0.7, level - 0.1))
    return [], [dresser.area(np.concatenate([top, line]))]


def _bob(dresser: _Hairdresser) -> Hairdo:
    """A cap down to the chin, with a fringe."""
    rng = dresser.hand.rng
    low, wide = rng.uniform(0.3, 1.0), rng.uniform(1.08, 1.3)
    back = smooth(points((-wide, low), (-wide, -0.3), (-0.8, -1.05), (0, -1.25), (0.8, -1.05), (wide, -0.3), (wide, low)), closed=False)
    level = rng.uniform(-0.45, -0.1)
    teeth = np.linspace(0.95, -0.95, int(rng.integers(4, 9)))
    fringe = np.column_stack([teeth, level + np.where(np.arange(len(teeth)) % 2, -0.2, 0.05)])
    top = _ring(np.linspace(np.pi * 1.02, np.pi * 1.98, 12)) * 1.1
    return [dresser.area(back)], [dresser.area(np.concatenate([top, fringe]))]


def _rings(dresser: _Hairdresser) -> Hairdo:
    """Tails that are loops: paper is seen through them."""
    rng = dresser.hand.rng
    out, down, thick = rng.uniform(0.5, 1.0), rng.uniform(0.2, 1.2), rng.uniform(0.06, 0.16)
    loops = [
        points((s * 0.7, -0.7), (s * (1 + out), -1.0), (s * (1.2 + out), down * 0.5), (s * (1 + out * 0.4), down), (s * 0.95, -0.1))
        for s in (-1, 1)
    ]
    tails = [dresser.area(limb(smooth(loop, closed=False), thick, thick)) for loop in loops]
    return tails, _cap(dresser)[1] if rng.random() < 0.7 else []


def _tail(dresser: _Hairdresser) -> Hairdo:
    """A pony tail or a plait on one side."""
    rng = dresser.hand.rng
    side, low = rng.choice([-1.0, 1.0]), rng.uniform(0.3, 2.0)
    axis = smooth(points((side * 0.6, -0.8), (side * 1.4, -0.9), (side * 1.6, 0.0), (side * rng.uniform(1.1, 1.7), low)), closed=False)
    return [dresser.area(limb(axis, 0.25, 0.08))], _cap(dresser)[1]


def _afro(dresser: _Hairdresser) -> Hairdo:
    """A cloud around the head."""
    rng = dresser.hand.rng
    size, bumps = rng.uniform(1.25, 1.9), int(rng.integers(0, 14))
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radii = size * (1 + rng.uniform(0.02, 0.07) * np.abs(np.sin(angles * bumps / 2)))
    cloud = _ring(angles) * radii[:, None] * (1.0, rng.uniform(0.8, 1.0)) + (0, rng.uniform(-0.6, -0.2))
    return [dresser.area(cloud)], _cap(dresser)[1] if rng.random() < 0.6 else []


def _mop(dresser: _Hairdresser) -> Hairdo:
    """Cartoons' hair: a mass as large as the head, which hangs over its sides."""
    rng = dresser.hand.rng
    wide, high, level, lean = rng.uniform(1.15, 1.7), rng.uniform(1.4, 2.2), rng.uniform(-0.5, 0.05), rng.normal(0, 0.2)
    mass = points(
        (-wide, level), (-wide * 1.02, -high * 0.55), (lean - 0.6, -high), (lean + 0.6, -high), (wide * 1.02, -high * 0.55), (wide, level)
    )
    line = points((0.75, level - 0.1), (0.3, level - 0.4), (-0.3, level - 0.2), (-0.8, level - 0.1))
    return [], [dresser.area(np.concatenate([smooth(mass, closed=False), line]))]


def _locks(dresser: _Hairdresser) -> Hairdo:
    """A lock at either side, which falls beside the shoulders and leaves paper between them and itself."""
    rng = dresser.hand.rng
    low, out, thick = rng.uniform(1.6, 3.4), rng.uniform(0.0, 0.5), rng.uniform(0.1, 0.35)
    axes = [
        points((s * 0.9, -0.3), (s * (1.1 + out), low * 0.3), (s * (1.0 + out), low * 0.7), (s * (0.9 + out * rng.uniform(0, 2)), low))
        for s in (-1, 1)
    ]
    return [dresser.area(limb(smooth(axis, closed=False), thick, thick * rng.uniform(0.3, 1.0))) for axis in axes], _cap(dresser)[1]


def _mane(dresser: _Hairdresser) -> Hairdo:
    """A mass that swings in at the chin and out below, as far down as the elbows, with a parting or a fringe."""
    rng = dresser.hand.rng
    low, wide, chin, out = rng.uniform(1.3, 3.2), rng.uniform(1.02, 1.25), rng.uniform(0.85, 1.15), rng.uniform(0.9, 1.6)
    right = points((0.0, -1.12), (0.75, -0.95), (wide, -0.2), (chin, 0.8), (out, 0.55 * low + 0.5), (out * rng.uniform(0.5, 1.0), low))
    mass = smooth(np.concatenate([right[:0:-1] * (-1, 1), right]), closed=False)
    level, parting = rng.uniform(-0.5, -0.05), rng.uniform(-0.6, 0.6)
    top = _ring(np.linspace(np.pi * 1.0, np.pi * 2.0, 14)) * 1.04
    fringe = points((0.85, level + 0.1), (parting, level - 0.45), (-0.85, level + 0.1))
    return [dresser.area(mass)], [dresser.area(np.concatenate([top, fringe]))] if rng.random() < 0.8 else []


HAIRDOS: tuple[Callable[[_Hairdresser], Hairdo], ...] = (
    _spikes, _few, _fringe, _curls, _long, _long, _pigtails, _pigtails, _bun, _scribble, _cap, _bob, _bob, _rings, _tail,
    _afro, _mop, _mop, _locks, _mane, _mane,
)  # fmt: skip


def ear_marks(hand: Hand, center: Points, rx: float, ry: float, palette: Palette, *, animal: bool = False) -> list[Mark]:
    """Round ears, pointed ones or a bunny's; drawn before the head hides their inner side."""
    rng, draw = hand.rng, hand.rng.uniform(0.45 if animal else 0.0, 1.0)
    if draw < 0.45:
        size = rng.uniform(0.15, 0.28) * rx
        return [hand.shape(oval(center + (s * rx * 1.02, 0), size * 0.8, size, count=14), fill=palette.skin) for s in (-1, 1)]
    if draw < 0.65:
        size = rng.uniform(0.3, 0.5) * rx
        return [hand.shape(oval(center + (s * rx * 0.75, -ry * 0.85), size, size, count=16), fill=palette.skin) for s in (-1, 1)]
    if draw < 0.85:
        tips = points((0.35, -0.8), (0.85, -1.5), (0.95, -0.4))
        return [hand.shape(center + tips * (s * rx, ry), fill=palette.skin, closed=False) for s in (-1, 1)]
    tall = rng.uniform(0.7, 1.2) * ry
    return [
        hand.shape(oval(center + (s * rx * 0.45, -ry * 0.8 - tall * 0.7), rx * 0.22, tall, count=18), fill=palette.skin) for s in (-1, 1)
    ]


def hair_marks(hand: Hand, center: Points, rx: float, ry: float, fill: Color | None) -> Hairdo:
    """Hair behind the head, and in front of it; one figure in five is bald."""
    rng = hand.rng
    if rng.random() < 0.2:
        return [], []
    ink = fill if fill is not None and rng.random() < 0.6 else INK
    return HAIRDOS[rng.integers(len(HAIRDOS))](_Hairdresser(hand, center, np.array([rx, ry]), fill, ink))
