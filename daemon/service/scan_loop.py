"""What the service lives on: an inbox that is looked at when something changes in it, and room on the disk."""

from __future__ import annotations

import os
import time

from daemon.files.filenames import name_fields, shown_path
from daemon.inbox.scanner import Scanner
from daemon.inbox.watcher import Watcher, WatchMode
from daemon.log.events import Event, EventLog
from daemon.service.scheduler import Scheduler
from daemon.settings import Settings
from daemon.spool.spool import Spool

SCAN_PAUSE_S = 0.05
"""Hints that come faster than this make one scan."""

SCAN_SHARE = 10.0
"""A scan waits ten times as long as the last one took, at least, so that a full inbox does not keep us busy with looking."""

LONGEST_SCAN_PAUSE_S = 15.0
"""But not longer than this: what is dropped beside forty thousand others on a busy machine must become visible, too."""

SLOW_SCAN_S = 1.0
WATCH_CHECK_S = 5.0
DISK_CHECK_S = 5.0
MOST_REJECTED = 50
"""Records of one scan: whoever drops ten thousand files that nobody may read hears of the first."""


class ScanLoop:
    """Keeps the service supplied.

    Attributes:
        settings: may be replaced at any time.
        scans: how many were made.
        is_degraded: the inbox can't be read.
        free_bytes: room on the disk when it was looked at last.
        found_by_scan_only: files that no event had told of.
    """

    def __init__(self, settings: Settings, spool: Spool, *, scheduler: Scheduler, scanner: Scanner, watch: Watcher, log: EventLog) -> None:
        self._spool, self._scheduler, self._scanner, self._watch, self._log = spool, scheduler, scanner, watch, log
        self.settings = settings
        self.scans = 0
        self.is_degraded = False
        self.free_bytes = 0
        self.found_by_scan_only = 0
        self._scan_at_s = 0.0
        self._scanned_s = 0.0
        self._scan_took_s = 0.0
        self._watch_at_s = self._disk_at_s = 0.0
        self._overflows_told = 0
        self._problem_told = ""
        self._is_hinted = False

    @property
    def reserve_bytes(self) -> int:
        """With less room than this, nothing new is started."""
        return self.settings.storage.reserve_mb << 20

    def hinted(self, now: float) -> None:
        """Something may have changed in the inbox."""
        self._is_hinted = True
        pause_s = max(SCAN_PAUSE_S, self._scan_pause_s())
        self._scan_at_s = min(self._scan_at_s, max(now, self._scanned_s + pause_s))

    def _scan_pause_s(self) -> float:
        return min(LONGEST_SCAN_PAUSE_S, SCAN_SHARE * self._scan_took_s)

    def step(self, now: float) -> None:
        """Everything that is due at this time."""
        if now >= self._watch_at_s:
            self._watch_at_s = now + WATCH_CHECK_S
            self._check_watch()
        if now >= self._disk_at_s:
            self._disk_at_s = now + DISK_CHECK_S
            self._check_disk()
        if now >= self._scan_at_s and not self._scheduler.is_stopping:
            self._scan(now)

    def due_s(self) -> float:
        """When something of this is due."""
        return min(self._scan_at_s, self._watch_at_s, self._disk_at_s)

    def _scan(self, now: float) -> None:
        started = time.perf_counter()
        result = self._scanner.scan(now)
        self.scans += 1
        self._scan_took_s = time.perf_counter() - started
        self._scanned_s = now
        inbox = self.settings.inbox
        interval_s = inbox.rescan_s if self._watch.mode is WatchMode.EVENTS else inbox.poll_s
        self._scan_at_s = now + max(interval_s, self._scan_pause_s())
        for folder, name, reason in result.rejected[:MOST_REJECTED]:
            self._log.emit(Event.FILE_REJECTED, reason=reason, folder=shown_path(folder), **name_fields(name))
        if len(result.rejected) > MOST_REJECTED:
            self._log.emit(Event.FILE_REJECTED, reason="and_more", count=len(result.rejected) - MOST_REJECTED)
        unannounced = 0 if self._is_hinted or self.scans == 1 else result.new  # nothing tells of what lay there before we started
        self.found_by_scan_only += unannounced
        self._is_hinted = False
        if result.new or self._scan_took_s > SLOW_SCAN_S:
            took_ms = round(1000 * self._scan_took_s, 1)
            counts = {"entries": result.entries, "new": result.new, "found_by_scan_only": unannounced}
            self._log.emit(Event.SCAN_DONE, **counts, duration_ms=took_ms)
        self._tell_degraded([error for folder, error in result.problems if not folder])

    def _tell_degraded(self, errors: list[OSError]) -> None:
        if errors and not self.is_degraded:
            self._log.emit(Event.INBOX_DEGRADED, errno=errors[0].errno, reason=errors[0].strerror, path=str(self._spool.layout.inbox))
        elif self.is_degraded and not errors:
            self._log.emit(Event.INBOX_RECOVERED, path=str(self._spool.layout.inbox))
        self.is_degraded = bool(errors)

    def _check_watch(self) -> None:
        if self._watch.overflows > self._overflows_told:
            self._log.emit(Event.WATCH_OVERFLOW, overflows=self._watch.overflows)
            self._overflows_told = self._watch.overflows
        if not self._watch.is_sound():
            self._watch.restart()
            if not self._watch.problem or self._watch.problem != self._problem_told:
                self._log.emit(Event.WATCH_RESTARTED, watch_mode=str(self._watch.mode), reason=self._watch.problem)
            self._problem_told = self._watch.problem
            self._scan_at_s = 0.0

    def _check_disk(self) -> None:
        try:
            room = os.statvfs(self._spool.layout.root)
        except OSError:
            return
        self.free_bytes = room.f_bavail * room.f_frsize
        is_low = self.free_bytes < self.reserve_bytes
        if is_low != self._scheduler.is_paused:
            event = Event.DISK_LOW if is_low else Event.DISK_RECOVERED
            self._log.emit(event, disk_free_bytes=self.free_bytes, reserve_bytes=self.reserve_bytes)
        self._scheduler.is_paused = is_low
