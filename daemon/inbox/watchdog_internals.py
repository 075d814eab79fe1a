"""What the watch needs of watchdog that its public interface lacks. pyproject.toml caps watchdog's version for these three.

- The thread that reads inotify can die, with the observer and its emitters alive and no event ever again; a `KeyError` in that thread was
  https://github.com/gorakhargosh/watchdog/issues/600. No public attribute reports it.
- The delay by which events are held back to pair the halves of a move: https://github.com/gorakhargosh/watchdog/issues/649.
- Overflows of the kernel's queue are only logged. No issue asks for an event.

tests/unit/daemon/inbox/test_watchdog_internals.py fails when one of them is gone.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from watchdog.observers.api import BaseObserver
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
