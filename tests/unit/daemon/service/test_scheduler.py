"""Scheduler, completion and takeover, step by step on a simulated clock: claims, retries, stops, orphaned jobs, records."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from claimed_jobs import claim_file, names_below, write_results
from fault.stub_daemon import fake_result
from spool_oracle import Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon, drop

from daemon.policy.failures import ErrorType
from daemon.service import completion as completion_module
from daemon.service import waiting_jobs
from daemon.settings import Settings
from daemon.spool import quarantine as quarantine_module
from daemon.spool import review as review_module
from daemon.spool import spool as spool_module
from daemon.spool.job_folder import Job
from daemon.spool.publish import publish
from daemon.spool.review import approve, drawings_for_review
from daemon.spool.spool import ImmovableFile, Spool
from daemon.worker.task import RetriedRequest, Task, TaskFailure, TaskResult

START_S = 1000.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SteppedDaemon]:
    with SteppedDaemon.opened(tmp_path, {"log": {"stages": True}}) as opened:
        yield opened


def start_job(daemon: SteppedDaemon, root: Path, content: bytes = b"a drawing") -> Path:
    """Let a worker begin a drawing and not finish it; returns the source in the spool."""
    daemon.workers.is_slow = True
    drop(root, content=content)
    daemon.run(START_S, until_s=START_S + 2)
    assert len(daemon.scheduler.running) == 1
    return Places(root).claimed()[0]


def step_for(daemon: SteppedDaemon, now: float, seconds: int = 90) -> None:
    """Step once each second, whether anything is due or not."""
    for later in range(seconds):
        daemon.step(now + later)


def raising(code: int) -> Callable[..., Any]:
    def refused(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code))

    return refused


def test_folders_share_the_workers(tmp_path: Path) -> None:
    """Drawings of one folder that take long don't get the workers that become free while another folder waits."""
    with SteppedDaemon.opened(tmp_path, {}, count=3) as daemon:
        daemon.workers.is_slow = True
        for number in range(8):
            drop(tmp_path, f"class-a/{number}.png", b"slow %d" % number)
        daemon.run(START_S, until_s=START_S + 2)
        assert [running.job.folder for running in daemon.scheduler.running.values()] == [("class-a",)] * 4
        for number in range(2):
            drop(tmp_path, f"class-b/{number}.png", b"quick %d" % number)
        daemon.run(START_S + 2, until_s=START_S + 10)
        begun, daemon.workers.begun = daemon.workers.begun, daemon.workers.begun[2:]
        for task, future in begun[:2]:
            future.set_result(fake_result(task))
        daemon.run(START_S + 10, until_s=START_S + 12)
        assert sorted(running.job.folder for running in daemon.scheduler.running.values()) == [("class-a",)] * 2 + [("class-b",)] * 2


def exhausted(task: Task) -> TaskResult:
    """Every drawing but the self-test exceeds its time."""
    return fake_result(task) if task.is_self_test else TaskResult(failure=TaskFailure(ErrorType.DEADLINE, "too slow", exceeds_limit=True))


def test_jobs_beyond_their_limits_are_retried_one_at_a_time_and_once(tmp_path: Path) -> None:
    with SteppedDaemon.opened(tmp_path, {}, work=exhausted, count=4) as daemon:
        for number in range(3):
            drop(tmp_path, f"{number}.png", b"%d" % number)
        most = 0
        daemon.workers.is_slow = True
        for second in range(60):
            daemon.step(START_S + second)
            retried = [each for each in daemon.scheduler.running.values() if each.job.attempts > 1]
            most = max(most, len(retried))
            daemon.workers.finish()
    assert most == 1
    assert [(record["error_type"], record["attempt"]) for record in daemon.logged("job.failed")] == [("deadline", 2)] * 3


def test_drawing_keeps_its_attempt_until_workers_are_proven(tmp_path: Path) -> None:
    self_tests = []

    def work(task: Task) -> TaskResult:
        self_tests.append(task.is_self_test)
        failure = TaskFailure(ErrorType.OUT_OF_MEMORY, "too little memory", exceeds_limit=True)
        return fake_result(task) if len(self_tests) > 6 else TaskResult(failure=failure)

    with SteppedDaemon.opened(tmp_path, {"jobs": {"max_attempts": 1}}, work=work) as daemon:
        drop(tmp_path)
        daemon.run(START_S)
    check_published(tmp_path, "garlic.png", b"a drawing")
    assert self_tests == [False, True] * 3 + [False]
    assert [record["reason"] for record in daemon.logged("job.deferred")] == ["trial"]
    assert not daemon.logged("job.failed")
    assert len(daemon.logged("workers.unfit")) == len(daemon.logged("workers.recovered")) == 1


def test_checks_names_of_models_on_a_server_before_the_first_drawing(tmp_path: Path) -> None:
    reason = "server s: model pose: expected the FP32 outputs joints, found keypoints"
    tries = []

    def work(task: Task) -> TaskResult:
        tries.append((task.is_self_test, task.is_probe))
        return TaskResult(failure=TaskFailure(ErrorType.MISCONFIGURED, reason)) if task.is_self_test else fake_result(task)

    oip = {"inference": {"protocol": "oip", "where": "server"}}
    with SteppedDaemon.opened(tmp_path, oip, work=work) as daemon:
        daemon.step(START_S)
        daemon.step(START_S + 1)
        assert tries == [(True, True)]
        (opened,) = daemon.logged("breaker.opened")
        assert (opened["breaker"], opened["reason"]) == ("models", reason)
        drop(tmp_path)
        daemon.run(START_S + 10)
    check_published(tmp_path, "garlic.png", b"a drawing")
    assert tries == [(True, True), (False, True)]
    assert len(daemon.logged("breaker.closed")) == 1


