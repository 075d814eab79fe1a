"""Waiting jobs: claimed jobs that no worker has, why each waits, and until when.

A job waits for its next attempt, for a resource, for the disk, or for a process that still writes to its file. Where its files were being
moved to `failed/` or `review/`, only the rest of that move remains to be done.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Final

from daemon.files.durable import exists
from daemon.policy.circuit_breaker import CircuitBreaker
from daemon.policy.failures import Backoff, Deferral
from daemon.service.completion import CompletionResult
from daemon.service.job_records import JobRecords
from daemon.service.jobs import RETRY_S, JobTiming, WaitingJob
from daemon.spool.job_folder import ERROR, REVIEW, Job
from daemon.spool.recovery import JobState, RecoveredJob
from daemon.spool.spool import Spool

DELAY: Final = Backoff(RETRY_S, 60.0)
"""Backoff for a job that keeps failing on its own paths."""

PATH_ERRORS: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ELOOP, errno.ENAMETOOLONG}
)
"""Errors that concern the paths of one job and say nothing about the disk."""


class WaitingJobs:
    """Jobs that wait, with the reason of each.

    Attributes:
        jobs: in the order in which they began to wait.
    """

    def __init__(self, spool: Spool, records: JobRecords, machine: CircuitBreaker) -> None:
        """`machine` records errors that concern the whole disk."""
        self._spool, self._records, self._machine = spool, records, machine
        self.jobs: list[WaitingJob] = []

    def add(self, waiting: WaitingJob) -> None:
        """Add a job that waits."""
        self.jobs.append(waiting)

    def remove(self, waiting: WaitingJob) -> None:
        """Remove a job that waits no longer."""
        self.jobs.remove(waiting)

    def due(self, now: float) -> list[WaitingJob]:
        """The jobs that may be tried again."""
        return [each for each in self.jobs if now >= each.not_before_s]

    def requeue(self, job: Job, timing: JobTiming, not_before_s: float, reason: str) -> None:
        """Add a job that waits until `not_before_s`."""
        begun = None
        with suppress(OSError):  # `Scheduler._begin_attempt` asks again
            begun = self.begun_move(job)
        self.jobs.append(WaitingJob(job, timing, not_before_s, reason, begun))

    def defer(self, job: Job, timing: JobTiming, now: float, reason: Deferral, message: str) -> None:
        """Requeue a job whose attempt says nothing about the drawing. Raises OSError."""
        self._records.log_deferred(job, timing, reason, message)
        self.return_attempt(job)
        self.requeue(job, timing, now + RETRY_S, message)

    def requeue_after_error(self, job: Job, timing: JobTiming, now: float, error: Exception) -> None:
        """Requeue a job whose files can't be written now.

        An error with the job's own paths delays only this job, longer each time; any other error stops all starts for a while.
        """
        self._records.log_deferred(job, timing, Deferral.SPOOL, str(error))
        if isinstance(error, OSError) and error.errno not in PATH_ERRORS:
            self.requeue(job, timing, now + RETRY_S, str(error))
            self._machine.record_failure(now, job.id, f"the spool can't be written: {error}")
        else:
            timing.delays += 1
            self.requeue(job, timing, now + DELAY.wait_s(timing.delays), str(error))

    def await_acknowledgment(self, completion: CompletionResult, job: Job, timing: JobTiming, now: float) -> None:
        """Let a completed job wait if it could not leave the work folder."""
        if completion.unacknowledged is not None:
            self.jobs.append(WaitingJob.completed(job, timing, now + RETRY_S, completion.unacknowledged))

    def begun_move(self, job: Job) -> RecoveredJob | None:
        """The state of a job whose files are partly in `review/` or `failed/`: the move must be finished, and no worker may start.

        A job with an error file that still has its source runs again. Raises OSError if the state can't be determined.
        """
        if exists(self._spool.path(job) / REVIEW):
            return RecoveredJob(job, JobState.REVIEWING)
        if exists(self._spool.path(job) / ERROR) and not self._spool.has_source(job):
            return RecoveredJob(job, JobState.FAILING)
        return None

    def return_attempt(self, job: Job) -> None:
        """Return an attempt that says nothing about the drawing, durably. Raises OSError."""
        if job.return_attempt():
            self._spool.save(job)
