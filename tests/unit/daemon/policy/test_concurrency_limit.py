"""Concurrency limit: halved by overload, and grown back."""

from __future__ import annotations

from daemon.policy.concurrency_limit import ConcurrencyLimit


def test_each_storm_halves_limit_once() -> None:
    limit = ConcurrencyLimit(16)
    for _ in range(16):
        limit.record_overload(started_s=1.0, now=5.0, concurrent=16)
    assert limit.limit == 8
    limit.record_overload(started_s=5.0, now=9.0, concurrent=8)
    assert limit.limit == 4


def test_halves_number_of_running_jobs_not_limit() -> None:
    limit = ConcurrencyLimit(16)
    limit.record_overload(started_s=0.0, now=1.0, concurrent=4)
    assert limit.limit == 2


def test_limit_is_at_least_one() -> None:
    limit = ConcurrencyLimit(3)
    for now in range(10):
        limit.record_overload(started_s=float(now), now=now + 0.5, concurrent=1)
    assert limit.limit == 1


def test_limit_grows_by_one_per_round_up_to_maximum() -> None:
    limit = ConcurrencyLimit(4)
    limit.record_overload(started_s=0.0, now=1.0, concurrent=4)
    limits = []
    for _ in range(12):
        limit.record_success()
        limits.append(limit.limit)
    assert limits[:2] == [2, 2]
    assert limits[-1] == 4
    assert limits == sorted(limits)


def test_maximum_follows_the_workers() -> None:
    limit = ConcurrencyLimit(2)
    limit.set_maximum(8)
    assert limit.limit == 8
    limit.record_overload(0.0, 1.0, 8)
    limit.set_maximum(20)
    assert limit.limit == 4  # what was learned holds
    limit.set_maximum(3)
    assert limit.limit == 3
    limit.set_maximum(0)
    assert limit.limit == 1
