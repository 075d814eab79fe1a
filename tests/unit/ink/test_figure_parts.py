"""What belongs to the figure, and what clings to it."""

from __future__ import annotations

import numpy as np

from pipeline.ink.figure_parts import without_thorns


def body() -> np.ndarray:
    mask = np.zeros((120, 120), bool)
    mask[30:90, 30:90] = True
    return mask


def test_thorns_of_ruled_lines_go_and_thin_limbs_stay() -> None:
    mask = body()
    mask[50:90, 90:95] = True  # a thin leg along the side is part of the body
    mask[40:43, 90:94] = True  # a thorn
    mask[60:64, 5:30] = True  # an arm
    kept = without_thorns(mask)
    assert not kept[40:43, 91:94].any()
    assert kept[60:64, 5:30].all()
    assert kept[31:89, 31:89].all()


def test_a_figure_of_nothing_but_fine_lines_is_left_alone() -> None:
    mask = np.zeros((60, 60), bool)
    mask[10:14, 10:14] = mask[30:34, 30:33] = True
    np.testing.assert_array_equal(without_thorns(mask), mask)
