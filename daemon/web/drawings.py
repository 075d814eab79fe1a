"""A drawing as the web application shows it, and how it is read from manifests and error reports, which are untrusted input."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import read_content
from daemon.files.filenames import is_plain_name, printable, shown_name
from daemon.spool.job_ids import is_job_id
from daemon.web.drawing_ids import id_in_name, name_without_id

MAX_BYTES: Final = 256 * 1024
_MAX_TEXT: Final = 300
_DAMAGE: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""Raised by fields that are missing or have an unexpected type."""


class DrawingState(StrEnum):
    """Where a drawing is."""

    WAITING = "waiting"
    """In the inbox."""
    RUNNING = "running"
    DEFERRED = "deferred"
    """Claimed, and waiting for another attempt or for something that is unavailable."""
    REVIEW = "review"
    """In `review/`: a person decides whether it is animated as it is."""
    FAILED = "failed"
    DONE = "done"


_FOLDERS: Final = re.compile(r"(?<![\w:/<.-])/(?:[^\s/:'\"<>]+/)+")
"""Folders of an absolute path in a message; an address (http://...) is none."""

FINAL: Final = frozenset({DrawingState.REVIEW, DrawingState.FAILED, DrawingState.DONE})


@dataclass(frozen=True, slots=True)
class Output:
    """One published animation."""

    file: str
    format: str
    bytes: int
    frames: int
    width: int
    height: int
    duration_ms: float
    motion: str
    figure: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing from its arrival to its result.

    Attributes:
        id: public id (`daemon.web.drawing_ids`).
        name: as its user named it, safe to show.
        at_s: when it arrived, was claimed or was finished; seconds since 1970.
        folder: names of the folders above it, in inbox or outbox.
        file: its name in the inbox, in `failed/` or `review/`, or that of its manifest.
        job: the daemon's job id, or "".
        why: what it waits for, or why it failed.
        hint: what to do about it.
        stage: what a running job does now.
    """

    id: str
    name: str
    state: DrawingState
    at_s: float
    folder: tuple[str, ...] = ()
    file: str = ""
    job: str = ""
    is_folder: bool = False
    why: str = ""
    hint: str = ""
    error_type: str = ""
    attempts: int = 0
    stage: str = ""
    outputs: tuple[Output, ...] = ()
    notes: tuple[str, ...] = ()
    work_s: float = 0.0

    @property
    def figures(self) -> int:
        return max((each.figure for each in self.outputs), default=0)

    @property
    def motions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.motion for each in self.outputs))

    def shown_outputs(self) -> list[tuple[str, int, list[Output]]]:
        """Motion, figure and the formats of each animation."""
        groups: dict[tuple[str, int], list[Output]] = {}
        for each in self.outputs:
            groups.setdefault((each.motion, each.figure), []).append(each)
        return [(motion, figure, files) for (motion, figure), files in groups.items()]


def read_object(path: Path, most: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object in an untrusted file of at most `most` bytes; {} if there is none."""
    with suppress(OSError, ValueError, RecursionError):
        content = read_content(path, most)
        fields = json.loads(content) if len(content) <= most else None
        if isinstance(fields, dict):
            return fields
    return {}


def published(manifest: Mapping[str, Any], folder: tuple[str, ...], file: str) -> Drawing | None:
    """The drawing of a manifest in the outbox; None if it is no manifest of the daemon."""
    with suppress(*_DAMAGE):
        job, at_s = _job_and_time(manifest, "finished")
        source = shown_text(manifest["source"]["name"])
        stages = manifest.get("stages_ms", {})
        return Drawing(
            id=id_in_name(source) or job,
            name=shown_path_of(folder, source),
            state=DrawingState.DONE,
            at_s=at_s,
            folder=folder,
            file=file,
            job=job,
            outputs=tuple(_output(output) for output in manifest["outputs"]),
            notes=tuple(shown_text(note) for note in manifest.get("notes", ())[:20]),
            work_s=sum(float(spent) for spent in stages.values()) / 1000,
        )
    return None


def with_present_outputs(drawing: Drawing, names: Collection[str]) -> Drawing | None:
    """The drawing without results that were removed from its folder; None if none is left."""
    present = tuple(each for each in drawing.outputs if each.file in names)
    if len(present) == len(drawing.outputs):
        return drawing
    return replace(drawing, outputs=present) if present else None


def failed_drawing(reason: Mapping[str, Any], file: str) -> Drawing | None:
    """The drawing of an error report in `failed/`; None if it is no report of the daemon."""
    return _put_away(reason, file, DrawingState.FAILED, "failed")


def reviewed_drawing(reason: Mapping[str, Any], file: str) -> Drawing | None:
    """The drawing of a report in `review/`; None if it is no report of the daemon."""
    return _put_away(reason, file, DrawingState.REVIEW, "reviewed")


def _put_away(reason: Mapping[str, Any], file: str, state: DrawingState, when: str) -> Drawing | None:
    with suppress(*_DAMAGE):
        job, at_s = _job_and_time(reason, when)
        folder, name = tuple(map(str, reason["folder"])), str(reason["name"])
        return Drawing(
            id=id_in_name(name) or job,
            name=shown_path_of(folder, shown_name(name)),
            state=state,
            at_s=at_s,
            folder=folder,
            file=file,
            job=job,
            why=shown_text(reason["message"]),
            hint=shown_text(reason.get("what_to_do") or ""),
            error_type=shown_text(reason.get("error_type") or ""),
            attempts=int(reason.get("attempts") or 0),
        )
    return None


def shown_path_of(folder: tuple[str, ...], name: str) -> str:
    """A name with the folders above it, as text, without the id of an upload."""
    return "/".join((*map(shown_name, folder), name_without_id(name)))


def shown_text(value: object) -> str:
    """Printable text of bounded length, without control characters, lone surrogates, direction changes, and paths of this machine."""
    text = _FOLDERS.sub("", str(value))
    return printable(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}...")


def _output(fields: Mapping[str, Any]) -> Output:
    name = fields["file"]
    if not is_plain_name(name) or name.startswith("."):
        raise ValueError("not the name of a result")
    numbers = {key: int(fields.get(key) or 0) for key in ("bytes", "frames", "width", "height")}
    return Output(
        file=name,
        format=shown_text(fields["format"]),
        duration_ms=float(fields.get("duration_ms") or 0.0),
        motion=shown_text(fields.get("motion") or ""),
        figure=int(fields.get("figure") or 1),
        sha256=shown_text(fields.get("sha256") or ""),
        **numbers,
    )


def _job_and_time(fields: Mapping[str, Any], when: str) -> tuple[str, float]:
    job, at = fields["job_id"], datetime.fromisoformat(fields[when])
    if not is_job_id(job) or at.tzinfo is None or not 1970 < at.year < 9000:
        raise ValueError("not a job of the daemon")
    return job, at.astimezone(UTC).timestamp()


def newest_first(drawings: Iterator[Drawing]) -> list[Drawing]:
    """Drawings in the order of the gallery."""
    return sorted(drawings, key=lambda each: (each.at_s, each.id), reverse=True)
