"""What the training's and the evaluation's numbers mean."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "torchserve" / "training"))

from alarms import wilson_interval
from evaluate import Outcome, average_precision, summary, tables


def test_average_precision_counts_what_was_never_found():
    assert average_precision([(0.9, True), (0.8, True)], 2) == 1.0
    assert average_precision([(0.9, True)], 2) == 0.5
    assert average_precision([(0.9, False), (0.8, True)], 1) == 0.5


def test_the_likely_share_of_alarms_narrows_with_the_number_of_images():
    few, many = wilson_interval(1, 43), wilson_interval(10, 430)
    assert few[0] < many[0] < 10 / 430 < many[1] < few[1]
    assert wilson_interval(0, 100)[0] == 0.0
    assert wilson_interval(0, 100)[1] == pytest.approx(0.037, abs=0.001)


def test_hidden_joints_count_apart():
    kinds = {"style": "stick"}
    fared = summary([Outcome(1, kinds, 0.9, 0.8, [True, True], [True], [False]), Outcome(2, kinds, 0.2, 0.0, [], [])])
    assert fared["found"] == 0.5
    assert fared["pck"] == fared["limbs_correct"] == 1.0
    assert fared["pck_hidden"] == 0.0
    assert np.isclose(fared["mask_iou"], 0.8)


def test_parts_count_over_all_figures_and_absent_ones_not_at_all():
    kinds = {"style": "stick"}
    counts = np.zeros((2, 2, 18))  # of each figure: pixels in common, pixels of either
    counts[0, :, 1], counts[1, :, 1] = (30, 40), (10, 40)
    counts[0, :, 3] = 20, 20
    outcomes = [Outcome(1, kinds, 0.9, 0.8, [True], [True], parts_common=one[0], parts_either=one[1]) for one in counts]
    assert summary(outcomes)["parts_miou"] == 0.75
    assert "parts_miou" not in summary([Outcome(1, kinds, 0.9, 0.8, [True], [True])])


def test_tables_have_a_row_a_line():
    by = {"medium": {"gel_pen": {"figures": 2, "found": 1.0, "pck_limbs": 0.985, "limbs_correct": 0.5, "mask_iou": 0.9512}}}
    assert tables({"by": by}).splitlines() == [
        "| medium | figures | found | joints near | all limbs correct | mask IoU | parts mIoU |",
        "|---|---|---|---|---|---|---|",
        "| gel pen | 2 | 100.0 % | 98.5 % | 50.0 % | 0.951 |  |",
    ]
