"""What goes to a worker process and what comes back: plain values, which survive being pickled."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.options.inference import InferenceRequest
from daemon.options.values import JobOptions
from daemon.policy.failures import ErrorType
from daemon.settings import Settings
from daemon.spool.spool import Job


@dataclass(frozen=True)
class Task:
    """What is to be done.

    Attributes:
        place: the job's folder in the spool.
        name, folder: as dropped.
        defaults: options where neither folder nor sidecar says otherwise.
        upstream_deadline_s: for one question to a model server.
        is_probe: nobody knows whether the model servers are back: each is asked once, and all others wait for what comes of it.
    """

    place: Path
    name: str
    folder: tuple[str, ...]
    is_folder: bool
    defaults: JobOptions
    max_side_px: int
    inference: InferenceRequest
    upstream_deadline_s: float
    keep_annotations: bool
    wants_thumbnail: bool = False
    is_probe: bool = False


@dataclass(frozen=True)
class UpstreamRetry:
    """A question to a model server that had to be asked again."""

    upstream: str
    model: str
    status_code: int | None
    error_type: str
    attempt: int
    wait_ms: float


@dataclass
class TaskResult:
    """What came of an order.

    Attributes:
        manifest: what is to be published, or None if it failed; outputs carry "result" and "label".
        failure: why it failed, or None.
        was_begun: a worker had it; if not, that says nothing about the drawing.
        networks_answered: the networks were asked, and fine.
        networks_overloaded: a model server said, or showed, that it has too much to do.
        stages_ms: wall-clock milliseconds by stage.
        upstream_attempts: requests to a model server by outcome: "answered", or what was wrong.
        waited_s: how long nothing was done but waited for the disk.
        ended_s: when the worker was done, on the monotonic clock, which all processes share; 0.0 if it does not say.
    """

    manifest: dict[str, Any] | None = None
    failure: TaskFailure | None = None
    was_begun: bool = True
    networks_answered: bool = False
    networks_overloaded: bool = False
    file_sha256: str = ""
    file_size: int = 0
    stages_ms: dict[str, float] = field(default_factory=dict)
    upstream_attempts: dict[str, int] = field(default_factory=dict)
    waited_s: float = 0.0
    ended_s: float = 0.0
    retries: list[UpstreamRetry] = field(default_factory=list)


@dataclass(frozen=True)
class TaskFailure:
    """Why an order could not be carried out.

    Attributes:
        message: a sentence for a person.
        hint: what to do, or "".
        trace: where it was raised, for errors that nobody foresaw.
    """

    kind: ErrorType
    message: str
    hint: str = ""
    stage: str = ""
    retry_after_s: float | None = None
    trace: str = ""


SHARE_OF_DEADLINE = 0.4
"""A job asks two questions at least: a model server that hangs must be noticed before the job itself counts as hanging."""


def task_for(job: Job, place: Path, settings: Settings, inference: InferenceRequest, *, is_probe: bool = False) -> Task:
    """What is to be done for a job."""
    return Task(
        place=place,
        name=job.name,
        folder=job.folder,
        is_folder=job.is_folder,
        defaults=settings.animation.options(),
        max_side_px=settings.animation.max_side_px,
        inference=inference,
        upstream_deadline_s=min(settings.torchserve.deadline_s, SHARE_OF_DEADLINE * settings.jobs.deadline_s),
        keep_annotations=settings.storage.keep_annotations and settings.storage.retention_h > 0,
        wants_thumbnail=settings.gallery.enabled,
        is_probe=is_probe,
    )
