"""What runs along the crop's border is no part of the figure."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.ink.ground import without_strips_at_the_border


def standing(crop: tuple[int, int] = (100, 60), *, strip: int = 0, body: int = 20) -> np.ndarray:
    """A body that reaches down to a strip along the lower border."""
    ink = np.zeros(crop, bool)
    ink[20:, 20 : 20 + body] = True
    if strip:
        ink[-strip:] = True
        ink[-strip - 1, ::3] = True  # its edge is ragged
    return ink


@pytest.mark.parametrize("turn", range(4))
def test_a_tables_edge_is_taken_out_along_any_side_and_the_leg_on_it_stays(turn):
    ink = np.rot90(standing(strip=6), turn)
    kept = without_strips_at_the_border(ink)
    assert not np.rot90(kept, -turn)[-6:, :15].any()
    assert np.rot90(kept, -turn)[20:88, 20:40].all()
    assert ink.any()


def test_a_figure_that_the_images_edge_cuts_off_is_no_strip():
    ink = standing(body=40)
    assert np.array_equal(without_strips_at_the_border(ink), ink)


def test_feet_that_touch_the_border_are_no_strip():
    ink = standing(body=12)
    assert np.array_equal(without_strips_at_the_border(ink), ink)
