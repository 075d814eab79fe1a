"""The private parts of watchdog that the watch relies on: one canary each. If one fails, a new watchdog has changed them."""

from __future__ import annotations

import importlib
import inspect
import logging
import threading
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.inotify_c import CallbackId, Mask, Watch, WatchDescriptor
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from daemon.inbox.watchdog_internals import (
    LOGGER,
    MOVE_PAIRING_S,
    is_overflow,
    observer_threads,
    shorten_move_pairing,
    silence_warnings,
)

ADVICE = f"watchdog {version('watchdog')}: change daemon/inbox/watchdog_internals.py, or keep the cap in pyproject.toml. "


def test_the_thread_that_reads_inotify_is_known(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    observer: Any = Observer()
    observer.schedule(FileSystemEventHandler(), str(tmp_path))
    observer.start()
    try:
        reader = getattr(observer, "_inotify_fd", None)
        assert isinstance(reader, threading.Thread), f"{ADVICE}The observer has no thread _inotify_fd, so that its death goes unnoticed."
        assert set(observer_threads(observer)) == {observer, *observer.emitters, reader}
        unknown = {thread.name for thread in {*threading.enumerate()} - before - {*observer_threads(observer)}}
        assert not unknown, f"{ADVICE}It runs threads whose death goes unnoticed: {unknown}"
    finally:
        observer.stop()
        observer.join()


def test_the_delay_for_moves_can_be_set() -> None:
    source = inspect.getsource(InotifyMoveEventGrouper)
    assert "(self.delay)" in source, f"{ADVICE}InotifyMoveEventGrouper does not read `delay`: events come half a second late."
    shorten_move_pairing()
    queue: Any = InotifyMoveEventGrouper.__new__(InotifyMoveEventGrouper)
    assert queue.delay == MOVE_PAIRING_S


def test_representation_of_a_watch_is_short() -> None:
    """A warning printed it, with those of all other watches: 29.5 MB for 2,500 folders."""
    silence_warnings()
    watch = Watch(WatchDescriptor(1), Mask(0), b"/inbox")
    watch.callbacks[CallbackId(1)] = "x" * 10_000  # type: ignore[assignment]
    assert len(f"{watch.short_str}") < 300, f"{ADVICE}A warning of watchdog may print all watches."
    with warnings.catch_warnings(record=True) as caught:
        silence_warnings()
        warnings.warn_explicit("Callback", RuntimeWarning, "inotify.py", 1, module="watchdog.observers.inotify")
    assert not caught


def test_overflows_are_logged_where_the_watch_listens() -> None:
    module = importlib.import_module(LOGGER)
    assert module.logger.name == LOGGER, f"{ADVICE}{LOGGER} has no logger of its name, so that overflows go unnoticed."
    logged = [line for line in inspect.getsource(module).splitlines() if "logger.warning(" in line and "overflow" in line.lower()]
    assert logged, f"{ADVICE}{LOGGER} logs no overflow, so that they go unnoticed."


def test_other_records_are_no_overflow() -> None:
    def record(message: str) -> logging.LogRecord:
        return logging.LogRecord(LOGGER, logging.WARNING, "", 0, message, None, None)

    assert is_overflow(record("Inotify queue overflowed; filesystem events were lost"))
    assert not is_overflow(record("something else"))