@pytest.mark.parametrize(("limit_mb", "is_tried"), [(256, True), (4096, False), (0, False)])
def test_tries_workers_out_first_if_their_memory_is_limited(tmp_path: Path, limit_mb: int, is_tried: bool) -> None:
    first = []

    def work(task: Task) -> TaskResult:
        first.append(task.is_self_test)
        return TaskResult(failure=TaskFailure(ErrorType.OUT_OF_MEMORY, "too little")) if task.is_self_test else fake_result(task)

    with SteppedDaemon.opened(tmp_path, {"jobs": {"memory_limit_mb": limit_mb}}, work=work) as daemon:
        drop(tmp_path)
        daemon.run(START_S)
    assert first == ([True, False] if is_tried else [False])
    if is_tried:
        assert "jobs.memory_limit_mb is 256, set it to 1024 or more" in daemon.logged("workers.unfit")[0]["reason"]


def test_publishes_drawing_with_full_record(tmp_path: Path, daemon: SteppedDaemon) -> None:
    content = b"a drawing"
    drop(tmp_path, "dab/garlic.png", content)
    daemon.run(START_S)
    check_published(tmp_path, "garlic.png", content)
    check_done(daemon)


def check_done(daemon: SteppedDaemon) -> None:
    (done,) = daemon.logged("job.done")
    assert (done["file_name"], done["folder"], done["outcome"], done["attempt"]) == ("garlic.png", "dab", "success", 1)
    assert done["file_size"] == 9
    assert done["outputs"] == [{"kind": "gif", "file": "garlic.gif", "bytes": 9, "frames": None, "duration_ms": None}]
    assert done["queue_wait_ms"] == daemon.logged("job.claimed")[0]["queue_wait_ms"] > 0
    assert done["overhead_ms"] > 0


# --- files that can't be claimed ------------------------------------------------------------------------------------


def test_refused_claim_is_tried_again_later(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path)
    monkeypatch.setattr(spool_module, "rename", raising(errno.EACCES))
    step_for(daemon, START_S)
    monkeypatch.undo()
    assert [record["reason"] for record in daemon.logged("file.rejected")] == ["immovable"]
    assert not daemon.logged("inbox.degraded")
    step_for(daemon, START_S + 100)
    check_published(tmp_path, "garlic.png", b"a drawing")


def test_permission_error_of_spool_is_logged_as_the_daemon_s_own(
    tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path)
    monkeypatch.setattr(spool_module, "create_durably", raising(errno.EACCES))
    daemon.run(START_S, until_s=START_S + 10)
    assert not daemon.logged("file.rejected")
    assert {record["errno"] for record in daemon.logged("inbox.degraded")} == {errno.EACCES}
    monkeypatch.undo()
    daemon.run(START_S + 60)
    check_published(tmp_path, "garlic.png", b"a drawing")


