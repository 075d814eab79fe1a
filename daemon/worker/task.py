"""Task and result: what the daemon sends to a worker process and what it gets back. Plain values, because they are pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.log.stages import stage_times
from daemon.options.inference import InferenceRequest
from daemon.options.values import JobOptions
from daemon.policy.failures import ErrorType
from daemon.settings import DuplicatePolicy, Settings
from daemon.spool.instances import SERVERS
from daemon.spool.job_folder import Job
from daemon.spool.layout import Layout
from daemon.spool.originals import Originals
from daemon.spool.previews import VIEWERS


@dataclass(frozen=True)
class Task:
    """Task of a worker: one job.

    Attributes:
        job_folder: the job's folder in the spool.
        name, folder: name of the source and its folders in the inbox.
        defaults: options that neither the folder nor the sidecar sets.
        upstream_deadline_s: deadline of one prediction by a model server.
        is_probe: the job finds out whether the model servers are back: each gets one request, and all other jobs wait for the outcome.
        deadline_s: of the job.
        is_self_test: no job, but a simple drawing of our own (`daemon.worker.self_test`).
        originals: finds an earlier job whose results are taken if it was the same drawing; None to animate each drawing.
        health_file: where the workers of this machine share what they know about the model servers, or None.
        job_id: of the job, for records; "" of a self-test.
        viewers_file: says whether someone would see a preview (`daemon.spool.previews`); None to make none.
    """

    job_folder: Path
    name: str
    folder: tuple[str, ...]
    is_folder: bool
    defaults: JobOptions
    max_side_px: int
    inference: InferenceRequest
    upstream_deadline_s: float
    keep_annotations: bool
    is_probe: bool = False
    deadline_s: float = 300.0
    is_self_test: bool = False
    originals: Originals | None = None
    health_file: Path | None = None
    job_id: str = ""
    viewers_file: Path | None = None


@dataclass(frozen=True)
class RetriedRequest:
    """A request to a model server that failed and was sent again."""

    server_url: str
    model: str
    status_code: int | None
    error_type: str
    request_attempt: int
    wait_ms: float


@dataclass
class TaskResult:
    """Result of a task.

    Attributes:
        manifest: the manifest to publish, or None if the task failed; each output has its "result" file and its "label".
        review: why a person must look at the drawing instead, for review.json; or None.
        failure: why the task failed, or None.
        was_begun: a worker began the task; if not, the failure is no evidence about the drawing.
        models_answered: the models made their predictions.
        models_overloaded: a model server reported overload, or was too slow to answer.
        steps_ms: wall-clock milliseconds by step (`daemon.log.stages`).
        inference_attempts: requests to model servers by outcome: "answered", or the type of the error.
        waited_s: time that the worker only waited for the disk.
        ended_s: when the worker finished, on the monotonic clock, which all processes of a machine share; 0.0 if unknown.
        host: name of the machine if the job ran on a cluster, else "".
        worker_output: last lines that the worker there printed during the job.
    """

    manifest: dict[str, Any] | None = None
    review: dict[str, Any] | None = None
    failure: TaskFailure | None = None
    was_begun: bool = True
    models_answered: bool = False
    models_overloaded: bool = False
    file_sha256: str = ""
    file_size: int = 0
    steps_ms: dict[str, float] = field(default_factory=dict)
    inference_attempts: dict[str, int] = field(default_factory=dict)
    waited_s: float = 0.0
    ended_s: float = 0.0
    retries: list[RetriedRequest] = field(default_factory=list)
    host: str = ""
    worker_output: list[str] = field(default_factory=list)

    @property
    def is_duplicate(self) -> bool:
        """Whether the results are those of an earlier job, so that nothing was animated."""
        return self.manifest is not None and "duplicate_of" in self.manifest

    def stages_ms(self) -> dict[str, float]:
        """Wall-clock milliseconds by stage."""
        return {stage: round(spent_ms, 2) for stage, spent_ms in stage_times(self.steps_ms).items()}


@dataclass(frozen=True)
class TaskFailure:
    """Why a task failed.

    Attributes:
        message: what failed, for the user.
        hint: what the user can do about it, or "".
        stage: the step that failed, or "".
        retry_after_s: how long the model server asks clients to wait, or None.
        trace: traceback of an unexpected error, or "".
        notes: what was noticed about the drawing before it failed, as sentences.
        exceeds_limit: the job itself took more than `jobs.deadline_s` or `jobs.memory_limit_mb` allow.
    """

    kind: ErrorType
    message: str
    hint: str = ""
    stage: str = ""
    retry_after_s: float | None = None
    trace: str = ""
    notes: tuple[str, ...] = ()
    exceeds_limit: bool = False


UPSTREAM_DEADLINE_SHARE = 0.4
"""Longest deadline of one prediction, as a share of the job's. A job needs two, and a model server that hangs must be noticed before the
job itself exceeds its deadline."""


def task_for(
    job: Job, job_folder: Path, settings: Settings, inference: InferenceRequest, *, layout: Layout, is_probe: bool = False
) -> Task:
    """The task of a job under the present settings."""
    policy = settings.inbox.duplicates
    return Task(
        job_folder=job_folder,
        name=job.name,
        folder=job.folder,
        is_folder=job.is_folder,
        defaults=settings.animation.options(),
        max_side_px=settings.animation.max_side_px,
        inference=inference,
        upstream_deadline_s=min(settings.model_server.deadline_s, UPSTREAM_DEADLINE_SHARE * settings.jobs.deadline_s),
        keep_annotations=settings.storage.keep_annotations and settings.storage.retention_h > 0,
        is_probe=is_probe,
        deadline_s=settings.jobs.deadline_s,
        originals=None if policy is DuplicatePolicy.AGAIN else Originals(layout, policy, layout.user_of(job.folder)),
        health_file=job_folder.parent / SERVERS,
        job_id=job.id,
        viewers_file=None if layout.is_private else layout.inbox / VIEWERS,
    )


def self_test_task(job_folder: Path, settings: Settings, inference: InferenceRequest) -> Task:
    """The task that tests a worker; `job_folder` is not used. Model servers get one request, because drawings wait meanwhile."""
    return Task(
        job_folder,
        "self-test",
        (),
        is_folder=False,
        defaults=settings.animation.options(),
        max_side_px=settings.animation.max_side_px,
        inference=inference,
        upstream_deadline_s=settings.model_server.deadline_s,
        keep_annotations=False,
        is_probe=True,
        is_self_test=True,
    )
