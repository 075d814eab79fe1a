"""Rows 17 and 18 of etc/doc/faults.md: the clock jumps, and the same drawing is dropped again and again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault.stub_daemon import fake_result
from spool_oracle import Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon

from daemon.policy.failures import ErrorType
from daemon.worker.task import Task, TaskFailure, TaskResult

HOUR_S = 3600.0
STEPS_S = {"an hour back": -HOUR_S, "ten days on": 240 * HOUR_S, "to 1970": -time.time()}


class Clock:
    """A wall clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset_s = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: max(0.0, real() + self.offset_s))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def summer_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def numbers(record: dict[str, Any]) -> list[float]:
    return [value for name, value in record.items() if name.endswith(("_ms", "_s")) and isinstance(value, int | float)]


@pytest.mark.usefixtures("summer_time")
@pytest.mark.parametrize("step", STEPS_S)
def test_clock_jump_changes_no_timing(tmp_path: Path, clock: Clock, step: str) -> None:
    tries: list[float] = []
    now = 1000.0

    def work(task: Task) -> TaskResult:
        tries.append(now)
        return fake_result(task) if len(tries) > 2 else TaskResult(failure=TaskFailure(ErrorType.CRASH, "the worker died"))

    with SteppedDaemon.opened(tmp_path, {"jobs": {"retry_first_s": 10.0}}, work=work, has_leases=False) as daemon:
        daemon.scheduler.self_test.record_success()  # otherwise, the first crash would be the workers' fault and cost no attempt
        (tmp_path / "inbox" / "garlic.png").write_bytes(b"a drawing")
        while not daemon.logged("job.done"):
            clock.offset_s = 0.0 if clock.offset_s else STEPS_S[step]
            daemon.step(now)
            assert now < 1060.0
            now += 0.5
    assert tries[0] >= 1005.0, "claimed before the stable time"
    waits_s = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert [first_s <= wait_s <= first_s + 2.0 for first_s, wait_s in zip((10.0, 20.0), waits_s, strict=True)] == [True, True], waits_s
    assert all(number >= 0 for record in daemon.records for number in numbers(record))
    assert all(record["timestamp"].endswith("Z") for record in daemon.records)
    check_published(tmp_path, "garlic.png", b"a drawing")


def test_takeover_ignores_wall_clock(tmp_path: Path, clock: Clock) -> None:
    for offset_s in STEPS_S.values():
        content = b"a drawing at %d" % offset_s
        with SteppedDaemon.opened(tmp_path) as daemon:
            daemon.workers.is_slow = True
            (tmp_path / "inbox" / "garlic.png").write_bytes(content)
            daemon.run(1000.0, until_s=1002.0)
            assert daemon.scheduler.running
        clock.offset_s = offset_s
        with SteppedDaemon.opened(tmp_path, {"storage": {"retention_h": 24 * 365 * 100, "reserve_mb": 0}}) as heir:
            heir.run(50.0)
        clock.offset_s = 0.0
        check_published(tmp_path, "garlic.png", content)
    check_tidy(tmp_path)


def test_animates_and_logs_each_duplicate(tmp_path: Path) -> None:
    content, first = b"the same", ""
    for round_ in range(2):
        with SteppedDaemon.opened(tmp_path) as daemon:
            for number in range(25):
                (tmp_path / "inbox" / f"copy{round_}-{number}.png").write_bytes(content)
            daemon.run(1000.0)
            duplicates = daemon.logged("job.duplicate")
            assert len(duplicates) == 25 - (round_ == 0)
            first = first or daemon.logged("job.done")[0]["job_id"]
            assert {record["original_job_id"] for record in duplicates} == {first}
    assert len(Places(tmp_path).published(content)) == 50
    check_tidy(tmp_path)


def test_files_of_same_name_get_own_results(tmp_path: Path) -> None:
    contents = [b"number %d" % number for number in range(50)]
    path = tmp_path / "inbox" / "same.png"
    with SteppedDaemon.opened(tmp_path, count=60) as daemon:
        daemon.workers.is_slow = True
        now = 1000.0
        for content in contents:
            path.write_bytes(content)
            while path.exists():
                now += 0.2
                daemon.scan_loop.hint(now)
                daemon.step(now)
                assert now < 2000.0
        daemon.workers.is_slow = False
        daemon.workers.finish()
        daemon.run(now)
        assert not daemon.logged("job.duplicate")
    for content in contents:
        check_published(tmp_path, path.name, content)
    assert len(list((tmp_path / "outbox").iterdir())) == 100
    check_tidy(tmp_path)


def test_seen_index_expires_with_sources(tmp_path: Path, clock: Clock) -> None:
    content = b"the same"
    counts = []
    for offset_s in (0.0, 100 * HOUR_S, 300 * HOUR_S):
        clock.offset_s = offset_s
        with SteppedDaemon.opened(tmp_path) as daemon:
            (tmp_path / "inbox" / "garlic.png").write_bytes(content)
            daemon.housekeeping.step(0.0)
            daemon.run(1000.0)
            counts.append(len(daemon.logged("job.duplicate")))
    assert counts == [0, 1, 0]
