"""Fit the quality score: `quality.py [COUNT, 100 or more] [FIRST_SEED]` prints the constants of `pipeline/stages/quality.py`.

Held-out synthetic images are annotated by the pipeline as a user's are. A figure is fully correct if its box has an IoU of at least 0.5
with the labeled one, every visible limb joint is within 0.1 of the longer side, and the mask differs by at most 5 % outside a band of 1.5 %
along its edge.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import cv2
import numpy as np
from drawings.figures.marks import VISIBLE
from drawings.sample import LabeledFigure, drawn_sample
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline import annotate
from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.errors import NoFigureFound
from pipeline.pose.heatmaps import box_overlap
from pipeline.stages import quality
from pipeline.types import AnnotatedFigure, Drawing
from pipeline.types.keypoints import FIRST_BODY_KEYPOINT

SIDE = 800
"""Longer side of the images, px."""

MIN_OVERLAP = 0.5
"""Least IoU of a correct box with the labeled one."""

NEAR_SHARE = 0.1
"""Greatest distance of correct joints from the labeled ones, as a share of the labeled box's longer side."""

BAND_SHARE = 0.015
"""Width of the band along the mask's edge, on either side, where differences do not count, as a share of the labeled box's longer side."""

MAX_DIFFERENCE = 0.05
"""Most pixels of a correct mask that differ outside of the band, as a share of the labeled mask."""

RIDGE = 1e-2
"""Weight of the squares of the weights in the regression's loss."""

ROUNDS = 60
"""Newton steps of the regression."""

FOLDS = 5
"""Parts in which images are left out in turn when the fit is checked."""


class NoStopwatch:
    """A `Stopwatch` that measures nothing."""

    def lap(self, stage: str) -> AbstractContextManager[None]:  # noqa: ARG002  # the protocol's
        """A context that does nothing."""
        return nullcontext()


def is_fully_correct(found: AnnotatedFigure, label: LabeledFigure) -> bool:
    """Whether box, visible limb joints and mask match the label."""
    box, longer = found.annotation.box, max(label.box[2] - label.box[0], label.box[3] - label.box[1])
    if found.turn or box_overlap(np.array([box.left, box.top, box.right, box.bottom]), np.array(label.box)) < MIN_OVERLAP:
        return False
    joints, limbs = found.annotation.keypoints[FIRST_BODY_KEYPOINT:, :2] + (box.left, box.top), label.keypoints[FIRST_BODY_KEYPOINT:]
    apart = np.linalg.norm(joints - limbs[:, :2], axis=1)[limbs[:, 2] == VISIBLE]
    whole = np.zeros(label.mask.shape, bool)
    size = (round(box.width), round(box.height))
    found_mask = cv2.resize(found.character.mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
    whole[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = found_mask
    band = 2 * max(3, round(BAND_SHARE * longer)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (band, band))
    mask = label.mask.astype(np.uint8)
    far = (whole != label.mask) & (cv2.dilate(mask, kernel) == cv2.erode(mask, kernel))
    return bool((apart <= NEAR_SHARE * longer).all() and far.sum() <= MAX_DIFFERENCE * mask.sum())


def measured(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The evidence (n, 3) of the best figure in each held-out image, and whether it is fully correct, (n,) 0 or 1.

    Args:
        first: seed of the first image.
        count: how many images are drawn; those in which no figure is found are left out.
    """
    predictor, seen = EmbeddedPredictor(), []
    collected: list[quality.Evidence] = []
    original = quality.evidence

    def record(*arguments: Any) -> quality.Evidence:
        collected.append(original(*arguments))
        return collected[-1]

    annotate.evidence = record  # type: ignore[assignment, attr-defined]  # evidence is no part of what `annotate` returns
    for seed in range(first, first + count):
        sample = drawn_sample(seed, size=SIDE, split="heldout")
        try:
            best = annotate.annotate(Drawing(sample.rgb, None, ""), predictor, stopwatch=NoStopwatch())[0]
        except NoFigureFound:
            continue
        one = collected[-1]
        values = (one.detection_score, one.mean_joint, one.agreement)
        seen.append((*values, any(is_fully_correct(best, label) for label in sample.figures)))
    rows = np.array(seen, float)
    return rows[:, :-1], rows[:, -1]


def fitted(values: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """(4,) intercept and weights of a ridge-regularized logistic regression of `correct` (n,) on `values` (n, 3), by Newton's method."""
    mean, spread = values.mean(axis=0), values.std(axis=0)
    terms = np.column_stack([np.ones(len(values)), (values - mean) / spread])
    ridge, weights = RIDGE * np.diag([0.0, 1, 1, 1]), np.zeros(4)
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-terms @ weights))
        slope = terms.T @ (correct - chance) / len(correct) - ridge @ weights
        weights += np.linalg.solve(terms.T @ (terms * (chance * (1 - chance))[:, None]) / len(correct) + ridge, slope)
    scaled = weights[1:] / spread
    return np.array([weights[0] - scaled @ mean, *scaled])


def main() -> None:
    """Fit and print."""
    count, first = (int(number) for number in (*sys.argv[1:3], *("300", "9600000")[len(sys.argv) - 1 :]))
    values, correct = measured(first, count)
    folds = np.arange(len(correct)) % FOLDS
    chance = np.zeros(len(correct))
    for fold in range(FOLDS):
        weights = fitted(values[folds != fold], correct[folds != fold])
        chance[folds == fold] = 1 / (1 + np.exp(-(weights[0] + values[folds == fold] @ weights[1:])))
    low = chance < quality.DOUBTFUL
    print("intercept and weights:", np.round(fitted(values, correct), 3).tolist())
    print(f"{len(correct)} images, {correct.mean():.1%} fully correct;")
    print(f"not fully correct: {1 - correct[low].mean():.0%} of the {low.sum()} below {quality.DOUBTFUL},", end=" ")
    print(f"{1 - correct[~low].mean():.0%} of those above")


if __name__ == "__main__":
    main()
