"""Readers of inbox, outbox, `failed/` and `review/`: each remembers what it has read, and reads only what has changed.

A folder is listed again when its modification time has changed; until then, `read` returns the same list. Names are untrusted, and used
only within their own folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from daemon.files.durable import open_folder
from daemon.files.filenames import is_ignored, is_plain_name, shown_path
from daemon.inbox.scanner import is_sidecar
from daemon.spool.drawing_states import DrawingState
from daemon.spool.job_folder import REVIEW
from daemon.spool.quarantine import ERROR_SUFFIX
from daemon.web.drawing_ids import dropped_id, id_in_name
from daemon.web.drawings import (
    DrawingEntry,
    failed_drawing,
    published_drawing,
    read_object,
    reviewed_drawing,
    shown_path_of,
    shown_text,
    with_present_outputs,
)
from pipeline.files.character_names import CONFIG_NAME

MAX_DEPTH: Final = 17
SETTLED_S: Final = 0.1
"""A folder that was listed so soon after it changed may have changed again within the same tick of the clock: it is listed once more."""

_MANIFEST_SUFFIX: Final = ".json"
_Mark = tuple[int, int, int]
_Folder = tuple[str, ...]


@dataclass
class _Listing:
    """Names in one folder.

    Attributes:
        files: regular files that are not hidden; folders: likewise.
        marks: of the files whose content is read: inode, modification time and size.
    """

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    marks: dict[str, _Mark] = field(default_factory=dict)


class _Tree:
    """A folder with its sub-folders, and whether anything in it may have changed since it was listed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._times: dict[_Folder, tuple[int, bool]] = {}

    def has_changed(self) -> bool:
        """Whether a folder may have changed since it was listed."""
        if () not in self._times:
            return True
        try:
            return any(
                not settled or self._root.joinpath(*folder).stat().st_mtime_ns != mtime for folder, (mtime, settled) in self._times.items()
            )
        except OSError:
            return True

    def start(self) -> None:
        """Begin to list the tree anew."""
        self._times = {}

    def listing(self, folder: _Folder, now_s: float, *, marked: str = "") -> _Listing:
        """List one folder; a folder below the root that is gone is empty.

        Args:
            marked: suffix of the files that are read, and so get a mark.
        Raises:
            OSError: the root can't be read.
        """
        found = _Listing()
        try:
            with open_folder(self._root, folder) as opened, os.scandir(opened) as entries:
                mtime_ns = os.fstat(opened).st_mtime_ns
                self._times[folder] = mtime_ns, now_s - mtime_ns / 1e9 > SETTLED_S
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        found.folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        found.files.append(entry.name)
                        if marked and entry.name.endswith(marked):
                            _add_mark(found.marks, entry.name, opened)
        except OSError:
            if not folder:
                raise
        return found


def _add_mark(marks: dict[str, _Mark], name: str, opened: int) -> None:
    with suppress(OSError):  # it is gone
        status = os.lstat(name, dir_fd=opened)
        marks[name] = status.st_ino, status.st_mtime_ns, status.st_size


class InboxReader:
    """Drawings in the inbox."""

    def __init__(self, root: Path, max_depth: int) -> None:
        self._root, self._max_depth = root, max_depth
        self._tree = _Tree(root)
        self._known: dict[tuple[_Folder, str], DrawingEntry] = {}
        self._drawings: list[DrawingEntry] = []

    def read(self, now_s: float) -> list[DrawingEntry]:
        """All drawings. Raises OSError if the inbox can't be read."""
        if self._tree.has_changed():
            self._tree.start()
            before, self._known = self._known, {}
            for folder, name in self._names((), now_s):
                drawing = before.get((folder, name)) or self._drawing(folder, name)
                if drawing is not None:
                    self._known[folder, name] = drawing
            self._drawings = list(self._known.values())
        return self._drawings

    def find(self, shown: str) -> DrawingEntry | None:
        """The entry that a daemon shows as `shown`, whether it is a drawing or not; None if it is gone."""
        *folder, name = shown.split("/")
        with suppress(OSError), open_folder(self._root, folder) as opened:
            if is_plain_name(name):
                entry = waiting_drawing(tuple(folder), name, os.lstat(name, dir_fd=opened))
                # Options whose drawing has left have its id in their name, too.
                return replace(entry, id=dropped_id(folder, name)) if is_sidecar(name) else entry
        return next((each for (parts, name), each in self._known.items() if shown_path((*parts, name)) == shown), None)

    def _names(self, folder: _Folder, now_s: float) -> Iterator[tuple[_Folder, str]]:
        listing = self._tree.listing(folder, now_s)
        for name in listing.files:
            if not (is_ignored(name) or is_sidecar(name)):
                yield folder, name
        for name in listing.folders:
            if is_ignored(name):
                continue
            if is_regular(self._root.joinpath(*folder, name, CONFIG_NAME)):
                yield folder, name
            elif len(folder) < self._max_depth:
                yield from self._names((*folder, name), now_s)

    def _drawing(self, folder: _Folder, name: str) -> DrawingEntry | None:
        with suppress(OSError):
            return waiting_drawing(folder, name, self._root.joinpath(*folder, name).lstat())
        return None


