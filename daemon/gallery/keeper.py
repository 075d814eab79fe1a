"""Keeps `outbox/index.html` up to date, on a thread of its own: never in the way of a job, at most once in a few seconds.

An observer of `daemon.log.events`: an end of a job wakes it; besides it looks once a minute, for what others did. Nothing is remembered
between two lives: pages follow from what lies in outbox and `failed/`, and one that says already what it should is left alone. Each is
replaced in one go. They are not synced to the disk, as that would hold up those who must: after a power cut, the next start mends them.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from daemon.files.durable import content_of, exists, open_folder
from daemon.gallery.entries import Entries, Shown
from daemon.gallery.pages import INDEX, MARK, pages
from daemon.log.events import Event, EventLog
from daemon.spool.layout import Layout
from daemon.spool.thumbnails import FOLDER, SUFFIX

LOOK_S: Final = 60.0
"""Results that somebody takes away, and those of other daemons, are noticed within this."""

SHARE: Final = 10.0
"""An update waits so many times as long as the last one took, at least."""

LAST_S: Final = 20.0
MOST_BYTES: Final = 64 << 20
"""Of what lies where a page of ours should be: no page is as long."""

STALE_S: Final = 3600.0
_ENDS: Final = frozenset({Event.JOB_DONE, Event.JOB_FAILED})


class NotOurs(OSError):
    """Somebody's own file is where a page of ours should be."""

    def __init__(self, name: str) -> None:
        super().__init__(None, f"{name} in the outbox is not the gallery's: rename it, or switch the gallery off")


class Gallery:
    """The pages, and the thread that writes them."""

    def __init__(self, layout: Layout, log: EventLog, *, instance: str, update_s: float) -> None:
        self._outbox, self._log, self._instance, self._update_s = layout.outbox, log, instance, update_s
        self._entries = Entries(layout)
        self._written: dict[str, bytes] = {}
        self._shown: list[Shown] | None = None
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._is_in_trouble = False
        self._thread = threading.Thread(target=self._run, name="gallery", daemon=True)
        log.observe(self.observe)

    def observe(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Something was told."""
        del fields
        if event in _ENDS:
            self._wake.set()

    def start(self) -> None:
        """Bring it up to date, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Bring it up to date once more, within LAST_S."""
        self._stopped.set()
        self._wake.set()
        self._thread.join(LAST_S)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.clear()
            is_last = self._stopped.is_set()
            started_s = time.monotonic()
            try:
                self.update()
                self._is_in_trouble = False
            except OSError as error:
                self._tell_trouble(error.strerror or str(error), error.errno)
            except Exception as error:  # noqa: BLE001 - a thread that dies would leave the page as it is, and nobody would know
                self._tell_trouble(f"{type(error).__name__}: {error}")
            took_s = time.monotonic() - started_s
            if not is_last:
                self._stopped.wait(max(self._update_s, SHARE * took_s))
                self._wake.wait(LOOK_S)

    def _tell_trouble(self, reason: str, errno: int | None = None) -> None:
        if not self._is_in_trouble:
            self._log.emit(Event.GALLERY_UNAVAILABLE, errno=errno, reason=reason, path=str(self._outbox / INDEX))
        self._is_in_trouble = True

    def update(self) -> None:
        """Write what has changed. Raises OSError, and can be called again then."""
        entries = self._entries.look()
        with open_folder(self._outbox) as outbox, open_folder(self._outbox, (FOLDER,), make=True) as older:
            if entries == self._shown and exists(INDEX, outbox):
                return
            self._shown = None  # until all of it is written
            wanted = set()
            for path, text in pages(entries):
                name = path.rpartition("/")[2]
                wanted.add(name)
                self._write(name, older if name != path else outbox, text.encode())
            self._tidy(older, wanted, {entry.job for entry in entries})
            self._written = {name: digest for name, digest in self._written.items() if name in wanted}
        self._shown = entries

    def _write(self, name: str, folder: int, content: bytes) -> None:
        digest = hashlib.sha256(content).digest()
        if self._written.get(name) == digest and exists(name, folder):
            return
        if _content(name, folder) != content:
            temporary = f".{name}.{self._instance}.tmp"
            opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
            with os.fdopen(opened, "wb") as file:
                file.write(content)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        self._written[name] = digest

    def _tidy(self, folder: int, wanted: set[str], jobs: set[str]) -> None:
        """Remove pages and small pictures of what is no longer there; young ones may belong to a result that we have not seen yet."""
        for name in os.listdir(folder):
            is_used = name in wanted or (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in jobs)
            with suppress(FileNotFoundError):
                if not is_used and time.time() - os.lstat(name, dir_fd=folder).st_ctime > (0 if name.endswith(".html") else STALE_S):
                    os.unlink(name, dir_fd=folder)


def _content(name: str, folder: int) -> bytes | None:
    """What a page of ours says now, or None if there is none. Raises NotOurs."""
    try:
        content = content_of(name, MOST_BYTES, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotOurs(name) from error
    if content and MARK.encode() not in content[:500]:
        raise NotOurs(name)
    return content
