"""Watch of the inbox by inotify (watchdog). Events are hints that trigger the next scan; they may be lost, and a watch may fail silently.

inotify reports no changes that other hosts make on network file systems: there, nothing is watched and scans are more frequent.
etc/doc/spool.md ("Events are hints").
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from daemon.inbox.watchdog_internals import LOGGER, forget_folder, is_overflow, observer_threads, shorten_move_pairing, silence_warnings

_NETWORK: Final = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "glusterfs", "lustre", "ncp", "vboxsf", "virtiofs")

_SILENCE: Final = logging.NullHandler()
"""Discards watchdog's log records: stdout and stderr carry only our own."""


class WatchMode(StrEnum):
    """How changes in the inbox are noticed."""

    EVENTS = "events"
    POLLING = "polling"


_EVENTS: Final = [FileClosedEvent, FileMovedEvent, FileCreatedEvent, DirMovedEvent, DirCreatedEvent, DirDeletedEvent]
"""Event types that are subscribed to. Others would only fill the kernel's queue, above all those of our own probes."""


class _Hints(FileSystemEventHandler):
    def __init__(self, hint: Callable[[], None], observer: BaseObserver) -> None:
        self._hint, self._observer = hint, observer

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, DirDeletedEvent):  # or claimed, or moved away by a user
            forget_folder(self._observer, os.fsdecode(event.src_path))
        else:
            self._hint()


class _Overflows(logging.Handler):
    """Counts overflows of the kernel's event queue, which watchdog only logs."""

    def __init__(self, on_overflow: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._on_overflow = on_overflow

    def emit(self, record: logging.LogRecord) -> None:
        if is_overflow(record):
            self._on_overflow()


class Watcher:
    """A watch on the inbox that calls `hint` on changes, where the file system allows one.

    Attributes:
        overflows: number of overflows of the kernel's event queue.
        problem: why there is no watch although there should be one, or "".
    """

    def __init__(self, inbox: Path, hint: Callable[[], None], *, is_network: bool) -> None:
        self._inbox = inbox
        self._hint = hint
        self._is_network = is_network
        self._observer: BaseObserver | None = None
        self._inode = 0
        self.overflows = 0
        self.problem = ""
        self._overflow_log = _Overflows(self._count_overflow)

    @property
    def mode(self) -> WatchMode:
        """Whether changes are noticed by events or by polling."""
        return WatchMode.EVENTS if self._observer is not None else WatchMode.POLLING

    def start(self) -> None:
        """Start watching; on failure, `problem` is the reason: too many watches, no inotify, no inbox."""
        logging.getLogger("watchdog").addHandler(_SILENCE)
        logging.getLogger(LOGGER).addHandler(self._overflow_log)
        if self._is_network:
            return
        shorten_move_pairing()
        silence_warnings()
        observer: BaseObserver | None = None
        try:
            observer = Observer()
            self._inode = self._inbox.stat().st_ino
            observer.schedule(_Hints(self._hint, observer), str(self._inbox), recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError as error:
            self.problem = error.strerror or str(error)
            _release(observer)
            return
        self.problem = ""
        self._observer = observer

    def is_working(self) -> bool:
        """Whether the watch is alive and on the folder that is the inbox now, or there is none because of the file system."""
        if self._observer is None:
            return not self.problem
        try:
            is_same = self._inbox.stat().st_ino == self._inode
        except OSError:
            return False
        return is_same and all(thread.is_alive() for thread in observer_threads(self._observer))

    def restart(self) -> None:
        """Stop and start the watch."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop watching."""
        logging.getLogger(LOGGER).removeHandler(self._overflow_log)
        observer, self._observer = self._observer, None
        if observer is not None:
            with suppress(OSError):
                observer.stop()
                observer.join(2.0)

    def _count_overflow(self) -> None:
        self.overflows += 1
        self._hint()


def _release(observer: BaseObserver | None) -> None:
    """Release the resources of an observer that could not be started."""
    if observer is not None:
        with suppress(OSError, RuntimeError):
            observer.unschedule_all()
            observer.on_thread_stop()


def is_on_network(path: Path, mounts: str | None = None) -> bool:
    """Whether a folder is on a network file system, where inotify misses remote changes; from /proc/self/mountinfo (proc(5))."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return False
    path = Path(os.path.realpath(path))  # mounts have no links in their paths
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if len(before.split()) < 5 or not after:
            continue
        point = _mount_point(before.split()[4])
        if (path == Path(point) or Path(point) in path.parents) and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind.startswith(_NETWORK)


def _mount_point(point: str) -> str:
    """A mount point without the octal escapes of proc(5), which stand for bytes."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda escape: bytes([int(escape[1], 8) & 0xFF]), os.fsencode(point)))
