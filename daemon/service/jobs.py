"""Jobs that this daemon owns: running ones, waiting ones, and what they cost so far."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from daemon.inbox.stability import Observation
from daemon.policy.failures import Deferral
from daemon.spool.events import EventKind
from daemon.spool.job_folder import Job
from daemon.spool.recovery import RecoveredJob
from daemon.worker.task import TaskResult

RETRY_S: Final = 1.0
"""Pause before a job is tried again whose file was still open for writing, or whose files the disk refused to read, write or move."""


@dataclass
class JobTiming:
    """Times of a job, on the monotonic clock.

    Attributes:
        claimed_s: when this daemon claimed the job or took it over.
        queue_wait_s: how long the file was in the inbox.
        overhead_s: time that the daemon itself spent on the job: probing, claiming, waiting for the disk.
        delays: how often the job was requeued because of errors with its own paths.
        deferred_for: reasons for which the log says that the job was deferred.
    """

    claimed_s: float
    queue_wait_s: float = 0.0
    overhead_s: float = 0.0
    delays: int = 0
    deferred_for: set[Deferral] = field(default_factory=set)


@dataclass
class RunningJob:
    """A job that a worker has.

    Attributes:
        observation: the source as it was when the job started; if it has changed at the end, the result is void.
    """

    job: Job
    future: Future[TaskResult]
    observation: Observation
    timing: JobTiming
    deadline_s: float


@dataclass
class WaitingJob:
    """A claimed job that no worker has.

    Attributes:
        not_before_s: when it may be tried again.
        reason: why it waits.
        recovered: the job was being finished when its daemon died, and only that remains to be done; None if a worker can start it.
        ended: the job is published or failed, and only has to leave the work folder.
    """

    job: Job
    timing: JobTiming
    not_before_s: float = 0.0
    reason: str = ""
    recovered: RecoveredJob | None = None
    ended: EventKind | None = None

    @classmethod
    def completed(cls, job: Job, timing: JobTiming, not_before_s: float, ended: EventKind) -> WaitingJob:
        """A job that could not be acknowledged yet."""
        return cls(job, timing, not_before_s, f"{ended}, but the spool can't be written", ended=ended)
