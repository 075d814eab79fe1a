"""How many jobs may be under way at once: halved by a storm, and grown back."""

from __future__ import annotations

from daemon.policy.concurrency_limit import ConcurrencyLimit


def test_one_storm_halves_it_once_and_the_next_again() -> None:
    allowance = ConcurrencyLimit(16)
    for _ in range(16):
        allowance.overloaded(started_s=1.0, now=5.0, at_once=16)
    assert allowance.limit == 8
    allowance.overloaded(started_s=5.0, now=9.0, at_once=8)
    assert allowance.limit == 4


def test_what_was_under_way_counts_not_what_was_allowed() -> None:
    allowance = ConcurrencyLimit(16)
    allowance.overloaded(started_s=0.0, now=1.0, at_once=4)
    assert allowance.limit == 2


def test_one_is_always_allowed() -> None:
    allowance = ConcurrencyLimit(3)
    for now in range(10):
        allowance.overloaded(started_s=float(now), now=now + 0.5, at_once=1)
    assert allowance.limit == 1


def test_it_grows_by_one_after_as_many_good_ends_as_it_allows_and_no_further_than_it_was() -> None:
    allowance = ConcurrencyLimit(4)
    allowance.overloaded(started_s=0.0, now=1.0, at_once=4)
    limits = []
    for _ in range(12):
        allowance.went_well()
        limits.append(allowance.limit)
    assert limits[:2] == [2, 2]
    assert limits[-1] == 4
    assert limits == sorted(limits)
