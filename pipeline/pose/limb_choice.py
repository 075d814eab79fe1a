"""Both arms, and both legs, chosen together from a pose model's maps.

Each map may have several peaks: a hand on the hip and a bow, an elbow on the trunk, a hand of the other arm. A choice of root, middle and
tip for both sides scores higher the more likely the joints are, the more of the limbs is inside the figure's mask, the more alike halves
and limbs are in length, and the more of what the maps of both sides show is used, so that two legs are not laid on one. This is a
pictorial structure (Felzenszwalb and Huttenlocher 2005) with two limbs in one part, whose weights are learned as those of a conditional
random field (Lafferty, McCallum and Pereira 2001) by `torchserve/training/limb_weights.py`.

Points are shares of the square's side. Of 2,271 synthetic figures that neither the network nor the weights (in three folds) had learned
from, 79.2 % have all visible joints of both arms right and 92.7 % those of both legs (hips within 0.15 of the longer side, others 0.1); at
the likeliest places 78.1 and 91.7 %. With the joints that something covers, 72.2 and 91.9 %; at the likeliest places 70.1 and 90.7 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pipeline.pose.heatmaps import chance_near, most_likely_peaks
from pipeline.types import Floats, Ints, Singles

CANDIDATES = (3, 4, 4)
"""Peaks of the maps of root, middle and tip that are tried."""
BEST = 10
"""Of all choices for one limb, so many are tried together with those for the other side."""

FLOOR, USED_FLOOR = 0.003, 0.02
"""Added to chances, so that no joint rules a limb out; and to what is used of both sides' maps."""
SHORT_HALF, SHORT_LIMB = 0.03, 0.05
"""Lengths are compared beyond these: halves and limbs of about this length may differ."""
SAME_PLACE, SAME_ROOT = 0.05, 0.04
"""How far apart, as a standard deviation, joints of both sides may be and still count as in one place: middles and tips, and roots."""
SAMPLES = 10
"""Of the mask along each half of a limb."""

Limb = tuple[int, int, int]
"""Keypoints of root, middle and tip."""


@dataclass(frozen=True)
class Weights:
    """What a choice's score is made of.

    Attributes:
        limb: of `limb_choices`' measures, nats for each unit.
        pair: of `pair_measures`.
    """

    limb: tuple[float, ...]
    pair: tuple[float, ...]


ARM_WEIGHTS = Weights(limb=(0.947, 0.815, 0.922, 0.788, 0.95, -1.67, 0.614), pair=(-2.0, -0.796, -4.769, -12.455, 0.099, -0.002))
"""The weight of hands in the same place is set. Fitted, it is 0.03, with which 0.3 points more figures are right; but a hand that is torn
off the other arm looks worse than folded hands that are drawn apart."""
LEG_WEIGHTS = Weights(limb=(0.606, 0.586, 0.739, 0.394, 1.413, -2.032, 0.612), pair=(-1.048, -0.418, -5.811, -14.046, 1.831, 1.352))


@dataclass(frozen=True)
class LimbPair:
    """The limbs of both sides, and how they are scored."""

    left: Limb
    right: Limb
    weights: Weights


def with_limbs_chosen(peaks: Floats, chances: Singles, mask: Singles, pairs: Sequence[LimbPair]) -> Floats:
    """`peaks` (J, 3) x, y, chance, with the joints of both limbs of each pair chosen together.

    Roots and middles keep the chance of their likeliest place: a joint that is moved is not one that is not drawn.

    Args:
        chances: (J, C, C) float32, the chance of each place for each joint.
        mask: (S, S) float32, how likely each place is figure.
    """
    chosen = peaks.copy()
    for pair in pairs:
        limbs = (pair.left, pair.right)
        both = zip(limbs, reversed(limbs), strict=True)
        sides = [_best_choices(*limb_choices(chances, mask, limb, other), pair.weights) for limb, other in both]
        (left, left_score), (right, right_score) = sides
        score = left_score[:, None] + right_score + pair_measures(left, right) @ pair.weights.pair
        best = divmod(int(np.argmax(score)), len(right))
        for (root, middle, tip), (joints, _), row in zip(limbs, sides, best, strict=True):
            chosen[[root, middle], :2] = joints[row, :2, :2]
            chosen[tip] = joints[row, 2, :3]
    return chosen


