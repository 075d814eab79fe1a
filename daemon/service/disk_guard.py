"""Disk guard: pauses the scheduler while the spool's disk is nearly full, has hardly an inode left, or is read-only.

Then no claim can succeed, and each try would be a warning.
"""

from __future__ import annotations

import os

from daemon.log.events import Event, EventLog
from daemon.service.scheduler import Scheduler
from daemon.settings import Settings
from daemon.spool.spool import Spool

CHECK_INTERVAL_S = 5.0
RESERVE_INODES = 1000
"""Inodes that must stay free; of a small disk, a twentieth. A job with annotations needs about fifty."""


class DiskGuard:
    """Measures the free space of the spool's disk and pauses the scheduler below the reserve.

    Attributes:
        settings: may be replaced at any time.
        free_bytes: free space at the last check.
        problem: why no job starts, or "".
    """

    def __init__(self, settings: Settings, spool: Spool, *, scheduler: Scheduler, log: EventLog) -> None:
        self._spool, self._scheduler, self._log = spool, scheduler, log
        self.settings = settings
        self.free_bytes = 0
        self.problem = ""
        self._check_at_s = 0.0

    @property
    def reserve_bytes(self) -> int:
        """With less free space than this, no job starts."""
        return self.settings.storage.reserve_mb << 20

    def step(self, now: float) -> None:
        """Check the disk if it is time."""
        if now >= self._check_at_s:
            self._check_at_s = now + CHECK_INTERVAL_S
            self._check()

    def due_s(self) -> float:
        """When the next check is due."""
        return self._check_at_s

    def _check(self) -> None:
        try:
            status = os.statvfs(self._spool.layout.root)
        except OSError:  # the mount may be gone for a while; the scan reports that
            return
        self.free_bytes = status.f_bavail * status.f_frsize
        self.problem = self._problem(status)
        is_low = bool(self.problem)
        if is_low != self._scheduler.is_paused:
            event = Event.DISK_LOW if is_low else Event.DISK_RECOVERED
            counts = {"disk_free_bytes": self.free_bytes, "reserve_bytes": self.reserve_bytes, "free_inodes": status.f_favail}
            self._log.emit(event, **counts, reason=self.problem or None)
        self._scheduler.is_paused = is_low

    def _problem(self, status: os.statvfs_result) -> str:
        if status.f_flag & os.ST_RDONLY:
            return f"the disk of {self._spool.layout.root} is read-only"
        if self.free_bytes < self.reserve_bytes:
            return "the disk is nearly full"
        if status.f_favail < min(RESERVE_INODES, status.f_files // 20):  # btrfs and others count no inodes: 0 of 0
            return "the disk has hardly an inode left: remove many small files"
        return ""
