"""Takeover: resumes jobs of dead daemons, and drops jobs that this daemon no longer owns.

The path of an orphaned job, one module each:
1. `Scheduler.take_over` asks for orphaned jobs at the start and every few seconds.
2. `Takeover.take_over` logs each, and resumes it, returns it to the scheduler, or ends it if its claim is undone.
3. `daemon.spool.recovery.take_over_jobs` locks the folders of dead daemons, moves their jobs into ours and reads their state.
4. `Completion.finish_publishing`, `finish_failing` or `finish_review` completes a job that was being completed.
5. `daemon.spool.publish`, `daemon.spool.quarantine` or `daemon.spool.review` links or moves what is still missing.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from daemon.log.events import Event, EventLog
from daemon.policy.failures import Deferral, ErrorType
from daemon.service.completion import Completion
from daemon.service.jobs import RETRY_S, JobTiming, WaitingJob
from daemon.spool.job_folder import Job
from daemon.spool.recovery import STALE_S, BarredJobs, JobState, RecoveredJob, remove_stale_files, take_over_jobs
from daemon.spool.spool import Spool


def adopting_command(folder: Path) -> str:
    """The command by which an administrator hands the jobs of another user's daemon over to this one."""
    return f"sudo chown -R {os.geteuid()}:{os.getegid()} {shlex.quote(str(folder))}"


class Takeover:
    """Takes over the jobs of dead daemons and resumes each from its state.

    Attributes:
        recovered_count: jobs that were taken over since the start.
        barred: jobs that can't be taken over, by the name of their instance.
    """

    def __init__(self, spool: Spool, completion: Completion, log: EventLog) -> None:
        self._spool, self._completion, self._log = spool, completion, log
        self.recovered_count = 0
        self.barred: dict[str, BarredJobs] = {}
        self._cleanup_at_s = 0.0

    def take_over(self, now: float, max_recoveries: int) -> Iterator[WaitingJob]:
        """Take over orphaned jobs; yields those that a worker must do, or that must be tried again. Raises OSError."""
        if now >= self._cleanup_at_s:  # not each time: it reads the whole outbox
            self._cleanup_at_s = now + STALE_S
            remove_stale_files(self._spool.layout)
        known, self.barred = self.barred, {}
        for recovered in take_over_jobs(self._spool, lambda barred: self._note_barred(barred, known)):
            job = recovered.job
            if recovered.state is JobState.UNCLAIMED:
                self._log.for_job(job).emit(Event.JOB_UNCLAIMED, reason="its daemon died, and its file is not in the spool")
                continue
            self.recovered_count += 1
            self._log.for_job(job).emit(Event.JOB_RECOVERED, from_state=str(recovered.state), crashes=job.recoveries)
            waiting = self.resume(recovered, now, max_recoveries)
            if waiting is not None:
                yield waiting

    def _note_barred(self, barred: BarredJobs, known: Mapping[str, BarredJobs]) -> None:
        """Remember jobs that can't be taken over; log those that are new."""
        self.barred[barred.folder.name] = barred
        if barred.folder.name not in known:
            remedy = adopting_command(barred.folder)
            self._log.emit(Event.TAKEOVER_BARRED, path=str(barred.folder), user=barred.user, count=barred.jobs, what_to_do=remedy)

    def resume(self, recovered: RecoveredJob, now: float, max_recoveries: int, timing: JobTiming | None = None) -> WaitingJob | None:
        """Resume an orphaned job from its state; None if that completed it.

        If the disk refuses, the job is tried again later. If its files are damaged or incomplete, it starts anew from its source.

        Args:
            timing: of the job if it has waited before.
        """
        job, timing = recovered.job, timing or JobTiming(now)
        try:
            return self._resume(recovered, now, max_recoveries)
        except (OSError, ValueError) as error:
            reason = f"could not be resumed: {error}"
            if isinstance(error, OSError) and self.drop_if_lost(job):
                return None
            later = WaitingJob(job, timing, now + RETRY_S, reason, recovered)
            if isinstance(error, ValueError | FileNotFoundError):
                with suppress(OSError):  # while it is unknown whether the source exists, nothing is dropped
                    if self._spool.has_source(job):
                        later.recovered = None
                        return later
                    if isinstance(error, ValueError):
                        self._drop(job, "its source is gone, and the file that says where it went is damaged")
                        return None
            self._completion.records.log_deferred(job, timing, Deferral.SPOOL, reason)
            return later

    def _resume(self, recovered: RecoveredJob, now: float, max_recoveries: int) -> WaitingJob | None:
        job = recovered.job
        if recovered.state is JobState.PUBLISHING:
            completion = self._completion.finish_publishing(job)
        elif recovered.state is JobState.FAILING:
            completion = self._completion.finish_failing(job)
        elif recovered.state is JobState.REVIEWING:
            completion = self._completion.finish_review(job)
        elif job.recoveries >= max_recoveries:
            message = f"the daemon died {job.recoveries} times while it processed this drawing"
            completion = self._completion.fail(job, ErrorType.CRASH, message)
        else:
            return None if recovered.state is JobState.NEWER else WaitingJob(job, JobTiming(now), now)
        left = completion.unacknowledged
        return None if left is None else WaitingJob.completed(job, JobTiming(now), now + RETRY_S, left)

    def drop_if_lost(self, job: Job) -> bool:
        """Drop a job, with a record, if another daemon owns it or its source was removed. False also if the disk can't be read."""
        with suppress(OSError):
            if not self._spool.holds(job):
                self._log_lost(job, "another daemon has taken it over")
                return True
            if self._spool.has_lost_source(job):
                self._drop(job, "its source was removed from the spool")
                return True
        return False

    def _drop(self, job: Job, reason: str) -> None:
        self._log_lost(job, reason)
        with suppress(OSError):  # the next daemon finds the same
            self._spool.remove(job)

    def _log_lost(self, job: Job, reason: str) -> None:
        self._log.for_job(job).emit(Event.JOB_LOST, reason=reason)
