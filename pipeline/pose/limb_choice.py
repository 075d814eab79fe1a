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
from typing import NamedTuple

import numpy as np

from pipeline.pose.heatmaps import chance_near, most_likely_peaks
from pipeline.types import Floats, Ints, Singles

CANDIDATES = (3, 4, 4)
"""How many peaks of the maps of root, middle and tip are tried."""
BEST = 10
"""How many of the best choices for one limb are tried together with those for the other side."""

CHANCE_FLOOR = 0.003
"""Added to each joint's chance before its logarithm is taken, so that one improbable joint rules no limb out."""
USED_FLOOR = 0.02
"""Added to the chance that the joints of both sides account for before its logarithm is taken, so that no pair of limbs is ruled out."""
SHORT_HALF = 0.03
"""Added to the lengths of both halves of a limb before they are compared, so that halves of about this length may differ."""
SHORT_LIMB = 0.05
"""Added to the lengths of both limbs before they are compared, so that limbs of about this length may differ."""
SAME_PLACE = 0.05
"""Middles, or tips, of both sides count as in one place within this distance, a standard deviation."""
SAME_ROOT = 0.04
"""Roots of both sides count as in one place within this distance, a standard deviation."""
SAMPLES = 10
"""At how many points along each half of a limb the mask is read."""
SAMPLED = (0.05, 0.95)
"""Between which shares of a half's length these points are: the mask is not read at the joints themselves."""

LimbKeypoints = tuple[int, int, int]
"""Indices of a limb's root, middle and tip among the keypoints."""


class LimbWeights(NamedTuple):
    """Weights of the measures of `limb_choices`, in their order, nats for each unit.

    Attributes:
        root, middle, tip: of the logarithm of the joint's chance.
        upper_inside, lower_inside: of the least of the mask along this half of the limb, 0..1.
        unlike_halves: of how different both halves are in length, as a logarithm.
        straight: of the cosine of the bend, 1 of a straight limb.
    """

    root: float
    middle: float
    tip: float
    upper_inside: float
    lower_inside: float
    unlike_halves: float
    straight: float


class PairWeights(NamedTuple):
    """Weights of the measures of `pair_measures`, in their order, nats for each unit.

    Attributes:
        same_tip, same_root: of whether both sides' joints are in the same place, 0..1.
        unlike_limbs: of how different both limbs are in length, as a logarithm.
        uneven_roots: of how much higher one root is than the other, as a share of the square's side.
        middles_used, tips_used: of the logarithm of how much of the chance in both sides' maps the two joints account for.
    """

    same_tip: float
    same_root: float
    unlike_limbs: float
    uneven_roots: float
    middles_used: float
    tips_used: float


@dataclass(frozen=True)
class Weights:
    """Weights of the measures of one kind of limb: of each limb by itself, and of both together. The score is their weighted sum, nats."""

    limb: LimbWeights
    pair: PairWeights


ARM_WEIGHTS = Weights(
    limb=LimbWeights(root=0.947, middle=0.815, tip=0.922, upper_inside=0.788, lower_inside=0.95, unlike_halves=-1.67, straight=0.614),
    pair=PairWeights(same_tip=-2.0, same_root=-0.796, unlike_limbs=-4.769, uneven_roots=-12.455, middles_used=0.099, tips_used=-0.002),
)
"""Weights for arms. The one of hands in the same place is set. Fitted, it is 0.03, with which 0.3 points more figures are right; but a hand
that is torn off the other arm looks worse than folded hands that are drawn apart."""
LEG_WEIGHTS = Weights(
    limb=LimbWeights(root=0.606, middle=0.586, tip=0.739, upper_inside=0.394, lower_inside=1.413, unlike_halves=-2.032, straight=0.612),
    pair=PairWeights(same_tip=-1.048, same_root=-0.418, unlike_limbs=-5.811, uneven_roots=-14.046, middles_used=1.831, tips_used=1.352),
)
"""Weights for legs, all of them fitted."""


@dataclass(frozen=True)
class LimbPair:
    """Both arms or both legs, and how choices of their joints are scored."""

    left: LimbKeypoints
    right: LimbKeypoints
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


def limb_choices(chances: Singles, mask: Singles, limb: LimbKeypoints, other: LimbKeypoints) -> tuple[Floats, Floats]:
    """All choices of places for one limb's joints, and their measures.

    Args:
        chances: (J, C, C) float32, the chance of each place for each joint.
        mask: (S, S) float32 0..1, how likely each place is figure.
        limb: its keypoints.
        other: those of the same limb of the other side.
    Returns:
        (n, 3, 4) float64, of root, middle and tip: x, y, the chance there, and the mean of that and of the other side's joint's; (n, 7)
        float64, the measures that `LimbWeights` weighs, in its order. n is the product of CANDIDATES.
    """
    peaks = [_candidates(chances[mine], chances[theirs], count) for mine, theirs, count in zip(limb, other, CANDIDATES, strict=True)]
    rows: Ints = np.array(list(product(*(range(count) for count in CANDIDATES))))
    joints = np.stack([of_joint[rows[:, joint]] for joint, of_joint in enumerate(peaks)], axis=1)
    halves = np.diff(joints[:, :, :2], axis=1)
    lengths = np.linalg.norm(halves, axis=2)
    inside = [_least_inside(peaks[half], peaks[half + 1], mask)[rows[:, half], rows[:, half + 1]] for half in (0, 1)]
    unlike = np.abs(np.log((lengths[:, 0] + SHORT_HALF) / (lengths[:, 1] + SHORT_HALF)))
    straight = (halves[:, 0] * halves[:, 1]).sum(axis=1) / np.maximum(lengths.prod(axis=1), 1e-6)
    return joints, np.column_stack([np.log(joints[:, :, 2] + CHANCE_FLOOR), *inside, unlike, straight])


def pair_measures(left: Floats, right: Floats) -> Floats:
    """Measures (n, m, 6) of pairs of choices (n, 3, 4) and (m, 3, 4) for both sides.

    These are the measures that `PairWeights` weighs, in its order. A place that the joints of both sides share counts once among the chance
    that they account for.
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
    """(BEST,) int32: the rows of the best choices for a limb by itself, best first, from their measures (n, 7)."""
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
    """(n, m) float64: the least of a mask along each line between places (n, 2 or more) and (m, 2 or more), but for its ends."""
    shares = np.linspace(*SAMPLED, SAMPLES)[:, None]
    points = ones[:, None, None, :2] + (others[None, :, None, :2] - ones[:, None, None, :2]) * shares
    cells = np.clip((points * len(mask)).astype(int), 0, len(mask) - 1)
    least: Floats = mask[cells[..., 1], cells[..., 0]].min(axis=2).astype(np.float64)
    return least
