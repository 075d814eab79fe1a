"""What the watch needs of watchdog that its public interface lacks. pyproject.toml caps watchdog's version for these five.

- The thread that reads inotify can die, with the observer and its emitters alive and no event ever again; a `KeyError` in that thread was
  https://github.com/gorakhargosh/watchdog/issues/600. No public attribute reports it.
- The delay by which events are held back to pair the halves of a move: https://github.com/gorakhargosh/watchdog/issues/649.
- Overflows of the kernel's queue are only logged. No issue asks for an event.
- A warning about one watch prints all of them, 29 MB for 2,500 folders, and is useless.
- The watch of a folder that is moved out of the inbox, as each claimed character folder is, stays for as long as the folder exists. A
  comment in watchdog's `InotifyWatchGroup.on_event` says so.

tests/unit/daemon/inbox/test_watchdog_internals.py fails when one of them is gone.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from contextlib import suppress
from typing import Final

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify_c import Watch
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

LOGGER: Final = "watchdog.observers.inotify_c"
"""Name of the logger that overflows are logged to."""
MOVE_PAIRING_S: Final = 0.01
"""After a file leaves the folder, as each claimed file does, watchdog delays all events by half a second by default, to pair the two
halves of a move. The daemon needs no pairs."""


def shorten_move_pairing() -> None:
    """Let observers that start from now on hold events back for `MOVE_PAIRING_S` only."""
    InotifyMoveEventGrouper.delay = MOVE_PAIRING_S


def observer_threads(observer: BaseObserver) -> list[threading.Thread]:
    """Every thread that must live for events to arrive."""
    reader: threading.Thread | None = getattr(observer, "_inotify_fd", None)  # where inotify is missing, polling observers have none
    return [observer, *observer.emitters, *([] if reader is None else [reader])]


def is_overflow(record: logging.LogRecord) -> bool:
    """Whether a record of `LOGGER` reports that the kernel dropped events."""
    return "overflow" in record.getMessage().lower()


def silence_warnings() -> None:
    """Let watchdog print no warnings, and build no long ones: their text contains the representation of a watch."""
    Watch.__repr__ = Watch.short_str  # type: ignore[method-assign, assignment]
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.observers")


def forget_folder(observer: BaseObserver, path: str) -> None:
    """Remove the watches of a folder that was moved out of the watched one, and of all folders in it.

    Another folder may have its name by now, and is watched again. Raises nothing.
    """
    gone = os.fsencode(path)
    for emitter in observer.emitters:
        group = getattr(emitter, "_inotify", None)  # None after the emitter has stopped
        if group is None:
            continue
        with suppress(OSError, KeyError), group._lock:  # noqa: SLF001 - as the next ones: there is no public way
            watches = group._active_callbacks_by_watch.items()  # noqa: SLF001
            below = [watch for watch, folder in watches if folder == gone or folder.startswith(gone + b"/")]
            group._remove_callbacks(below)  # noqa: SLF001
            if os.path.isdir(gone):  # noqa: PTH112 - bytes
                group._add_all_callbacks(gone)  # noqa: SLF001
