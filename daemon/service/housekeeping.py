"""Housekeeping: removes expired sources, and reports the daemon's health to systemd, the status file, the log and the metrics."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from daemon.files.filenames import shown_path
from daemon.inbox.scanner import Scanner
from daemon.inbox.watcher import Watcher
from daemon.log.events import Event, EventLog
from daemon.log.health_snapshot import HealthSnapshot
from daemon.policy.circuit_breaker import CircuitState
from daemon.service.completion import Completion
from daemon.service.disk_guard import DiskGuard
from daemon.service.resident_memory import resident_bytes
from daemon.service.scan_loop import ScanLoop
from daemon.service.scheduler import Scheduler
from daemon.service.sd_notify import SdNotifier
from daemon.service.status_file import StatusFile
from daemon.service.takeover import adopting_command
from daemon.settings import Settings
from daemon.spool.job_ids import is_job_id, made_at_s
from daemon.spool.seen_index import SeenIndex
from daemon.spool.spool import Spool
from daemon.spool.thumbnails import remove_stale_thumbnails

RETENTION_CHECK_S = 600.0
"""From one expiry to the next."""

EXPIRY_TURN_S = 0.05
"""Expiry takes at most so long in one iteration of the loop, and the loop has as much for everything else: twenty thousand sources take
a minute on a slow disk, and the watchdog must not wait for them."""

STATUS_INTERVAL_S = 1.0
MAX_WAITING_SHOWN = 200


class Housekeeping:
    """Periodic tasks beside the jobs.

    Attributes:
        settings: may be replaced at any time.
        health: at most a second older than the loop's last iteration; None before the first. Any thread may read it.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        scheduler: Scheduler,
        scan_loop: ScanLoop,
        disk_guard: DiskGuard,
        scanner: Scanner,
        watcher: Watcher,
        completion: Completion,
        log: EventLog,
        notifier: SdNotifier,
        dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        """Nothing is due before the first step. `dropped` returns the number of log records that were lost."""
        self._spool, self._scheduler, self._scan_loop, self._disk_guard = spool, scheduler, scan_loop, disk_guard
        self._scanner, self._watcher, self._completion = scanner, watcher, completion
        self._log, self._notifier, self._dropped = log, notifier, dropped
        self.settings = settings
        self.health: HealthSnapshot | None = None
        self._retention_at_s = self._status_at_s = 0.0
        self._expiry: Iterator[None] | None = None
        self._heartbeat_at_s: float | None = None
        self._last_hour: list[tuple[float, int, int]] = []
        self._seen = SeenIndex(spool.layout.seen)
        self._status_file = StatusFile(spool.layout.status / f"{spool.instance}.json")
        self._is_status_stale = False

    def step(self, now: float) -> None:
        """Do what is due: remove expired sources, publish the status, log the heartbeat."""
        if now >= self._retention_at_s:
            self._retention_at_s = now + (EXPIRY_TURN_S if self._continue_expiry() else RETENTION_CHECK_S)
        if now >= self._status_at_s:
            self._status_at_s = now + STATUS_INTERVAL_S
            self.health = self._health_snapshot(now)
            self._publish_status(now)
            self._spool.sync_acknowledged()
            self._is_status_stale = False
        else:
            self._is_status_stale = True
        if self._heartbeat_at_s is None:
            self._heartbeat_at_s = now + self.settings.log.heartbeat_s
        elif now >= self._heartbeat_at_s:
            self._heartbeat_at_s = now + self.settings.log.heartbeat_s
            self._log_heartbeat(now)

    def ping(self, now: float) -> None:
        """Show systemd's watchdog and readers of the status file that the loop runs; call this at each iteration."""
        self._notifier.ping(now)
        self._status_file.touch(now)

    def due_s(self) -> float:
        """When the next task is due."""
        times = [self._retention_at_s]
        if self._is_status_stale:  # what this iteration changed must be visible within a second, not when something else happens
            times.append(self._status_at_s)
        return min(times) if self._heartbeat_at_s is None else min(*times, self._heartbeat_at_s)

    def close(self) -> None:
        """Remove the status file, and take a last snapshot for the metrics."""
        self.health = self._health_snapshot(time.monotonic())
        self._status_file.remove()

    def _continue_expiry(self) -> bool:
        """Continue the expiry that is under way, or start one; returns whether something is left for the next iteration."""
        until_s = time.perf_counter() + EXPIRY_TURN_S
        self._expiry = self._expiry or self._remove_expired()
        for _ in self._expiry:
            if time.perf_counter() >= until_s:
                return True
        self._expiry = None
        return False

    def _remove_expired(self) -> Iterator[None]:
        """Remove the sources of drawings that were published longer ago than the retention time; yields after each one."""
        oldest_s = time.time() - 3600 * self.settings.storage.retention_h
        with suppress(OSError):  # the root may be gone for a while
            for job_folder in self._spool.layout.done.iterdir():
                if is_job_id(job_folder.name) and made_at_s(job_folder.name) < oldest_s:
                    with suppress(FileNotFoundError):  # another daemon was faster
                        if job_folder.stat().st_mtime < oldest_s:  # a job may have waited long before it was published
                            shutil.rmtree(job_folder, ignore_errors=True)
                yield
        yield from self._seen.forget(oldest_s)
        for folder in (self._spool.layout.outbox, self._spool.layout.failed):
            yield from remove_stale_thumbnails(folder)

    # --- status ------------------------------------------------------------------------------------------------------

    def summary(self, now: float) -> str:
        """The status on one line, for `systemctl status`."""
        in_inbox, deferred = self._scanner.count, len(self._scheduler.waiting)
        oldest = f" (oldest {_age(self._oldest_s(now))})" if in_inbox else ""
        parts = [f"{len(self._scheduler.running)} running", f"{in_inbox + deferred} waiting{oldest}"]
        breakers = (self._scheduler.models, self._scheduler.machine, self._scheduler.admission.workers)
        parts += [f"{each.reason[:120]} for {_age(now - each.opened_at_s)}" for each in breakers if each.opened_at_s is not None]
        if self._scheduler.is_paused:
            parts.append(f"{self._disk_guard.problem}: no job starts")
        if self._scan_loop.is_degraded:
            parts.append("the inbox can't be read")
        for barred in self._scheduler.barred.values():
            remedy = adopting_command(barred.folder)
            parts.append(f"{barred.jobs or 'some'} jobs of a dead daemon of user {barred.user} can't be taken over: {remedy}")
        if self._scanner.rejected:
            parts.append(self._rejected_text())
        completion = self._completion
        parts += [f"done {completion.done}", f"failed {completion.failed}"]
        if completion.reviewed:
            parts.append(f"to review {completion.reviewed}")
        return ", ".join(parts)

    def _rejected_text(self) -> str:
        """How many entries of the inbox are rejected, with the names of the first two."""
        rejected = sorted(self._scanner.rejected.items())
        names = [f"{shown_path((*folder, name))[:60]} ({reason})" for (folder, name), reason in rejected[:2]]
        if len(rejected) > len(names):
            names.append("...")
        return f"{len(rejected)} left in the inbox: {', '.join(names)}"

    def is_blocked(self) -> bool:
        """Whether the remaining drawings wait for a resource that is unavailable, not for their turn."""
        scheduler = self._scheduler
        breakers = (scheduler.models, scheduler.machine, scheduler.admission.workers)
        return self._scan_loop.is_degraded or scheduler.is_paused or any(breaker.state is not CircuitState.CLOSED for breaker in breakers)

    def _publish_status(self, now: float) -> None:
        summary = self.summary(now)
        self._notifier.notify_status(summary)
        candidates = (each for each in self._scanner.candidates() if not each.rejected)
        waiting = [
            {
                "name": shown_path((*each.folder, each.name)),
                "why": str(each.stability.wait_reason or "turn"),
                "age_s": round(now - each.stability.first_seen_s, 1),
            }
            for each in islice(candidates, MAX_WAITING_SHOWN)
        ]
        rejected = self._scanner.rejected
        listed = (
            {"name": shown_path((*folder, name)), "why": str(reason)}
            for (folder, name), reason in islice(rejected.items(), MAX_WAITING_SHOWN)
        )
        status: dict[str, Any] = {
            "summary": summary,
            "running": sorted(self._scheduler.running),
            "barred": sorted(self._scheduler.barred),
            "deferred": {each.job.id: each.reason for each in self._scheduler.waiting},
            "waiting": waiting,
            "waiting_count": self._scanner.count,
            "rejected": list(listed),
            "rejected_count": len(rejected),
        }
        self._status_file.move(self._spool.layout.status / f"{self._spool.instance}.json")
        self._status_file.publish(status)

    def _log_heartbeat(self, now: float) -> None:
        self._last_hour = [each for each in self._last_hour if each[0] > now - 3600]
        first = self._last_hour[0] if self._last_hour else (now, 0, 0)
        self._last_hour.append((now, self._completion.done, self._completion.failed))
        health = self._health_snapshot(now)
        self._log.emit(
            Event.DAEMON_HEARTBEAT,
            inbox_depth=health.inbox_depth,
            inbox_rejected=sum(health.inbox_rejected.values()),
            inbox_unstable=sum(1 for each in self._scanner.candidates() if each.stability.wait_reason is not None),
            jobs_waiting=health.jobs_waiting,
            jobs_barred=sum(barred.jobs for barred in self._scheduler.barred.values()) or None,
            in_flight=health.in_flight,
            oldest_pending_s=round(health.oldest_pending_s, 1),
            models_breaker=health.models_breaker,
            machine_breaker=health.machine_breaker,
            workers_breaker=health.workers_breaker,
            disk_free_bytes=health.disk_free_bytes,
            overflows=health.overflows,
            found_by_scan_only=self._scan_loop.found_by_scan_only,
            watch_mode=str(self._watcher.mode),
            log_dropped=health.log_dropped,
            rss_bytes=resident_bytes(),
            done_1h=self._completion.done - first[1],
            failed_1h=self._completion.failed - first[2],
        )

    def _health_snapshot(self, now: float) -> HealthSnapshot:
        scheduler = self._scheduler
        return HealthSnapshot(
            at_s=now,
            inbox_depth=self._scanner.count,
            inbox_rejected=Counter(map(str, self._scanner.rejected.values())),
            jobs_waiting=len(scheduler.waiting),
            in_flight=len(scheduler.running),
            workers=scheduler.worker_count,
            oldest_pending_s=self._oldest_s(now),
            models_breaker=scheduler.models.state.value,
            machine_breaker=scheduler.machine.state.value,
            workers_breaker=scheduler.admission.workers.state.value,
            disk_free_bytes=self._disk_guard.free_bytes,
            disk_reserve_bytes=self._disk_guard.reserve_bytes,
            is_degraded=self._scan_loop.is_degraded,
            overflows=self._watcher.overflows,
            log_dropped=self._dropped(),
        )

    def _oldest_s(self, now: float) -> float:
        """How long the oldest drawing that will be taken has been in the inbox."""
        return max((now - each.stability.first_seen_s for each in self._scanner.candidates() if not each.rejected), default=0.0)


def _age(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.0f}s"
