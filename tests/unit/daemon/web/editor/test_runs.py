"""Run lengths of masks and labels."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.web.editor.runs import label_runs, labels_of_runs, mask_of_runs, mask_runs
from pipeline.errors import OptionError


def test_masks_and_labels_come_back_as_they_were() -> None:
    rng = np.random.default_rng(3)
    for shape in ((1, 1), (7, 5), (40, 60)):
        mask = rng.random(shape) < 0.5
        assert np.array_equal(mask_of_runs(mask_runs(mask), shape[1], shape[0]), mask)
        labels = rng.integers(0, 6, shape).astype(np.uint8)
        assert np.array_equal(labels_of_runs(label_runs(labels), shape[1], shape[0]), labels)


def test_first_run_of_a_mask_is_outside() -> None:
    assert mask_runs(np.array([[True, True], [False, True]])) == [0, 2, 1, 1]
    assert mask_runs(np.array([[False, True], [True, False]])) == [1, 2, 1]


@pytest.mark.parametrize("runs", [[], [3], [5], [2, 3, -1], [1 << 40], [2, 1, 1, 1]])
def test_refuses_runs_that_do_not_fill_the_mask(runs: list[int]) -> None:
    with pytest.raises(OptionError, match="must have 4 px in all"):
        mask_of_runs(runs, 2, 2)


@pytest.mark.parametrize("runs", [[6, 4], [-1, 4], [1, 2, 3, 2, 1]])
def test_refuses_labels_that_do_not_exist(runs: list[int]) -> None:
    with pytest.raises(OptionError, match="layers must be labels, 0 to 5"):
        labels_of_runs(runs, 2, 2)
