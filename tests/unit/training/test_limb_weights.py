"""The fit of how limbs are chosen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

pytest.importorskip("torch", reason="the training needs torch, which doodled itself does without")

from limb_weights import Seen, correct_with, fitted, weights_for

from pipeline.pose.network_io import PoseAnswer
from pipeline.types.keypoints import ARMS

CELLS = 24
HEIGHT = 12.0


def test_discriminating_features_get_the_weight():
    rng = np.random.default_rng(0)
    groups = []
    for _ in range(60):
        measures = rng.normal(0, 1, (9, 3))
        measures[:, 2] *= 100.0
        groups.append((measures, measures[:, 0] - 0.5 * measures[:, 1] > 1.0))
    first, second, third = fitted(groups)
    assert first > 1.0
    assert second == pytest.approx(-0.5 * first, rel=0.3)
    assert abs(third) * 100.0 < 0.2 * first


def test_fitted_weights_find_the_hand_that_the_arm_leads_to():
    """Where a bow outside the mask looks more like a hand than the hand does."""
    rng = np.random.default_rng(1)
    figures = [_with_bow(rng) for _ in range(24)]
    assert not correct_with(figures, ARMS, None).any()
    assert correct_with(figures, ARMS, weights_for(figures, ARMS)).all()


def _with_bow(rng: np.random.Generator) -> Seen:
    """A figure whose left hand is less likely than a bow above it."""
    keypoints = np.zeros((17, 3))
    for limb, side in zip(ARMS, (1, -1), strict=True):
        keypoints[list(limb)] = [(0.5 + side * x, y, 2.0) for x, y in ((0.1, 0.4), (0.2, 0.5), (0.3, 0.6))]
    keypoints[:, :2] += rng.uniform(-0.02, 0.02, 2)
    at = (np.arange(CELLS) + 0.5) / CELLS
    logits = np.array([HEIGHT * np.exp(-((at[None] - x) ** 2 + (at[:, None] - y) ** 2) / 0.004) for x, y, _ in keypoints])
    hand = ARMS[0][2]
    bow = np.exp(-((at[None] - 0.85) ** 2 + (at[:, None] - 0.12) ** 2) / 0.004)
    logits[hand] = np.maximum(0.95 * logits[hand], HEIGHT * bow)
    powers = np.exp(logits)
    mask = np.zeros((96, 96), np.float32)
    mask[30:70] = 1.0
    chances = (powers / powers.sum(axis=(1, 2), keepdims=True)).astype(np.float32)
    return Seen(PoseAnswer(chances, mask, np.ones(18, np.float32)), keypoints, 0.8)
