"""Self-test of the workers: whether they can animate a simple drawing of our own, before a drawing is blamed for the death of a worker.

With a memory limit that is too low, or a damaged installation, every drawing would fail as if it were at fault. Until a drawing has been
animated, a worker that dies, hangs or runs out of memory proves nothing: the drawing gets its attempt back, and the self-test decides.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final

from daemon.log.events import Event, EventLog
from daemon.options.inference import InferenceChoice, InferenceRequest
from daemon.policy.failures import UPSTREAM_TYPES, ErrorType
from daemon.service.admission import Admission
from daemon.settings import JobsSettings, Settings
from daemon.spool.spool import Spool
from daemon.worker.pool import WorkerPool, result_of
from daemon.worker.task import TaskFailure, TaskResult, self_test_task

DEADLINE_S: Final = 60.0
"""For the self-test, which takes three seconds: workers that lack memory for a thread may also hang."""

ENOUGH_MB: Final = 1024
"""Memory with which a worker animates any ordinary drawing."""

SELF_TEST: Final = "self-test"
"""Instead of a job's id, for the circuit breakers."""

SUSPICIOUS: Final = frozenset({ErrorType.CRASH, ErrorType.OUT_OF_MEMORY, ErrorType.DEADLINE})
"""Failures that a drawing may cause, or the surroundings of the workers."""


class WorkerSelfTest:
    """Runs the self-test when it is needed, and opens the circuit breaker of this machine if it fails.

    Attributes:
        are_proven: a worker has animated a drawing.
    """

    def __init__(self, spool: Spool, workers: WorkerPool, admission: Admission, log: EventLog) -> None:
        self._spool, self._workers, self._admission, self._log = spool, workers, admission, log
        self._future: Future[TaskResult] | None = None
        self._deadline_s = 0.0
        self.are_proven = False
        self._has_failed = False

    @property
    def is_running(self) -> bool:
        """Whether the self-test runs; no job starts meanwhile."""
        return self._future is not None

    def is_due_at_start(self, jobs: JobsSettings, inference: InferenceRequest) -> bool:
        """Whether the workers must be tested before the first drawing.

        Their memory is limited to less than by default, or the models run on servers of the Open Inference Protocol, whose names for
        models and tensors may be others than the settings say.
        """
        return 0 < jobs.memory_limit_mb < JobsSettings().memory_limit_mb or inference.resolve({}).choice is InferenceChoice.OIP

    def record_result(self, result: TaskResult) -> bool:
        """Record a result; returns whether it says nothing about its drawing, because it may be due to the workers."""
        if result.failure is None and not result.is_duplicate:
            self.record_success()
        return not self.are_proven and result.was_begun and result.failure is not None and result.failure.kind in SUSPICIOUS

    def record_success(self) -> None:
        """Record that a worker has animated a drawing."""
        if self._has_failed:
            self._log.emit(Event.WORKERS_RECOVERED)
        self.are_proven, self._has_failed = True, False

    def start(self, settings: Settings, inference: InferenceRequest) -> None:
        """Start the self-test, unless it runs."""
        if self._future is None:
            self._deadline_s = min(DEADLINE_S, settings.jobs.deadline_s)
            self._future = self._workers.start(self_test_task(self._spool.instance_folder, settings, inference), self._deadline_s)

    def step(self, now: float, jobs: JobsSettings) -> None:
        """Act on the end of the self-test."""
        if self._future is None or not self._future.done():
            return
        future, self._future = self._future, None
        if future.cancelled():
            return
        failure = result_of(future, self._deadline_s).failure
        if failure is not None and failure.kind in UPSTREAM_TYPES:
            self._admission.record_models_failure(now, SELF_TEST, failure.kind, failure.message, failure.retry_after_s)
        if failure is None or failure.kind not in SUSPICIOUS:  # of OpenGL, the drawings themselves find out, and wait
            self.record_success()
            return
        reason = _reason(failure, jobs)
        if not self._has_failed:
            self._has_failed = True
            self._log.emit(Event.WORKERS_UNFIT, reason=reason)
        self._admission.machine.record_failure(now, SELF_TEST, reason)

    def stop(self) -> None:
        """Cancel the self-test if it has not begun."""
        if self._future is not None:
            self._future.cancel()


def _reason(failure: TaskFailure, jobs: JobsSettings) -> str:
    reason = f"no worker can animate even a simple drawing: {failure.message}"
    if 0 < jobs.memory_limit_mb < ENOUGH_MB:
        return f"{reason}; jobs.memory_limit_mb is {jobs.memory_limit_mb}, set it to {ENOUGH_MB} or more"
    if failure.kind is ErrorType.OUT_OF_MEMORY:
        return f"{reason}; give the service {ENOUGH_MB} MB for each worker, or start fewer (jobs.workers)"
    return reason