def test_disk_error_of_claim_is_logged_and_pauses_claims(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path)
    monkeypatch.setattr(daemon.spool, "claim", raising(errno.EROFS))
    daemon.run(START_S, until_s=START_S + 1.5)
    (record,) = daemon.logged("inbox.degraded")
    assert (record["errno"], record["file_name"]) == (errno.EROFS, "garlic.png")
    monkeypatch.undo()
    daemon.run(START_S + 60)
    check_published(tmp_path, "garlic.png", b"a drawing")


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EIO])
def test_files_that_cannot_be_claimed_delay_no_others(
    tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """For example in a folder of the inbox that is a mount point."""
    claim = daemon.spool.claim

    def picky(name: str, folder: Any, **more: Any) -> Any:
        if folder:
            raise (ImmovableFile if code == errno.EXDEV else OSError)(code, os.strerror(code))
        return claim(name, folder, **more)

    monkeypatch.setattr(daemon.spool, "claim", picky)
    for number in range(5):
        drop(tmp_path, f"mounted/{number}.png", b"mounted %d" % number)
        drop(tmp_path, f"{number}.png", b"%d" % number)
    daemon.run(START_S, until_s=START_S + 30)
    assert daemon.completion.done == 5
    assert bool(daemon.logged("inbox.degraded")) == (code == errno.EIO)
    assert len(daemon.logged("file.rejected")) == (5 if code == errno.EXDEV else 0)


def test_file_swapped_for_link_during_claim_is_not_opened(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = daemon.spool.claim

    def swapped(name: str, *arguments: Any, **more: Any) -> Any:
        (tmp_path / "inbox" / name).unlink()
        (tmp_path / "inbox" / name).symlink_to("/etc/passwd")
        return claim(name, *arguments, **more)

    monkeypatch.setattr(daemon.spool, "claim", swapped)
    drop(tmp_path)
    daemon.run(START_S)
    reason = json.loads((tmp_path / "failed" / "garlic.png.error.json").read_text())
    assert reason["error_type"] == ErrorType.INPUT
    assert not daemon.workers.started


def test_starts_nothing_while_disk_is_nearly_full(tmp_path: Path, daemon: SteppedDaemon) -> None:
    roomy = daemon.disk_guard.settings
    daemon.disk_guard.settings = Settings.model_validate({"storage": {"reserve_mb": 1 << 30}})
    drop(tmp_path)
    daemon.run(START_S, until_s=START_S + 20)
    assert not daemon.logged("job.claimed")
    assert len(daemon.logged("disk.low")) == 1
    assert "the disk is nearly full" in daemon.notifications[-1]
    assert daemon.housekeeping.is_blocked()
    daemon.disk_guard.settings = roomy
    step_for(daemon, START_S + 30)
    assert len(daemon.logged("disk.recovered")) == 1
    check_published(tmp_path, "garlic.png", b"a drawing")


# --- writers ---------------------------------------------------------------------------------------------------------


def test_waits_for_writer_without_using_attempt(tmp_path: Path, daemon: SteppedDaemon) -> None:
    path = drop(tmp_path, content=b"first")
    with path.open("ab") as writer:
        step_for(daemon, START_S, 30)
        assert not daemon.logged("job.claimed")
        writer.write(b" and last")
    step_for(daemon, START_S + 40)
    check_published(tmp_path, "garlic.png", b"first and last")
    assert daemon.logged("job.done")[0]["attempt"] == 1


def test_file_written_after_claim_starts_when_complete(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, writers = daemon.spool.claim, []

    def then_opened(*arguments: Any, **more: Any) -> Any:
        job = claim(*arguments, **more)
        writers.append((daemon.spool.path(job) / "source").open("ab"))
        return job

    monkeypatch.setattr(daemon.spool, "claim", then_opened)
    drop(tmp_path, content=b"first")
    daemon.run(START_S, until_s=START_S + 5)
    assert [waiting.reason for waiting in daemon.scheduler.waiting] == ["another process still writes to it"]
    assert [record["reason"] for record in daemon.logged("job.deferred")] == ["writer"]
    job_file = daemon.spool.path(daemon.scheduler.waiting[0].job) / "job.json"
    assert json.loads(job_file.read_text())["attempts"] == 0
    writers[0].write(b" and last")
    writers[0].close()
    daemon.run(START_S + 6)
    check_published(tmp_path, "garlic.png", b"first and last")
    assert [record["attempt"] for record in daemon.logged("job.done")] == [1]


def test_file_changed_while_running_runs_again(tmp_path: Path, daemon: SteppedDaemon) -> None:
    source = start_job(daemon, tmp_path, b"first")
    with source.open("ab") as file:
        file.write(b" and last")
    daemon.workers.finish()
    daemon.workers.is_slow = False
    daemon.run(START_S + 3)
    assert [record["reason"] for record in daemon.logged("job.retried")] == ["changed"]
    check_published(tmp_path, "garlic.png", b"first and last")
    assert [record["attempt"] for record in daemon.logged("job.done")] == [1]
    check_tidy_but_for_own(tmp_path)


def check_tidy_but_for_own(root: Path) -> None:
    assert not Places(root).claimed()
    assert not names_below(root / "inbox")


# --- files removed by others -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["source", "all"])
def test_source_removed_from_spool_is_logged_as_lost(tmp_path: Path, daemon: SteppedDaemon, what: str) -> None:
    source = start_job(daemon, tmp_path)
    source.unlink()
    if what == "all":
        (source.parent / "job.json").unlink()
        source.parent.rmdir()
    daemon.workers.finish()
    daemon.workers.is_slow = False
    drop(tmp_path, "other.png", b"other")
    step_for(daemon, START_S + 3)
    (lost,) = daemon.logged("job.lost")
    assert lost["reason"] == ("its source was removed from the spool" if what == "source" else "another daemon has taken it over")
    check_published(tmp_path, "other.png", b"other")


def test_unwritable_spool_pauses_and_loses_nothing(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    start_job(daemon, tmp_path, b"break")
    monkeypatch.setattr(daemon.spool, "save", raising(errno.EROFS))
    daemon.workers.finish()
    daemon.run(START_S + 3, until_s=START_S + 4)
    assert [str(errno.EROFS) in waiting.reason for waiting in daemon.scheduler.waiting] == [True]
    assert daemon.scheduler.machine.reason.startswith("the spool can't be written")
    monkeypatch.undo()
    daemon.workers.is_slow = False
    daemon.run(START_S + 60)
    assert len(daemon.logged("job.failed")) == 1


def test_job_that_cannot_be_completed_delays_no_others(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example a folder that may not be moved: that is no evidence about the disk, nor about other drawings."""
    quarantine, refused = completion_module.quarantine, []

    def picky(failed: Path, job_folder: Path, job: Job, reason: Any) -> str:
        if job.name == "odd.png":
            refused.append(job.id)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return quarantine(failed, job_folder, job, reason)

    monkeypatch.setattr(completion_module, "quarantine", picky)
    drop(tmp_path, "odd.png", b"refuse")
    daemon.run(START_S, until_s=START_S + 10)
    drop(tmp_path)
    daemon.run(START_S + 10, until_s=START_S + 15)
    check_published(tmp_path, "garlic.png", b"a drawing")
    (waiting,) = daemon.scheduler.waiting
    assert os.strerror(errno.EACCES) in waiting.reason
    (deferred,) = daemon.logged("job.deferred")
    assert (deferred["reason"], deferred["file_name"], deferred["attempt"]) == ("spool", "odd.png", 1)
    assert os.strerror(errno.EACCES) in deferred["error_message"]
    refused.clear()
    daemon.run(START_S + 15, until_s=START_S + 615)
    assert 5 <= len(refused) <= 15  # at last once a minute
    assert len(daemon.logged("job.deferred")) == 1
    monkeypatch.undo()
    daemon.run(START_S + 615)
    assert Places(tmp_path).failed("odd.png") is not None


def test_jobs_wait_while_no_worker_can_start(tmp_path: Path) -> None:
    """For example after an upgrade that removed the program while the daemon runs."""
    can_start: list[bool] = []

    def work(task: Task) -> TaskResult:
        if can_start:
            return fake_result(task)
        return TaskResult(failure=TaskFailure(ErrorType.CRASH, "no worker could start"), was_begun=False)

    with SteppedDaemon.opened(tmp_path, work=work) as daemon:
        for number in range(20):
            drop(tmp_path, f"{number}.png", b"%d" % number)
        now = daemon.run(START_S, until_s=START_S + 600)
        assert daemon.completion.failed == 0
        assert daemon.workers.started < 30  # only probes
        assert len(daemon.scheduler.waiting) <= daemon.workers.count + 1
        assert "no worker could start" in daemon.status()["summary"]
        can_start.append(True)
        daemon.run(now + 60)
        assert daemon.completion.done == 20


# --- stopping --------------------------------------------------------------------------------------------------------


def test_stop_takes_back_jobs_not_begun(tmp_path: Path, daemon: SteppedDaemon) -> None:
    start_job(daemon, tmp_path)
    (running,) = daemon.scheduler.running.values()
    drop(tmp_path, "later.png", b"later")
    daemon.scheduler.stop()
    assert running.future.cancelled()
    daemon.step(START_S + 3)
    assert [waiting.reason for waiting in daemon.scheduler.waiting] == ["stopped"]
    assert (running.job.attempts, running.job.is_under_way) == (0, False)
    assert (tmp_path / "inbox" / "later.png").exists()


def test_running_job_is_abandoned_only_at_the_end(tmp_path: Path, daemon: SteppedDaemon) -> None:
    start_job(daemon, tmp_path)
    (running,) = daemon.scheduler.running.values()
    running.future.set_running_or_notify_cancel()
    daemon.scheduler.stop()
    daemon.step(START_S + 3)
    assert daemon.scheduler.running
    assert daemon.scheduler.abandon_running() == [running.job.id]
    assert not daemon.scheduler.running
    assert (running.job.attempts, running.job.is_under_way) == (0, False)
    assert daemon.scheduler.abandon_running() == []


def test_next_daemon_resumes_after_stop(tmp_path: Path) -> None:
    with SteppedDaemon.opened(tmp_path) as first:
        start_job(first, tmp_path)
        first.scheduler.stop()
        first.step(START_S + 3)
    with SteppedDaemon.opened(tmp_path) as second:
        second.run(START_S)
    assert [record["from_state"] for record in second.logged("job.recovered")] == ["waiting"]
    check_published(tmp_path, "garlic.png", b"a drawing")
    check_tidy(tmp_path)


# --- orphaned jobs ---------------------------------------------------------------------------------------------------


def leave_job(root: Path, change: Callable[[Spool, Any], None] = lambda *_: None) -> str:
    """Leave a job of a dead daemon; returns its id."""
    with Spool.open(root) as dead:
        job = claim_file(dead)
        change(dead, job)
    return job.id


def test_drawing_fails_after_repeated_daemon_deaths(tmp_path: Path, daemon: SteppedDaemon) -> None:
    def died(spool: Spool, job: Any) -> None:
        job.recoveries = daemon.settings.jobs.max_recoveries - 1
        spool.save(job)

    leave_job(tmp_path, died)
    daemon.run(START_S)
    reason = Places(tmp_path).failed("garlic.png")
    assert reason is not None
    assert reason["error_type"] == ErrorType.CRASH
    assert f"the daemon died {daemon.settings.jobs.max_recoveries} times" in str(reason["message"])
    assert not daemon.workers.started


def test_published_orphan_is_not_published_again(tmp_path: Path, daemon: SteppedDaemon) -> None:
    job_id = leave_job(tmp_path, lambda spool, job: publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF")))
    daemon.run(START_S)
    assert names_below(tmp_path / "outbox") == ["garlic.gif", "garlic.json"]
    (done,) = daemon.logged("job.done")
    assert (done["job_id"], done["is_recovered"]) == (job_id, True)
    assert not daemon.workers.started


def test_failing_orphan_is_moved_to_failed(tmp_path: Path, daemon: SteppedDaemon) -> None:
    def failing(spool: Spool, job: Any) -> None:
        reason = {"file": job.name, "name": job.name, "error_type": "no_figure", "message": "no figure", "job_id": job.id}
        (spool.path(job) / "error.json").write_text(json.dumps(reason))

    leave_job(tmp_path, failing)
    daemon.run(START_S)
    (failed,) = daemon.logged("job.failed")
    assert (failed["error_type"], failed["error_message"], failed["is_recovered"]) == ("no_figure", "no figure", True)
    assert names_below(tmp_path / "failed") == ["garlic.png", "garlic.png.error.json"]
    check_tidy_but_for_own(tmp_path)


@pytest.mark.parametrize("name", ["error.json", "manifest.json"])
def test_orphan_with_damaged_files_runs_again(tmp_path: Path, daemon: SteppedDaemon, name: str) -> None:
    leave_job(tmp_path, lambda spool, job: (spool.path(job) / name).write_text("{}") and None)
    daemon.run(START_S)
    check_published(tmp_path, "garlic.png", b"a drawing")


@pytest.mark.parametrize("name", ["error.json", "manifest.json"])
def test_damaged_orphan_without_source_is_logged_as_lost(tmp_path: Path, daemon: SteppedDaemon, name: str) -> None:
    def damaged(spool: Spool, job: Any) -> None:
        (spool.path(job) / "job.json").write_text("{")
        (spool.path(job) / "source").unlink()
        (spool.path(job) / name).write_text("{")

    job_id = leave_job(tmp_path, damaged)
    drop(tmp_path, "other.png", b"other")
    step_for(daemon, START_S)
    assert [record["job_id"] for record in daemon.logged("job.lost")] == [job_id]
    assert not daemon.logged("job.deferred")
    check_published(tmp_path, "other.png", b"other")
    assert not daemon.scheduler.waiting
    assert [path.name for path in daemon.spool.instance_folder.iterdir()] == [".lock"]


def test_orphan_that_starts_anew_from_its_source_is_not_deferred(tmp_path: Path, daemon: SteppedDaemon) -> None:
    leave_job(tmp_path, lambda spool, job: (spool.path(job) / "manifest.json").write_text("{") and None)
    daemon.run(START_S)
    assert not daemon.logged("job.deferred")
    check_published(tmp_path, "garlic.png", b"a drawing")


@pytest.mark.parametrize("call", ["finish_publishing", "finish_failing"])
def test_orphan_that_cannot_be_resumed_is_tried_again(
    tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The drawing is in the outbox or in `failed/` already, so the job can't start again."""

    def gone(spool: Spool, job: Any) -> None:
        if call == "finish_publishing":
            publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
        else:
            (spool.path(job) / "error.json").write_text(json.dumps({"file": "garlic.png", "error_type": "no_figure"}))
            (spool.path(job) / "source").rename(spool.layout.failed / "garlic.png")

    leave_job(tmp_path, gone)
    monkeypatch.setattr(daemon.completion, call, raising(errno.EROFS))
    daemon.run(START_S, until_s=START_S + 10)
    assert [record["reason"] for record in daemon.logged("job.deferred")] == ["spool"]
    monkeypatch.undo()
    drop(tmp_path, "other.png", b"other")
    step_for(daemon, START_S + 11, 200)
    assert (tmp_path / "outbox" / "other.gif").read_bytes() == b"other"
    assert not daemon.scheduler.waiting
    assert len(daemon.logged("job.done" if call == "finish_publishing" else "job.failed")) == (2 if call == "finish_publishing" else 1)
    assert [path.name for path in daemon.spool.instance_folder.iterdir()] == [".lock"]


def test_orphan_with_damaged_report_is_kept_while_its_source_is_unknown(
    tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_job(tmp_path, lambda spool, job: (spool.path(job) / "manifest.json").write_text("{}") and None)
    monkeypatch.setattr(daemon.spool, "has_source", raising(errno.ETIMEDOUT))
    daemon.run(START_S, until_s=START_S + 10)
    assert not daemon.logged("job.lost")
    monkeypatch.undo()
    daemon.run(START_S + 10)
    check_published(tmp_path, "garlic.png", b"a drawing")


def test_orphan_of_later_version_is_left_alone(tmp_path: Path, daemon: SteppedDaemon) -> None:
    leave_job(tmp_path, lambda spool, job: (spool.path(job) / "job.json").write_text('{"schema": 99}') and None)
    daemon.run(START_S)
    assert [record["from_state"] for record in daemon.logged("job.recovered")] == ["newer"]
    assert not daemon.workers.started
    assert len(Places(tmp_path).claimed()) == 1


def test_claim_that_failed_while_disk_could_not_be_read_is_undone_with_a_record(
    tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path)
    monkeypatch.setattr(spool_module, "rename", raising(errno.ETIMEDOUT))
    monkeypatch.setattr(spool_module, "exists", raising(errno.ETIMEDOUT))
    daemon.run(START_S, until_s=START_S + 5)
    claimed = [record["job_id"] for record in daemon.logged("job.claimed")]
    assert claimed
    assert (tmp_path / "inbox" / "garlic.png").exists()
    monkeypatch.undo()
    daemon.run(START_S + 60)
    assert [record["job_id"] for record in daemon.logged("job.unclaimed")] == claimed
    assert not daemon.logged("job.lost")
    check_published(tmp_path, "garlic.png", b"a drawing")
    assert not Places(tmp_path).claimed()


def test_claim_that_a_dead_daemon_did_not_finish_is_undone_with_a_record(tmp_path: Path, daemon: SteppedDaemon) -> None:
    job_id = leave_job(tmp_path, lambda spool, job: (spool.path(job) / "source").rename(tmp_path / "inbox" / "garlic.png"))
    daemon.run(START_S)
    assert [record["job_id"] for record in daemon.logged("job.unclaimed")] == [job_id]
    assert not daemon.logged("job.recovered")
    assert not daemon.scheduler.recovered_count
    check_published(tmp_path, "garlic.png", b"a drawing")
    check_tidy_but_for_own(tmp_path)


def test_unreadable_spool_is_logged(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_job(tmp_path)
    from daemon.service import takeover

    monkeypatch.setattr(takeover, "take_over_jobs", raising(errno.EIO))
    daemon.run(START_S, until_s=START_S + 1)
    assert {record["errno"] for record in daemon.logged("inbox.degraded")} == {errno.EIO}
    monkeypatch.undo()
    daemon.run(START_S + 60)
    check_published(tmp_path, "garlic.png", b"a drawing")


def test_renews_instance_after_its_folder_was_removed(daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.step(START_S)
    (daemon.spool.instance_folder / ".lock").unlink()
    daemon.spool.instance_folder.rmdir()
    before = daemon.spool.instance
    monkeypatch.setattr(daemon.spool, "renew", raising(errno.EROFS))
    daemon.step(START_S + 20)
    assert daemon.logged("inbox.degraded")[-1]["errno"] == errno.EROFS
    monkeypatch.undo()
    daemon.step(START_S + 40)
    assert [record["new_instance"] for record in daemon.logged("daemon.superseded")] == [daemon.spool.instance]
    assert daemon.spool.instance != before


# --- completion ------------------------------------------------------------------------------------------------------


def with_work(root: Path, work: Callable[[Task], TaskResult], until_s: float = START_S + 120, **fields: Any) -> SteppedDaemon:
    """Run a daemon on one drawing with fake work."""
    drop(root)
    with SteppedDaemon.opened(root, fields, work=work) as daemon:
        daemon.run(START_S, until_s=until_s)
    return daemon


def test_result_without_manifest_and_failure_is_internal_error(tmp_path: Path) -> None:
    daemon = with_work(tmp_path, lambda _: TaskResult())
    assert [record["error_type"] for record in daemon.logged("job.failed")] == ["internal"]
    assert [record["reason"] for record in daemon.logged("job.retried")] == ["internal"] * 2
    assert daemon.logged("job.failed")[0]["error_message"] == "the worker returned neither a result nor an error"


def test_failure_record_has_stage_trace_and_hint(tmp_path: Path) -> None:
    failure = TaskFailure(ErrorType.NO_FIGURE, "no figure found", stage="detect", trace="Traceback: far away")
    result = TaskResult(failure=failure, steps_ms={"decode": 2.0, "detect": 3.0, "pose": 1.0}, inference_attempts={"answered": 2})
    daemon = with_work(tmp_path, lambda _: result, log={"stages": True})
    (failed,) = daemon.logged("job.failed")
    assert (failed["stage"], failed["error_type"], failed["attempt"]) == ("infer", "no_figure", 1)
    assert len(failed["error_id"]) == 12
    assert failed["stack"] == "Traceback: far away"
    assert failed["inference_attempts"] == {"answered": 2}
    reason = Places(tmp_path).failed("garlic.png")
    assert reason is not None
    assert (reason["stage"], reason["message"], reason["attempts"]) == ("detect", "no figure found", 1)
    assert "darker lines" in str(reason["what_to_do"])


def test_logs_each_stage_if_enabled(tmp_path: Path, daemon: SteppedDaemon) -> None:
    failure = TaskFailure(ErrorType.NO_FIGURE, "no figure found", stage="pose")
    times = {"decode": 2.0, "detect": 3.0, "pose": 1.0}
    daemon.workers._work = lambda _: TaskResult(failure=failure, steps_ms=times)
    drop(tmp_path)
    daemon.completion.records.logs_stages = True
    daemon.run(START_S)
    assert [(record["stage"], record["duration_ms"]) for record in daemon.logged("stage.done")] == [("decode", 2.0)]
    (failed,) = daemon.logged("stage.failed")
    assert (failed["stage"], failed["duration_ms"], failed["error_type"]) == ("infer", 4.0, "no_figure")


def test_hint_of_failure_wins_over_default(tmp_path: Path) -> None:
    daemon = with_work(tmp_path, lambda _: TaskResult(failure=TaskFailure(ErrorType.OUTPUT, "refused", hint="ask the operator")))
    reason = Places(tmp_path).failed("garlic.png")
    assert reason is not None
    assert reason["what_to_do"] == "ask the operator"
    assert not daemon.logged("job.failed")[0].get("stack")


def test_logs_retried_requests(tmp_path: Path) -> None:
    def work(task: Task) -> TaskResult:
        result = fake_result(task)
        result.retries.append(RetriedRequest("http://models:8080/x", "detector", 503, "overloaded", 1, 12.0))
        return result

    daemon = with_work(tmp_path, work)
    (record,) = daemon.logged("inference.retried")
    assert (record["server_address"], record["server_port"], record["server_url"]) == ("models", 8080, "http://models:8080/x")
    assert (record["model"], record["status_code"], record["wait_ms"], record["request_attempt"]) == ("detector", 503, 12.0, 1)
    assert daemon.logged("job.done")[0]["retries"] == 1


def test_result_that_cannot_be_published_fails_as_output(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir(parents=True)
    (tmp_path / "outbox" / "dab").touch()
    drop(tmp_path, "dab/garlic.png")
    with SteppedDaemon.opened(tmp_path) as daemon:
        daemon.run(START_S, until_s=START_S + 120)
    (failed,) = daemon.logged("job.failed")
    assert (failed["error_type"], failed["stage"]) == ("output", "publish")


def test_duplicate_is_animated_again_and_logged(tmp_path: Path, daemon: SteppedDaemon) -> None:
    for now in (START_S, START_S + 100):
        drop(tmp_path)
        daemon.run(now)
    first, second = daemon.logged("job.done")
    (duplicate,) = daemon.logged("job.duplicate")
    assert (duplicate["job_id"], duplicate["original_job_id"]) == (second["job_id"], first["job_id"])
    assert len(Places(tmp_path).manifests()) == 2


def test_acknowledges_later_after_disk_error(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    start_job(daemon, tmp_path)
    monkeypatch.setattr(daemon.spool, "acknowledge", raising(errno.EROFS))
    daemon.workers.finish()
    daemon.run(START_S + 3, until_s=START_S + 20)
    assert len(Places(tmp_path).claimed()) == 1
    monkeypatch.undo()
    daemon.run(START_S + 30)
    assert len(daemon.logged("job.done")) == 1
    check_published(tmp_path, "garlic.png", b"a drawing")


def test_keeps_no_sources_without_retention(tmp_path: Path) -> None:
    with_work(tmp_path, fake_result, storage={"retention_h": 0, "reserve_mb": 0})
    assert names_below(tmp_path / "spool" / "done") == []
    assert names_below(tmp_path / "outbox") == ["garlic.gif", "garlic.json"]


def test_rejected_key_opens_breaker_and_status_says_so(tmp_path: Path) -> None:
    refusal = TaskResult(failure=TaskFailure(ErrorType.UNAUTHORIZED, "HTTP 401"))
    drop(tmp_path, "other.png", b"other")
    daemon = with_work(tmp_path, lambda _: refusal, until_s=START_S + 3)
    assert daemon.logged("auth.rejected")
    assert len(daemon.logged("breaker.opened")) == 1
    assert not daemon.logged("job.failed")
    assert "HTTP 401" in daemon.notifications[-1]


def test_starts_nothing_without_opengl(tmp_path: Path) -> None:
    refusal = TaskResult(failure=TaskFailure(ErrorType.NO_OPENGL, "no context"))
    daemon = with_work(tmp_path, lambda _: refusal, until_s=START_S + 1.5)
    assert daemon.workers.started == 1
    assert daemon.housekeeping.is_blocked()
    assert daemon.housekeeping.health is not None
    assert daemon.housekeeping.health.machine_breaker == "open"


# --- events for hooks ------------------------------------------------------------------------------------------------

HOOKS = {"hooks": {"on_done": ["/bin/true"], "on_failed": ["/bin/true"], "on_review": ["/bin/true"]}}
ENDINGS = [(b"a drawing", "done"), (b"refuse this", "failed"), (b"doubtful", "review")]


def events_in(root: Path) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (root / "spool" / "events").glob("*.json"))


def test_records_events_only_for_hooks(tmp_path: Path) -> None:
    for number, (fields, expected) in enumerate(
        [({}, []), (HOOKS, ["done.json", "failed.json"]), ({"hooks": {"on_failed": "http://localhost/"}}, ["failed.json"])]
    ):
        root = tmp_path / str(number)
        with SteppedDaemon.opened(root, fields) as daemon:
            drop(root, "a.png")
            drop(root, "b.png", b"refuse this")
            daemon.run(START_S)
        assert events_in(root) == expected


@pytest.mark.parametrize(("content", "ending"), ENDINGS)
def test_records_event_later_after_disk_error(tmp_path: Path, content: bytes, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with SteppedDaemon.opened(tmp_path, HOOKS) as daemon:
        drop(tmp_path, content=content)
        monkeypatch.setattr(completion_module, "record_event", raising(errno.EIO))
        daemon.run(START_S, until_s=START_S + 3)
        assert events_in(tmp_path) == []
        assert [waiting.reason for waiting in daemon.scheduler.waiting] == [f"{ending}, but the spool can't be written"]
        assert len(daemon.logged(f"job.{ending}")) == 1
        monkeypatch.undo()
        daemon.run(START_S + 4)
        assert len(daemon.logged(f"job.{ending}")) == 1
    assert events_in(tmp_path) == [f"{ending}.json"]
    assert not list((tmp_path / "spool" / "work").iterdir())


@pytest.mark.parametrize(("content", "ending"), ENDINGS)
def test_next_daemon_records_the_event(tmp_path: Path, content: bytes, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with SteppedDaemon.opened(tmp_path, HOOKS) as daemon:
        drop(tmp_path, content=content)
        monkeypatch.setattr(completion_module, "record_event", raising(errno.EIO))
        daemon.run(START_S, until_s=START_S + 3)
    monkeypatch.undo()
    with SteppedDaemon.opened(tmp_path, HOOKS) as daemon:
        daemon.run(START_S)
        assert [record["is_recovered"] for record in daemon.logged(f"job.{ending}")] == [True]
    assert events_in(tmp_path) == [f"{ending}.json"]
    assert not list((tmp_path / "spool" / "work").iterdir())


# --- review ----------------------------------------------------------------------------------------------------------


def test_doubtful_drawing_waits_for_review_and_is_approved(tmp_path: Path, daemon: SteppedDaemon) -> None:
    drop(tmp_path, "dab/garlic.png", b"doubtful")
    daemon.run(START_S)
    assert Places(tmp_path).reviewed("garlic.png") is not None
    (record,) = daemon.logged("job.review")
    assert (record["level"], record["reason"], record["review_path"], record["folder"]) == ("warning", "quality 0.20", "garlic.png", "dab")
    assert record["duration_ms"] >= 0
    assert "done 0, failed 0, to review 1" in daemon.notifications[-1]
    (one,) = drawings_for_review(daemon.spool.layout.review)
    approve(daemon.spool.layout, one)
    daemon.run(START_S + 100)
    check_published(tmp_path, "garlic.png", b"doubtful")
    assert not list((tmp_path / "review").iterdir())


@pytest.mark.parametrize("call", ["rename_without_replacing", "link_or_copy", "write_durably"])
def test_disk_error_delays_review(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    drop(tmp_path, content=b"doubtful")
    drop(tmp_path, "garlic.json", b"{}")
    monkeypatch.setattr(review_module, call, raising(errno.EIO))
    daemon.run(START_S, until_s=START_S + 5)
    assert not list((tmp_path / "review").iterdir())
    monkeypatch.undo()
    daemon.run(START_S + 70)
    assert Places(tmp_path).reviewed("garlic.png") is not None
    assert len(daemon.logged("job.review")) == 1


def test_review_is_finished_after_its_file_could_not_be_read(
    tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, content=b"doubtful")
    lost = raising(errno.EIO)

    def lost_and_blind(*_: object) -> None:
        monkeypatch.setattr(waiting_jobs, "exists", raising(errno.ESTALE))
        lost()

    monkeypatch.setattr(review_module, "rename_without_replacing", lost_and_blind)
    daemon.run(START_S, until_s=START_S + 5)
    assert len(daemon.scheduler.waiting) == 1
    assert daemon.workers.started == 1
    monkeypatch.undo()
    daemon.run(START_S + 6)
    assert Places(tmp_path).reviewed("garlic.png") is not None
    assert daemon.workers.started == 1


def test_failed_drawing_that_has_moved_gets_its_report(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """The move reports an error although it has happened."""
    drop(tmp_path, content=b"refuse this")
    rename = quarantine_module.rename_without_replacing

    def lost(*arguments: Any) -> None:
        rename(*arguments)
        monkeypatch.undo()
        raising(errno.ETIMEDOUT)()

    monkeypatch.setattr(quarantine_module, "rename_without_replacing", lost)
    daemon.run(START_S)
    assert names_below(tmp_path / "failed") == ["garlic.png", "garlic.png.error.json"]
    assert daemon.workers.started == 1


def test_damaged_review_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon:
        drop(tmp_path, content=b"doubtful")
        monkeypatch.setattr(review_module, "rename_without_replacing", raising(errno.EIO))
        daemon.run(START_S, until_s=START_S + 3)
    monkeypatch.undo()
    (file,) = tmp_path.glob("spool/work/*/*/review.json")
    file.write_text("{")
    with SteppedDaemon.opened(tmp_path) as daemon:
        daemon.run(START_S)
        assert Places(tmp_path).reviewed("garlic.png") is not None
    check_tidy(tmp_path)


class TestCluster:
    """Workers on other machines: they come, go, and may all be out of reach."""

    def test_drawings_wait_unclaimed_while_no_worker_can_be_reached(self, tmp_path: Path, daemon: SteppedDaemon) -> None:
        content = drop(tmp_path).read_bytes()
        daemon.workers.outage = "the scheduler tcp://a:1 can't be reached"
        step_for(daemon, START_S)
        assert not Places(tmp_path).claimed()
        assert "the scheduler tcp://a:1 can't be reached for 1m" in daemon.status()["summary"]
        assert daemon.housekeeping.is_blocked()
        daemon.workers.outage = ""
        daemon.run(START_S + 90)
        check_published(tmp_path, "garlic.png", content)
        assert [record["breaker"] for event in ("breaker.opened", "breaker.closed") for record in daemon.logged(event)] == ["workers"] * 2

    def test_lost_job_keeps_its_attempt_and_the_record_names_the_host(self, tmp_path: Path) -> None:
        results = [TaskResult(failure=TaskFailure(ErrorType.NO_WORKER, "the connection was lost"), host="old")]

        def work(task: Task) -> TaskResult:
            result = results.pop() if results else fake_result(task)
            result.host, result.worker_output = result.host or "new", ["Mesa: warning"]
            return result

        with SteppedDaemon.opened(tmp_path, {}, work=work) as daemon:
            content = drop(tmp_path).read_bytes()
            daemon.run(START_S)
            check_published(tmp_path, "garlic.png", content)
            (deferred,), (done,) = daemon.logged("job.deferred"), daemon.logged("job.done")
            assert (deferred["reason"], deferred["host"]) == ("no_worker", "old")
            assert (done["attempt"], done["host"]) == (1, "new")
            assert [(line["host"], line["text"], line["job_id"]) for line in daemon.logged("worker.output")] == [
                ("old", "Mesa: warning", done["job_id"]),
                ("new", "Mesa: warning", done["job_id"]),
            ]

    def test_as_many_jobs_start_as_there_are_workers(self, tmp_path: Path, daemon: SteppedDaemon) -> None:
        daemon.workers.is_slow, daemon.workers.count, daemon.workers.capacity = True, 0, 0
        for number in range(20):
            drop(tmp_path, f"{number}.png", b"drawing %d" % number)
        for at_s, capacity in ((0, 0), (10, 9), (20, 4), (30, 12)):
            daemon.workers.capacity = capacity
            daemon.run(START_S + at_s, until_s=START_S + at_s + 5)
            assert len(daemon.scheduler.running) == max(9 * (at_s == 20), capacity)
