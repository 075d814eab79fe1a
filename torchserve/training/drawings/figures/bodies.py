"""Bodies below a head, and bodies that are the head as well (potatoes, vegetables, monsters), as profiles of half-widths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drawings.figures.shapes import Profile

LINES = ("line", "bars", "vee")
"""Bodies of stick figures: a line; a line with a bar for shoulders and one for hips; two lines from the neck to the hips."""


@dataclass(frozen=True)
class BodyPlan:
    """A body's outline and where limbs hold on to it.

    Attributes:
        profile: half-widths from its top to its bottom, in figure units.
        rounded: drawn in one curve instead of corners.
        shoulders: where the arms are, as a share of its length.
        hips: where the hip joints are, as a share of its length.
        stance: half the distance of the legs, as a share of the half-width at the hips.
        skirt: the legs come out of a wide hem.
    """

    kind: str
    profile: Profile
    length: float
    rounded: bool
    shoulders: float
    hips: float
    stance: float
    skirt: bool = False


def ellipse(width: float, *, top: float = 0.12, bottom: float = 0.12, lowest: float = 0.5) -> Profile:
    """An oval's profile, its widest place at a share of its length."""
    shares = np.array([0.0, 0.08, 0.22, 0.4, 0.6, 0.78, 0.92, 1.0])
    moved = np.where(shares < 0.5, shares / 0.5 * lowest, lowest + (shares - 0.5) / 0.5 * (1 - lowest))
    widths = np.sqrt(np.maximum(1 - (2 * shares - 1) ** 2, 0))
    widths[0], widths[-1] = top, bottom
    return tuple(zip(moved.tolist(), (widths * width).tolist(), strict=True))


def _line(rng: np.random.Generator, kind: str, width: float) -> BodyPlan:
    length, shoulders = rng.uniform(0.22, 0.45), rng.uniform(0.02, 0.35)
    if kind == "line":
        return BodyPlan(kind, ((0, 0.004), (1, 0.004)), length, rounded=False, shoulders=shoulders, hips=1.0, stance=0.3)
    if kind == "vee":
        profile: Profile = ((0, 0.003), (1, width * rng.uniform(0.35, 0.9)))
        return BodyPlan(kind, profile, length, rounded=False, shoulders=shoulders * 1.5, hips=1.0, stance=1.0)
    profile = ((0, width * 0.7), (1, width * rng.uniform(0.3, 0.8)))
    return BodyPlan(kind, profile, length, rounded=False, shoulders=shoulders * 0.4, hips=1.0, stance=1.0)


def _skirted(rng: np.random.Generator, kind: str, width: float, length: float) -> BodyPlan:
    if kind == "triangle":
        profile: Profile = ((0, rng.uniform(0.005, 0.05)), (1, rng.uniform(0.16, 0.3)))
        shoulders, hips = rng.uniform(0.1, 0.35), rng.uniform(0.62, 0.85)
        return BodyPlan(kind, profile, length * 1.2, rounded=False, shoulders=shoulders, hips=hips, stance=0.4, skirt=True)
    hem, waist = rng.uniform(0.16, 0.28), rng.uniform(0.3, 0.55)
    profile = ((0, width * 0.85), (0.05, width), (waist, width * 0.75), (waist + 0.01, width * 0.8), (1, hem))
    shoulders, hips = rng.uniform(0.05, 0.14), rng.uniform(0.62, 0.82)
    return BodyPlan(kind, profile, length * 1.35, rounded=rng.random() < 0.15, shoulders=shoulders, hips=hips, stance=0.4, skirt=True)


def _angular(rng: np.random.Generator, kind: str, width: float, length: float) -> BodyPlan:
    if kind == "hourglass":
        profile: Profile = ((0, width), (0.5, width * rng.uniform(0.25, 0.55)), (1, width * rng.uniform(0.9, 1.3)))
        return BodyPlan(kind, profile, length, rounded=False, shoulders=rng.uniform(0.02, 0.12), hips=0.97, stance=0.6)
    profile = ((0, width), (1, width * rng.uniform(0.75, 1.3)))
    return BodyPlan(kind, profile, length, rounded=False, shoulders=rng.uniform(0.03, 0.2), hips=0.97, stance=rng.uniform(0.5, 0.8))


