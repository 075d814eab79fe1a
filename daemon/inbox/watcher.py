"""Hints that the inbox has changed. Events are lost in bursts, and watches die without a word: they only make the next scan come sooner.

On network file systems inotify says nothing (OPERATIONS.md, section 1): nothing is watched there, and the scan comes more often.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_INOTIFY_LOGGER: Final = "watchdog.observers.inotify_c"
_NETWORK: Final = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "glusterfs", "lustre", "ncp", "vboxsf", "virtiofs")


_SILENCE: Final = logging.NullHandler()
"""What watchdog has to say goes nowhere: stdout and stderr are ours."""


class WatchMode(StrEnum):
    """How changes are noticed."""

    EVENTS = "events"
    POLLING = "polling"


_NEWS: Final = [FileClosedEvent, FileMovedEvent, FileCreatedEvent, DirMovedEvent, DirCreatedEvent]
"""What is listened to. The fewer the better: everything else only fills the kernel's queue, our own looks at files above all."""

MOVE_PAIRING_S: Final = 0.01
"""watchdog holds all events back for half a second after a file has left the folder, as each does that we claim, in case it appears
elsewhere: we don't care."""


def _hurried() -> None:
    for module, name in (("inotify_move_event_grouper", "InotifyMoveEventGrouper"), ("inotify_buffer", "InotifyBuffer")):
        with suppress(ImportError):  # the second is what the first was called before watchdog 7
            getattr(importlib.import_module(f"watchdog.observers.{module}"), name).delay = MOVE_PAIRING_S


class _Hints(FileSystemEventHandler):
    def __init__(self, hint: Callable[[], None]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        del event
        self._hint()


class _Overflows(logging.Handler):
    """watchdog only logs that the kernel's queue ran over."""

    def __init__(self, told: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._told()


class Watcher:
    """A watch on the inbox, if there can be one.

    Attributes:
        overflows: how often the kernel had more events than it could hold.
    """

    def __init__(self, inbox: Path, hint: Callable[[], None], *, is_network: bool) -> None:
        self._inbox = inbox
        self._hint = hint
        self._is_network = is_network
        self._observer: BaseObserver | None = None
        self._inode = 0
        self.overflows = 0
        self.problem = ""
        self._overflow_log = _Overflows(self._overflowed)

    @property
    def mode(self) -> WatchMode:
        """Whether events can be expected at all."""
        return WatchMode.EVENTS if self._observer is not None else WatchMode.POLLING

    def start(self) -> None:
        """Watcher, or say in `problem` why not: too many watches, no inotify, no inbox."""
        logging.getLogger("watchdog").addHandler(_SILENCE)
        logging.getLogger(_INOTIFY_LOGGER).addHandler(self._overflow_log)
        if self._is_network:
            return
        _hurried()
        observer: BaseObserver | None = None
        try:
            observer = Observer()
            self._inode = self._inbox.stat().st_ino
            observer.schedule(_Hints(self._hint), str(self._inbox), recursive=True, event_filter=_NEWS)
            observer.start()
        except OSError as error:
            self.problem = error.strerror or str(error)
            _let_go(observer)
            return
        self.problem = ""
        self._observer = observer

    def is_sound(self) -> bool:
        """Whether events still come from the folder that is the inbox now; a watch that was refused counts as sound: it polls."""
        if self._observer is None:
            return not self.problem
        try:
            is_same = self._inbox.stat().st_ino == self._inode
        except OSError:
            return False
        reader = getattr(self._observer, "_inotify_fd", None)  # a thread of its own since watchdog 7.1, of which nobody else asks
        threads = [self._observer, *self._observer.emitters, *([] if reader is None else [reader])]
        return is_same and all(thread.is_alive() for thread in threads)

    def restart(self) -> None:
        """Watcher anew."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop watching."""
        logging.getLogger(_INOTIFY_LOGGER).removeHandler(self._overflow_log)
        observer, self._observer = self._observer, None
        if observer is not None:
            with suppress(OSError):
                observer.stop()
                observer.join(2.0)

    def _overflowed(self) -> None:
        self.overflows += 1
        self._hint()


def _let_go(observer: BaseObserver | None) -> None:
    """Give back what an observer holds that could not be started."""
    if observer is not None:
        with suppress(OSError, RuntimeError):
            observer.unschedule_all()
            observer.on_thread_stop()


def is_on_network(path: Path, mounts: str | None = None) -> bool:
    """Whether a folder lies on a file system whose changes the kernel does not see, by /proc/self/mountinfo (proc(5))."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return False
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if len(before.split()) < 5 or not after:
            continue
        point = before.split()[4].encode("utf-8", "surrogateescape").decode("unicode_escape") if "\\" in before else before.split()[4]
        if (path == Path(point) or Path(point) in path.parents) and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind.startswith(_NETWORK)
