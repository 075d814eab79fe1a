"""Gallery updater: keeps `outbox/index.html` up to date on a thread of its own, at most once in a few seconds, and never delays a job.

It observes the log, and updates the pages when a job completes; once a minute it checks for changes by other processes. It keeps no state
between runs: pages follow from the outbox and `failed/`, and a page that is up to date is not written. Each page is replaced atomically but
not synced to the disk, because fsync would delay the jobs; after a power loss, the next start repairs the pages.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from daemon.files.durable import exists, open_folder, read_content
from daemon.gallery.entries import Entries, Entry
from daemon.gallery.pages import INDEX, MARK, pages
from daemon.log.events import Event, EventLog
from daemon.spool.layout import Layout
from daemon.spool.thumbnails import FOLDER, SUFFIX

CHECK_S: Final = 60.0
"""Removed results, and results of other daemons, are noticed within this time."""

PAUSE_FACTOR: Final = 10.0
"""The next update starts at the earliest after this many times the duration of the last one."""

STOP_TIMEOUT_S: Final = 20.0
MAX_PAGE_BYTES: Final = 64 << 20
"""No page is longer; a longer file is not the gallery's."""

STALE_S: Final = 3600.0
_COMPLETIONS: Final = frozenset({Event.JOB_DONE, Event.JOB_FAILED})


class ForeignPage(OSError):
    """Another file has the name of a gallery page."""

    def __init__(self, name: str) -> None:
        super().__init__(None, f"{name} in the outbox was not written by the gallery: rename it, or switch the gallery off")


class Gallery:
    """The thread that writes the gallery's pages."""

    def __init__(self, layout: Layout, log: EventLog, *, instance: str, update_s: float) -> None:
        self._outbox, self._log, self._instance, self._update_s = layout.outbox, log, instance, update_s
        self._entries = Entries(layout)
        self._written: dict[str, bytes] = {}
        self._written_entries: list[Entry] | None = None
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._is_unavailable = False
        self._thread = threading.Thread(target=self._run, name="gallery", daemon=True)
        log.observe(self.observe)

    def observe(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Update the pages when a job completes."""
        del fields
        if event in _COMPLETIONS:
            self._wake.set()

    def start(self) -> None:
        """Keep the pages up to date from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Update the pages once more, within STOP_TIMEOUT_S."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.clear()
            is_last = self._stopped.is_set()
            started_s = time.monotonic()
            try:
                self.update()
                self._is_unavailable = False
            except OSError as error:
                self._log_unavailable(error.strerror or str(error), error.errno)
            except Exception as error:  # noqa: BLE001 - a dead thread would leave a stale page, and no trace in the log
                self._log_unavailable(f"{type(error).__name__}: {error}")
            took_s = time.monotonic() - started_s
            if not is_last:
                self._stopped.wait(max(self._update_s, PAUSE_FACTOR * took_s))
                self._wake.wait(CHECK_S)

    def _log_unavailable(self, reason: str, errno: int | None = None) -> None:
        if not self._is_unavailable:
            self._log.emit(Event.GALLERY_UNAVAILABLE, errno=errno, reason=reason, path=str(self._outbox / INDEX))
        self._is_unavailable = True

    def update(self) -> None:
        """Write the pages that changed. Raises OSError, after which it can be called again."""
        entries = self._entries.read()
        with open_folder(self._outbox) as outbox, open_folder(self._outbox, (FOLDER,), make=True) as older:
            if entries == self._written_entries and exists(INDEX, outbox):
                return
            self._written_entries = None  # until every page is written
            wanted = set()
            for path, text in pages(entries):
                name = path.rpartition("/")[2]
                wanted.add(name)
                self._write(name, older if name != path else outbox, text.encode())
            self._tidy(older, wanted, {entry.job for entry in entries})
            self._written = {name: digest for name, digest in self._written.items() if name in wanted}
        self._written_entries = entries

    def _write(self, name: str, folder: int, content: bytes) -> None:
        digest = hashlib.sha256(content).digest()
        if self._written.get(name) == digest and exists(name, folder):
            return
        if _current_content(name, folder) != content:
            temporary = f".{name}.{self._instance}.tmp"
            opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
            with os.fdopen(opened, "wb") as file:
                file.write(content)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        self._written[name] = digest

    def _tidy(self, folder: int, wanted: set[str], jobs: set[str]) -> None:
        """Remove pages and thumbnails that no entry uses; recent thumbnails may belong to a result that was not read yet."""
        for name in os.listdir(folder):
            is_used = name in wanted or (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in jobs)
            with suppress(FileNotFoundError):
                if not is_used and time.time() - os.lstat(name, dir_fd=folder).st_ctime > (0 if name.endswith(".html") else STALE_S):
                    os.unlink(name, dir_fd=folder)


def _current_content(name: str, folder: int) -> bytes | None:
    """The page as it is on disk, or None if there is none. Raises ForeignPage."""
    try:
        content = read_content(name, MAX_PAGE_BYTES, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ForeignPage(name) from error
    if content and MARK.encode() not in content[:500]:
        raise ForeignPage(name)
    return content