def torso(rng: np.random.Generator, kind: str) -> BodyPlan:
    """A body that a head sits on."""
    width, length = rng.uniform(0.08, 0.17), rng.uniform(0.24, 0.42)
    if kind in LINES:
        return _line(rng, kind, width)
    if kind in ("triangle", "dress"):
        return _skirted(rng, kind, width, length)
    if kind in ("box", "hourglass"):
        return _angular(rng, kind, width, length)
    rounded, shoulders, hips = True, rng.uniform(0.12, 0.25), rng.uniform(0.88, 0.98)
    if kind == "oval":
        profile = ellipse(width * 1.15, lowest=rng.uniform(0.4, 0.62))
        shoulders += rng.uniform(0, 0.08)
    elif kind == "person":
        shoulder = width * rng.uniform(0.95, 1.3)
        profile = ((0, 0.04), (0.06, shoulder * 0.85), (0.14, shoulder), (0.6, width * 0.85), (1, width * rng.uniform(0.85, 1.1)))
        rounded, shoulders = bool(rng.random() < 0.5), rng.uniform(0.08, 0.17)
    elif kind == "trunk":  # broad shoulders, narrow hips: heroes
        profile = ((0, 0.05), (0.08, width * 1.45), (0.2, width * 1.5), (1, width * 0.8))
        rounded, shoulders = bool(rng.random() < 0.5), rng.uniform(0.1, 0.18)
    elif kind == "snow":
        profile = ((0, 0.35), (0.1, 0.91), (0.25, 1.12), (0.4, 0.77), (0.47, 0.91), (0.7, 1.47), (0.92, 0.98), (1, 0.56))
        profile, length = tuple((share, across * width) for share, across in profile), length * 1.3
    else:  # pear: people with bellies
        profile = ((0, width * 0.4), (0.1, width * 0.75), (0.35, width * 1.05), (0.72, width * 1.5), (0.95, width * 1.1), (1, width * 0.9))
    return BodyPlan(kind, profile, length, rounded=rounded, shoulders=shoulders, hips=hips, stance=rng.uniform(0.45, 0.65))


def rare_torso(rng: np.random.Generator, kind: str) -> BodyPlan:
    """A body of one of the RARE_TORSOS."""
    width, length = rng.uniform(0.07, 0.17), rng.uniform(0.22, 0.42)
    uniform = rng.uniform
    shoulders, hips, stance, skirt, rounded = uniform(0.08, 0.18), uniform(0.92, 0.98), uniform(0.45, 0.7), False, bool(rng.random() < 0.5)
    if kind == "hero":
        wide = width * uniform(1.4, 1.9)
        profile: Profile = (
            (0, wide * uniform(0.3, 0.9)),
            (0.08, wide * 0.95),
            (0.2, wide),
            (0.75, width * 0.7),
            (1, width * uniform(0.6, 0.8)),
        )
    elif kind == "bulky":
        wide = width * uniform(1.2, 1.7)
        profile = ((0, wide * 0.6), (0.1, wide * 0.95), (0.5, wide * uniform(1, 1.15)), (0.9, wide), (1, wide * 0.85))
    elif kind == "robe":
        length *= uniform(1.5, 2.2)
        profile = ((0, width * 0.4), (0.1, width * uniform(0.7, 1)), (0.5, width * uniform(0.9, 1.3)), (1, width * uniform(1.2, 2)))
        shoulders, hips, stance, skirt = uniform(0.1, 0.42), uniform(0.5, 0.65), 0.4, True
    elif kind == "poncho":
        profile = ((0, width * 0.25), (1, width * uniform(1.5, 2.2)))
        shoulders, hips, stance = uniform(0.4, 0.8), 0.97, uniform(0.25, 0.5)
    elif kind == "belly":
        round_at = uniform(0.55, 0.72)
        profile = ((0, width * 0.5), (0.12, width * 0.8), (round_at, width * uniform(1.4, 2)), (0.95, width * 0.9), (1, width * 0.7))
        rounded = True
    elif kind == "curvy":
        profile = ((0, width * 0.5), (0.12, width), (0.5, width * uniform(0.35, 0.65)), (0.85, width * uniform(1, 1.5)), (1, width * 0.9))
        rounded = True
    elif kind == "bean":
        profile, rounded, shoulders = (
            ellipse(width * uniform(0.8, 1.3), top=0.3, bottom=0.3, lowest=uniform(0.35, 0.65)),
            True,
            uniform(0.15, 0.4),
        )
    elif kind == "slab":
        profile, rounded = ((0, width * uniform(1, 1.4)), (1, width * uniform(1, 1.4))), False
        length *= uniform(0.5, 0.9)
    else:  # tube
        profile = ((0, width * 0.5), (0.1, width * 0.6), (0.95, width * 0.6), (1, width * 0.45))
        length *= uniform(1, 1.5)
    return BodyPlan(kind, profile, length, rounded=rounded, shoulders=shoulders, hips=hips, stance=stance, skirt=skirt)


