"""Fit how limbs are chosen: `limb_weights.py FOLDER...` prints the weights of `pipeline/pose/limb_choice.py`.

The folders are shards that the pose network has not learned from. For each figure, the likelihood of the choices with all visible joints
near (0.1 of the box's longer side; hips 0.15) against all others is maximized (a conditional random field over the candidates): first of
each limb by itself, then of both together. Figures with no such choice, or with nothing else, teach nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from batches import Place, crops_of, is_figure
from drawings.figures.marks import VISIBLE
from numpy.typing import NDArray
from scipy.optimize import minimize
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline.adapters.embedded import MODELS, POSE
from pipeline.adapters.own_outputs import OPTIONAL_POSE_OUTPUTS, POSE_OUTPUTS
from pipeline.pose.heatmaps import peaks_of_chances
from pipeline.pose.letterbox import Letterbox, paper_color
from pipeline.pose.limb_choice import (
    ARM_WEIGHTS,
    BEST,
    LEG_WEIGHTS,
    LimbKeypoints,
    LimbPair,
    LimbWeights,
    PairWeights,
    Weights,
    best_rows,
    limb_choices,
    pair_measures,
    with_limbs_chosen,
)
from pipeline.pose.network_io import NetworkView, PoseAnswer, pose_answers, with_mirrors
from pipeline.types.keypoints import ARMS, HIPS, LEGS

FILL = 0.84
"""Of the square: a figure's longer side, between the 0.8 of a crop with its whole margin and the 0.9 of one without."""
NEAR, NEAR_HIP = 0.1, 0.15
"""A joint, and a hip, is correct within these distances, shares of the box's longer side."""

RIDGE = 1e-3
"""Weight of the squares of the weights in the loss."""

STEPS = 80
"""Most iterations of L-BFGS."""

FOLDS = 3
"""Parts in which figures are left out in turn when the gain is measured."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """One figure: the network's answer, and labels in shares of the square's side.

    Attributes:
        keypoints: (17, 3) x, y and visibility.
        side: the longer side of the figure's box.
    """

    answer: PoseAnswer
    keypoints: Floats
    side: float

    def are_correct(self, joints: Floats, limb: LimbKeypoints) -> NDArray[np.bool_]:
        """(n,) whether all visible joints of choices (n, 3, 2 or more) are near."""
        wanted = self.keypoints[list(limb)]
        reach = np.array([NEAR_HIP if joint in HIPS else NEAR for joint in limb]) * self.side
        near = np.linalg.norm(joints[:, :, :2] - wanted[:, :2], axis=2) <= reach
        return np.asarray((near | (wanted[:, 2] < VISIBLE)).all(axis=1))


def ask_network(network: Path, places: list[Place]) -> list[Seen]:
    """The network's answer for each crop with a figure, in views such as the pipeline's, each averaged with its mirror image's."""
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    entry, found = session.get_inputs()[0], []
    side = entry.shape[1]
    for place in filter(is_figure, places):
        window = Letterbox.around(tuple(place.boxes), side, fill=FILL)
        rgb = np.ascontiguousarray(np.asarray(place.pixels[place.row])[:, :, :3])
        views = with_mirrors([NetworkView(window.cut(rgb, paper_color(rgb)), window)])
        outputs = session.run([*POSE_OUTPUTS, *OPTIONAL_POSE_OUTPUTS], {entry.name: views})
        keypoints = place.keypoints.astype(np.float64)
        keypoints[:, :2] = window.into(keypoints[:, :2]) / side
        corners = window.into(place.boxes.reshape(2, 2)) / side
        found.append(Seen(pose_answers(*outputs)[0], keypoints, float(np.ptp(corners, axis=0).max())))
    return found


