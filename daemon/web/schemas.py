"""Typed answers of the HTTP API; OpenAPI is made of them."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from daemon.files.timestamps import time_at
from daemon.spool.drawing_states import DrawingState
from daemon.spool.previews import MOVING, STILL
from daemon.web.drawing_ids import name_without_id
from daemon.web.drawings import DrawingEntry, DrawingOutput
from daemon.web.index import Snapshot


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class OutputAnswer(_Answer):
    """One published animation."""

    name: str = Field(description="Its name; the last part of its address.")
    url: str = Field(description="Its address, relative to the site.")
    format: str
    motion: str
    figure: int = Field(description="Which figure of the drawing, from 1.")
    page: int | None = Field(None, description="Which page of a document, from 1; null for an image.")
    bytes: int
    frames: int
    width: int
    height: int
    duration_ms: float
    sha256: str


class FailedPageAnswer(_Answer):
    """A page of a document that could not be animated; the others are."""

    page: int = Field(description="From 1.")
    name: str = Field(description="The file's name in an archive.")
    why: str


class JobAnswer(_Answer):
    """One drawing, from its arrival to its result."""

    id: str
    name: str = Field(description="The file's name as its user knows it.")
    state: DrawingState
    at: str = Field(description="When it arrived, was claimed or was finished (ISO 8601).")
    url: str = Field(description="Address of this answer, relative to the site.")
    stage: str = Field("", description="What is done with a running drawing now.")
    why: str = Field("", description="What it waits for, or why it is not taken or failed.")
    what_to_do: str = ""
    error_type: str = ""
    attempts: int = 0
    preview: str | None = Field(None, description="Address of a GIF of a few small frames, relative to the site, while it is animated.")
    preview_still: str | None = Field(None, description="Address of the first of these frames as a PNG.")
    position: int | None = Field(None, description="Place in the queue of a waiting drawing, from 1.")
    expected_s: float | None = Field(None, description="Seconds until it is done, by the time that recent drawings took.")
    notes: list[str] = Field(default_factory=list)
    outputs: list[OutputAnswer] = Field(default_factory=list)
    failed_pages: list[FailedPageAnswer] = Field(default_factory=list)


class JobsAnswer(_Answer):
    """One page of drawings."""

    jobs: list[JobAnswer]
    counts: dict[DrawingState, int] = Field(description="Number of drawings in each state.")
    next: str | None = Field(None, description="Value of `after` for the next page; null at the end.")
    daemon: str = Field(description="The status of the daemon on one line; empty if none is running.")


class QueueEvent(_Answer):
    """Event of the queue: something has changed."""

    version: int
    counts: dict[DrawingState, int]
    daemon: str
    previews: list[str] = Field(description="Ids of the drawings that have a preview.")


class MotionAnswer(_Answer):
    """One motion."""

    name: str
    title: str
    preview: str = Field(description="Address of the motion as moving lines, relative to the site.")


class MotionsAnswer(_Answer):
    """All motions."""

    motions: list[MotionAnswer]


def job_answer(drawing: DrawingEntry, snapshot: Snapshot, now_s: float) -> JobAnswer:
    """A drawing as the API shows it."""
    expected_s = snapshot.expected_s(drawing, now_s)
    return JobAnswer(
        id=drawing.id,
        name=drawing.name,
        state=drawing.state,
        at=time_at(drawing.at_s),
        url=f"v1/jobs/{drawing.id}",
        stage=drawing.stage,
        why=drawing.why,
        what_to_do=drawing.hint,
        error_type=drawing.error_type,
        attempts=drawing.attempts,
        preview=f"v1/jobs/{drawing.id}/{MOVING}" if drawing.has_preview else None,
        preview_still=f"v1/jobs/{drawing.id}/{STILL}" if drawing.has_preview else None,
        position=snapshot.positions.get(drawing.id),
        expected_s=None if expected_s is None else round(expected_s, 1),
        notes=list(drawing.notes),
        outputs=[output_answer(drawing, each) for each in drawing.outputs],
        failed_pages=[FailedPageAnswer(page=each.page, name=each.name, why=each.why) for each in drawing.failed_pages],
    )


def output_answer(drawing: DrawingEntry, output: DrawingOutput) -> OutputAnswer:
    """An animation as the API shows it."""
    return OutputAnswer(
        name=name_without_id(output.file),
        url=output_url(drawing, output),
        format=output.format,
        motion=output.motion,
        figure=output.figure,
        page=output.page or None,
        bytes=output.bytes,
        frames=output.frames,
        width=output.width,
        height=output.height,
        duration_ms=output.duration_ms,
        sha256=output.sha256,
    )


def output_url(drawing: DrawingEntry, output: DrawingOutput) -> str:
    """Address of an animation, relative to the site."""
    return f"v1/jobs/{drawing.id}/outputs/{quote(name_without_id(output.file), safe='')}"


def counts(snapshot: Snapshot) -> dict[DrawingState, int]:
    """Number of drawings in each state."""
    active = Counter(each.state for each in snapshot.active)
    return {
        DrawingState.WAITING: len(snapshot.waiting),
        DrawingState.REJECTED: len(snapshot.rejected),
        DrawingState.RUNNING: active[DrawingState.RUNNING],
        DrawingState.DEFERRED: active[DrawingState.DEFERRED],
        DrawingState.ORPHANED: active[DrawingState.ORPHANED],
        DrawingState.REVIEW: len(snapshot.review),
        DrawingState.FAILED: len(snapshot.failed),
        DrawingState.DONE: len(snapshot.done),
    }
