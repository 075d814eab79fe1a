"""Stopwatch for processor time: what it adds up (`CpuStopwatch`), and what it reads (`ThreadTimes`)."""

from __future__ import annotations

import os
import threading
import time

import pytest

from daemon.log.cpu_stopwatch import ENDED, LIBRARIES, MAIN, CpuStopwatch, ThreadTimes


def test_adds_up_each_stage_by_thread() -> None:
    times = iter(
        [
            {MAIN: 1.0},
            {MAIN: 2.0},
            {MAIN: 3.0, "gif": 0.5},
            {MAIN: 3.0, "gif": 0.5},
            {MAIN: 3.5, "gif": 1.5},
            {MAIN: 4.0, "gif": 1.5},
        ]
    )
    stopwatch = CpuStopwatch(lambda: next(times))
    for _ in range(2):
        with stopwatch.lap("render"):
            pass
    assert stopwatch.spent_s == {"render": {MAIN: pytest.approx(1.5), "gif": pytest.approx(1.5), ENDED: 0.0}}
    assert stopwatch.total_s == pytest.approx(4.5)


def test_a_thread_that_ends_counts_only_what_is_new() -> None:
    times = iter([{}, {"gif": 2.0, ENDED: 1.0}, {ENDED: 3.25}])
    stopwatch = CpuStopwatch(lambda: next(times))
    with stopwatch.lap("write"):
        pass
    assert stopwatch.spent_s == {"write": {ENDED: pytest.approx(0.25)}}


def test_counts_a_stage_that_failed() -> None:
    times = iter([{MAIN: 0.0}, {MAIN: 0.0}, {MAIN: 1.0}])
    stopwatch = CpuStopwatch(lambda: next(times))
    with pytest.raises(ValueError, match="wrong"), stopwatch.lap("decode"):
        raise ValueError("wrong")
    assert stopwatch.spent_s["decode"][MAIN] == pytest.approx(1.0)


def test_reads_threads_by_their_name() -> None:
    is_over, has_worked = threading.Event(), threading.Event()

    def work() -> None:
        until_s = time.thread_time() + 0.01
        while time.thread_time() < until_s:
            pass
        has_worked.set()
        is_over.wait()

    thread = threading.Thread(target=work, name="gif_12", daemon=True)
    thread.start()
    has_worked.wait()
    times = ThreadTimes()
    spent = times()
    is_over.set()
    thread.join()
    assert spent["gif"] >= 0.01
    assert spent.get(MAIN, 0.0) + spent.get(LIBRARIES, 0.0) > 0
    assert sum(spent.values()) == pytest.approx(time.process_time(), abs=0.5)


def test_a_process_has_a_main_thread() -> None:
    assert ThreadTimes()()[MAIN] == pytest.approx(time.clock_gettime(~os.getpid() << 3 | 6), rel=0.5)