def fitted(groups: list[tuple[Floats, NDArray[np.bool_]]]) -> Floats:
    """Weights (m,) of measures (n, m) that maximize the likelihood of the correct choices (n,) in their groups.

    Groups without a correct choice, or without a wrong one, are left out; all have the same number of choices.
    """
    groups = [group for group in groups if group[1].any() and not group[1].all()]
    measures, correct = np.stack([group[0] for group in groups]), np.stack([group[1] for group in groups])
    spread = measures.std(axis=(0, 1)) + 1e-9
    scaled = (measures - measures.mean(axis=(0, 1))) / spread

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = scaled @ weights
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        good = np.where(correct, powers, 1e-300)
        chance, wanted = powers / powers.sum(axis=1, keepdims=True), good / good.sum(axis=1, keepdims=True)
        slope = np.einsum("nm,nmf->f", chance - wanted, scaled) / len(groups)
        surprise = float(np.mean(np.log(powers.sum(axis=1)) - np.log(good.sum(axis=1))))
        return surprise + RIDGE * float(weights @ weights), slope + 2 * RIDGE * weights

    answer = minimize(loss, np.zeros(measures.shape[2]), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(answer.x / spread)


def weights_for(figures: list[Seen], limbs: tuple[LimbKeypoints, LimbKeypoints]) -> Weights:
    """The weights for a pair of limbs: first fitted to each limb by itself, then to both together."""
    answers = [figure.answer for figure in figures]
    orders = (limbs, limbs[::-1])
    choices = [[limb_choices(answer.chances, answer.mask, *order) for order in orders] for answer in answers]
    correct = [
        [figure.are_correct(joints, limb) for (joints, _), limb in zip(sides, limbs, strict=True)]
        for figure, sides in zip(figures, choices, strict=True)
    ]
    alone = fitted(
        [(measures, good) for sides, both in zip(choices, correct, strict=True) for (_, measures), good in zip(sides, both, strict=True)]
    )
    first, groups = Weights(LimbWeights(*alone), PairWeights(*np.zeros(len(PairWeights._fields)))), []
    for sides, both in zip(choices, correct, strict=True):
        rows = [best_rows(measures, first) for _, measures in sides]
        left, other = (joints[kept] for (joints, _), kept in zip(sides, rows, strict=True))
        scores = [measures[kept] @ alone for (_, measures), kept in zip(sides, rows, strict=True)]
        together = np.dstack([scores[0][:, None] + scores[1], pair_measures(left, other)]).reshape(BEST * BEST, -1)
        good = both[0][rows[0]][:, None] & both[1][rows[1]]
        groups.append((together, good.reshape(-1)))
    scale, *pair = fitted(groups)
    return Weights(LimbWeights(*np.round(alone * scale, 3).tolist()), PairWeights(*np.round(pair, 3).tolist()))


def correct_with(figures: list[Seen], limbs: tuple[LimbKeypoints, LimbKeypoints], weights: Weights | None) -> NDArray[np.bool_]:
    """(n,) bool: of which figures both limbs are correct, as chosen with these weights; None: at the likeliest places."""
    found = []
    for figure in figures:
        peaks = peaks_of_chances(figure.answer.chances, 1.0)
        if weights is not None:
            peaks = with_limbs_chosen(peaks, figure.answer.chances, figure.answer.mask, [LimbPair(*limbs, weights)])
        found.append(all(figure.are_correct(peaks[None, list(limb)], limb)[0] for limb in limbs))
    return np.array(found)


def main() -> None:
    """Fit and print the weights, and their gain on figures that were not part of the fit."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--network", type=Path, default=MODELS / POSE)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    figures = ask_network(arguments.network, crops_of(arguments.shards))
    folds = np.arange(len(figures)) % FOLDS
    for name, limbs, shipped in (("arms", ARMS, ARM_WEIGHTS), ("legs", LEGS, LEG_WEIGHTS)):
        in_use = correct_with(figures, limbs, shipped)
        likeliest, chosen = correct_with(figures, limbs, None), np.zeros(len(figures), bool)
        for fold in range(FOLDS):
            weights = weights_for([figure for figure, part in zip(figures, folds, strict=True) if part != fold], limbs)
            chosen[folds == fold] = correct_with([f for f, part in zip(figures, folds, strict=True) if part == fold], limbs, weights)
        weights = weights_for(figures, limbs)
        print(f"{name}: limb={weights.limb}, pair={weights.pair}")
        print(f"  of {len(figures)} figures {likeliest.mean():.1%} correct at the likeliest places, {chosen.mean():.1%} as chosen;")
        print(f"  {(chosen & ~likeliest).sum()} gained, {(likeliest & ~chosen).sum()} lost; with the weights in use, {in_use.mean():.1%}")


if __name__ == "__main__":
    main()