RARE_TORSOS = ("hero", "bulky", "robe", "poncho", "belly", "curvy", "bean", "slab", "tube")
"""Of mixed figures only."""
TORSOS = ("oval", "box", "triangle", "dress", "person", "trunk", "hourglass", "pear")

CREATURES: dict[str, Profile] = {
    "egg": ellipse(0.24, lowest=0.6),
    "ball": ellipse(0.28),
    "carrot": ((0, 0.1), (0.06, 0.17), (0.2, 0.19), (0.6, 0.12), (0.9, 0.05), (1, 0.02)),
    "cone": ((0, 0.02), (0.1, 0.07), (0.35, 0.14), (0.8, 0.25), (0.95, 0.24), (1, 0.17)),
    "pear": ((0, 0.05), (0.08, 0.1), (0.3, 0.12), (0.5, 0.2), (0.75, 0.26), (0.95, 0.16), (1, 0.08)),
    "bulb": ((0, 0.1), (0.2, 0.09), (0.28, 0.1), (0.45, 0.2), (0.7, 0.27), (0.92, 0.19), (1, 0.1)),
    "box": ((0, 0.2), (1, 0.22)),
    "cup": ((0, 0.24), (0.05, 0.24), (1, 0.16)),
    "ghost": ((0, 0.08), (0.08, 0.16), (0.25, 0.21), (0.6, 0.22), (1, 0.25)),
    "mushroom": ((0, 0.06), (0.1, 0.2), (0.3, 0.29), (0.42, 0.28), (0.44, 0.12), (0.9, 0.13), (1, 0.12)),
    "cucumber": ellipse(0.12),
    "broccoli": ((0, 0.1), (0.08, 0.21), (0.2, 0.2), (0.28, 0.26), (0.45, 0.22), (0.5, 0.1), (0.9, 0.1), (1, 0.12)),
    "heart": ((0, 0.16), (0.1, 0.26), (0.3, 0.28), (0.6, 0.19), (0.9, 0.05), (1, 0.01)),
    "triangle": ((0, 0.01), (1, 0.28)),
    "diamond": ((0, 0.02), (0.45, 0.25), (1, 0.03)),
    "bottle": ((0, 0.07), (0.25, 0.07), (0.38, 0.15), (0.95, 0.16), (1, 0.14)),
}
ANGULAR = {"box", "cup", "triangle", "diamond"}


def creature(rng: np.random.Generator, kind: str) -> BodyPlan:
    """A body with a face on it and no head of its own."""
    wide, length = rng.uniform(0.75, 1.3), rng.uniform(0.4, 0.68)
    profile = tuple((share, width * wide) for share, width in CREATURES[kind])
    rounded = kind not in ANGULAR or rng.random() < 0.15
    shoulders, hips = rng.uniform(0.36, 0.66), rng.uniform(0.86, 0.98)
    return BodyPlan(kind, profile, length, rounded=rounded, shoulders=shoulders, hips=hips, stance=rng.uniform(0.4, 0.7))
