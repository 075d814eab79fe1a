"""What dead daemons left in the spool, and jobs that are nobody's any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from daemon.files.filenames import name_fields
from daemon.log.events import Event, EventLog
from daemon.policy.failures import ErrorType
from daemon.service.completion import Completion, Timing
from daemon.service.jobs import WaitingJob
from daemon.spool.recovery import STALE_S, Found, Recovered, swept, taken_over
from daemon.spool.spool import Job, Spool

LATER_S = 1.0
"""Until what the disk refused is tried again."""


class Takeover:
    """Takes over what dead daemons left, and goes on with each job from where it was.

    Attributes:
        recovered: jobs that were taken over.
    """

    def __init__(self, spool: Spool, completion: Completion, log: EventLog) -> None:
        self._spool, self._completion, self._log = spool, completion, log
        self.recovered = 0
        self._sweep_at_s = 0.0

    def found(self, now: float, most_recoveries: int) -> Iterator[WaitingJob]:
        """The jobs among them that are to be worked on, or tried again later; the others are brought to their ends. Raises OSError."""
        if now >= self._sweep_at_s:  # it reads the whole outbox
            self._sweep_at_s = now + STALE_S
            swept(self._spool.layout)
        for recovered in taken_over(self._spool):
            self.recovered += 1
            job = recovered.job
            fields = {**name_fields(job.name), "from_state": str(recovered.found), "crashes": job.recoveries}
            self._log.emit(Event.JOB_RECOVERED, job_id=job.id, **fields)
            held = self.gone_on(recovered, now, most_recoveries)
            if held is not None:
                yield held

    def gone_on(self, recovered: Recovered, now: float, most_recoveries: int) -> WaitingJob | None:
        """What is still to be done about a job: None if it has come to its end.

        If the disk refuses now, it is to be tried again; if what was written is damaged or incomplete, it is to be worked on anew.
        """
        job = recovered.job
        try:
            return self._resumed(recovered, now, most_recoveries)
        except (OSError, ValueError) as error:
            reason = f"could not be resumed: {error}"
            if isinstance(error, OSError) and self.is_lost(job):
                return None
            if isinstance(error, ValueError | FileNotFoundError) and self._spool.has_source(job):
                return WaitingJob(job, Timing(now), now + LATER_S, reason)
            if isinstance(error, ValueError):
                self._lose(job, "its source is gone, and what says where it is is damaged")
                return None
            return WaitingJob(job, Timing(now), now + LATER_S, reason, recovered)

    def _resumed(self, recovered: Recovered, now: float, most_recoveries: int) -> WaitingJob | None:
        job = recovered.job
        if recovered.found is Found.PUBLISHING:
            is_acknowledged = self._completion.resumed(job).is_acknowledged
            return None if is_acknowledged else WaitingJob.published(job, Timing(now), now + LATER_S)
        if recovered.found is Found.FAILING:
            self._completion.resumed_failure(job)
        elif job.recoveries >= most_recoveries:
            self._completion.fail(job, ErrorType.CRASH, f"the daemon died {job.recoveries} times while it was worked on")
        elif recovered.found is not Found.NEWER:
            return WaitingJob(job, Timing(now), now)
        return None

    def is_lost(self, job: Job) -> bool:
        """Whether a job is not ours any more, or nobody's; then that is told, and it is over. False where the disk does not say."""
        with suppress(OSError):
            if not self._spool.holds(job):
                self._tell_lost(job, "another daemon has taken it over")
                return True
            if self._spool.is_hollow(job):
                self._lose(job, "its source was removed from the spool")
                return True
        return False

    def _lose(self, job: Job, reason: str) -> None:
        self._tell_lost(job, reason)
        with suppress(OSError):  # the next daemon finds the same
            self._spool.forget(job)

    def _tell_lost(self, job: Job, reason: str) -> None:
        self._log.emit(Event.JOB_LOST, job_id=job.id, **name_fields(job.name), reason=reason)
