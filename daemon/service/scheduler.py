"""START HERE. Scheduler: claims complete files, hands them to workers, and acts on the results, one `step(now)` after the other.

States of a job (`daemon.spool.recovery.JobState`) and what moves it on:

    inbox/ --claim--> UNDER_WAY ---- result --------> PUBLISHING --> outbox/ (source: spool/done/, for a while)
                       ^     |
                 start |     |------ failure for good, or of the last attempt --> FAILING --> failed/
                       |     |
                       |     |------ figure that is probably not fully correct --> REVIEWING --> review/
                       |     |
                      WAITING<------ retry (attempt used); deferred, changed or stopped (attempt returned)

    UNDER_WAY   job.json says so before a worker gets the job: `Scheduler.running`
    WAITING     until its time has come and admission allows it: `Scheduler.waiting`
    PUBLISHING  manifest.json lists the results that are being linked into the outbox (`daemon.spool.publish`)
    FAILING     error.json says why; the files are being moved to `failed/` (`daemon.spool.quarantine`)
    REVIEWING   review.json says why a person must decide; the files are being moved to `review/` (`daemon.spool.review`)

A file in the job's folder records each transition before it takes effect, so the daemon may die at any point: the next one reads the state
from these files and resumes (`daemon.service.takeover`). `Admission` decides whether a job may start, `Completion` decides its outcome,
and `WaitingJobs` keeps those that no worker has.
A step never blocks for long: worker processes do the work, time is an argument, and signals only set flags.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from daemon.files.durable import open_folder
from daemon.files.filenames import name_fields
from daemon.inbox.probe import probe_file
from daemon.inbox.scanner import Candidate, Scanner
from daemon.inbox.stability import Observation
from daemon.log.events import Event, EventLog
from daemon.policy.failures import Backoff, Deferral, ErrorType, Outcome
from daemon.service.admission import MACHINE_BACKOFF, Admission
from daemon.service.completion import Completion, CompletionResult
from daemon.service.jobs import RETRY_S, JobTiming, RunningJob, WaitingJob
from daemon.service.takeover import Takeover
from daemon.service.waiting_jobs import WaitingJobs
from daemon.service.worker_self_test import WorkerSelfTest
from daemon.settings import Settings
from daemon.spool.job_folder import SOURCE, Job
from daemon.spool.recovery import BarredJobs
from daemon.spool.spool import ImmovableFile, Spool
from daemon.worker.pool import WorkerPool, result_of
from daemon.worker.task import TaskResult, task_for

PROBES_PER_STEP = 256
TAKEOVER_INTERVAL_S = 15.0


class Scheduler:
    """Owns the jobs of this daemon.

    Attributes:
        running: jobs that workers have, by id.
        admission: decides whether another job may start; models and machine are its circuit breakers.
        self_test: animates a sample drawing, to tell a broken machine from a broken drawing.
        is_stopping: no job starts any more.
        is_paused: no job starts for now, because of the disk (`daemon.service.disk_guard`).
    """

    def __init__(
        self, settings: Settings, spool: Spool, *, scanner: Scanner, workers: WorkerPool, completion: Completion, log: EventLog
    ) -> None:
        self._spool, self._scanner, self._workers, self._completion, self._log = spool, scanner, workers, completion, log
        self.running: dict[str, RunningJob] = {}
        backoff = Backoff(settings.model_server.probe_first_s, settings.model_server.probe_max_s)
        self.admission = Admission(backoff, workers.capacity, log)
        self.models, self.machine = self.admission.models, self.admission.machine
        self._takeover = Takeover(spool, completion, log)
        self._waiting = WaitingJobs(spool, completion.records, self.machine)
        self.self_test = WorkerSelfTest(spool, workers, self.admission, log)
        self._heavy: set[str] = set()
        self._degraded: tuple[int | None, str] | None = None
        self.is_stopping = False
        self.is_paused = False
        self._claim_at_s = 0.0
        self._takeover_at_s = 0.0
        self.apply_settings(settings)
        self._is_self_test_due = self.self_test.is_due_at_start(settings.jobs, self._inference)

    @property
    def waiting(self) -> Sequence[WaitingJob]:
        """Claimed jobs that no worker has."""
        return self._waiting.jobs

    @property
    def worker_count(self) -> int:
        """Jobs that run at the same time."""
        return self._workers.count

    @property
    def is_busy(self) -> bool:
        """Whether a worker has a job or runs its self-test."""
        return bool(self.running) or self.self_test.is_running

    @property
    def barred(self) -> Mapping[str, BarredJobs]:
        """Jobs of other users' daemons that can't be taken over, by instance."""
        return self._takeover.barred

    @property
    def recovered_count(self) -> int:
        """Jobs that were taken over from dead daemons."""
        return self._takeover.recovered_count

    def apply_settings(self, settings: Settings) -> None:
        """Use new settings for jobs that start from now on."""
        self.settings = settings
        self._completion.keeps_sources = settings.storage.retention_h > 0
        self._completion.records.logs_stages = settings.log.stages
        self._inference = settings.inference_request()

    def step(self, now: float) -> None:
        """One iteration of the loop: collect results, take over orphaned jobs if it is time, and start as many jobs as there is room for.

        Args:
            now: seconds of the monotonic clock.
        """
        self._collect_results(now)
        self._workers.end_idle(now)
        self.admission.note_workers(self._workers.outage, self._workers.capacity, now)
        self.self_test.step(now, self.settings.jobs)
        if self.is_stopping:
            return
        if self._is_self_test_due and not self._workers.outage:
            self._is_self_test_due = False
            self.self_test.start(self.settings, self._inference)
        if now >= self._takeover_at_s:
            self._takeover_at_s = now + TAKEOVER_INTERVAL_S
            self._renew_instance()
            self.take_over(now)
        if self._has_room():
            self._start_waiting(now)
            self._claim_files(now)

    def due_s(self, now: float) -> float:
        """When the next step is due if nothing wakes the loop before; later than `now`."""
        times = [self._takeover_at_s, *(each.not_before_s for each in self.waiting), self._claim_at_s, *self.admission.due_s()]
        if self._has_room() and self.admission.may_start(now, needs_models=False):
            times.append(self._scanner.next_probe_s(now, include_images=self.admission.may_start(now, needs_models=True)))
        return min((at for at in times if at > now), default=now + TAKEOVER_INTERVAL_S)

    def _has_room(self) -> bool:
        """Whether the pool takes another job."""
        is_held = self.is_stopping or self.is_paused or self.self_test.is_running
        return not is_held and len(self.running) < self._workers.capacity

    # --- orphaned jobs -----------------------------------------------------------------------------------------------

    def take_over(self, now: float) -> None:
        """Take over the jobs of dead daemons."""
        try:
            for waiting in self._takeover.take_over(now, self.settings.jobs.max_recoveries):
                self._waiting.add(waiting)
        except OSError as error:
            self._log_degraded(error)
        else:
            self._degraded = None

    def _renew_instance(self) -> None:
        """Start a new instance if another daemon took this one for dead: claiming needs a folder of our own."""
        if self._spool.is_ours():
            return
        try:
            self._spool.renew()
        except OSError as error:
            self._log_degraded(error)
        else:
            self._log.emit(Event.DAEMON_SUPERSEDED, new_instance=self._spool.instance)

    def _log_degraded(self, error: OSError) -> None:
        """Log an error of the spool once, and not again at each try."""
        before, self._degraded = self._degraded, (error.errno, str(error.filename or ""))
        if self._degraded != before:
            self._log.emit(Event.INBOX_DEGRADED, errno=error.errno, reason=error.strerror, path=self._degraded[1])

    # --- starting ----------------------------------------------------------------------------------------------------

    def _start_waiting(self, now: float) -> None:
        for waiting in self._waiting.due(now):
            if waiting.ended is not None:
                waiting.not_before_s = now + RETRY_S
                if self._completion.acknowledge(waiting.job, waiting.ended):
                    self._waiting.remove(waiting)
            elif waiting.recovered is not None:
                self._waiting.remove(waiting)
                again = self._takeover.resume(waiting.recovered, now, self.settings.jobs.max_recoveries, waiting.timing)
                if again is not None:
                    self._waiting.add(again)
            elif (
                self._has_room()
                and self.admission.may_start(now, needs_models=not waiting.job.is_folder)
                and not (waiting.job.id in self._heavy and self._heavy & self.running.keys())
            ):
                self._waiting.remove(waiting)
                self._start(waiting.job, waiting.timing, now)

    def _claim_files(self, now: float) -> None:
        if now < self._claim_at_s or not self.admission.may_start(now, needs_models=False):
            return
        running = Counter(each.job.folder for each in self.running.values())
        with_models = self.admission.may_start(now, needs_models=True)
        complete = self._scanner.take_complete(now, max_probes=PROBES_PER_STEP, include_images=with_models, running=running)
        while self._has_room() and now >= self._claim_at_s and self.admission.may_start(now, needs_models=False):
            candidate = next(complete, None)
            if candidate is None:
                return
            self._claim(candidate, now)
            if not self.admission.may_start(now, needs_models=True):  # this job shows whether the models are back; until then, folders only
                complete = self._scanner.take_complete(now, max_probes=PROBES_PER_STEP, include_images=False, running=running)

    def _claim(self, candidate: Candidate, now: float) -> None:
        started_s = time.monotonic()
        try:
            job = self._spool.claim(
                candidate.name, candidate.folder, is_folder=candidate.is_folder, sidecar=candidate.sidecar, now_s=time.time()
            )
        except ImmovableFile:
            self._scanner.put_back(candidate, now)
            return
        except OSError as error:
            self._claim_at_s = now + MACHINE_BACKOFF.first_s  # the file is still in the inbox, and the next scan finds it again
            self._takeover_at_s = min(self._takeover_at_s, self._claim_at_s)
            self._log.emit(Event.INBOX_DEGRADED, errno=error.errno, reason=error.strerror, **name_fields(candidate.name))
            return
        if job is None:
            return
        queue_wait_s = now - candidate.stability.first_seen_s
        self._log.for_job(job).emit(Event.JOB_CLAIMED, queue_wait_ms=round(1000 * queue_wait_s))
        timing = JobTiming(now, queue_wait_s)
        self._start(job, timing, now)
        timing.overhead_s = time.monotonic() - started_s

    def _start(self, job: Job, timing: JobTiming, now: float) -> None:
        """Hand a job to the workers, unless it must wait or can't be animated."""
        try:
            observation = self._begin_attempt(job, timing, now)
        except OSError as error:
            self._requeue_after_error(job, timing, now, error)
            return
        if observation is None:
            return
        is_probe, deadline_s = self.admission.record_start(job, now), self.settings.jobs.deadline_s
        task = task_for(job, self._spool.path(job), self.settings, self._inference, layout=self._spool.layout, is_probe=is_probe)
        self.running[job.id] = RunningJob(job, self._workers.start(task, deadline_s), observation, timing, deadline_s)

    def _begin_attempt(self, job: Job, timing: JobTiming, now: float) -> Observation | None:
        """Begin an attempt of a job, durably; returns the source as it is now, or None if no worker may have it. Raises OSError."""
        if not self._spool.finish_claim(job):  # its file is in the inbox, and the next scan finds it again
            self._log.for_job(job).emit(Event.JOB_UNCLAIMED, reason="its file could not be moved out of the inbox")
            self.admission.forget(job)
            return None
        begun = self._waiting.begun_move(job)
        if begun is not None:
            self._waiting.add(WaitingJob(job, timing, now + RETRY_S, "it is being moved out of the spool", begun))
            return None
        if not self._spool.has_expected_type(job):
            completion = self._completion.fail(job, ErrorType.INPUT, "not a regular file: expected an image or a character folder")
            self._waiting.await_acknowledgment(completion, job, timing, now)
            return None
        observation = self._observe(job)
        if observation.has_writer:
            self._waiting.defer(job, timing, now, Deferral.WRITER, "another process still writes to it")
            return None
        if not job.is_under_way:  # a claim has written that already
            job.begin_attempt()
            self._spool.save(job)
        return observation

    def _observe(self, job: Job) -> Observation:
        with open_folder(self._spool.path(job)) as work:
            return probe_file(SOURCE, work, has_leases=self._scanner.has_leases)

    # --- completing --------------------------------------------------------------------------------------------------

    def _collect_results(self, now: float) -> None:
        for running in [each for each in self.running.values() if each.future.done()]:
            del self.running[running.job.id]
            try:
                if running.future.cancelled():
                    self._waiting.return_attempt(running.job)
                    self._waiting.requeue(running.job, running.timing, now, "stopped")
                    self.admission.forget(running.job)
                else:
                    self._complete(running, result_of(running.future, running.deadline_s), now)
            except (OSError, ValueError) as error:  # the disk refused; the files written so far show how far the job came
                self._requeue_after_error(running.job, running.timing, now, error)

    def _complete(self, running: RunningJob, result: TaskResult, now: float) -> None:
        job = running.job
        observation = self._observe(job)
        if observation.has_writer or observation.differs_from(running.observation):
            self._log.for_job(job).emit(Event.JOB_RETRIED, reason="changed")
            self._waiting.return_attempt(job)
            self._waiting.requeue(job, running.timing, now + RETRY_S, "it changed while it was processed")
            self.admission.forget(job)
            return
        if self.self_test.record_result(result):
            self._waiting.defer(job, running.timing, now, Deferral.SELF_TEST, "the workers run their self-test first")
            self.admission.forget(job)
            self.self_test.start(self.settings, self._inference)
            return
        completion = self._completion.complete(job, result, running.timing, now)
        self.admission.record_end(job, result, completion, now)
        self._note_heavy(job, result, completion)
        self._waiting.await_acknowledgment(completion, job, running.timing, now)
        if completion.outcome in {Outcome.RETRY, Outcome.DEFER}:
            self._waiting.requeue(job, running.timing, now + completion.wait_s, completion.reason)

    def _note_heavy(self, job: Job, result: TaskResult, completion: CompletionResult) -> None:
        """Remember a job that exceeded its time or memory: only one such job runs at a time, and other drawings keep their workers."""
        self._heavy.discard(job.id)
        if completion.outcome is Outcome.RETRY and result.failure is not None and result.failure.exceeds_limit:
            self._heavy.add(job.id)

    def _requeue_after_error(self, job: Job, timing: JobTiming, now: float, error: Exception) -> None:
        """Requeue a job whose files can't be written now, unless another daemon has taken it over."""
        if self._takeover.drop_if_lost(job):
            self._takeover_at_s = now  # another daemon may have taken this one for dead
        else:
            self._waiting.requeue_after_error(job, timing, now, error)
        self.admission.forget(job)

    # --- stopping ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Start no more jobs, and cancel those that haven't started."""
        self.is_stopping = True
        self._workers.request_stop()
        self.self_test.stop()
        for running in self.running.values():
            if not running.future.running():  # cancelling a job that runs would kill its worker
                running.future.cancel()

    def abandon_running(self) -> list[str]:
        """Return the attempts of jobs whose workers were killed; returns the ids of the jobs."""
        abandoned = list(self.running.values())
        self.running.clear()
        for running in abandoned:
            with suppress(OSError):  # the next daemon counts a recovery instead
                self._waiting.return_attempt(running.job)
        return [running.job.id for running in abandoned]
