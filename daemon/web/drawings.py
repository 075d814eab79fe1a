"""A drawing as the web application shows it, and how it is read from manifests and error reports, which are untrusted input."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from daemon.files.durable import read_content
from daemon.files.filenames import is_plain_name, printable, shown_name
from daemon.spool.drawing_states import DrawingState
from daemon.spool.job_ids import is_job_id
from daemon.web.drawing_ids import id_in_name, name_without_id

MAX_BYTES: Final = 256 * 1024
MAX_NOTES: Final = 20
MAX_FAILED_PAGES: Final = 50
_MAX_TEXT: Final = 300
_DAMAGE: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""Raised by fields that are missing or have an unexpected type."""


_FOLDERS: Final = re.compile(r"(?<![\w:/<.-])/(?:[^\s/:'\"<>]+/)+")
"""Folders of an absolute path in a message; an address (http://...) is none."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")

FINAL: Final = frozenset({DrawingState.REVIEW, DrawingState.FAILED, DrawingState.DONE})


@dataclass(frozen=True, slots=True)
class DrawingOutput:
    """One published animation.

    Attributes:
        page: of a document, from 1; 0 for an image.
    """

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
    page: int = 0


class ShownAnimation(NamedTuple):
    """One animation in all of its formats."""

    page: int
    motion: str
    figure: int
    files: list[DrawingOutput]


@dataclass(frozen=True, slots=True)
class FailedPage:
    """A page of a document that could not be animated.

    Attributes:
        page: from 1.
        name: of the file in an archive, or "page N".
        why: as a sentence.
    """

    page: int
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class DrawingEntry:
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
        instance: the daemon's instance that has a claimed drawing, or "".
        has_preview: a running drawing can be seen moving.
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
    instance: str = ""
    has_preview: bool = False
    outputs: tuple[DrawingOutput, ...] = ()
    notes: tuple[str, ...] = ()
    failed_pages: tuple[FailedPage, ...] = ()
    work_s: float = 0.0

    @property
    def figures(self) -> int:
        return max((each.figure for each in self.outputs), default=0)

    @property
    def motions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.motion for each in self.outputs))

    @property
    def pages(self) -> int:
        """Number of pages of a document that are animated; 0 for an image."""
        return len({each.page for each in self.outputs} - {0})

    def animations(self) -> list[ShownAnimation]:
        """The outputs, with the formats of each animation together."""
        groups: dict[tuple[int, str, int], list[DrawingOutput]] = {}
        for each in self.outputs:
            groups.setdefault((each.page, each.motion, each.figure), []).append(each)
        return [ShownAnimation(*key, files) for key, files in groups.items()]


def read_object(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object in an untrusted file of at most `max_bytes` bytes; {} if there is none."""
    with suppress(OSError, ValueError, RecursionError):
        content = read_content(path, max_bytes)
        fields = json.loads(content) if len(content) <= max_bytes else None
        if isinstance(fields, dict):
            return fields
    return {}


def published_drawing(manifest: Mapping[str, Any], folder: tuple[str, ...], file: str) -> DrawingEntry | None:
    """The drawing of a manifest in the outbox; None if it is no manifest of the daemon."""
    with suppress(*_DAMAGE):
        job, at_s = _job_and_time(manifest, "finished")
        source = shown_text(manifest["source"]["name"])
        stages = manifest.get("stages_ms", {})
        return DrawingEntry(
            id=id_in_name(source) or job,
            name=shown_path_of(folder, source),
            state=DrawingState.DONE,
            at_s=at_s,
            folder=folder,
            file=file,
            job=job,
            outputs=tuple(_output(output) for output in manifest["outputs"]),
            notes=_notes(manifest),
            failed_pages=tuple(
                FailedPage(int(each["page"]), shown_text(each["name"]), shown_text(each["message"]))
                for each in manifest.get("failed_pages", ())[:MAX_FAILED_PAGES]
            ),
            work_s=_finite(sum(float(spent) for spent in stages.values())) / 1000,
        )
    return None


def with_present_outputs(drawing: DrawingEntry, names: Collection[str]) -> DrawingEntry | None:
    """The drawing without results that were removed from its folder; None if none is left."""
    present = tuple(each for each in drawing.outputs if each.file in names)
    if len(present) == len(drawing.outputs):
        return drawing
    return replace(drawing, outputs=present) if present else None


def failed_drawing(reason: Mapping[str, Any], file: str) -> DrawingEntry | None:
    """The drawing of an error report in `failed/`; None if it is no report of the daemon."""
    return _unpublished_drawing(reason, file, DrawingState.FAILED, "failed")


def reviewed_drawing(reason: Mapping[str, Any], file: str) -> DrawingEntry | None:
    """The drawing of a report in `review/`; None if it is no report of the daemon."""
    return _unpublished_drawing(reason, file, DrawingState.REVIEW, "reviewed")


def _unpublished_drawing(reason: Mapping[str, Any], file: str, state: DrawingState, when: str) -> DrawingEntry | None:
    with suppress(*_DAMAGE):
        job, at_s = _job_and_time(reason, when)
        folder, name = tuple(map(str, reason["folder"])), str(reason["name"])
        return DrawingEntry(
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
            notes=_notes(reason),
        )
    return None


def shown_path_of(folder: tuple[str, ...], name: str) -> str:
    """A name with the folders above it, as text, without the id of an upload."""
    return "/".join((*map(shown_name, folder), name_without_id(name)))


def shown_text(value: object) -> str:
    """Printable text of bounded length, without control characters, lone surrogates, direction changes, and paths of this machine."""
    text = _FOLDERS.sub("", str(value))
    return printable(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}...")


def _notes(fields: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(shown_text(note) for note in fields.get("notes", ())[:MAX_NOTES])


def _output(fields: Mapping[str, Any]) -> DrawingOutput:
    name, sha256 = fields["file"], str(fields.get("sha256") or "")
    if not is_plain_name(name) or name.startswith("."):
        raise ValueError("not the name of a result")
    name.encode()  # raises ValueError: the daemon's own names are UTF-8
    if sha256 and not _SHA256.fullmatch(sha256):  # it becomes a header
        raise ValueError("not a SHA-256")
    numbers = {key: int(fields.get(key) or 0) for key in ("bytes", "frames", "width", "height")}
    return DrawingOutput(
        file=name,
        format=shown_text(fields["format"]),
        duration_ms=_finite(float(fields.get("duration_ms") or 0.0)),
        motion=shown_text(fields.get("motion") or ""),
        figure=int(fields.get("figure") or 1),
        sha256=sha256,
        page=int(fields.get("page") or 0),
        **numbers,
    )


def _finite(value: float) -> float:
    """The value. Raises ValueError for NaN and infinity, which Python's JSON reads, and of which JSON and pages can show nothing."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _job_and_time(fields: Mapping[str, Any], when: str) -> tuple[str, float]:
    job, at = fields["job_id"], datetime.fromisoformat(fields[when])
    if not is_job_id(job) or at.tzinfo is None or not 1970 < at.year < 9000:
        raise ValueError("not a job of the daemon")
    return job, at.astimezone(UTC).timestamp()


def newest_first(drawings: Iterator[DrawingEntry]) -> list[DrawingEntry]:
    """Drawings in the order of the gallery."""
    return sorted(drawings, key=lambda each: (each.at_s, each.id), reverse=True)
