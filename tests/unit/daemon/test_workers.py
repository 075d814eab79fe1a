"""Worker processes whose death nobody ordered."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from daemon.disposition import ErrorType
from daemon.workers import Workers, report_of

PATIENCE_S = 60.0


@pytest.fixture
def workers() -> Iterator[Workers]:
    work: Any = str  # something that any process knows
    pool = Workers(2, recycle_after=0, memory_limit_mb=0, wake=lambda: None, work=work)
    yield pool
    pool.close()


def test_a_pool_whose_idle_workers_were_killed_is_made_anew(workers: Workers) -> None:
    """As by the kernel, when memory runs out: pebble takes it for the end of the pool."""
    order: Any = 1
    assert str(workers.start(order, PATIENCE_S).result(PATIENCE_S)) == "1"
    pool: Any = workers._pool
    for child in multiprocessing.active_children():
        child.kill()
    until_s = time.monotonic() + PATIENCE_S
    while pool.active and time.monotonic() < until_s:
        time.sleep(0.02)
    assert not pool.active
    order = 2
    assert str(workers.start(order, PATIENCE_S).result(PATIENCE_S)) == "2"


def test_a_job_whose_pool_broke_has_crashed_and_may_be_tried_again() -> None:
    future: Future[Any] = Future()
    future.set_exception(BrokenProcessPool("All workers expired"))
    failure = report_of(future, 1.0).failure
    assert failure is not None
    assert failure.kind is ErrorType.CRASH
