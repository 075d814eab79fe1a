from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.stages.quality import DOUBTFUL, TYPICAL_AGREEMENT, Evidence, evidence, mask_agreement, quality_of


def keypoints(score: float) -> np.ndarray:
    return np.column_stack([np.zeros((17, 2)), np.full(17, score)])


def test_sure_figure_is_trusted_without_a_word():
    quality = quality_of(Evidence(0.92, 0.85, 0.95, 0.88), (), keypoints(0.9))
    assert quality.score > 0.8
    assert quality.reasons == ()


def test_unsure_figure_is_doubted_and_its_weakest_joint_named():
    points = keypoints(0.7)
    points[10, 2] = 0.2
    found = evidence(0.45, points, np.ones((10, 10), bool), np.full((5, 5), 0.9, np.float32))
    quality = quality_of(found, ("its hat is gone",), points)
    assert quality.score < DOUBTFUL
    assert "its right wrist 0.20" in quality.reasons[0]
    assert quality.reasons[1:] == ("its hat is gone",)


@pytest.mark.parametrize("name", ["detection_score", "mean_joint", "agreement"])
def test_more_of_any_evidence_is_more_trust(name):
    found = Evidence(detection_score=0.7, weakest_joint=0.5, mean_joint=0.8, agreement=0.8)
    more = replace(found, **{name: getattr(found, name) + 0.15})
    assert quality_of(more, (), keypoints(0.5)).score > quality_of(found, (), keypoints(0.5)).score


def test_masks_agree_at_any_resolution():
    mask = np.zeros((120, 80), bool)
    mask[:, :40] = True
    likelihood = np.zeros((30, 20), np.float32)
    likelihood[:, :10] = 0.8
    assert mask_agreement(mask, likelihood) == 1.0
    likelihood[:, 10:] = 0.6
    assert mask_agreement(mask, likelihood) == 0.5
    assert mask_agreement(np.zeros((9, 9), bool), np.zeros((3, 3), np.float32)) == 0.0


def test_missing_mask_and_refused_pose_count_as_they_should():
    found = evidence(0.9, np.full((17, 3), np.nan), np.ones((4, 4), bool), None)
    assert found.agreement == TYPICAL_AGREEMENT
    assert quality_of(found, (), keypoints(0.0)).score < 0.01
