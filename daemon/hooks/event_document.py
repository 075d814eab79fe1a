"""The document that a hook receives, made from the manifest or error report of a job. etc/doc/hooks.md describes every field.

Paths are relative to the spool's root.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from daemon.files.filenames import printable, shown_name
from daemon.spool.events import EventKind, SpoolEvent

SCHEMA: Final = 1
_OUTPUT_FIELDS: Final = ("format", "motion", "figure", "quality", "bytes", "frames", "duration_ms", "width", "height", "sha256")
_ERROR_FIELDS: Final = ("error_type", "message", "what_to_do")
MAX_VARIABLE_BYTES: Final = 100_000
"""The kernel refuses a longer variable (128 KiB)."""


@dataclass(frozen=True)
class EventDocument:
    """What a hook receives.

    Attributes:
        name: of the drawing, safe to show.
        folder: names of the inbox folders above the drawing, as they are on the disk.
        files: paths below the root, as they are on the disk: the animations, or the drawing that failed or waits.
    """

    event: SpoolEvent
    name: str
    folder: tuple[str, ...]
    files: tuple[str, ...]
    fields: Mapping[str, Any]

    def to_json(self) -> bytes:
        """The document as JSON in ASCII."""
        return json.dumps(self.fields).encode("ascii")

    def variables(self) -> dict[str, str]:
        """The same for a command's environment."""
        return {
            "DOODLED_EVENT": str(self.event.kind),
            "DOODLED_EVENT_ID": self.event.id,
            "DOODLED_JOB_ID": self.event.job_id,
            "DOODLED_NAME": self.name,
            "DOODLED_FOLDER": "/".join(self.folder),
            "DOODLED_FILES": "\n".join(_within(self._one_line_files(), MAX_VARIABLE_BYTES)),
            "DOODLED_REASON": printable(str(self.fields.get("message", ""))),
        }

    def _one_line_files(self) -> tuple[str, ...]:
        """The files whose paths are one line: the second line of another one would be a path that its user chose."""
        return tuple(file for file in self.files if "\n" not in file)


def event_document(event: SpoolEvent, content: Mapping[str, Any]) -> EventDocument:
    """The document of an event, of the content of its file. Raises ValueError if that is damaged."""
    try:
        return _MAKERS[event.kind](event, content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{event.file} is damaged: {type(error).__name__}: {error}") from error


def _done(event: SpoolEvent, manifest: Mapping[str, Any]) -> EventDocument:
    folder = _folder(manifest)
    files = [_path("outbox", *folder, output["file"]) for output in manifest["outputs"]]
    outputs = [
        {"file": _unicode(file), **{field: output.get(field) for field in _OUTPUT_FIELDS}}
        for file, output in zip(files, manifest["outputs"], strict=True)
    ]
    details = {
        "at": manifest.get("finished"),
        "manifest": _unicode(_path("outbox", *folder, manifest["manifest"])),
        "outputs": outputs,
        "notes": list(manifest.get("notes", ())),
    }
    return _document(event, str(manifest["source"].get("name", "?")), folder, files, details)


def _failed(event: SpoolEvent, report: Mapping[str, Any]) -> EventDocument:
    file = _path("failed", *_user(report), report["file"])
    errors = {field: _unicode(str(report.get(field, ""))) for field in _ERROR_FIELDS}
    return _document(
        event, shown_name(str(report["name"])), _folder(report), [file], {"at": report.get("failed"), "file": _unicode(file), **errors}
    )


def _review(event: SpoolEvent, report: Mapping[str, Any]) -> EventDocument:
    folder = _path("review", *_user(report), report["review"])
    file = _path(folder, report["file"])
    figures = [{"folder": _unicode(_path(folder, figure["folder"])), "quality": figure.get("quality")} for figure in report["figures"]]
    details = {
        "at": report.get("reviewed"),
        "file": _unicode(file),
        "figures": figures,
        "message": _unicode(str(report.get("message", ""))),
        "what_to_do": _unicode(str(report.get("what_to_do", ""))),
    }
    return _document(event, shown_name(str(report["name"])), _folder(report), [file], details)


_MAKERS: Final[Mapping[EventKind, Callable[[SpoolEvent, Mapping[str, Any]], EventDocument]]] = {
    EventKind.DONE: _done,
    EventKind.FAILED: _failed,
    EventKind.REVIEW: _review,
}


def _document(event: SpoolEvent, name: str, folder: tuple[str, ...], files: list[str], details: Mapping[str, Any]) -> EventDocument:
    head = {"schema": SCHEMA, "event": str(event.kind), "event_id": event.id, "job_id": event.job_id, "name": name}
    return EventDocument(event, name, folder, tuple(files), {**head, "folder": _unicode("/".join(folder)), **details})


def _folder(content: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, content.get("folder", ())))


def _user(report: Mapping[str, Any]) -> list[str]:
    """The folder of a user's own, if users have them."""
    return [str(report["user"])] if report.get("user") else []


def _path(*parts: object) -> str:
    return "/".join(map(str, parts))


def _unicode(text: str) -> str:
    """A text that every JSON parser accepts: bytes of file names that are not UTF-8 become %XX."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "/".join(map(shown_name, text.split("/")))
    return text


def _within(texts: tuple[str, ...], max_bytes: int) -> Iterator[str]:
    """The first texts, in whole, that have at most `max_bytes` together."""
    left_bytes = max_bytes
    for text in texts:
        left_bytes -= len(text.encode("utf-8", "surrogateescape")) + 1
        if left_bytes < 0:
            return
        yield text
