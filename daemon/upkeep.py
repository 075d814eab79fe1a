"""Everything around the jobs: the scan and its watch, room on the disk, what is kept, and what operators are told."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from daemon.breaker import BreakerState
from daemon.earlier import Earlier
from daemon.endings import Endings
from daemon.intake import Intake
from daemon.job_ids import is_job_id, made_at_s
from daemon.log.events import Event, EventLog
from daemon.names import name_fields, shown_path
from daemon.notify import Notifier
from daemon.service import Service
from daemon.settings import Settings
from daemon.spool import Spool
from daemon.status_file import StatusFile
from daemon.vitals import Vitals, resident_bytes
from daemon.watch import Watch, WatchMode

SCAN_PAUSE_S = 0.05
"""Hints that come faster than this make one scan."""

SCAN_SHARE = 10.0
"""A scan waits ten times as long as the last one took, at least, so that a full inbox does not keep us busy with looking."""

LONGEST_SCAN_PAUSE_S = 15.0
"""But not longer than this: what is dropped beside forty thousand others on a busy machine must become visible, too."""

SLOW_SCAN_S = 1.0
WATCH_CHECK_S = 5.0
DISK_CHECK_S = 5.0
RETENTION_CHECK_S = 600.0
STATUS_S = 1.0
MOST_SHOWN = 200
MOST_REJECTED = 50
"""Records of one scan: whoever drops ten thousand files that nobody may read hears of the first."""


class Upkeep:
    """Keeps the service supplied and its surroundings informed.

    Attributes:
        scans: how many were made.
        is_degraded: the inbox can't be read.
        vitals: how everything was a second ago, or when the loop turned last; None before it has. May be read from any thread.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        service: Service,
        intake: Intake,
        watch: Watch,
        endings: Endings,
        log: EventLog,
        notifier: Notifier,
        dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self._spool, self._service, self._intake, self._watch = spool, service, intake, watch
        self._endings, self._log, self._notifier, self._dropped = endings, log, notifier, dropped
        self.settings = settings
        self.scans = 0
        self.is_degraded = False
        self.vitals: Vitals | None = None
        self._scan_at_s = 0.0
        self._scanned_s = 0.0
        self._scan_took_s = 0.0
        self._watch_at_s = self._disk_at_s = self._retention_at_s = self._status_at_s = 0.0
        self._heartbeat_at_s: float | None = None
        self._overflows_told = 0
        self._problem_told = ""
        self._hour: list[tuple[float, int, int]] = []
        self._free_bytes = 0
        self._earlier = Earlier(spool.layout.seen)
        self._status_file = StatusFile(spool.layout.status / f"{spool.instance}.json")
        self._is_status_old = False
        self._is_hinted = False
        self._found_by_scan_only = 0

    def hinted(self, now: float) -> None:
        """Something may have changed in the inbox."""
        self._is_hinted = True
        pause_s = max(SCAN_PAUSE_S, self._scan_pause_s())
        self._scan_at_s = min(self._scan_at_s, max(now, self._scanned_s + pause_s))

    def _scan_pause_s(self) -> float:
        return min(LONGEST_SCAN_PAUSE_S, SCAN_SHARE * self._scan_took_s)

    def before(self, now: float) -> None:
        """What comes before a step of the service: what there is to do, and whether there is room."""
        if now >= self._watch_at_s:
            self._watch_at_s = now + WATCH_CHECK_S
            self._check_watch()
        if now >= self._disk_at_s:
            self._disk_at_s = now + DISK_CHECK_S
            self._check_disk()
        if now >= self._scan_at_s and not self._service.is_stopping:
            self._scan(now)

    def after(self, now: float) -> None:
        """What comes after it: keeping and telling."""
        if now >= self._retention_at_s:
            self._retention_at_s = now + RETENTION_CHECK_S
            self._remove_old()
        if now >= self._status_at_s:
            self._status_at_s = now + STATUS_S
            self.vitals = self._vitals(now)
            self._tell_status(now)
            self._spool.sync_acknowledged()
            self._is_status_old = False
        else:
            self._is_status_old = True
        if self._heartbeat_at_s is None:
            self._heartbeat_at_s = now + self.settings.log.heartbeat_s
        elif now >= self._heartbeat_at_s:
            self._heartbeat_at_s = now + self.settings.log.heartbeat_s
            self._beat(now)

    def alive(self, now: float) -> None:
        """The loop has turned: systemd's watchdog hears it, and `doodled health` sees it by the age of our status file."""
        self._notifier.ping(now)
        self._status_file.touch(now)

    def due_s(self) -> float:
        """When something of this is due."""
        times = [self._scan_at_s, self._watch_at_s, self._disk_at_s, self._retention_at_s]
        if self._is_status_old:  # what the last turn changed is to be seen within a second, not when something else happens
            times.append(self._status_at_s)
        return min(times) if self._heartbeat_at_s is None else min(*times, self._heartbeat_at_s)

    def close(self) -> None:
        """Take back what was told of this instance, and look around once more."""
        self.vitals = self._vitals(time.monotonic())
        self._status_file.remove()

    # --- supplies ----------------------------------------------------------------------------------------------------

    def _scan(self, now: float) -> None:
        started = time.perf_counter()
        result = self._intake.scan(now)
        self.scans += 1
        self._scan_took_s = time.perf_counter() - started
        self._scanned_s = now
        intake = self.settings.intake
        interval_s = intake.rescan_s if self._watch.mode is WatchMode.EVENTS else intake.poll_s
        self._scan_at_s = now + max(interval_s, self._scan_pause_s())
        for folder, name, reason in result.rejected[:MOST_REJECTED]:
            self._log.tell(Event.FILE_REJECTED, reason=reason, folder=shown_path(folder), **name_fields(name))
        if len(result.rejected) > MOST_REJECTED:
            self._log.tell(Event.FILE_REJECTED, reason="and_more", count=len(result.rejected) - MOST_REJECTED)
        unannounced = 0 if self._is_hinted or self.scans == 1 else result.new  # nothing tells of what lay there before we started
        self._found_by_scan_only += unannounced
        self._is_hinted = False
        if result.new or self._scan_took_s > SLOW_SCAN_S:
            took_ms = round(1000 * self._scan_took_s, 1)
            counts = {"entries": result.entries, "new": result.new, "found_by_scan_only": unannounced}
            self._log.tell(Event.SCAN_DONE, **counts, duration_ms=took_ms)
        self._tell_degraded([error for folder, error in result.problems if not folder])

    def _tell_degraded(self, errors: list[OSError]) -> None:
        if errors and not self.is_degraded:
            self._log.tell(Event.INBOX_DEGRADED, errno=errors[0].errno, reason=errors[0].strerror, path=str(self._spool.layout.inbox))
        elif self.is_degraded and not errors:
            self._log.tell(Event.INBOX_RECOVERED, path=str(self._spool.layout.inbox))
        self.is_degraded = bool(errors)

    def _check_watch(self) -> None:
        if self._watch.overflows > self._overflows_told:
            self._log.tell(Event.WATCH_OVERFLOW, overflows=self._watch.overflows)
            self._overflows_told = self._watch.overflows
        if not self._watch.is_sound():
            self._watch.restart()
            if not self._watch.problem or self._watch.problem != self._problem_told:
                self._log.tell(Event.WATCH_RESTARTED, watch_mode=str(self._watch.mode), reason=self._watch.problem)
            self._problem_told = self._watch.problem
            self._scan_at_s = 0.0

    def _check_disk(self) -> None:
        try:
            room = os.statvfs(self._spool.layout.root)
        except OSError:
            return
        self._free_bytes = room.f_bavail * room.f_frsize
        is_low = self._free_bytes < self.settings.storage.reserve_mb << 20
        if is_low != self._service.is_paused:
            event = Event.DISK_LOW if is_low else Event.DISK_RECOVERED
            self._log.tell(event, disk_free_bytes=self._free_bytes, reserve_bytes=self.settings.storage.reserve_mb << 20)
        self._service.is_paused = is_low

    def _remove_old(self) -> None:
        oldest_s = time.time() - 3600 * self.settings.storage.retention_h
        with suppress(OSError):  # the root may be gone for a while
            for place in self._spool.layout.done.iterdir():
                if is_job_id(place.name) and made_at_s(place.name) < oldest_s:
                    shutil.rmtree(place, ignore_errors=True)
        self._earlier.forget(oldest_s)

    # --- telling -----------------------------------------------------------------------------------------------------

    def summary(self, now: float) -> str:
        """One line for `systemctl status`."""
        running, waiting, held = len(self._service.running), self._intake.count, len(self._service.held)
        oldest_s = self._oldest_s(now)
        parts = [f"{running} running", f"{waiting + held} waiting" + (f" (oldest {_age(oldest_s)})" if waiting else "")]
        breakers = (self._service.networks, self._service.machine)
        parts += [f"{each.reason[:120]} for {_age(now - each.opened_at_s)}" for each in breakers if each.opened_at_s is not None]
        parts += ["the disk is nearly full: nothing new is started"] * self._service.is_paused
        parts += ["the inbox can't be read"] * self.is_degraded
        out = sorted(self._intake.out_of_reach)
        named = ", ".join(shown_path((*folder, name))[:60] for folder, name in out[:2])
        parts += [f"{len(out)} can't be taken: {named}{', ...' * (len(out) > 2)} (no ordinary file, or no permission)"] * bool(out)
        return ", ".join([*parts, f"done {self._endings.done}", f"failed {self._endings.failed}"])

    def _tell_status(self, now: float) -> None:
        summary = self.summary(now)
        self._notifier.status(summary)
        waiting = [
            {
                "name": shown_path((*each.folder, each.name)),
                "why": each.rejected or str(each.settling.waiting or "turn"),
                "age_s": round(now - each.settling.first_seen_s, 1),
            }
            for each, _ in zip(self._intake.waiting(), range(MOST_SHOWN), strict=False)
        ]
        status: dict[str, Any] = {
            "summary": summary,
            "running": sorted(self._service.running),
            "held": {held.job.id: held.reason for held in self._service.held},
            "waiting": waiting,
            "waiting_count": self._intake.count,
        }
        self._status_file.move(self._spool.layout.status / f"{self._spool.instance}.json")
        self._status_file.publish(status)

    def _beat(self, now: float) -> None:
        self._hour = [each for each in self._hour if each[0] > now - 3600]
        first = self._hour[0] if self._hour else (now, 0, 0)
        self._hour.append((now, self._endings.done, self._endings.failed))
        vitals = self._vitals(now)
        self._log.tell(
            Event.DAEMON_HEARTBEAT,
            inbox_depth=vitals.inbox_depth,
            waiting_stable=sum(1 for each in self._intake.waiting() if each.settling.waiting is not None),
            deferred=vitals.deferred,
            in_flight=vitals.in_flight,
            oldest_pending_s=round(vitals.oldest_pending_s, 1),
            breaker=vitals.breaker,
            machine=vitals.machine,
            disk_free_bytes=vitals.disk_free_bytes,
            overflows=vitals.overflows,
            found_by_scan_only=self._found_by_scan_only,
            watch_mode=str(self._watch.mode),
            log_dropped=vitals.log_dropped,
            rss_bytes=resident_bytes(),
            done_1h=self._endings.done - first[1],
            failed_1h=self._endings.failed - first[2],
        )

    def _vitals(self, now: float) -> Vitals:
        service = self._service
        return Vitals(
            at_s=now,
            inbox_depth=self._intake.count,
            deferred=len(service.held),
            in_flight=len(service.running),
            workers=service.worker_count,
            oldest_pending_s=self._oldest_s(now),
            breaker=service.networks.state.value,
            machine=service.machine.state.value,
            disk_free_bytes=self._free_bytes,
            disk_reserve_bytes=self.settings.storage.reserve_mb << 20,
            is_degraded=self.is_degraded,
            overflows=self._watch.overflows,
            log_dropped=self._dropped(),
        )

    def _oldest_s(self, now: float) -> float:
        """How long what has waited longest in the inbox has waited."""
        return max((now - each.settling.first_seen_s for each in self._intake.waiting()), default=0.0)

    def is_waiting_for_others(self) -> bool:
        """Whether what is left waits for something that is out, not for its turn."""
        service = self._service
        return service.is_paused or any(breaker.state is not BreakerState.CLOSED for breaker in (service.networks, service.machine))


def _age(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.0f}s"