def limb_choices(chances: Singles, mask: Singles, limb: Limb, other: Limb) -> tuple[Floats, Floats]:
    """All choices for one limb, and their measures (n, 7).

    Choices are (n, 3, 4): of root, middle and tip x, y, the chance, and the mean of that and of the `other` side's joint to be there. The
    measures are: the logarithms of the three chances; the least of the mask along the upper and along the lower half, 0..1; how different
    both are in length, as a logarithm; the cosine of the bend, 1 of a straight limb.
    """
    peaks = [_candidates(chances[mine], chances[theirs], count) for mine, theirs, count in zip(limb, other, CANDIDATES, strict=True)]
    rows: Ints = np.array(list(product(*(range(count) for count in CANDIDATES))))
    joints = np.stack([places[rows[:, place]] for place, places in enumerate(peaks)], axis=1)
    halves = np.diff(joints[:, :, :2], axis=1)
    lengths = np.linalg.norm(halves, axis=2)
    inside = [_least_inside(peaks[half], peaks[half + 1], mask)[rows[:, half], rows[:, half + 1]] for half in (0, 1)]
    unlike = np.abs(np.log((lengths[:, 0] + SHORT_HALF) / (lengths[:, 1] + SHORT_HALF)))
    straight = (halves[:, 0] * halves[:, 1]).sum(axis=1) / np.maximum(lengths.prod(axis=1), 1e-6)
    return joints, np.column_stack([np.log(joints[:, :, 2] + FLOOR), *inside, unlike, straight])


def pair_measures(left: Floats, right: Floats) -> Floats:
    """(n, m, 6) of choices (n, 3, 4) and (m, 3, 4) for both sides.

    These are: whether the tips are in the same place, and whether the roots are, 0..1; how different both limbs are in length, as a
    logarithm; how much higher one root is than the other; the logarithms of how much of the chance in both sides' maps of the middle, and
    of the tip, the two joints account for, where a place that both share counts once.
    """
    apart = left[:, None, :, :2] - right[None, :, :, :2]
    distance = np.linalg.norm(apart, axis=3)
    lengths = [np.log(np.linalg.norm(np.diff(limbs[:, :, :2], axis=1), axis=2).sum(axis=1) + SHORT_LIMB) for limbs in (left, right)]
    same, same_root = np.exp(-0.5 * (distance / SAME_PLACE) ** 2), np.exp(-0.5 * (distance[..., 0] / SAME_ROOT) ** 2)
    unlike = np.abs(lengths[0][:, None] - lengths[1])
    ones, others = left[:, None, 1:, 3], right[None, :, 1:, 3]
    used = np.maximum(ones, others) * same[..., 1:] + (ones + others) * (1.0 - same[..., 1:])
    return np.dstack([same[..., 2], same_root, unlike, np.abs(apart[:, :, 0, 1]), np.log(used + USED_FLOOR)])


def best_rows(measures: Floats, weights: Weights) -> Ints:
    """The rows of the BEST choices by themselves, best first, of measures (n, 7)."""
    return np.argsort(-(measures @ weights.limb), kind="stable")[:BEST].astype(np.int32)


def _best_choices(joints: Floats, measures: Floats, weights: Weights) -> tuple[Floats, Floats]:
    """The BEST choices (BEST, 3, 4) for a limb by itself, and their scores."""
    rows = best_rows(measures, weights)
    return joints[rows], measures[rows] @ weights.limb


def _candidates(chance: Singles, other: Singles, count: int) -> Floats:
    """(count, 4) peaks of a joint's chances (C, C): x, y, its chance there beside better peaks, and the mean chance of both sides there."""
    peaks = most_likely_peaks(chance, count)
    both = [chance_near(chance, peak) + chance_near(other, peak) for peak in peaks]
    return np.column_stack([peaks, np.array(both) / 2])


def _least_inside(ones: Floats, others: Floats, mask: Singles) -> Floats:
    """(n, m) the least of a mask along the lines between places (n, 2 or more) and (m, 2 or more), but for their ends."""
    shares = np.linspace(0.05, 0.95, SAMPLES)[:, None]
    points = ones[:, None, None, :2] + (others[None, :, None, :2] - ones[:, None, None, :2]) * shares
    cells = np.clip((points * len(mask)).astype(int), 0, len(mask) - 1)
    least: Floats = mask[cells[..., 1], cells[..., 0]].min(axis=2).astype(np.float64)
    return least
