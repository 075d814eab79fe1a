"""START HERE. The daemon: one `step(now)` after the other, until nothing is left or somebody stops it.

    inbox --scanner, settle--> complete file --spool.claim--> job --workers--> report --completion--> outbox, or failed, or again later

A step never blocks for long: work is done by worker processes, time is handed in, signals only set flags. Every start is written down
before it happens, every end before it is acknowledged, so a step may be the last at any point.
"""

from __future__ import annotations

import errno
import time
from contextlib import suppress

from daemon.files.durable import open_folder
from daemon.files.filenames import name_fields
from daemon.inbox.probe import observed
from daemon.inbox.scanner import Candidate, Scanner
from daemon.inbox.stability import Observation
from daemon.log.events import Event, EventLog
from daemon.options.inference import InferenceRequest
from daemon.policy.failures import Backoff, ErrorType, Outcome
from daemon.service.admission import MACHINE, Admission
from daemon.service.completion import Completion, Timing
from daemon.service.jobs import RunningJob, WaitingJob
from daemon.service.takeover import Takeover
from daemon.settings import Settings
from daemon.spool.spool import SOURCE, Job, Spool
from daemon.worker.pool import WorkerPool, result_of
from daemon.worker.task import TaskResult, task_for

LOOKS_PER_STEP = 256
TAKE_OVER_S = 15.0
WRITER_PAUSE_S = 1.0
DELAY = Backoff(WRITER_PAUSE_S, 60.0)
"""Of a job that the disk alone can't be blamed for."""

IMMOVABLE = frozenset({errno.EXDEV, errno.EBUSY})
"""What lies on another file system, or is one, within the inbox."""

OF_ITS_NAMES = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ELOOP, errno.ENAMETOOLONG}
)