def is_regular(path: Path) -> bool:
    """Whether a path is a regular file that this process can reach; a folder may be closed to it."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder that this process can see, and no link to one."""
    with suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def waiting_drawing(folder: _Folder, name: str, status: os.stat_result) -> DrawingEntry:
    """A drawing in the inbox. Its turn comes by ctime, which a rename sets."""
    return DrawingEntry(
        id=id_in_name(name) or dropped_id(folder, name),
        name=shown_path_of(folder, shown_text(name)),
        state=DrawingState.WAITING,
        at_s=status.st_ctime,
        folder=folder,
        file=name,
        is_folder=stat.S_ISDIR(status.st_mode),
    )


class OutboxReader:
    """Published drawings."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = _Tree(root)
        self._parsed: dict[tuple[_Folder, str], tuple[_Mark, DrawingEntry | None]] = {}
        self._drawings: list[DrawingEntry] = []

    def read(self, now_s: float) -> list[DrawingEntry]:
        """All drawings. Raises OSError if the outbox can't be read."""
        if self._tree.has_changed():
            self._tree.start()
            before, self._parsed = self._parsed, {}
            self._drawings = list(self._list((), now_s, before))
        return self._drawings

    def _list(
        self, folder: _Folder, now_s: float, before: dict[tuple[_Folder, str], tuple[_Mark, DrawingEntry | None]]
    ) -> Iterator[DrawingEntry]:
        listing = self._tree.listing(folder, now_s, marked=_MANIFEST_SUFFIX)
        names = set(listing.files)
        for name, mark in listing.marks.items():
            known = before.get((folder, name))
            if known is None or known[0] != mark:
                known = mark, published_drawing(read_object(self._root.joinpath(*folder, name)), folder, name)
            self._parsed[folder, name] = known
            present = known[1] and with_present_outputs(known[1], names)
            if present:
                yield present
        if len(folder) < MAX_DEPTH:
            for inner in listing.folders:
                yield from self._list((*folder, inner), now_s, before)


class FailedReader:
    """Drawings in `failed/`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = _Tree(root)
        self._parsed: dict[str, tuple[_Mark, DrawingEntry | None]] = {}
        self._drawings: list[DrawingEntry] = []

    def read(self, now_s: float) -> list[DrawingEntry]:
        """All drawings. Raises OSError if `failed/` can't be read."""
        if self._tree.has_changed():
            self._tree.start()
            before, self._parsed = self._parsed, {}
            listing = self._tree.listing((), now_s, marked=ERROR_SUFFIX)
            folders = set(listing.folders)
            names = folders.union(listing.files)
            for report, mark in listing.marks.items():
                name = report.removesuffix(ERROR_SUFFIX)
                if name in names:
                    known = before.get(report)
                    if known is None or known[0] != mark:
                        found = failed_drawing(read_object(self._root / report), name)
                        known = mark, found and replace(found, is_folder=name in folders)
                    self._parsed[report] = known
            self._drawings = [drawing for _, drawing in self._parsed.values() if drawing is not None]
        return self._drawings


class ReviewReader:
    """Drawings in `review/`, one folder each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = _Tree(root)
        self._drawings: list[DrawingEntry] = []

    def read(self, now_s: float) -> list[DrawingEntry]:
        """All drawings; none without the folder. Raises OSError if it can't be read."""
        try:
            if self._tree.has_changed():
                self._tree.start()
                names = self._tree.listing((), now_s).folders
                found = (reviewed_drawing(read_object(self._root / name / REVIEW), name) for name in names)
                self._drawings = [drawing for drawing in found if drawing is not None]
        except FileNotFoundError:
            self._drawings = self._drawings and []
        return self._drawings
