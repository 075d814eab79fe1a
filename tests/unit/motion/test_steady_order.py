"""Draw orders with hysteresis: noise, real crossings, short excursions, loops, frame rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import median_filter

from pipeline.motion.steady_order import DWELL_S, steady_orders, without_excursions

MARGIN, STEP_S = 0.1, 0.04
NONE_IN_FRONT = np.zeros(2, np.bool_)


def orders_of(first: Any, second: Any, **options: Any) -> list[int]:
    """Which of two groups is in front in each frame: 0 or 1."""
    depths = np.stack(np.broadcast_arrays(np.asarray(first, float), np.asarray(second, float)), axis=1)
    orders, _ = steady_orders(depths, MARGIN, **{"step_s": STEP_S, "is_in_front": NONE_IN_FRONT, "loops": False} | options)
    return orders[:, -1].tolist()


def test_noise_changes_no_order() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.uniform(-0.04, 0.04, (2, 200))
    assert (np.diff(first > second) != 0).sum() > 50, "sorting in each frame would flicker"
    assert len(set(orders_of(first, second))) == 1


def test_crossing_changes_the_order_once_beyond_the_margin() -> None:
    height = np.linspace(-1.0, 1.0, 100)
    in_front = orders_of(height, 0.0)
    assert in_front == [0 if depth > MARGIN else 1 for depth in height.tolist()]
    assert orders_of(-height, 0.0) == [1 if depth > MARGIN else 0 for depth in height.tolist()], "and back as far on the other side"


@pytest.mark.parametrize(("duration_s", "is_shown"), [(0.5 * DWELL_S, False), (2.0 * DWELL_S, True)])
@pytest.mark.parametrize("rate", [25, 50, 120])
def test_excursion_counts_from_the_dwell_time_on(duration_s: float, is_shown: bool, rate: int) -> None:
    seconds = np.arange(2 * rate) / rate
    first = np.where((seconds >= 1.0) & (seconds < 1.0 + duration_s), 1.0, -1.0)
    in_front = np.array(orders_of(first, 0.0, step_s=1 / rate))
    assert bool((in_front == 0).any()) is is_shown
    if is_shown:
        assert abs((in_front == 0).sum() / rate - duration_s) <= 1.5 / rate


@pytest.mark.parametrize(("loops", "is_shown"), [(True, False), (False, True)])
def test_excursion_over_the_seam_of_a_loop_is_as_long_as_both_its_parts(loops: bool, is_shown: bool) -> None:
    seconds = np.arange(50) * STEP_S
    part_s = 0.4 * DWELL_S
    first = np.where((seconds < part_s) | (seconds >= seconds[-1] + STEP_S - part_s), 1.0, -1.0)
    assert (0 in orders_of(first, 0.0, loops=loops)) is is_shown


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("frames", [1, 2, 3, 7, 8, 40])
def test_depths_are_those_of_a_running_median(frames: int, loops: bool) -> None:
    depths = np.random.default_rng(frames).normal(size=(frames, 3))
    reach = min(round(DWELL_S / STEP_S), frames // 2)
    wanted = median_filter(depths, (2 * reach + 1, 1), mode="wrap" if loops else "nearest")
    assert np.array_equal(without_excursions(depths, round(DWELL_S / STEP_S), loops=loops), wanted)


def test_frame_rate_does_not_decide_when_the_order_changes() -> None:
    changes = []
    for rate in (12, 25, 120):
        seconds = np.arange(4 * rate) / rate
        in_front = orders_of(np.sin(2.0 * np.pi * seconds / 2.0), 0.0, step_s=1 / rate)
        changes.append((np.flatnonzero(np.diff(in_front)) + 1) / rate)
    for few in changes[:2]:
        assert len(few) == len(changes[2])
        assert np.abs(few - changes[2]).max() <= 1 / 12


def test_near_and_far_change_only_beyond_the_margin() -> None:
    depths = np.array([0.05, -0.05, 0.05, -0.05, -0.2, -0.2, -0.2, -0.05, 0.05, -0.05, 0.05])[:, None].repeat(8, axis=0)
    _, near = steady_orders(depths, MARGIN, step_s=STEP_S, is_in_front=np.zeros(1, np.bool_), loops=False)
    assert near[:, 0].tolist() == [True] * 32 + [False] * 56


@pytest.mark.parametrize("front", [0, 1])
def test_group_in_front_of_the_drawing_is_in_front_where_depth_does_not_decide(front: int) -> None:
    assert set(orders_of([0.0] * 9, [0.05] * 9, is_in_front=np.arange(2) == front)) == {front}
    assert set(orders_of([0.0] * 9, [0.5] * 9, is_in_front=np.arange(2) == front)) == {1}, "but not where it does"


def test_loop_begins_as_it_ends() -> None:
    depth = np.concatenate([np.full(20, 0.05), np.full(20, -1.0), np.full(20, 0.05)])
    assert orders_of(depth, 0.0)[0] == 0
    assert orders_of(depth, 0.0, loops=True) == [1] * 60, "there is nothing that would bring it to the front again"


def test_groups_that_are_clearly_apart_are_sorted_by_depth() -> None:
    rng = np.random.default_rng(3)
    depths = rng.permuted(np.tile(np.arange(6.0), (40, 1)), axis=1).repeat(10, axis=0)
    orders, near = steady_orders(depths, MARGIN, step_s=STEP_S, is_in_front=np.zeros(6, np.bool_), loops=False)
    middles = np.arange(5, 400, 10)
    assert (orders[middles] == np.argsort(depths[middles], axis=1)).all()
    assert (near[middles] == (depths[middles] > 0.0)).mean() > 0.8


def test_no_group_hides_one_that_is_nearer_by_more_than_the_margin() -> None:
    """Not even where others of nearly the same depth are between them."""
    rng = np.random.default_rng(4)
    depths = np.cumsum(rng.normal(scale=0.05, size=(300, 8)), axis=0)
    orders, _ = steady_orders(depths, MARGIN, step_s=1.0, is_in_front=np.zeros(8, np.bool_), loops=False)
    sorted_depths = np.take_along_axis(depths, orders, axis=1)
    farther = np.maximum.accumulate(sorted_depths, axis=1) - sorted_depths
    assert farther.max() <= MARGIN
    assert farther.max() > 0.5 * MARGIN, "the order is not merely sorted"


def test_single_frame_is_sorted_by_depth() -> None:
    assert orders_of([2.0], [1.0]) == [0]
