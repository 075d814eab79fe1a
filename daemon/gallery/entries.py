"""Gallery entries: read from the manifests in the outbox and the error files in `failed/`.

Each call scans all folders, and parses only files that are new or have changed. The files are untrusted input: anything that is not a
manifest or an error file of the daemon is skipped, and names are only used as names within their own folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import read_content
from daemon.files.filenames import is_plain_name, printable, shown_name
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout
from daemon.spool.quarantine import ERROR_SUFFIX
from daemon.spool.thumbnails import FOLDER, SUFFIX

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 17
_MAX_TEXT: Final = 300
_DAMAGE: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""Raised by fields that are missing or have an unexpected type."""


@dataclass(frozen=True)
class MediaFile:
    """One file of an animation; its path is relative to the outbox."""

    path: str
    format: str
    bytes: int
    frames: int
    duration_ms: float
    width: int
    height: int


@dataclass(frozen=True)
class Entry:
    """One figure with one motion in all its formats; without files, a drawing that failed.

    Attributes:
        job: id of its job.
        at: when the job completed, UTC.
        name: the drawing's name, safe to show.
        number: index among the entries of its job.
        reason, hint: why the job failed, and what to do.
        stages_ms: duration of each stage of the job.
        has_thumbnail: a thumbnail of the drawing exists.
    """

    job: str
    at: datetime
    name: str
    number: int = 0
    motion: str = ""
    figure: int = 1
    files: tuple[MediaFile, ...] = ()
    reason: str = ""
    hint: str = ""
    stages_ms: tuple[tuple[str, float], ...] = ()
    has_thumbnail: bool = False

    @property
    def key(self) -> str:
        return f"{self.job}-{self.number}"


_Mark = tuple[int, int, int]


class Entries:
    """Reader of all entries; remembers the files that it has parsed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._read: dict[str, tuple[_Mark, tuple[Entry, ...]]] = {}

    def read(self) -> list[Entry]:
        """All entries, the oldest first. Raises OSError if the outbox or `failed/` can't be read."""
        before, self._read = self._read, {}
        thumbnails = self._thumbnails()
        found: list[Entry] = []
        for folder, names in _folders(self._layout.outbox):
            for name, mark in names.items():
                if mark is not None:
                    path = f"{folder}{name}"
                    known = before.get(path)
                    is_known = known is not None and known[0] == mark
                    shown = known[1] if known and is_known else tuple(_results(_json_of(self._layout.outbox / path), folder))
                    self._read[path] = mark, shown
                    found += _without_removed_files(shown, folder, names)
        found += self._failed(before)
        found = [replace(each, has_thumbnail=True) if each.job in thumbnails else each for each in found]
        return sorted(found, key=lambda each: (each.at, each.key))

    def _thumbnails(self) -> set[str]:
        with suppress(OSError), os.scandir(self._layout.outbox / FOLDER) as entries:
            return {entry.name.removesuffix(SUFFIX) for entry in entries if entry.name.endswith(SUFFIX)}
        return set()

    def _failed(self, before: Mapping[str, tuple[_Mark, tuple[Entry, ...]]]) -> Iterator[Entry]:
        with os.scandir(self._layout.failed) as entries:
            names = {entry.name: entry for entry in entries}
        for name, entry in names.items():
            if name.endswith(ERROR_SUFFIX) and name.removesuffix(ERROR_SUFFIX) in names:
                mark = _mark(entry)
                if mark is None:
                    continue
                path = f"\0failed/{name}"  # no path of the outbox
                known = before.get(path)
                self._read[path] = known if known and known[0] == mark else (mark, tuple(_failure(_json_of(Path(entry.path)))))
                yield from self._read[path][1]


def _folders(outbox: Path) -> Iterator[tuple[str, dict[str, _Mark | None]]]:
    """Each folder of the outbox as a path prefix, with its names; names that may be manifests have a mark."""
    waiting = [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        names: dict[str, _Mark | None] = {}
        try:
            with os.scandir(outbox / folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if depth < MAX_DEPTH:
                            waiting.append((f"{folder}{entry.name}/", depth + 1))
                    elif entry.is_file(follow_symlinks=False):
                        names[entry.name] = _mark(entry) if entry.name.endswith(".json") else None
        except FileNotFoundError:
            if not folder:
                raise
        yield folder, names


def _mark(entry: os.DirEntry[str]) -> _Mark | None:
    """Identity of a file's content (inode, mtime, size); None if the file is gone."""
    with suppress(FileNotFoundError):
        status = entry.stat(follow_symlinks=False)
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None


def _without_removed_files(shown: tuple[Entry, ...], folder: str, names: Mapping[str, object]) -> Iterator[Entry]:
    """Entries without the files that were removed from the outbox."""
    for each in shown:
        files = tuple(file for file in each.files if file.path[len(folder) :] in names)
        if len(files) == len(each.files):
            yield each
        elif files:
            yield replace(each, files=files)


# --- untrusted files -------------------------------------------------------------------------------------------------


def _json_of(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} if there is none."""
    with suppress(OSError, ValueError, RecursionError):
        content = read_content(path, MAX_BYTES)
        fields = json.loads(content) if len(content) <= MAX_BYTES else None
        if isinstance(fields, dict):
            return fields
    return {}


def _results(manifest: Mapping[str, Any], folder: str) -> Iterator[Entry]:
    with suppress(*_DAMAGE):
        job, at = _job_and_time(manifest, "finished")
        files: dict[tuple[str, int], list[MediaFile]] = {}
        for output in manifest["outputs"]:
            files.setdefault((_text(output.get("motion", "")), int(output.get("figure") or 1)), []).append(_media_file(output, folder))
        name = "/".join([*map(shown_name, folder.split("/")[:-1]), _text(manifest["source"]["name"])])
        stages = tuple((_text(stage), float(spent)) for stage, spent in manifest.get("stages_ms", {}).items())
        shown = [
            Entry(job, at, name, number, motion, figure, tuple(of_it), stages_ms=stages)
            for number, ((motion, figure), of_it) in enumerate(files.items())
        ]
        yield from shown


def _media_file(output: Mapping[str, Any], folder: str) -> MediaFile:
    name = output["file"]
    if not is_plain_name(name) or name.startswith("."):
        raise ValueError("not the name of a result")
    numbers = {key: int(output.get(key) or 0) for key in ("bytes", "frames", "width", "height")}
    return MediaFile(folder + name, _text(output["format"]), duration_ms=float(output.get("duration_ms") or 0.0), **numbers)


def _failure(reason: Mapping[str, Any]) -> Iterator[Entry]:
    with suppress(*_DAMAGE):
        job, at = _job_and_time(reason, "failed")
        name = "/".join(shown_name(str(part)) for part in (*reason["folder"], reason["name"]))
        yield Entry(job, at, _text(name), reason=_text(reason["message"]), hint=_text(reason.get("what_to_do") or ""))


def _job_and_time(fields: Mapping[str, Any], when: str) -> tuple[str, datetime]:
    job, at = fields["job_id"], datetime.fromisoformat(fields[when])
    if not is_job_id(job) or at.tzinfo is None or not 1970 < at.year < 9000:
        raise ValueError("not a job of the daemon")
    return job, at.astimezone(UTC)


def _text(value: object) -> str:
    """Printable text of bounded length, without control characters, lone surrogates and direction changes."""
    text = str(value)
    return printable(text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}...")
