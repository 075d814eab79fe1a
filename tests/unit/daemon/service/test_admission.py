"""Admission control: unavailable resources, overload, and probes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.log.factory import json_log
from daemon.policy.failures import Backoff, ErrorType, Outcome
from daemon.service.admission import MACHINE_BACKOFF, Admission
from daemon.service.completion import CompletionResult
from daemon.spool.job_folder import Job
from daemon.worker.task import TaskFailure, TaskResult

DONE = CompletionResult(None)
FINE = TaskResult({}, models_answered=True)


class Logged:
    """An admission control and its log records."""

    def __init__(self, most: int = 4) -> None:
        self.records: list[dict[str, Any]] = []
        log = json_log(lambda line: self.records.append(json.loads(line)), instance="x")
        self.admission = Admission(Backoff(10.0, 100.0), most, log)

    @property
    def events(self) -> list[str]:
        return [record["event"] for record in self.records]


def image(name: str) -> Job:
    return Job(name, f"{name}.png")


def character(name: str) -> Job:
    return Job(name, name, is_folder=True)


def deferred(kind: ErrorType) -> CompletionResult:
    return CompletionResult(Outcome.DEFER, kind, "unavailable")


def failed(kind: ErrorType, retry_after_s: float | None = None) -> TaskResult:
    return TaskResult(failure=TaskFailure(kind, "unavailable", retry_after_s=retry_after_s))


def test_limits_running_jobs() -> None:
    admission = Logged(most=2).admission
    for name in ("a", "b"):
        assert admission.may_start(0.0, needs_models=True)
        assert not admission.record_start(image(name), 0.0)
    assert not admission.may_start(0.0, needs_models=True)
    assert not admission.may_start(0.0, needs_models=False)
    admission.forget(image("a"))
    admission.forget(image("unknown"))
    assert admission.may_start(0.0, needs_models=True)
    assert admission.due_s() == []


@pytest.mark.parametrize("kind", [ErrorType.NO_OPENGL, ErrorType.DISK_FULL])
def test_without_opengl_or_disk_only_probe_starts(kind: ErrorType) -> None:
    logged = Logged()
    admission = logged.admission
    for name in ("a", "b"):
        admission.record_start(character(name), 0.0)
    admission.record_end(character("a"), failed(kind), deferred(kind), 5.0)
    assert not admission.may_start(5.0, needs_models=False)
    assert admission.due_s() == [5.0 + MACHINE_BACKOFF.first_s]
    assert admission.may_start(5.0 + MACHINE_BACKOFF.first_s, needs_models=False)
    admission.record_start(character("c"), 10.0)
    assert not admission.may_start(10.0, needs_models=False)
    admission.record_end(character("b"), FINE, DONE, 10.0)  # it started before the breaker opened: no new evidence
    assert not admission.may_start(10.0, needs_models=False)
    admission.record_end(character("c"), FINE, DONE, 11.0)
    assert admission.may_start(11.0, needs_models=False)
    assert logged.events == []


def test_failure_of_drawing_keeps_machine_breaker_closed() -> None:
    admission = Logged().admission
    admission.record_start(image("a"), 0.0)
    admission.record_end(image("a"), failed(ErrorType.NO_FIGURE), CompletionResult(Outcome.FAIL, ErrorType.NO_FIGURE), 1.0)
    assert admission.may_start(1.0, needs_models=True)


def test_during_outage_characters_run_and_one_image_probes() -> None:
    logged = Logged()
    admission = logged.admission
    admission.record_start(image("a"), 0.0)
    admission.record_end(image("a"), failed(ErrorType.UPSTREAM), deferred(ErrorType.UPSTREAM), 1.0)
    assert not admission.may_start(1.0, needs_models=True)
    assert admission.may_start(1.0, needs_models=False)
    assert not admission.record_start(character("c"), 1.0)
    (due_s,) = admission.due_s()
    assert admission.may_start(due_s, needs_models=True)
    assert admission.record_start(image("probe"), due_s)
    assert not admission.may_start(due_s, needs_models=True)
    admission.record_end(image("probe"), FINE, DONE, due_s + 2.0)
    assert admission.may_start(due_s + 2.0, needs_models=True)
    assert logged.events == ["breaker.opened", "breaker.half_open", "breaker.closed"]
    assert logged.records[-1]["open_for_s"] == round(due_s + 1.0, 1)
    assert logged.records[0]["reason"] == "unavailable"


def test_respects_retry_after_and_logs_each_rejected_key() -> None:
    logged = Logged()
    admission = logged.admission
    admission.record_start(image("a"), 0.0)
    admission.record_end(image("a"), failed(ErrorType.UNAUTHORIZED, 500.0), deferred(ErrorType.UNAUTHORIZED), 1.0)
    assert admission.due_s() == [501.0]
    admission.record_start(image("probe"), 501.0)
    admission.record_end(image("probe"), failed(ErrorType.UNAUTHORIZED), deferred(ErrorType.UNAUTHORIZED), 502.0)
    assert logged.events == ["breaker.opened", "auth.rejected", "breaker.half_open", "auth.rejected"]


def test_overload_lowers_limit_but_probe_does_not() -> None:
    admission = Logged(most=4).admission
    storm = TaskResult({}, models_answered=True, models_overloaded=True)
    for name in "abcd":
        admission.record_start(image(name), 0.0)
    admission.record_end(image("a"), storm, DONE, 1.0)
    assert admission.upstream_limit.limit == 2
    for name in "bcd":
        admission.record_end(image(name), FINE, DONE, 2.0)
    assert admission.upstream_limit.limit > 2
    before = admission.upstream_limit.limit
    admission.record_start(image("e"), 3.0)
    admission.record_end(image("e"), failed(ErrorType.UPSTREAM), deferred(ErrorType.UPSTREAM), 4.0)
    admission.record_start(image("probe"), 50.0)
    admission.record_end(image("probe"), storm, DONE, 51.0)
    assert admission.upstream_limit.limit == before


def test_upstream_limit_counts_only_images() -> None:
    admission = Logged(most=4).admission
    for name in "ab":
        admission.record_start(image(name), 0.0)
    admission.record_end(image("a"), TaskResult({}, models_overloaded=True), DONE, 1.0)
    assert admission.upstream_limit.limit == 1
    assert not admission.may_start(1.0, needs_models=True)
    assert admission.may_start(1.0, needs_models=False)


def test_out_of_memory_lowers_limit_for_all_jobs() -> None:
    admission = Logged(most=4).admission
    for name in "abcd":
        admission.record_start(character(name), 0.0)
    admission.record_end(character("a"), failed(ErrorType.OUT_OF_MEMORY), CompletionResult(Outcome.RETRY, ErrorType.OUT_OF_MEMORY), 1.0)
    assert admission.memory_limit.limit == 2
    assert not admission.may_start(1.0, needs_models=False)
    for name in "bcd":
        admission.record_end(character(name), FINE, DONE, 2.0)
    assert admission.memory_limit.limit == 3
    admission.record_end(character("unknown"), FINE, DONE, 3.0)
    assert admission.memory_limit.limit == 3


def test_workers_that_cannot_be_reached_hold_every_job() -> None:
    logged = Logged(most=1)
    logged.admission.note_workers("the scheduler is lost", 0, 5.0)
    logged.admission.note_workers("the scheduler is lost", 0, 6.0)
    assert not logged.admission.may_start(7.0, needs_models=False)
    logged.admission.note_workers("", 2, 8.0)
    for name in ("a", "b"):
        assert logged.admission.may_start(8.0, needs_models=True)
        logged.admission.record_start(image(name), 8.0)
    assert not logged.admission.may_start(8.0, needs_models=True)
    assert [(record["event"], record["breaker"]) for record in logged.records] == [
        ("breaker.opened", "workers"),
        ("breaker.closed", "workers"),
    ]
    assert logged.records[1]["open_for_s"] == 3.0


def test_lost_worker_opens_no_breaker() -> None:
    logged = Logged()
    logged.admission.record_start(image("a"), 0.0)
    logged.admission.record_end(image("a"), failed(ErrorType.NO_WORKER), deferred(ErrorType.NO_WORKER), 1.0)
    assert logged.admission.machine.opened_at_s is None
    assert logged.admission.models.opened_at_s is None
