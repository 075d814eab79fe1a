"""Smart edge: a rough mask ends at the drawing's edge within the band, and stays beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.web.editor.smart_edge import snapped_mask
from pipeline.errors import OptionError


def drawing(side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A blue square on paper with some noise, and its mask."""
    mask = np.zeros((side, side), np.bool_)
    mask[side // 4 : side * 3 // 4, side // 4 : side * 3 // 4] = True
    rgb = np.where(mask[..., None], (60, 80, 200), (245, 240, 230)) + np.random.default_rng(1).normal(0, 3, (side, side, 3))
    return np.clip(rgb, 0, 255).astype(np.uint8), mask


def test_edge_moves_to_the_ink_within_the_band() -> None:
    rgb, exact = drawing()
    rough = np.roll(exact, 6, axis=1)
    snapped = snapped_mask(rgb, rough, [(50, 70), (50, 130)], 12)
    assert (snapped[75:126] == exact[75:126])[:, :100].mean() > 0.995, "the left side, where the band was"
    assert np.array_equal(snapped[:, 100:], rough[:, 100:]), "the right side, which was not touched"
    assert np.array_equal(snapped_mask(rgb, rough, [(50, 70), (50, 130)], 12), snapped), "the same each time"


def test_large_bands_are_searched_reduced() -> None:
    rgb, exact = drawing(1200)
    rough = np.roll(exact, 20, axis=0)
    snapped = snapped_mask(rgb, rough, [(x, 300) for x in range(300, 900, 20)], 60)
    assert (snapped == exact)[:500, 330:870].mean() > 0.99


@pytest.mark.parametrize(("points", "radius"), [([], 5.0), ([(3, 3)], 0.1), ([(3, 3)], 1e6)])
def test_refuses_bands_without_a_size(points: list[tuple[int, int]], radius: float) -> None:
    with pytest.raises(OptionError, match="the band must have points"):
        snapped_mask(*drawing(), points, radius)


def test_band_outside_the_image_changes_nothing() -> None:
    rgb, exact = drawing()
    assert np.array_equal(snapped_mask(rgb, exact, [(-500, -500)], 5), exact)


def test_band_over_all_of_the_figure_is_refused() -> None:
    with pytest.raises(OptionError, match="covers all of the figure"):
        snapped_mask(*drawing(), [(100, 100)], 180)
