"""Completion: decides the outcome of a finished attempt and moves the job: published, failed, to a person, or kept for another attempt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from daemon.files.timestamps import time_now
from daemon.log.events import EventLog
from daemon.policy.failures import HINTS, Backoff, ErrorType, Outcome, error_type, outcome
from daemon.service.job_records import JobRecords
from daemon.service.jobs import JobTiming
from daemon.settings import DuplicatePolicy
from daemon.spool.events import EventKind, record_event
from daemon.spool.job_folder import ERROR, REVIEW, Job, read_json
from daemon.spool.originals import share_files
from daemon.spool.private_folders import check_private
from daemon.spool.publish import finish_publishing, publish
from daemon.spool.quarantine import finish_quarantine, quarantine
from daemon.spool.review import finish_review, hold_for_review
from daemon.spool.spool import Spool
from daemon.spool.thumbnails import keep_thumbnail
from daemon.worker.task import TaskFailure, TaskResult
from pipeline.errors import DoodledError

SCHEMA: Final = 1
"""Schema of manifests and of `error.json`."""

_MAX_MESSAGE: Final = 4000


@dataclass(frozen=True)
class CompletionResult:
    """Outcome of an attempt.

    Attributes:
        outcome: None if the job was published; RETRY and DEFER leave it in the spool.
        wait_s: how long to wait before a retry.
        unacknowledged: how a job ended that could not leave the work folder yet, which is all that remains to be done; else None.
    """

    outcome: Outcome | None
    kind: ErrorType | None = None
    reason: str = ""
    wait_s: float = 0.0
    unacknowledged: EventKind | None = None


class Completion:
    """Publishes results, moves failed jobs to `failed/` and doubtful ones to `review/`, and counts them.

    Attributes:
        keeps_sources: the sources of published drawings are kept for a while; may be changed at any time.
        records: writes the log records.
        done, failed, reviewed: jobs since the start.
    """

    def __init__(
        self,
        spool: Spool,
        log: EventLog,
        *,
        max_attempts: int,
        retry: Backoff,
        events: frozenset[EventKind] = frozenset(),
        duplicates: DuplicatePolicy = DuplicatePolicy.AGAIN,
    ) -> None:
        """`events` are recorded for the hooks."""
        self._spool = spool
        self._events = events
        self._duplicates = duplicates
        self._max_attempts = max_attempts
        self._retry = retry
        self.keeps_sources = True
        self.records = JobRecords(log, spool.layout)
        self.done = 0
        self.failed = 0
        self.reviewed = 0

    @property
    def ended_count(self) -> int:
        """Jobs that ended since the start, in whatever way."""
        return self.done + self.failed + self.reviewed

    def complete(self, job: Job, result: TaskResult, timing: JobTiming, now: float) -> CompletionResult:
        """Complete a job that a worker has finished. Updates `job`, durably if it stays in the spool. Raises OSError or ValueError."""
        self.records.log_retried_requests(job, result)
        self.records.log_worker_output(job, result)
        check_private(self._spool.layout, job.folder)
        if result.review is not None:
            return self._review(job, result, result.review, timing, now)
        failure = result.failure or TaskFailure(ErrorType.INTERNAL, "the worker returned neither a result nor an error")
        if result.failure is None and result.manifest is not None:
            try:
                return self._publish(job, result, timing, now)
            except (OSError, DoodledError) as error:
                kind = error_type(error)
                kind = ErrorType.OUTPUT if kind is ErrorType.INTERNAL else kind
                result.failure = failure = TaskFailure(kind, f"the result can't be published: {error}", stage="publish")
        self.records.log_stages(job, result, failure)
        decision = Outcome.DEFER
        if result.was_begun:
            decision = outcome(failure.kind, job.attempts, self._max_attempts, exceeds_limit=failure.exceeds_limit)
        if decision is Outcome.FAIL:
            return self._fail(job, failure, result, now - timing.claimed_s)
        return self._keep(job, failure, result, decision)

    def fail(self, job: Job, kind: ErrorType, message: str, hint: str = "") -> CompletionResult:
        """Move a job to `failed/` that no worker has had. Raises OSError."""
        return self._fail(job, TaskFailure(kind, message, hint), TaskResult(), 0.0)

    def acknowledge(self, job: Job, kind: EventKind) -> bool:
        """Record the event of a published or failed job, and move it out of the work folder; False if the disk refuses it."""
        try:
            if kind in self._events:
                record_event(self._spool.layout, self._spool.path(job), job, kind)
            if kind is EventKind.DONE:
                self._spool.acknowledge(job, keep_source=self.keeps_sources)
            else:
                self._spool.remove(job)
        except FileNotFoundError:
            return True  # done before
        except OSError:
            return False
        return True

    # --- jobs whose daemon died while it completed them --------------------------------------------------------------

    def finish_publishing(self, job: Job) -> CompletionResult:
        """Finish publishing a recovered job. Raises OSError; ValueError if its manifest is damaged and it must be rendered again."""
        check_private(self._spool.layout, job.folder)
        manifest = finish_publishing(self._spool.layout.outbox, self._spool.path(job), job)
        share_files(self._spool.layout.outbox, self._spool.path(job), job, manifest)
        self._keep_thumbnail(job, self._spool.layout.outbox, str(manifest["manifest"]))
        left = self._leave(job, EventKind.DONE)
        self.done += 1
        self.records.log_recovered_done(job, manifest)
        return CompletionResult(None, unacknowledged=left)

    def finish_failing(self, job: Job) -> CompletionResult:
        """Finish moving a recovered job to `failed/`. Raises OSError; ValueError if its `error.json` is damaged."""
        check_private(self._spool.layout, job.folder)
        error = read_json(self._spool.path(job) / ERROR)
        failed_path = finish_quarantine(self._failed_of(job), self._spool.path(job), job)
        self._keep_thumbnail(job, self._failed_of(job), failed_path)
        left = self._leave(job, EventKind.FAILED)
        self.failed += 1
        self.records.log_recovered_failed(job, error, failed_path)
        return CompletionResult(Outcome.FAIL, unacknowledged=left)

    def finish_review(self, job: Job) -> CompletionResult:
        """Finish moving a recovered job to `review/`. Raises OSError; ValueError if its review.json is damaged."""
        check_private(self._spool.layout, job.folder)
        name = finish_review(self._spool.layout, self._spool.path(job))
        reason = read_json(self._spool.path(job) / REVIEW)
        left = self._leave(job, EventKind.REVIEW)
        self.reviewed += 1
        self.records.log_recovered_review(job, reason, name)
        return CompletionResult(None, unacknowledged=left)

    # --- the outcomes ------------------------------------------------------------------------------------------

    def _publish(self, job: Job, result: TaskResult, timing: JobTiming, now: float) -> CompletionResult:
        started_s = time.monotonic()
        content = {
            "schema": SCHEMA,
            "job_id": job.id,
            **(result.manifest or {}),
            "folder": list(job.folder),
            "attempt": job.attempts,
            "finished": time_now(),
            "stages_ms": result.stages_ms(),
        }
        manifest = publish(self._spool.layout.outbox, self._spool.path(job), job, content)
        share_files(self._spool.layout.outbox, self._spool.path(job), job, manifest)
        self._keep_thumbnail(job, self._spool.layout.outbox, str(manifest["manifest"]))
        left = self._leave(job, EventKind.DONE)
        self.done += 1
        self.records.log_stages(job, result)
        self.records.log_duplicate(job, result, manifest, self._duplicates)
        self.records.log_done(job, result, timing, manifest, now=now, publish_started_s=started_s)
        return CompletionResult(None, unacknowledged=left)

    def _review(self, job: Job, result: TaskResult, review: Mapping[str, Any], timing: JobTiming, now: float) -> CompletionResult:
        head = {"schema": SCHEMA, "job_id": job.id, **self._user_field(job)}
        reason = {**head, **review, "attempts": job.attempts, "reviewed": time_now()}
        name = hold_for_review(self._spool.layout, self._spool.path(job), job, reason)
        left = self._leave(job, EventKind.REVIEW)
        self.reviewed += 1
        self.records.log_stages(job, result)
        self.records.log_review(job, result, reason, duration_s=now - timing.claimed_s, review_path=name)
        return CompletionResult(None, unacknowledged=left)

    def _fail(self, job: Job, failure: TaskFailure, result: TaskResult, duration_s: float) -> CompletionResult:
        check_private(self._spool.layout, job.folder)
        content = {**_error_file(job, failure), **self._user_field(job)}
        failed_path = quarantine(self._failed_of(job), self._spool.path(job), job, content)
        self._keep_thumbnail(job, self._failed_of(job), failed_path)
        left = self._leave(job, EventKind.FAILED)
        self.failed += 1
        self.records.log_failed(job, result, failure, duration_s=duration_s, failed_path=failed_path)
        return CompletionResult(Outcome.FAIL, failure.kind, failure.message, unacknowledged=left)

    def _keep(self, job: Job, failure: TaskFailure, result: TaskResult, decision: Outcome) -> CompletionResult:
        """Keep a job in the spool for another attempt; a deferred one gets its attempt back."""
        attempts = job.attempts
        if decision is Outcome.DEFER:
            job.return_attempt()
        else:
            job.end_attempt()
        self._spool.remove_results(job)
        self._spool.save(job)
        wait_s = self._retry.wait_s(max(1, job.attempts)) if decision is Outcome.RETRY else 0.0
        self.records.log_requeued(job, result, failure, decision, attempts=attempts, wait_s=wait_s)
        return CompletionResult(decision, failure.kind, failure.message, wait_s)

    def _failed_of(self, job: Job) -> Path:
        return self._spool.layout.failed / self._spool.layout.user_of(job.folder)

    def _user_field(self, job: Job) -> dict[str, str]:
        """Names the folder in `failed/` or `review/` in the file that says why, where users have folders of their own."""
        user = self._spool.layout.user_of(job.folder)
        return {"user": user} if user else {}

    def _leave(self, job: Job, kind: EventKind) -> EventKind | None:
        """Acknowledge a job; returns `kind` if that must be tried again."""
        return None if self.acknowledge(job, kind) else kind

    def _keep_thumbnail(self, job: Job, root: Path, name: str) -> None:
        """Keep the thumbnail beside a result: in the outbox by the name of the manifest, in `failed/` by that of the drawing."""
        folder = job.folder if root == self._spool.layout.outbox else ()
        keep_thumbnail(root, folder, self._spool.path(job), name)


def _error_file(job: Job, failure: TaskFailure) -> dict[str, Any]:
    """The content of `error.json`."""
    return {
        "schema": SCHEMA,
        "job_id": job.id,
        "error_type": str(failure.kind),
        "message": failure.message[:_MAX_MESSAGE],
        "what_to_do": failure.hint or HINTS.get(failure.kind, ""),
        **({"notes": list(failure.notes)} if failure.notes else {}),
        "stage": failure.stage,
        "attempts": job.attempts,
        "failed": time_now(),
    }