class Scheduler:
    """One daemon at work.

    Attributes:
        running, held: jobs in the spool, by what they wait for.
        admission: whether another job may start; networks, machine: its breakers.
        is_stopping: nothing new is started any more.
        is_paused: nothing new is started for now, as the disk is nearly full.
    """

    def __init__(
        self, settings: Settings, spool: Spool, *, scanner: Scanner, workers: WorkerPool, completion: Completion, log: EventLog
    ) -> None:
        self._spool, self._scanner, self._workers, self._completion, self._log = spool, scanner, workers, completion, log
        self.running: dict[str, RunningJob] = {}
        self.held: list[WaitingJob] = []
        networks = Backoff(settings.torchserve.probe_first_s, settings.torchserve.probe_max_s)
        self.admission = Admission(networks, workers.count + 1, log)
        self.networks, self.machine = self.admission.networks, self.admission.machine
        self._takeover = Takeover(spool, completion, log)
        self.is_stopping = False
        self.is_paused = False
        self._claim_at_s = 0.0
        self._take_over_at_s = 0.0
        self.use(settings)

    @property
    def worker_count(self) -> int:
        """How many jobs are done at the same time."""
        return self._workers.count

    @property
    def recovered(self) -> int:
        """How many jobs of dead daemons were taken over."""
        return self._takeover.recovered

    def use(self, settings: Settings) -> None:
        """From now on, for jobs that start from now on."""
        self.settings = settings
        self._completion.is_kept, self._completion.tells_stages = settings.storage.retention_h > 0, settings.log.stages
        server = settings.torchserve
        choice = InferenceRequest(settings.inference.where, server.url, server.key_file, server.pictures)
        self._inference = choice.settled({})

    def step(self, now: float) -> None:
        """Everything that can be done at this time."""
        self._collect(now)
        if self.is_stopping:
            return
        if now >= self._take_over_at_s:
            self._take_over_at_s = now + TAKE_OVER_S
            self._own_again()
            self.take_over(now)
        if self._has_room():
            self._start_held(now)
            self._claim(now)

    def due_s(self, now: float) -> float:
        """When the next step may be worth something, if nobody wakes us before; later than `now`."""
        times = [self._take_over_at_s, *(held.not_before_s for held in self.held), self._claim_at_s, *self.admission.due_s()]
        if self._has_room() and self.admission.may_start(now, is_picture=False):
            times.append(self._scanner.next_look_s(now, pictures=self.admission.may_start(now, is_picture=True)))
        return min((at for at in times if at > now), default=now + TAKE_OVER_S)

    def _has_room(self) -> bool:
        """One more than there are workers, so that none waits for us between two jobs."""
        return not (self.is_stopping or self.is_paused) and len(self.running) < self._workers.count + 1

    # --- jobs that are left over -------------------------------------------------------------------------------------

    def take_over(self, now: float) -> None:
        """Go on with what dead daemons left."""
        try:
            for held in self._takeover.found(now, self.settings.jobs.max_recoveries):
                self.held.append(held)
        except OSError as error:
            self._tell_degraded(error)

    def _own_again(self) -> None:
        """Start a new instance, should others have taken this one for dead: without a folder of our own, nothing can be claimed."""
        if self._spool.is_ours():
            return
        try:
            self._spool.renew()
        except OSError as error:
            self._tell_degraded(error)
        else:
            self._log.emit(Event.DAEMON_SUPERSEDED, new_instance=self._spool.instance)

    def _tell_degraded(self, error: OSError) -> None:
        self._log.emit(Event.INBOX_DEGRADED, errno=error.errno, reason=error.strerror, path=str(error.filename or ""))

    def _hold(self, job: Job, timing: Timing, not_before_s: float, reason: str) -> None:
        self.held.append(WaitingJob(job, timing, not_before_s, reason))

    # --- starting ----------------------------------------------------------------------------------------------------

    def _start_held(self, now: float) -> None:
        for held in [each for each in self.held if now >= each.not_before_s]:
            if held.is_published:
                held.not_before_s = now + WRITER_PAUSE_S
                if self._completion.acknowledged(held.job):
                    self.held.remove(held)
            elif held.recovered is not None:
                self.held.remove(held)
                again = self._takeover.gone_on(held.recovered, now, self.settings.jobs.max_recoveries)
                self.held += [again] if again is not None else []
            elif self._has_room() and self.admission.may_start(now, is_picture=not held.job.is_folder):
                self.held.remove(held)
                self._start(held.job, held.timing, now)

    def _claim(self, now: float) -> None:
        if now < self._claim_at_s or not self.admission.may_start(now, is_picture=False):
            return
        complete = self._scanner.complete(now, looks=LOOKS_PER_STEP, pictures=self.admission.may_start(now, is_picture=True))
        while self._has_room() and now >= self._claim_at_s and self.admission.may_start(now, is_picture=False):
            candidate = next(complete, None)
            if candidate is None:
                return
            self._claim_one(candidate, now)
            if not self.admission.may_start(now, is_picture=True):  # that was the probe: from here on, only what needs no networks
                complete = self._scanner.complete(now, looks=LOOKS_PER_STEP, pictures=False)

    def _claim_one(self, candidate: Candidate, now: float) -> None:
        started_s = time.monotonic()
        try:
            job = self._spool.claim(
                candidate.name, candidate.folder, is_folder=candidate.is_folder, sidecar=candidate.sidecar, now_s=time.time()
            )
        except OSError as error:
            if isinstance(error, PermissionError) or error.errno in IMMOVABLE:
                self._scanner.refused(candidate, now)
                return
            self._claim_at_s = now + MACHINE.first_s  # it is still in the inbox, and the next scan finds it again
            self._take_over_at_s = min(self._take_over_at_s, self._claim_at_s)
            self._log.emit(Event.INBOX_DEGRADED, errno=error.errno, reason=error.strerror, **name_fields(candidate.name))
            return
        if job is None:
            return
        waited_s = now - candidate.settling.first_seen_s
        self._log.emit(
            Event.JOB_CLAIMED,
            job_id=job.id,
            **name_fields(job.name),
            folder="/".join(job.folder),
            queue_wait_ms=round(1000 * waited_s),
        )
        timing = Timing(now, waited_s)
        self._start(job, timing, now)
        timing.overhead_s = time.monotonic() - started_s

    def _start(self, job: Job, timing: Timing, now: float) -> None:
        """Hand a job to the workers, unless somebody still writes to it."""
        try:
            self._spool.complete(job)
            if not self._spool.ordinary(job):
                self._completion.fail(job, ErrorType.INPUT, "this is no ordinary file: expected a picture or a character folder")
                return
            seen = self._seen(job)
            if seen.has_writer:
                self._give_up(job)
                self._hold(job, timing, now + WRITER_PAUSE_S, "somebody still writes to it")
                return
            if not job.is_under_way:  # else the claim has said so
                job.attempts += 1
                job.is_under_way = True
                self._spool.save(job)
        except OSError as error:
            self._put_off(job, timing, now, error)
            return
        is_probe, deadline_s = self.admission.started(job, now), self.settings.jobs.deadline_s
        order = task_for(job, self._spool.path(job), self.settings, self._inference, is_probe=is_probe)
        self.running[job.id] = RunningJob(job, self._workers.start(order, deadline_s), seen, timing, deadline_s)

    def _seen(self, job: Job) -> Observation:
        with open_folder(self._spool.path(job)) as work:
            return observed(SOURCE, work, has_leases=self._scanner.has_leases)

    # --- ending ------------------------------------------------------------------------------------------------------

    def _collect(self, now: float) -> None:
        for running in [each for each in self.running.values() if each.future.done()]:
            del self.running[running.job.id]
            try:
                if running.future.cancelled():
                    self._give_up(running.job)
                    self._hold(running.job, running.timing, now, "stopped")
                    self.admission.forgotten(running.job)
                else:
                    self._end(running, result_of(running.future, running.deadline_s), now)
            except (OSError, ValueError) as error:  # the disk refused; what is written says how far it came
                self._put_off(running.job, running.timing, now, error)

    def _put_off(self, job: Job, timing: Timing, now: float, error: Exception) -> None:
        """A job about which nothing can be written now; nothing about it is ours to write if somebody has taken it over.

        What speaks of its names alone says nothing about the disk: then it waits longer and longer, and nobody waits for it.
        """
        if self._is_lost(job, now):
            return
        if isinstance(error, OSError) and error.errno not in OF_ITS_NAMES:
            self._hold(job, timing, now + WRITER_PAUSE_S, str(error))
            self.admission.machine.failed(now, job.id, f"the spool can't be written: {error}")
        else:
            timing.delays += 1
            self._hold(job, timing, now + DELAY.wait_s(timing.delays), str(error))
        self.admission.forgotten(job)

    def _is_lost(self, job: Job, now: float) -> bool:
        if not self._takeover.is_lost(job):
            return False
        self._take_over_at_s = now  # should others have taken this daemon for dead
        self.admission.forgotten(job)
        return True

    def _end(self, running: RunningJob, report: TaskResult, now: float) -> None:
        job = running.job
        seen = self._seen(job)
        if seen.has_writer or seen.is_unlike(running.seen):
            self._give_up(job)
            self._log.emit(Event.JOB_RETRIED, job_id=job.id, **name_fields(job.name), reason="changed")
            self._hold(job, running.timing, now + WRITER_PAUSE_S, "it changed while it was worked on")
            self.admission.forgotten(job)
            return
        ending = self._completion.ended(job, report, running.timing, now)
        self.admission.ended(job, report, ending, now)
        if not ending.is_acknowledged:
            self.held.append(WaitingJob.published(job, running.timing, now + WRITER_PAUSE_S))
        if ending.outcome in {Outcome.RETRY, Outcome.DEFER}:
            self._hold(job, running.timing, now + ending.wait_s, ending.reason)

    def _give_up(self, job: Job) -> None:
        """An attempt that says nothing about the drawing does not count."""
        if job.is_under_way:
            job.is_under_way = False
            job.attempts -= 1
            self._spool.save(job)

    # --- stopping ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Take nothing new, and take back what no worker has begun."""
        self.is_stopping = True
        self._workers.hurry()
        for running in self.running.values():
            if not running.future.running():  # cancelling one that runs would kill it
                running.future.cancel()

    def abandon(self) -> list[str]:
        """Take back the attempts of what still runs, whose workers are gone by now. Returns the jobs."""
        given_up = list(self.running.values())
        self.running.clear()
        for running in given_up:
            with suppress(OSError):  # recovery comes to nearly the same
                self._give_up(running.job)
        return [running.job.id for running in given_up]
