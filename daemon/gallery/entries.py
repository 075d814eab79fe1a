"""What there is to show: read from the manifests in the outbox and the reasons in `failed/`, which are the only truth.

Every look goes through all folders, and reads only what it has not read before. What lies there may be anybody's: whatever is no manifest
or reason of ours is passed over, names are only ever used as names within the folder that they lie in.
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

from daemon.files.durable import content_of
from daemon.files.filenames import printable, shown_name
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout
from daemon.spool.quarantine import ERROR_SUFFIX
from daemon.spool.thumbnails import FOLDER, SUFFIX

MOST_BYTES: Final = 256 * 1024
MOST_DEEP: Final = 17
_MOST_TEXT: Final = 300
_DAMAGE: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What comes of reading fields that are missing, or of another kind than ours."""


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
class Shown:
    """One figure with one motion in all its formats; or, without files, a drawing that failed.

    Attributes:
        job: its id.
        at: when it ended.
        name: of the drawing, fit to be shown.
        number: which of its job's this is.
        reason, hint: why it failed, and what to do.
        stages_ms: what its job took, by stage.
        has_thumbnail: there is a small picture of the drawing.
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
    """Everything that is there, the oldest first, as last seen."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._read: dict[str, tuple[_Mark, tuple[Shown, ...]]] = {}

    def look(self) -> list[Shown]:
        """Look at all of it. Raises OSError if outbox or `failed` can't be read."""
        before, self._read = self._read, {}
        thumbnails = self._thumbnails()
        found: list[Shown] = []
        for folder, names in _folders(self._layout.outbox):
            for name, mark in names.items():
                if mark is not None:
                    path = f"{folder}{name}"
                    known = before.get(path)
                    is_known = known is not None and known[0] == mark
                    shown = known[1] if known and is_known else tuple(_results(_json_of(self._layout.outbox / path), folder))
                    self._read[path] = mark, shown
                    found += _still_there(shown, folder, names)
        found += self._failed(before)
        found = [replace(each, has_thumbnail=True) if each.job in thumbnails else each for each in found]
        return sorted(found, key=lambda each: (each.at, each.key))

    def _thumbnails(self) -> set[str]:
        with suppress(OSError), os.scandir(self._layout.outbox / FOLDER) as entries:
            return {entry.name.removesuffix(SUFFIX) for entry in entries if entry.name.endswith(SUFFIX)}
        return set()

    def _failed(self, before: Mapping[str, tuple[_Mark, tuple[Shown, ...]]]) -> Iterator[Shown]:
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
    """Each folder of the outbox, as a prefix of paths, with its names; what may be a manifest has a mark."""
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
                        if depth < MOST_DEEP:
                            waiting.append((f"{folder}{entry.name}/", depth + 1))
                    elif entry.is_file(follow_symlinks=False):
                        names[entry.name] = _mark(entry) if entry.name.endswith(".json") else None
        except FileNotFoundError:
            if not folder:
                raise
        yield folder, names


def _mark(entry: os.DirEntry[str]) -> _Mark | None:
    """What changes when a file is another one; None if it is gone."""
    with suppress(FileNotFoundError):
        status = entry.stat(follow_symlinks=False)
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None


def _still_there(shown: tuple[Shown, ...], folder: str, names: Mapping[str, object]) -> Iterator[Shown]:
    """Results without the files that somebody has taken away."""
    for each in shown:
        files = tuple(file for file in each.files if file.path[len(folder) :] in names)
        if len(files) == len(each.files):
            yield each
        elif files:
            yield replace(each, files=files)


# --- files of ours, or somebody else's -------------------------------------------------------------------------------


def _json_of(path: Path) -> dict[str, Any]:
    """What a file says, or nothing."""
    with suppress(OSError, ValueError, RecursionError):
        content = content_of(path, MOST_BYTES)
        fields = json.loads(content) if len(content) <= MOST_BYTES else None
        if isinstance(fields, dict):
            return fields
    return {}


def _results(manifest: Mapping[str, Any], folder: str) -> Iterator[Shown]:
    with suppress(*_DAMAGE):
        job, at = _job_and_time(manifest, "finished")
        files: dict[tuple[str, int], list[MediaFile]] = {}
        for output in manifest["outputs"]:
            files.setdefault((_text(output.get("motion", "")), int(output.get("figure") or 1)), []).append(_media_file(output, folder))
        name = "/".join([*map(shown_name, folder.split("/")[:-1]), _text(manifest["source"]["name"])])
        stages = tuple((_text(stage), float(spent)) for stage, spent in manifest.get("stages_ms", {}).items())
        shown = [
            Shown(job, at, name, number, motion, figure, tuple(of_it), stages_ms=stages)
            for number, ((motion, figure), of_it) in enumerate(files.items())
        ]
        yield from shown


def _media_file(output: Mapping[str, Any], folder: str) -> MediaFile:
    name = output["file"]
    if not isinstance(name, str) or "/" in name or name.startswith("."):
        raise ValueError("no name of a result")
    numbers = {key: int(output.get(key) or 0) for key in ("bytes", "frames", "width", "height")}
    return MediaFile(folder + name, _text(output["format"]), duration_ms=float(output.get("duration_ms") or 0.0), **numbers)


def _failure(reason: Mapping[str, Any]) -> Iterator[Shown]:
    with suppress(*_DAMAGE):
        job, at = _job_and_time(reason, "failed")
        name = "/".join(shown_name(str(part)) for part in (*reason["folder"], reason["name"]))
        yield Shown(job, at, _text(name), reason=_text(reason["message"]), hint=_text(reason.get("what_to_do") or ""))


def _job_and_time(fields: Mapping[str, Any], when: str) -> tuple[str, datetime]:
    job, at = fields["job_id"], datetime.fromisoformat(fields[when])
    if not is_job_id(job) or at.tzinfo is None or not 1970 < at.year < 9000:
        raise ValueError("no job of ours")
    return job, at.astimezone(UTC)


def _text(value: object) -> str:
    """A text of bounded length without control characters, half surrogates and changes of the writing direction."""
    text = str(value)
    return printable(text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}...")
