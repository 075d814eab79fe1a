"""Limbs as grown-up hands draw them: muscles, calves and ankles, puffed, baggy and flared sleeves and trousers; tufts of fur all around.

A finished figure's marks are bent across the axes of its limbs; its joints stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drawings.figures.hand import Hand
from drawings.figures.marks import DrawnFigure, Mark, Points
from drawings.figures.parts import ARM, BOTH_LEGS, LEG, LIMB_ROWS, BodyPart
from drawings.figures.shapes import arc_lengths, normals

Bulges = tuple[tuple[float, float], ...]
"""Factors of a limb's thickness: (share of its length from the root, factor), ascending."""

MODELLED_SHARE, ONE_SIDED_SHARE = 0.45, 0.5
"""Share of figures whose limbs are bent, and of those, of bulges that are stronger on one side."""
FURRY_SHARES = {"beast": 0.35, "monster": 0.15, "animal_person": 0.12, "mixed": 0.05}
"""Share of figures of a style with tufts on trunk, head and limbs."""
FURRED_LIMBS_ONLY = 0.3
"""Share of those whose limbs alone have tufts."""
BENT_PAIRS_SHARE = 0.8
"""Share of pairs of limbs, of figures whose limbs are bent, that are."""
MIN_FACTOR = 0.35
"""Of a limb's thickness, so that no bulges make it a line."""
MAX_BENT_SHARE = 0.3
"""Of a limb's length: marks are no farther from its axis once they are bent, so that limbs do not grow into each other."""
ARM_BULGES: dict[str, Bulges] = {
    "muscles": ((0, 1.0), (0.14, 1.35), (0.3, 1.15), (0.5, 0.85), (0.64, 1.15), (0.85, 0.8), (1, 0.65)),
    "slender": ((0, 1.1), (0.2, 1.0), (0.5, 0.7), (0.62, 0.8), (1, 0.5)),
    "puffed": ((0, 1.3), (0.1, 2.3), (0.22, 2.2), (0.3, 0.9), (1, 0.9)),
    "bell": ((0, 0.9), (0.5, 1.0), (0.8, 1.6), (0.97, 2.3), (1, 1.0)),
    "baggy": ((0, 1.3), (0.3, 1.5), (0.5, 1.35), (0.7, 1.6), (0.88, 1.7), (0.94, 0.95), (1, 0.9)),
    "rolled": ((0, 1.2), (0.4, 1.35), (0.52, 1.5), (0.55, 0.85), (0.65, 0.95), (1, 0.7)),
}
LEG_BULGES: dict[str, Bulges] = {
    "muscles": ((0, 1.1), (0.15, 1.3), (0.35, 1.05), (0.5, 0.85), (0.66, 1.15), (0.85, 0.7), (1, 0.55)),
    "slender": ((0, 1.3), (0.25, 1.05), (0.5, 0.75), (0.65, 0.85), (1, 0.45)),
    "puffed": ((0, 1.2), (0.2, 1.8), (0.4, 1.9), (0.5, 0.8), (1, 0.7)),
    "bell": ((0, 1.1), (0.5, 0.9), (0.8, 1.4), (0.97, 2.0), (1, 1.1)),
    "baggy": ((0, 1.2), (0.3, 1.45), (0.5, 1.3), (0.75, 1.5), (0.9, 1.6), (0.96, 0.9), (1, 0.9)),
    "rolled": ((0, 1.15), (0.35, 1.4), (0.5, 1.45), (0.53, 0.8), (0.66, 0.95), (0.85, 0.7), (1, 0.6)),
}
KINDS = ("muscles", "muscles", "slender", "puffed", "bell", "baggy", "rolled")
"""Each as often as it is listed."""


