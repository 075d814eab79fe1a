"""How far a figure can be trusted: the chance that it is fully correct, that is, its box, its mask and all its limb joints are.

A logistic regression over three measures, fitted by `torchserve/training/quality.py` on 461 held-out synthetic images (seeds from
9600000; 80 % of their figures are fully correct). In five-fold cross-validation 64 % of the 47 figures below 0.5 are not fully correct,
and 15 % of those above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import FIGURE_PROBABILITY, KEYPOINT_NAMES, Bools, Floats, Quality, Singles
from pipeline.types.keypoints import SHOULDERS

INTERCEPT = -19.051
"""Log-odds, nats, that a figure is fully correct whose three measures are all 0."""

WEIGHTS = (5.624, 7.622, 10.233)
"""Log-odds, nats, that the detection score, the mean score of the limb joints and the agreement of the masks add, each for 1. The weakest
joint adds nothing to them."""

TYPICAL_AGREEMENT = 0.87
"""The agreement that is assumed for models that send no mask: the median of those that send one."""

DOUBTFUL = 0.5
"""A figure whose quality is less than this is probably not fully correct, and a note says so."""


@dataclass(frozen=True)
class Evidence:
    """Measures of how likely a figure is fully correct, each 0..1.

    Attributes:
        detection_score: of its box.
        weakest_joint, mean_joint: scores of the limb joints.
        agreement: intersection over union of the final mask and the model's.
    """

    detection_score: float
    weakest_joint: float
    mean_joint: float
    agreement: float


def evidence(detection_score: float, keypoints: Floats, mask: Bools, likelihood: Singles | None) -> Evidence:
    """Measures of a figure.

    Args:
        detection_score: of its box, 0..1.
        keypoints: (17, 3) float64 x, y in px of the crop, score 0..1.
        mask: (h, w) bool, the final mask of the crop.
        likelihood: (n, m) float32 0..1, the model's mask of the same crop; None if it sent none.
    """
    scores = limb_scores(keypoints)
    agreement = TYPICAL_AGREEMENT if likelihood is None else mask_agreement(mask, likelihood)
    return Evidence(detection_score, min(scores), sum(scores) / len(scores), agreement)


def limb_scores(keypoints: Floats) -> list[float]:
    """Scores of shoulders, elbows, wrists, hips, knees and ankles, twelve in all, from keypoints (17, 3); 0 for NaN."""
    scores: list[float] = np.nan_to_num(keypoints[SHOULDERS[0] :, 2]).tolist()
    return scores


def mask_agreement(mask: Bools, likelihood: Singles) -> float:
    """Intersection over union of a mask (h, w) and a model's (n, m) of the same crop, at the model's resolution."""
    (height, width), (rows, columns) = mask.shape, likelihood.shape
    own = mask[np.ix_(np.arange(rows) * height // rows, np.arange(columns) * width // columns)]
    seen = likelihood > FIGURE_PROBABILITY
    common, either = int(np.count_nonzero(own & seen)), int(np.count_nonzero(own | seen))
    return common / max(1, either)


def quality_of(found: Evidence, reasons: tuple[str, ...], keypoints: Floats) -> Quality:
    """The quality of a figure: the chance that it is fully correct, and reasons why it may not be.

    Args:
        reasons: doubts about the figure besides its measures, a sentence each.
        keypoints: (17, 3) x, y, score; the weakest limb joint of a doubtful figure is named in a reason.
    """
    values = (found.detection_score, found.mean_joint, found.agreement)
    score = float(1 / (1 + np.exp(-(INTERCEPT + np.dot(WEIGHTS, values)))))
    if score < DOUBTFUL:
        scores = limb_scores(keypoints)
        weakest = KEYPOINT_NAMES[SHOULDERS[0] + scores.index(min(scores))].replace("_", " ")
        scored = f"its box scored {found.detection_score:.2f}, its {weakest} {found.weakest_joint:.2f}"
        reasons = (f"this figure is probably not fully correct: {scored}", *reasons)
    return Quality(round(score, 3), reasons)
