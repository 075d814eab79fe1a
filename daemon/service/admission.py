"""Whether another job may start: what is out keeps jobs waiting, what is overloaded gets fewer at a time.

Two things can be out, each with a breaker before it: the networks, which only pictures need, and this machine (OpenGL, the disk,
processes). Two can be overloaded, each with an allowance: model servers and the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daemon.log.events import Event, EventLog
from daemon.policy.circuit_breaker import CircuitBreaker
from daemon.policy.concurrency_limit import ConcurrencyLimit
from daemon.policy.failures import UPSTREAM_TYPES, Backoff, ErrorType
from daemon.service.completion import CompletionResult
from daemon.spool.spool import Job
from daemon.worker.task import TaskResult

MACHINE: Final = Backoff(2.0, 60.0)
"""How long nothing is started after OpenGL, the disk or a new process was refused."""


@dataclass(frozen=True)
class _Start:
    at_s: float
    is_picture: bool
    is_probe: bool


class Admission:
    """Told of every start and end, and asked before every start.

    Attributes:
        networks, machine: the breakers.
        at_networks, in_memory: how many may be under way at once.
    """

    def __init__(self, networks: Backoff, most: int, log: EventLog) -> None:
        """`most` jobs are under way at once while nothing is wrong."""
        self.networks = CircuitBreaker(networks)
        self.machine = CircuitBreaker(MACHINE)
        self.at_networks = ConcurrencyLimit(most)
        self.in_memory = ConcurrencyLimit(most)
        self._log = log
        self._under_way: dict[str, _Start] = {}

    def may_start(self, now: float, *, is_picture: bool) -> bool:
        """Whether a picture, or a character folder, may start."""
        if not self.machine.may_start(now) or len(self._under_way) >= self.in_memory.limit:
            return False
        return not is_picture or (self.networks.may_start(now) and self._pictures() < self.at_networks.limit)

    def due_s(self) -> list[float]:
        """When more may start than now, as far as time alone decides it."""
        return [at for at in (self.networks.due_s(), self.machine.due_s()) if at is not None]

    def started(self, job: Job, now: float) -> bool:
        """A job has started; True if it finds out for all others whether the networks are back."""
        is_probe = not job.is_folder and self.networks.started(job.id, now)
        if is_probe:
            self._log.emit(Event.BREAKER_HALF_OPEN, job_id=job.id, upstream="networks")
        self.machine.started(job.id)
        self._under_way[job.id] = _Start(now, not job.is_folder, is_probe)
        return is_probe

    def ended(self, job: Job, report: TaskResult, ending: CompletionResult, now: float) -> None:
        """A job has ended, as `ending` says."""
        self._tell_allowances(job, report, ending, now)
        self._tell_networks(job, report, ending, now)
        if ending.kind in {ErrorType.NO_OPENGL, ErrorType.DISK_FULL} or not report.was_begun:
            self.machine.failed(now, job.id, f"{ending.kind}: {ending.reason}")
        elif ending.outcome is None:
            self.machine.succeeded(job.id)
        self.forgotten(job)

    def forgotten(self, job: Job) -> None:
        """A job has ended without saying anything about anything."""
        self.networks.forgotten(job.id)
        self.machine.forgotten(job.id)
        self._under_way.pop(job.id, None)

    def _pictures(self) -> int:
        return sum(start.is_picture for start in self._under_way.values())

    def _tell_allowances(self, job: Job, report: TaskResult, ending: CompletionResult, now: float) -> None:
        start = self._under_way.get(job.id)
        if start is None:
            return
        if ending.kind is ErrorType.OUT_OF_MEMORY:
            self.in_memory.overloaded(start.at_s, now, len(self._under_way))
        elif ending.outcome is None:
            self.in_memory.went_well()
        if report.networks_overloaded and not start.is_probe:  # a probe is alone already
            self.at_networks.overloaded(start.at_s, now, self._pictures())
        elif report.networks_answered:
            self.at_networks.went_well()

    def _tell_networks(self, job: Job, report: TaskResult, ending: CompletionResult, now: float) -> None:
        retry_after_s = report.failure.retry_after_s if report.failure is not None else None
        if ending.kind in UPSTREAM_TYPES:
            if self.networks.failed(now, job.id, f"{ending.kind}: {ending.reason}", retry_after_s):
                self._log.emit(Event.BREAKER_OPENED, upstream="networks", reason=ending.reason, failures=self.networks.failures)
            if ending.kind is ErrorType.UNAUTHORISED:
                self._log.emit(Event.AUTH_REJECTED, upstream="networks", reason=ending.reason)
        elif report.networks_answered:
            opened_at_s = self.networks.opened_at_s
            if self.networks.succeeded(job.id) and opened_at_s is not None:
                self._log.emit(Event.BREAKER_CLOSED, upstream="networks", open_for_s=round(now - opened_at_s, 1))