def with_anatomy(hand: Hand, figure: DrawnFigure) -> DrawnFigure:
    """The figure, in figure units, sometimes with limbs of another outline, or with fur."""
    rng = hand.rng
    if rng.random() < MODELLED_SHARE:
        figure = _with_bulges(rng, figure)
    if rng.random() < FURRY_SHARES.get(figure.style, 0.0):
        is_everywhere = rng.random() >= FURRED_LIMBS_ONLY
        size, spacing = rng.uniform(0.008, 0.022), rng.uniform(0.012, 0.03)
        parts = set(BodyPart) | {BOTH_LEGS} if is_everywhere else set(LIMB_ROWS)
        marks = tuple(_furred(rng, mark, size, spacing) if mark.is_solid and mark.part in parts else mark for mark in figure.marks)
        figure = replace(figure, marks=marks)
    return figure


@dataclass(frozen=True)
class _Bend:
    """How one limb's outline is bent: its bulges, and how strong they are on its two sides."""

    chain: Points
    bulges: Bulges
    sides: tuple[float, float]

    def moved(self, shape: Points) -> Points:
        """Points `(N, 2)` moved across the axis of the limb."""
        bones = np.diff(self.chain, axis=0)
        lengths = np.maximum(np.hypot(*bones.T), 1e-6)
        total = float(lengths.sum())
        away = shape[:, None] - self.chain[None, :2]
        share = np.clip((away * bones).sum(axis=2) / lengths**2, 0, 1)
        across = away - share[:, :, None] * bones
        distance = np.hypot(across[..., 0], across[..., 1])
        rows, nearest = np.arange(len(shape)), distance.argmin(axis=1)
        along = (share[rows, nearest] * lengths[nearest] + np.where(nearest == 1, lengths[0], 0.0)) / total
        across, distance, bone = across[rows, nearest], distance[rows, nearest], bones[nearest]
        is_left = bone[:, 0] * across[:, 1] - bone[:, 1] * across[:, 0] > 0
        shares, levels = np.array(self.bulges).T
        factors = 1 + np.where(is_left, *self.sides) * (np.interp(along, shares, levels) - 1)
        furthest = np.maximum(distance, MAX_BENT_SHARE * total) / np.maximum(distance, 1e-9)
        return np.asarray(shape + across * (np.clip(factors, MIN_FACTOR, furthest) - 1)[:, None])


def _with_bulges(rng: np.random.Generator, figure: DrawnFigure) -> DrawnFigure:
    """Arms alike, legs alike, each pair with bulges of one kind, or only one of the pairs."""
    bends: dict[int, _Bend] = {}
    for parts, bulges in ((ARM, ARM_BULGES), (LEG, LEG_BULGES)):
        if rng.random() >= BENT_PAIRS_SHARE:
            continue
        profile, strength = bulges[KINDS[rng.integers(len(KINDS))]], rng.uniform(0.5, 1.3)
        weaker = strength * (rng.uniform(0.2, 1.0) if rng.random() < ONE_SIDED_SHARE else 1.0)
        for side, part in parts.items():  # mirrored, so that both calves bulge outwards, or both inwards
            sides = (weaker, strength) if side > 0 else (strength, weaker)
            bends[part] = _Bend(figure.joints[list(LIMB_ROWS[part]), :2], profile, sides)
    marks = (mark.moved(bends[mark.part].moved) if mark.part in bends and mark.area is not None else mark for mark in figure.marks)
    return replace(figure, marks=tuple(marks))


def _furred(rng: np.random.Generator, mark: Mark, size: float, spacing: float) -> Mark:
    """A mark with tufts along its outline, which lean to one side as fur does."""
    assert mark.area is not None
    lengths = arc_lengths(mark.area)
    count = int(lengths[-1] / spacing)
    if count < 4:
        return mark
    at = np.linspace(0, lengths[-1], 2 * count + 1)
    even = np.column_stack([np.interp(at, lengths, mark.area[:, 0]), np.interp(at, lengths, mark.area[:, 1])])
    x, y = mark.area.T
    outwards = normals(even) * (np.sign(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) or 1.0)
    tufts = (np.arange(len(even)) % 2)[:, None] * size * rng.uniform(0.4, 1.4, (len(even), 1))
    hanging = np.array([0.0, rng.uniform(0.0, 0.8)])
    area = even + tufts * (outwards + hanging)
    return replace(mark, area=area, strokes=(area,) if mark.strokes else ())
