"""Scan loop: decides when the inbox is scanned, and keeps the file watcher alive."""

from __future__ import annotations

import time

from daemon.files.filenames import name_fields, shown_path
from daemon.inbox.scanner import Scanner, ScanResult
from daemon.inbox.watcher import Watcher, WatchMode
from daemon.log.events import Event, EventLog
from daemon.service.scheduler import Scheduler
from daemon.settings import Settings
from daemon.spool.spool import Spool

MIN_SCAN_PAUSE_S = 0.05
"""Hints that arrive faster than this lead to one scan."""

SCAN_PAUSE_FACTOR = 10.0
"""The pause after a scan is at least this many times its duration, so that scanning a full inbox takes a tenth of the time at most."""

MAX_SCAN_PAUSE_S = 15.0
"""Upper bound of that pause, so that a new file becomes visible soon even beside forty thousand others on a busy machine."""

WATCH_CHECK_S = 5.0
MAX_REJECTED_RECORDS = 50
"""Records of rejected files in one scan; further ones are only counted."""


class ScanLoop:
    """Scans the inbox on hints of the watcher and at regular intervals, and restarts a watcher that died.

    Attributes:
        settings: may be replaced at any time.
        scans: scans since the start.
        is_degraded: the inbox can't be read.
        found_by_scan_only: files that the watcher did not announce.
    """

    def __init__(
        self, settings: Settings, spool: Spool, *, scheduler: Scheduler, scanner: Scanner, watcher: Watcher, log: EventLog
    ) -> None:
        self._spool, self._scheduler, self._scanner, self._watcher, self._log = spool, scheduler, scanner, watcher, log
        self.settings = settings
        self.scans = 0
        self.is_degraded = False
        self.found_by_scan_only = 0
        self._scan_at_s = 0.0
        self._scanned_s = 0.0
        self._scan_took_s = 0.0
        self._watch_check_at_s = 0.0
        self._logged_overflows = 0
        self._logged_problem = ""
        self._is_hinted = False

    def hint(self, now: float) -> None:
        """Bring the next scan forward, because something may have changed in the inbox."""
        self._is_hinted = True
        pause_s = max(MIN_SCAN_PAUSE_S, self._scan_pause_s())
        self._scan_at_s = min(self._scan_at_s, max(now, self._scanned_s + pause_s))

    def step(self, now: float) -> None:
        """Check the watcher and scan the inbox, each if it is time."""
        if now >= self._watch_check_at_s:
            self._watch_check_at_s = now + WATCH_CHECK_S
            self._check_watcher()
        if now >= self._scan_at_s and not self._scheduler.is_stopping:
            self._scan(now)

    def due_s(self) -> float:
        """When the next scan or check is due."""
        return min(self._scan_at_s, self._watch_check_at_s)

    def _scan_pause_s(self) -> float:
        return min(MAX_SCAN_PAUSE_S, SCAN_PAUSE_FACTOR * self._scan_took_s)

    def _scan(self, now: float) -> None:
        started_s = time.perf_counter()
        result = self._scanner.scan(now)
        self.scans += 1
        self._scan_took_s = time.perf_counter() - started_s
        self._scanned_s = now
        inbox = self.settings.inbox
        interval_s = inbox.rescan_s if self._watcher.mode is WatchMode.EVENTS else inbox.poll_s
        self._scan_at_s = now + max(interval_s, self._scan_pause_s())
        self._log_rejected(result)
        unannounced = 0 if self._is_hinted or self.scans == 1 else result.new  # the watcher announces nothing from before the start
        self.found_by_scan_only += unannounced
        self._is_hinted = False
        counts = {"entries": result.entries, "new": result.new, "found_by_scan_only": unannounced}
        self._log.emit(Event.SCAN_DONE, **counts, duration_ms=round(1000 * self._scan_took_s, 1))
        self._log_degraded([error for folder, error in result.problems if not folder])

    def _log_rejected(self, result: ScanResult) -> None:
        for folder, name, reason in result.rejected[:MAX_REJECTED_RECORDS]:
            self._log.emit(Event.FILE_REJECTED, reason=reason, folder=shown_path(folder), **name_fields(name))
        if len(result.rejected) > MAX_REJECTED_RECORDS:
            self._log.emit(Event.FILE_REJECTED, reason="and_more", count=len(result.rejected) - MAX_REJECTED_RECORDS)

    def _log_degraded(self, errors: list[OSError]) -> None:
        if errors and not self.is_degraded:
            self._log.emit(Event.INBOX_DEGRADED, errno=errors[0].errno, reason=errors[0].strerror, path=str(self._spool.layout.inbox))
        elif self.is_degraded and not errors:
            self._log.emit(Event.INBOX_RECOVERED, path=str(self._spool.layout.inbox))
        self.is_degraded = bool(errors)

    def _check_watcher(self) -> None:
        if self._watcher.overflows > self._logged_overflows:
            self._log.emit(Event.WATCH_OVERFLOW, overflows=self._watcher.overflows)
            self._logged_overflows = self._watcher.overflows
        if not self._watcher.is_working():
            self._watcher.restart()
            if not self._watcher.problem or self._watcher.problem != self._logged_problem:
                self._log.emit(Event.WATCH_RESTARTED, watch_mode=str(self._watcher.mode), reason=self._watcher.problem)
            self._logged_problem = self._watcher.problem
            self._scan_at_s = 0.0
