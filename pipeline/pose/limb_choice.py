"""Both arms, and both legs, chosen together from a pose model's maps.

Each map may have several peaks: a hand on the hip and a bow, a hand of the other arm. A choice of a tip for both sides scores higher the
more likely tips and middle joints are, the more of the limbs is inside the figure's mask, and the more alike both limbs are in length;
lower if both tips are in the same place. This is a pictorial structure (Felzenszwalb and Huttenlocher 2005) with two limbs in one part.

Points are shares of the square's side. On 529 held-out synthetic figures (seeds from 9500000), 79.4 % have all limbs right with this
choice, 78.1 % without: 8 more are right, 1 is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from pipeline.pose.heatmaps import middle_peak, most_likely_peaks
from pipeline.types import Floats, Singles

CANDIDATES = 3
"""Peaks of a tip's map that are tried."""

FLOOR = 0.02
"""Added to chances, so that no joint rules a limb out."""

SAME_PLACE_WEIGHT, SAME_PLACE_REACH = 2.0, 0.05
"""How much two tips in one place count, in nats, and how far apart they no longer are, in shares of the square."""

INSIDE_WEIGHT, INSIDE_FLOOR = 2.0, 0.1
LENGTH_WEIGHT, SHORT_LIMB = 1.0, 0.05
"""How much limbs of different length count; limbs of about this share of the square may differ."""

SAMPLES = 12

Limb = tuple[int, int, int]
"""Keypoints of root, middle and tip."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A tip and the middle joint that fits it best.

    Attributes:
        score: how likely tip and middle are, and how much of the limb is inside the mask, nats.
        length: from the root over the middle to the tip.
    """

    tip: Floats
    middle: Floats
    score: float
    length: float


def with_limbs_chosen(peaks: Floats, chances: Singles, mask: Singles, pairs: Sequence[tuple[Limb, Limb]]) -> Floats:
    """`peaks` (J, 3) x, y, chance, with the middles and tips of both limbs of each pair chosen together.

    Args:
        chances: (J, C, C) float32, the chance of each place for each joint.
        mask: (S, S) float32, how likely each place is figure.
    """
    chosen = peaks.copy()
    for pair in pairs:
        sides = [_candidates(peaks, chances, mask, limb) for limb in pair]
        best = max(product(*sides), key=lambda both: _score(*both))
        for (_, middle, tip), candidate in zip(pair, best, strict=True):
            chosen[tip] = candidate.tip
            chosen[middle, :2] = candidate.middle[:2]
    return chosen


def _score(one: _Candidate, other: _Candidate) -> float:
    apart = float(np.linalg.norm(one.tip[:2] - other.tip[:2]))
    same_place = SAME_PLACE_WEIGHT * np.exp(-0.5 * (apart / SAME_PLACE_REACH) ** 2)
    unlike = LENGTH_WEIGHT * abs(np.log((one.length + SHORT_LIMB) / (other.length + SHORT_LIMB)))
    return float(one.score + other.score - same_place - unlike)


def _candidates(peaks: Floats, chances: Singles, mask: Singles, limb: Limb) -> list[_Candidate]:
    root, middle, tip = limb
    found = []
    for end in most_likely_peaks(chances[tip], CANDIDATES):
        bend, fit = middle_peak(chances[middle], peaks[root], end, 1.0)
        way = np.array([peaks[root, :2], bend[:2], end[:2]])
        inside = _share_inside(way, mask)
        score = np.log(end[2] + FLOOR) + np.log(fit + FLOOR) + INSIDE_WEIGHT * np.log(inside + INSIDE_FLOOR)
        length = float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
        found.append(_Candidate(end, bend, float(score), length))
    return found


def _share_inside(way: Floats, mask: Singles) -> float:
    """How much of a way (n, 2) is inside a mask, 0..1."""
    steps = np.linspace(0, 1, SAMPLES)[:, None]
    points = np.concatenate([start + (end - start) * steps for start, end in pairwise(way)])
    cells = np.clip((points * len(mask)).astype(int), 0, len(mask) - 1)
    return float(mask[cells[:, 1], cells[:, 0]].mean())
