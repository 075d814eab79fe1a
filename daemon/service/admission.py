"""Admission control: decides whether another job may start.

A circuit breaker stops starts while a resource is unavailable: one for the models, which only images need, and one for this machine
(OpenGL, the disk, new processes). Workers on other machines need no probe: their pool knows when they are back. A concurrency limit
lowers the number of running jobs under overload: one for the model servers, one for memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daemon.log.events import Event, EventLog
from daemon.policy.circuit_breaker import CircuitBreaker
from daemon.policy.concurrency_limit import ConcurrencyLimit
from daemon.policy.failures import UPSTREAM_TYPES, Backoff, ErrorType
from daemon.policy.outage import Outage
from daemon.service.completion import CompletionResult
from daemon.spool.job_folder import Job
from daemon.worker.task import TaskResult

MACHINE_BACKOFF: Final = Backoff(2.0, 60.0)
"""Pause after OpenGL, the disk or a new process was refused."""


@dataclass(frozen=True)
class _Start:
    at_s: float
    needs_models: bool
    is_probe: bool


class Admission:
    """Admission control: ask `may_start` before each start, and report each start and end.

    Attributes:
        models, machine: the circuit breakers.
        workers: the outage of workers on other machines.
        upstream_limit, memory_limit: the concurrency limits.
    """

    def __init__(self, models: Backoff, max_jobs: int, log: EventLog) -> None:
        """Start with closed breakers and the highest limits.

        Args:
            models: backoff while no model server can be used.
            max_jobs: jobs that run at once while nothing is overloaded.
        """
        self.models = CircuitBreaker(models)
        self.machine = CircuitBreaker(MACHINE_BACKOFF)
        self.workers = Outage()
        self.upstream_limit, self.memory_limit = ConcurrencyLimit(max(1, max_jobs)), ConcurrencyLimit(max(1, max_jobs))
        self._log = log
        self._running: dict[str, _Start] = {}

    def note_workers(self, reason: str, max_jobs: int, now: float) -> None:
        """Record why no worker can be reached, or "", and how many jobs may run at once while nothing is overloaded."""
        for limit in (self.upstream_limit, self.memory_limit):
            limit.set_maximum(max_jobs)
        opened_at_s = self.workers.opened_at_s
        if self.workers.note(reason, now):
            if reason:
                self._log.emit(Event.BREAKER_OPENED, breaker="workers", reason=reason)
            elif opened_at_s is not None:
                self._log.emit(Event.BREAKER_CLOSED, breaker="workers", open_for_s=round(now - opened_at_s, 1))

    def may_start(self, now: float, *, needs_models: bool) -> bool:
        """Whether a job may start: an image, which needs the models, or a character folder, which does not."""
        if self.workers.reason or not self.machine.may_start(now) or len(self._running) >= self.memory_limit.limit:
            return False
        return not needs_models or (self.models.may_start(now) and self._running_with_models() < self.upstream_limit.limit)

    def due_s(self) -> list[float]:
        """Times on the monotonic clock after which more jobs may start than now."""
        return [at for at in (self.models.due_s(), self.machine.due_s()) if at is not None]

    def record_start(self, job: Job, now: float) -> bool:
        """Record that a job started. Returns True if it is the probe of the models."""
        is_probe = not job.is_folder and self.models.record_start(job.id, now)
        if is_probe:
            self._log.for_job(job).emit(Event.BREAKER_HALF_OPEN, breaker="models")
        self.machine.record_start(job.id)
        self._running[job.id] = _Start(now, not job.is_folder, is_probe)
        return is_probe

    def record_end(self, job: Job, result: TaskResult, completion: CompletionResult, now: float) -> None:
        """Record how a job ended, and adjust breakers and limits."""
        self._adjust_limits(job, result, completion, now)
        self._adjust_models_breaker(job, result, completion, now)
        if completion.kind in {ErrorType.NO_OPENGL, ErrorType.DISK_FULL} or not result.was_begun:
            self.machine.record_failure(now, job.id, f"{completion.kind}: {completion.reason}")
        elif completion.outcome is None:
            self.machine.record_success(job.id)
        self.forget(job)

    def forget(self, job: Job) -> None:
        """Drop a job that ended without any evidence about models or machine."""
        self.models.forget(job.id)
        self.machine.forget(job.id)
        self._running.pop(job.id, None)

    def _running_with_models(self) -> int:
        return sum(start.needs_models for start in self._running.values())

    def _adjust_limits(self, job: Job, result: TaskResult, completion: CompletionResult, now: float) -> None:
        start = self._running.get(job.id)
        if start is None:
            return
        exceeds_limit = result.failure is not None and result.failure.exceeds_limit  # then it alone needs too much
        if completion.kind is ErrorType.OUT_OF_MEMORY and not exceeds_limit:
            self.memory_limit.record_overload(start.at_s, now, len(self._running))
        elif completion.outcome is None:
            self.memory_limit.record_success()
        if result.models_overloaded and not start.is_probe:  # a probe runs alone
            self.upstream_limit.record_overload(start.at_s, now, self._running_with_models())
        elif result.models_answered:
            self.upstream_limit.record_success()

    def record_models_failure(self, now: float, job: str, kind: ErrorType, reason: str, retry_after_s: float | None) -> None:
        """Record that no model server could be used: the breaker of the models opens."""
        if self.models.record_failure(now, job, f"{kind}: {reason}", retry_after_s):
            self._log.emit(Event.BREAKER_OPENED, breaker="models", reason=reason, failures=self.models.failures)
        if kind is ErrorType.UNAUTHORIZED:
            self._log.emit(Event.AUTH_REJECTED, reason=reason)

    def _adjust_models_breaker(self, job: Job, result: TaskResult, completion: CompletionResult, now: float) -> None:
        if completion.kind in UPSTREAM_TYPES:
            retry_after_s = result.failure.retry_after_s if result.failure is not None else None
            self.record_models_failure(now, job.id, completion.kind, completion.reason, retry_after_s)
        elif result.models_answered:
            opened_at_s = self.models.opened_at_s
            if self.models.record_success(job.id) and opened_at_s is not None:
                self._log.emit(Event.BREAKER_CLOSED, breaker="models", open_for_s=round(now - opened_at_s, 1))
