"""Log records of jobs: composes the line for each outcome, with its stages, retries and duplicates."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from daemon.files.filenames import shown_name
from daemon.log.events import Event, EventLog
from daemon.log.stages import stage_of
from daemon.log.stopwatch import timing_lines
from daemon.policy.failures import Deferral, Outcome
from daemon.service.jobs import JobTiming
from daemon.settings import DuplicatePolicy
from daemon.spool.job_folder import Job
from daemon.spool.layout import Layout
from daemon.spool.seen_index import SeenIndex, duplicate_key
from daemon.worker.task import TaskFailure, TaskResult

_MAX_MESSAGE = 500
_MAX_STACK = 4000


class JobRecords:
    """Writes a job's log records.

    Attributes:
        logs_stages: write one record for each stage; may be changed at any time.
    """

    def __init__(self, log: EventLog, layout: Layout) -> None:
        self._log, self._layout = log, layout
        self._seen = SeenIndex(layout.seen)
        self.logs_stages = True

    def log_retried_requests(self, job: Job, result: TaskResult) -> None:
        """One record for each request to a model server that was sent again."""
        log = self._log.for_job(job)
        for request in result.retries:
            log.emit(Event.INFERENCE_RETRIED, **_server_fields(request.server_url), **asdict(request))

    def log_worker_output(self, job: Job, result: TaskResult) -> None:
        """One record for each line that a worker on another machine printed during the job."""
        log = self._log_for(job, result)
        for line in result.worker_output:
            log.emit(Event.WORKER_OUTPUT, text=line)

    def log_stages(self, job: Job, result: TaskResult, failure: TaskFailure | None = None) -> None:
        """One record for each stage, the one that failed last."""
        if not self.logs_stages:
            return
        log = _on_host(self._log.for_job(job), result)
        failed = stage_of(failure.stage) if failure is not None else ""
        stages_ms = result.stages_ms()
        for stage, spent_ms in stages_ms.items():
            if stage != failed:
                log.emit(Event.STAGE_DONE, stage=stage, duration_ms=spent_ms, outcome="success")
        if failed and failure is not None:
            spent_ms = stages_ms.get(failed, 0.0)
            log.emit(Event.STAGE_FAILED, stage=failed, duration_ms=spent_ms, outcome="failure", error_type=str(failure.kind))

    def log_duplicate(self, job: Job, result: TaskResult, manifest: Mapping[str, Any], policy: DuplicatePolicy) -> None:
        """A record if a drawing with the same content and options was animated before, and what was done with it.

        Args:
            manifest: as published.
            policy: of the settings. The drawing is animated again in spite of it if the earlier results are gone.
        """
        original = manifest.get("duplicate_of")
        if original is not None:
            self._log.for_job(job).emit(Event.JOB_DUPLICATE, original_job_id=original["job_id"], policy=str(policy))
        elif result.file_sha256:
            key = duplicate_key(result.file_sha256, manifest.get("options"), self._layout.user_of(job.folder))
            first = self._seen.record(key, job.id)
            if first is not None:
                self._log.for_job(job).emit(Event.JOB_DUPLICATE, original_job_id=first, policy=str(DuplicatePolicy.AGAIN))
                if policy is not DuplicatePolicy.AGAIN:
                    self._seen.replace(key, job.id)

    def log_done(
        self, job: Job, result: TaskResult, timing: JobTiming, manifest: Mapping[str, Any], *, now: float, publish_started_s: float
    ) -> None:
        """The record of a published job, and for people the two lines of timings.

        Args:
            manifest: as published.
            now: when the daemon received the result; publish_started_s: when it began to publish. Both on the monotonic clock.
        """
        publish_s = time.monotonic() - publish_started_s
        self._log_for(job, result).emit(
            Event.JOB_DONE,
            outcome="success",
            duration_ms=round(1000 * (now - timing.claimed_s)),
            queue_wait_ms=round(1000 * timing.queue_wait_s),
            work_ms=round(sum(result.steps_ms.values()), 2),
            publish_ms=round(1000 * publish_s, 1),
            overhead_ms=round(1000 * (timing.overhead_s + _idle_s(result, publish_started_s) + publish_s), 1),
            stages_ms=result.stages_ms(),
            steps_ms=result.steps_ms,
            retries=len(result.retries),
            renderer=manifest.get("renderer"),
            inference=manifest.get("inference"),
            outputs=[_output_fields(output) for output in manifest["outputs"]],
        )
        spent_s = {step: spent_ms / 1000 for step, spent_ms in result.steps_ms.items()}
        formats = "+".join(dict.fromkeys(str(output.get("format", "")).upper() for output in manifest["outputs"]))
        for line in timing_lines(spent_s, sum(spent_s.values()), kind=formats, inference=str(manifest.get("inference") or "")):
            self._log.print_to_terminal(line)

    def log_recovered_done(self, job: Job, manifest: Mapping[str, Any]) -> None:
        """The record of a job whose daemon died while it published it."""
        outputs = [_output_fields(output) for output in manifest["outputs"]]
        self._log_for(job).emit(Event.JOB_DONE, outcome="success", outputs=outputs, is_recovered=True)

    def log_failed(self, job: Job, result: TaskResult, failure: TaskFailure, *, duration_s: float, failed_path: str) -> None:
        """The record of a job whose files are in `failed/`."""
        self._log_for(job, result).emit(
            Event.JOB_FAILED,
            outcome="failure",
            stage=stage_of(failure.stage),
            error_type=str(failure.kind),
            error_message=failure.message[:_MAX_MESSAGE],
            error_id=hashlib.sha256(failure.trace.encode()).hexdigest()[:12] if failure.trace else None,
            stack=failure.trace[-_MAX_STACK:] or None,
            permanent=True,
            duration_ms=round(1000 * duration_s),
            stages_ms=result.stages_ms(),
            steps_ms=result.steps_ms,
            failed_path=shown_name(failed_path),
        )

    def log_recovered_failed(self, job: Job, error: Mapping[str, Any], failed_path: str) -> None:
        """The record of a job whose daemon died while it moved the files to `failed/`; `error` is its error.json."""
        why = {"error_type": error.get("error_type"), "error_message": error.get("message")}
        where = {"failed_path": shown_name(failed_path), "is_recovered": True}
        self._log_for(job).emit(Event.JOB_FAILED, outcome="failure", **why, **where)

    def log_review(self, job: Job, result: TaskResult, reason: Mapping[str, Any], *, duration_s: float, review_path: str) -> None:
        """The record of a job whose files are in `review/`; `reason` is its review.json."""
        times = {"duration_ms": round(1000 * duration_s), "stages_ms": result.stages_ms(), "steps_ms": result.steps_ms}
        self._log_for(job, result).emit(Event.JOB_REVIEW, outcome="unknown", **times, **_review_fields(reason, review_path))

    def log_recovered_review(self, job: Job, reason: Mapping[str, Any], review_path: str) -> None:
        """The record of a job whose daemon died while it moved the files to `review/`."""
        self._log_for(job).emit(Event.JOB_REVIEW, outcome="unknown", is_recovered=True, **_review_fields(reason, review_path))

    def log_requeued(self, job: Job, result: TaskResult, failure: TaskFailure, outcome: Outcome, *, attempts: int, wait_s: float) -> None:
        """The record of a job that is retried or deferred; `attempts` includes the one that ended."""
        event = Event.JOB_RETRIED if outcome is Outcome.RETRY else Event.JOB_DEFERRED
        log, message = self._log_for(job, result).bind(attempt=attempts), failure.message[:_MAX_MESSAGE]
        log.emit(event, stage=stage_of(failure.stage), reason=failure.kind, error_message=message, wait_s=wait_s)

    def log_deferred(self, job: Job, timing: JobTiming, reason: Deferral, message: str) -> None:
        """The record of a job that the daemon defers without a failed attempt: one for each reason, however often the job is tried."""
        if reason not in timing.deferred_for:
            timing.deferred_for.add(reason)
            self._log.for_job(job).emit(Event.JOB_DEFERRED, reason=reason, error_message=message[:_MAX_MESSAGE])

    def _log_for(self, job: Job, result: TaskResult | None = None) -> EventLog:
        """A logger that adds what is known about a job and its file to every record."""
        log = self._log.for_job(job)
        if result is not None:
            log = _on_host(log, result)
        if result is not None and result.file_sha256:
            log = log.bind(file_sha256=result.file_sha256, file_size=result.file_size)
        if result is not None and result.inference_attempts:
            log = log.bind(inference_attempts=result.inference_attempts)
        return log


def _on_host(log: EventLog, result: TaskResult) -> EventLog:
    """A logger that adds the machine to every record, if the job ran on a cluster."""
    return log.bind(host=result.host) if result.host else log


def _server_fields(url: str) -> dict[str, Any]:
    """Host and port of a model server, as OpenTelemetry's `server.address` and `server.port`."""
    parts = urlsplit(url)
    return {"server_address": parts.hostname, "server_port": parts.port or {"http": 80, "https": 443}.get(parts.scheme)}


def _idle_s(result: TaskResult, now: float) -> float:
    """How long the worker waited for the disk, and how long its result took to reach the daemon."""
    return result.waited_s + (max(0.0, now - result.ended_s) if result.ended_s else 0.0)


def _review_fields(reason: Mapping[str, Any], review_path: str) -> dict[str, Any]:
    return {"reason": str(reason.get("message"))[:_MAX_MESSAGE], "review_path": shown_name(review_path)}


def _output_fields(output: Mapping[str, Any]) -> dict[str, Any]:
    copied = {name: output.get(name) for name in ("bytes", "frames", "duration_ms")}
    return {"kind": output.get("format"), "file": output.get("file"), **copied}
