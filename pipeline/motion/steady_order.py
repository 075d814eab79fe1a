"""Draw orders with hysteresis, so that groups whose depths are nearly equal don't change places from frame to frame.

AnimatedDrawings sorts anew in every frame. Where two groups are equally deep but for rounding or noise, as both feet of a figure that faces
the viewer, the order then flickers. Here groups change places only when their depths differ by more than a margin, and excursions of a
depth that are shorter than a dwell time are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.types import Bools, Floats

DWELL_S = 0.15
"""Excursions of a depth that are shorter than this are left out, s."""


def steady_orders(depths: Floats, margin: float, *, step_s: float, is_in_front: Bools, loops: bool) -> tuple[NDArray[np.intp], Bools]:
    """The order of groups in each frame, back to front (T, G), and whether each group counts as near (T, G).

    A group counts as near where its depth is positive, also with hysteresis. A loop begins as it ends.

    Args:
        depths: (T, G), growing towards the viewer.
        margin: in the unit of `depths`.
        step_s: seconds from one frame to the next.
        is_in_front: (G,) groups that are in front of the others in the first frame if they are at most the margin behind them.
    """
    depths = without_excursions(depths, round(DWELL_S / step_s), loops=loops)
    order = np.argsort(depths[0] + margin * is_in_front, kind="stable").tolist()
    near = (depths[0] > 0).tolist()
    orders, nears = np.zeros(depths.shape, np.intp), np.zeros(depths.shape, np.bool_)
    for _ in range(2 if loops else 1):
        for frame, row in enumerate(depths.tolist()):
            _settle(order, row, margin)
            near = [depth > -margin if was_near else depth > margin for depth, was_near in zip(row, near, strict=True)]
            orders[frame], nears[frame] = order, near
    return orders, nears


def without_excursions(depths: Floats, frames: int, *, loops: bool) -> Floats:
    """Depths (T, G) without excursions that last at most `frames`, by a running median."""
    reach = min(frames, len(depths) // 2)
    around = np.pad(depths, ((reach, reach), (0, 0)), mode="wrap" if loops else "edge")
    return np.asarray(np.median(sliding_window_view(around, 2 * reach + 1, axis=0), axis=-1), np.float64)


def _settle(order: list[int], depths: list[float], margin: float) -> None:
    """Move groups in the order, so that none is behind another that is farther by more than the margin (insertion sort)."""
    for index in range(1, len(order)):
        nearer = (before for before in range(index) if depths[order[before]] > depths[order[index]] + margin)
        order.insert(next(nearer, index), order.pop(index))
