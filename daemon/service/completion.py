"""What becomes of a job whose work has ended: published, in quarantine, or again later. The one place that decides it and tells of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from daemon.files.filenames import name_fields, shown_name
from daemon.log.events import Event, EventLog
from daemon.log.stages import STAGES, stage_of
from daemon.log.stopwatch import timing_lines
from daemon.policy.failures import Backoff, ErrorType, Outcome, error_type, outcome
from daemon.spool.publish import finish_publishing, publish
from daemon.spool.quarantine import finish_quarantine, quarantine
from daemon.spool.seen_index import SeenIndex
from daemon.spool.spool import ERROR, Job, Spool, read_json
from daemon.spool.thumbnails import keep_thumbnail
from daemon.worker.task import TaskFailure, TaskResult
from pipeline.errors import DoodledError

MOST_WORDS = 4000
"""Characters of a message that a person may want to read."""

SCHEMA = 1
WHAT_TO_DO: Mapping[ErrorType, str] = {
    ErrorType.SIDECAR: "correct the .json beside the picture",
    ErrorType.UNSUPPORTED: "save it as PNG or JPEG",
    ErrorType.PICTURE: "save or copy it once more",
    ErrorType.NO_FIGURE: "draw the figure with darker lines, or photograph it closer and in better light",
    ErrorType.NO_ANSWER: "try another picture of it; the model server answers for others",
    ErrorType.DEADLINE: "try a smaller picture, or raise jobs.deadline_s",
    ErrorType.OUT_OF_MEMORY: "try a smaller picture, or raise jobs.memory_limit_mb",
    ErrorType.CRASH: "please report this, with the picture",
    ErrorType.INTERNAL: "please report this, with the picture",
}


@dataclass
class Timing:
    """When what happened to a job, on the monotonic clock, s.

    Attributes:
        overhead_s: what the daemon itself has spent on it so far: looks, claims, everything that waits for the disk.
        delays: how often it could not be gone on with, for reasons of its own.
    """

    claimed_s: float
    queue_wait_s: float = 0.0
    overhead_s: float = 0.0
    delays: int = 0


@dataclass(frozen=True)
class CompletionResult:
    """What became of it.

    Attributes:
        outcome: None if it was published; RETRY and DEFER leave the job in the spool.
        wait_s: how long until a retry.
        is_acknowledged: the job has left the spool's work; if not, that is all that is still to be done.
    """

    outcome: Outcome | None
    kind: ErrorType | None = None
    reason: str = ""
    wait_s: float = 0.0
    is_acknowledged: bool = True


class Completion:
    """Publishes, quarantines, and counts.

    Attributes:
        is_kept: sources of what was published are; may be replaced at any time.
        tells_stages: one by one; likewise.
    """

    def __init__(self, spool: Spool, log: EventLog, *, max_attempts: int, retry: Backoff) -> None:
        self._spool = spool
        self._log = log
        self._max_attempts = max_attempts
        self._retry = retry
        self.is_kept = True
        self.tells_stages = True
        self._earlier = SeenIndex(spool.layout.seen)
        self.done = 0
        self.failed = 0

    def ended(self, job: Job, report: TaskResult, timing: Timing, now: float) -> CompletionResult:
        """The ending of a job that was worked on. Its `is_under_way` and `attempts` are brought up to date, durably if it stays."""
        fields = self._fields(job, report)
        for retry in report.retries:
            self._log.emit(Event.UPSTREAM_RETRY, job_id=job.id, **asdict(retry))
        if report.failure is None and report.manifest is not None:
            try:
                return self._published(job, report, timing, now, fields)
            except (OSError, DoodledError) as error:
                report.failure = TaskFailure(error_type(error), f"the result can't be published: {error}", stage="publish")
                if report.failure.kind is ErrorType.INTERNAL:
                    report.failure = TaskFailure(ErrorType.OUTPUT, report.failure.message, stage="publish")
        failure = report.failure or TaskFailure(ErrorType.INTERNAL, "the worker said nothing")
        self._tell_stages(job, report, failure)
        what = outcome(failure.kind, job.attempts, self._max_attempts) if report.was_begun else Outcome.DEFER
        if what is Outcome.FAIL:
            return self._quarantined(job, failure, fields, report, now - timing.claimed_s)
        if what is Outcome.DEFER:
            job.attempts -= 1
        job.is_under_way = False
        self._spool.clear(job)
        self._spool.save(job)
        wait_s = self._retry.wait_s(max(1, job.attempts)) if what is Outcome.RETRY else 0.0
        event = Event.JOB_RETRIED if what is Outcome.RETRY else Event.JOB_DEFERRED
        stage = stage_of(failure.stage)
        self._log.emit(event, **fields, stage=stage, reason=failure.kind, error_message=failure.message[:500], wait_s=wait_s)
        return CompletionResult(what, failure.kind, failure.message, wait_s)

    def acknowledged(self, job: Job) -> bool:
        """Move a published job out of the spool's work; False if the disk refused."""
        try:
            self._spool.acknowledge(job, is_kept=self.is_kept)
        except FileNotFoundError:
            return True  # done before
        except OSError:
            return False
        return True

    def resumed(self, job: Job) -> CompletionResult:
        """The ending of a job whose daemon died while it was published. Raises OSError; ValueError if it must be made again."""
        named = finish_publishing(self._spool.layout.outbox, self._spool.path(job), job)
        self._keep_thumbnail(job)
        is_acknowledged = self.acknowledged(job)
        self.done += 1
        outputs = [_told(output) for output in named["outputs"]]
        self._log.emit(Event.JOB_DONE, **self._fields(job, None), outcome="success", outputs=outputs, is_recovered=True)
        return CompletionResult(None, is_acknowledged=is_acknowledged)

    def resumed_failure(self, job: Job) -> CompletionResult:
        """The same for one that was on its way into quarantine. Raises OSError, or ValueError."""
        reason = read_json(self._spool.path(job) / ERROR)
        path = finish_quarantine(self._spool.layout.failed, self._spool.path(job), job)
        self._keep_thumbnail(job)
        self._forget(job)
        self.failed += 1
        why = {"error_type": reason.get("error_type"), "error_message": reason.get("message")}
        where = {"failed_path": shown_name(path), "is_recovered": True}
        self._log.emit(Event.JOB_FAILED, **self._fields(job, None), outcome="failure", **why, **where)
        return CompletionResult(Outcome.FAIL)

    def _forget(self, job: Job) -> None:
        """What is left of a job whose files are in quarantine; the next daemon finds that they are, if the disk refuses."""
        with suppress(OSError):
            self._spool.forget(job)

    def fail(self, job: Job, kind: ErrorType, message: str, hint: str = "") -> CompletionResult:
        """Put a job into quarantine that was not worked on."""
        return self._quarantined(job, TaskFailure(kind, message, hint), self._fields(job, None), TaskResult(), 0.0)

    # --- completion -----------------------------------------------------------------------------------------------------

    def _published(self, job: Job, report: TaskResult, timing: Timing, now: float, fields: Mapping[str, Any]) -> CompletionResult:
        started_s = time.monotonic()
        manifest = {
            "schema": SCHEMA,
            "job_id": job.id,
            **(report.manifest or {}),
            "attempt": job.attempts,
            "finished": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "stages_ms": report.stages_ms,
        }
        named = publish(self._spool.layout.outbox, self._spool.path(job), job, manifest)
        self._keep_thumbnail(job)
        is_acknowledged = self.acknowledged(job)
        self.done += 1
        self._tell_stages(job, report)
        self._tell_duplicate(job, report)
        self._log.emit(
            Event.JOB_DONE,
            **fields,
            outcome="success",
            duration_ms=round(1000 * (now - timing.claimed_s)),
            queue_wait_ms=round(1000 * timing.queue_wait_s),
            work_ms=round(sum(report.stages_ms.values()), 2),
            publish_ms=round(1000 * (time.monotonic() - started_s), 1),
            overhead_ms=round(1000 * (timing.overhead_s + _idle_s(report, started_s) + time.monotonic() - started_s), 1),
            stages_ms=report.stages_ms,
            retries=len(report.retries),
            renderer=named.get("renderer"),
            inference=named.get("inference"),
            outputs=[_told(output) for output in named["outputs"]],
        )
        spent_s = {stage: spent_ms / 1000 for stage, spent_ms in report.stages_ms.items()}
        kinds = "+".join(dict.fromkeys(str(output.get("format", "")).upper() for output in named["outputs"]))
        for line in timing_lines(spent_s, sum(spent_s.values()), kind=kinds, inference=str(named.get("inference") or "")):
            self._log.aside(line)
        return CompletionResult(None, is_acknowledged=is_acknowledged)

    def _quarantined(
        self, job: Job, failure: TaskFailure, fields: Mapping[str, Any], report: TaskResult, duration_s: float
    ) -> CompletionResult:
        hint = failure.hint or WHAT_TO_DO.get(failure.kind, "")
        reason = {
            "schema": SCHEMA,
            "job_id": job.id,
            "error_type": str(failure.kind),
            "message": failure.message[:MOST_WORDS],
            "what_to_do": hint,
            "stage": failure.stage,
            "attempts": job.attempts,
            "failed": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        path = quarantine(self._spool.layout.failed, self._spool.path(job), job, reason)
        self._keep_thumbnail(job)
        self._forget(job)
        self.failed += 1
        self._log.emit(
            Event.JOB_FAILED,
            **fields,
            outcome="failure",
            stage=stage_of(failure.stage),
            error_type=str(failure.kind),
            error_message=failure.message[:500],
            error_id=hashlib.sha256(failure.trace.encode()).hexdigest()[:12] if failure.trace else None,
            stack=failure.trace[-4000:] or None,
            permanent=True,
            duration_ms=round(1000 * duration_s),
            stages_ms=report.stages_ms,
            failed_path=shown_name(path),
        )
        return CompletionResult(Outcome.FAIL, failure.kind, failure.message)

    def _keep_thumbnail(self, job: Job) -> None:
        keep_thumbnail(self._spool.layout.outbox, self._spool.path(job), job.id)

    # --- telling -----------------------------------------------------------------------------------------------------

    def _fields(self, job: Job, report: TaskResult | None) -> dict[str, Any]:
        fields: dict[str, Any] = {"job_id": job.id, "attempt": job.attempts, **name_fields(job.name), "folder": "/".join(job.folder)}
        if report is not None and report.file_sha256:
            fields |= {"file_sha256": report.file_sha256, "file_size": report.file_size}
        if report is not None and report.upstream_attempts:
            fields["upstream_attempts"] = report.upstream_attempts
        return fields

    def _tell_stages(self, job: Job, report: TaskResult, failure: TaskFailure | None = None) -> None:
        if not self.tells_stages:
            return
        failed = stage_of(failure.stage) if failure is not None else ""
        for stage, parts in STAGES.items():
            spent_ms = sum(report.stages_ms.get(part, 0.0) for part in parts)
            if spent_ms and stage != failed:
                self._log.emit(Event.STAGE_DONE, job_id=job.id, stage=stage, duration_ms=round(spent_ms, 2), outcome="success")
        if failed and failure is not None:
            spent_ms = sum(report.stages_ms.get(part, 0.0) for part in STAGES.get(failed, ()))
            kind, took_ms = str(failure.kind), round(spent_ms, 2)
            self._log.emit(Event.STAGE_FAILED, job_id=job.id, stage=failed, duration_ms=took_ms, outcome="failure", error_type=kind)

    def _tell_duplicate(self, job: Job, report: TaskResult) -> None:
        """The same bytes again are animated again: people drop a picture again because they changed their mind. But they are told."""
        earlier = self._earlier.job_of(report.file_sha256, job.id)
        if earlier is not None:
            self._log.emit(Event.JOB_DUPLICATE, job_id=job.id, original_job_id=earlier, policy="again", **name_fields(job.name))


def _idle_s(report: TaskResult, now: float) -> float:
    """How long a job's worker waited for the disk, and how long its report took to us."""
    return report.waited_s + (max(0.0, now - report.ended_s) if report.ended_s else 0.0)


def _told(output: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: output.get(name) for name in ("bytes", "frames", "duration_ms")}
    return {"kind": output.get("format"), "file": output.get("file"), **kept}
