"""Rows 7, 22, 29 and 32 of etc/doc/faults.md: long outages, overload and short memory, on a simulated clock."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from fault.stub_daemon import fake_result
from simulated_daemon import Simulation

from daemon.policy.failures import ErrorType
from daemon.service import housekeeping
from daemon.settings import Settings
from daemon.worker.task import Task, TaskFailure, TaskResult

HOUR_S = 3600.0
FILES = 1000
JOB_S = 1.0
CALM = {"inbox": {"poll_s": 300.0}, "log": {"heartbeat_s": HOUR_S}}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip fsync and shorten the status file: these tests need neither, and both are slow when called thousands of times."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(housekeeping, "MAX_WAITING_SHOWN", 2)


def drop(root: Path, count: int, folder: str = "", content: str = "drawing") -> None:
    place = root / "inbox" / folder
    place.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (place / f"{content}{number:05d}.png").write_bytes(f"{content} {folder} {number}".encode())


def down(message: str, retry_after_s: float | None = None) -> TaskResult:
    return TaskResult(failure=TaskFailure(ErrorType.UPSTREAM, message, retry_after_s=retry_after_s))


def test_six_hours_of_outage_use_no_attempt(tmp_path: Path) -> None:
    """Refused connections for two hours, then 503, then no replies; a thousand files wait."""
    began_s, back_s = 60.0, 60.0 + 6 * HOUR_S

    def simulate(task: Task, now: float, others: int) -> tuple[float, TaskResult | None]:
        del others
        if not began_s <= now < back_s:
            return JOB_S, None
        if now < began_s + 2 * HOUR_S:
            return (0.01 if task.is_probe else 20.0), down("no connection could be made")
        if now < began_s + 4 * HOUR_S:
            return (0.01 if task.is_probe else 20.0), down("HTTP 503")
        return (40.0 if task.is_probe else 120.0), down("it did not answer in time")  # the deadline of one request

    drop(tmp_path, FILES)
    with Simulation(tmp_path, simulate, workers=2, settings=CALM) as daemon:
        daemon.run(began_s)
        normal_per_s = len(daemon.done_at_s) / began_s
        assert normal_per_s > 1.5
        daemon.run(began_s + 60.0)
        assert len(daemon.scheduler.waiting) <= 3  # the others stay in the inbox, for any other daemon to take
        daemon.run(back_s - 1.0)
        assert "it did not answer in time" in daemon.status
        assert "for 6h" in daemon.status
        daemon.run(back_s + 120.0)
        probes = [each.at_s for each in daemon.workers.begun if each.task.is_probe]
        gaps = [later - earlier for earlier, later in pairwise(probes)]
        assert min(gaps) >= 30.0 - 1e-6
        assert max(gaps) < 60.0
        soon = [at for at in daemon.done_at_s if back_s + 60.0 <= at < back_s + 120.0]
        assert len(soon) / 60.0 >= 0.9 * normal_per_s
        assert (len(daemon.logged("breaker.opened")), len(daemon.logged("breaker.closed"))) == (1, 1)
        places = (
            daemon.scanner.count,
            len(daemon.scheduler.running),
            len(daemon.scheduler.waiting),
            len(daemon.done_at_s),
        )
    assert sum(places) == FILES
    assert not daemon.logged("job.failed")
    assert {record["attempt"] for record in daemon.logged("job.done")} == {1}
    assert "model" not in daemon.status


def test_image_that_hangs_server_fails_alone(tmp_path: Path) -> None:
    """It looks like an outage, but the client finds that the server answers a tiny request while this one times out."""

    def simulate(task: Task, now: float, others: int) -> tuple[float, TaskResult | None]:
        del now, others
        if "poison" not in task.name:
            return JOB_S, None
        if not task.is_probe:
            return 120.0, down("it did not answer in time")
        return 40.0, TaskResult(failure=TaskFailure(ErrorType.NO_ANSWER, "it did not answer in time"), models_answered=True)

    drop(tmp_path, 1, content="poison")
    drop(tmp_path, 500)
    with Simulation(tmp_path, simulate, workers=2, settings=CALM) as daemon:
        daemon.run(HOUR_S, lambda: len(daemon.done_at_s) + len(daemon.logged("job.failed")) == 501)
    (failed,) = daemon.logged("job.failed")
    assert (failed["file_name"], failed["error_type"], failed["attempt"]) == ("poison00000.png", "no_answer", 3)
    assert len(daemon.done_at_s) == 500
    assert max(later - earlier for earlier, later in pairwise(daemon.done_at_s)) < 90.0
    assert failed["at_s"] < 700.0


def test_retry_after_is_respected(tmp_path: Path) -> None:
    def simulate(task: Task, now: float, others: int) -> tuple[float, TaskResult | None]:
        del task, others
        return (0.1, down("HTTP 503", retry_after_s=120.0)) if now < 300.0 else (JOB_S, None)

    drop(tmp_path, 20)
    with Simulation(tmp_path, simulate, workers=16, settings=CALM) as daemon:
        daemon.run(500.0, lambda: len(daemon.done_at_s) == 20)
        starts = [each.at_s for each in daemon.workers.begun if each.result is not None]
    assert len([at for at in starts if at < 119.0]) <= 17
    assert [at - starts[0] >= 120.0 for at in starts if at > 1.0] == [True] * 2
    assert len(daemon.done_at_s) == 20


def test_concurrency_follows_503_storm(tmp_path: Path) -> None:
    """Sixteen workers, and a server that accepts four requests at a time for two minutes and rejects the others with 503."""
    over_s = 120.0

    def simulate(task: Task, now: float, others: int) -> tuple[float, TaskResult | None]:
        if now >= over_s or others <= 4:
            return JOB_S, None
        if others > 12:
            return 5.0, TaskResult(failure=TaskFailure(ErrorType.UPSTREAM, "HTTP 503"), models_overloaded=True)
        result = fake_result(task)
        result.models_overloaded = True
        return 3.0, result

    drop(tmp_path, 1000)
    with Simulation(tmp_path, simulate, workers=16, settings=CALM) as daemon:
        limits = []
        while daemon.now < over_s:
            daemon.run(daemon.now + 1.0)
            limits.append(daemon.scheduler.admission.upstream_limit.limit)
        assert min(limits) <= 4
        assert sum(limits[20:]) / len(limits[20:]) < 8  # not merely a dip
        begun = len(daemon.workers.begun)
        assert begun - len(daemon.done_at_s) < 60  # the number of rejected requests is bounded
        daemon.run(over_s + 60.0)
        assert daemon.scheduler.admission.upstream_limit.limit == 17
        daemon.run(HOUR_S, lambda: len(daemon.done_at_s) == 1000)
    assert len(daemon.done_at_s) == 1000
    assert not daemon.logged("job.failed")


def test_concurrency_falls_when_memory_is_short(tmp_path: Path) -> None:
    """Memory for three jobs at once: any other is killed, retried beside fewer, and done. A job that never fits fails."""

    def simulate(task: Task, now: float, others: int) -> tuple[float, TaskResult | None]:
        del now
        if others > 3 or "huge" in task.name:
            return 0.5, TaskResult(failure=TaskFailure(ErrorType.OUT_OF_MEMORY, "the worker was killed"))
        return JOB_S, None

    drop(tmp_path, 30)
    drop(tmp_path, 1, content="huge")
    with Simulation(tmp_path, simulate, workers=8, settings=CALM) as daemon:
        limits = []
        while len(daemon.done_at_s) + len(daemon.logged("job.failed")) < 31 and daemon.now < 300.0:
            daemon.run(daemon.now + 0.5)
            limits.append(daemon.scheduler.admission.memory_limit.limit)
    assert min(limits) <= 3
    assert [record["file_name"] for record in daemon.logged("job.failed")] == ["huge00000.png"]
    assert [(record["error_type"], record["attempt"]) for record in daemon.logged("job.failed")] == [("oom", 3)]
    assert len(daemon.done_at_s) == 30


def test_other_folder_does_not_wait_for_backlog(tmp_path: Path) -> None:
    """Only the jobs that workers have begun and one file of the backlog come before it."""
    drop(tmp_path, 10_000)
    with Simulation(tmp_path, lambda *_: (JOB_S, None), workers=2, settings={**CALM, "inbox": {"poll_s": 2.0}}) as daemon:
        daemon.run(10.0)
        drop(tmp_path, 1, "urgent")
        dropped_s = daemon.now
        daemon.run(60.0, lambda: any(record.get("folder") == "urgent" for record in daemon.logged("job.done")))
        claims = [record for record in daemon.logged("job.claimed") if record["at_s"] > dropped_s]
        seen_s = next(record["at_s"] for record in daemon.logged("scan.done") if record["at_s"] >= dropped_s)
        settled_s = seen_s + Settings().inbox.debounce_s  # a scan may end right before an iteration
        place = [record.get("folder", "") for record in claims if record["at_s"] >= settled_s].index("urgent")
        done = [record for record in daemon.logged("job.done") if record["at_s"] >= settled_s]
    assert place <= 1
    assert [record.get("folder", "") for record in done].index("urgent") <= 4
    assert json.loads((tmp_path / "outbox" / "urgent" / "drawing00000.json").read_text())["outputs"]
