"""Jobs in the spool, between two steps of the service: with a worker, or waiting."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from daemon.inbox.stability import Observation
from daemon.service.completion import Timing
from daemon.spool.recovery import Recovered
from daemon.spool.spool import Job
from daemon.worker.task import TaskResult


@dataclass
class RunningJob:
    """A job that a worker has."""

    job: Job
    future: Future[TaskResult]
    seen: Observation
    timing: Timing
    deadline_s: float


@dataclass
class WaitingJob:
    """A claimed job that no worker has.

    Attributes:
        reason: why it waits.
        recovered: it was on its way out when its daemon died, and can only go on from there; None if it can be worked on.
        is_published: it has only to leave the spool's work.
    """

    job: Job
    timing: Timing
    not_before_s: float = 0.0
    reason: str = ""
    recovered: Recovered | None = None
    is_published: bool = False

    @classmethod
    def published(cls, job: Job, timing: Timing, not_before_s: float) -> WaitingJob:
        """One that could not leave the spool's work yet."""
        return cls(job, timing, not_before_s, "published, but the disk refuses to say so", is_published=True)
