"""Everything around the jobs: what is kept and for how long, and what operators are told."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from daemon.files.filenames import shown_path
from daemon.inbox.scanner import Scanner
from daemon.inbox.watcher import Watcher
from daemon.log.events import Event, EventLog
from daemon.log.health_snapshot import HealthSnapshot
from daemon.policy.circuit_breaker import CircuitState
from daemon.service.completion import Completion
from daemon.service.health import resident_bytes
from daemon.service.scan_loop import ScanLoop
from daemon.service.scheduler import Scheduler
from daemon.service.sd_notify import SdNotifier
from daemon.service.status_file import StatusFile
from daemon.settings import Settings
from daemon.spool.job_ids import is_job_id, made_at_s
from daemon.spool.seen_index import SeenIndex
from daemon.spool.spool import Spool

RETENTION_CHECK_S = 600.0
STATUS_S = 1.0
MOST_SHOWN = 200


class Housekeeping:
    """Keeps order, and everybody informed.

    Attributes:
        settings: may be replaced at any time.
        health: how everything was a second ago, or when the loop turned last; None before it has. May be read from any thread.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        scheduler: Scheduler,
        scan_loop: ScanLoop,
        scanner: Scanner,
        watch: Watcher,
        completion: Completion,
        log: EventLog,
        notifier: SdNotifier,
        dropped: Callable[[], int] = lambda: 0,
    ) -> None:
        self._spool, self._scheduler, self._scan_loop, self._scanner, self._watch = spool, scheduler, scan_loop, scanner, watch
        self._completion, self._log, self._notifier, self._dropped = completion, log, notifier, dropped
        self.settings = settings
        self.health: HealthSnapshot | None = None
        self._retention_at_s = self._status_at_s = 0.0
        self._heartbeat_at_s: float | None = None
        self._hour: list[tuple[float, int, int]] = []
        self._earlier = SeenIndex(spool.layout.seen)
        self._status_file = StatusFile(spool.layout.status / f"{spool.instance}.json")
        self._is_status_old = False

    def step(self, now: float) -> None:
        """Everything that is due at this time."""
        if now >= self._retention_at_s:
            self._retention_at_s = now + RETENTION_CHECK_S
            self._remove_old()
        if now >= self._status_at_s:
            self._status_at_s = now + STATUS_S
            self.health = self._health(now)
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
        times = [self._retention_at_s]
        if self._is_status_old:  # what the last turn changed is to be seen within a second, not when something else happens
            times.append(self._status_at_s)
        return min(times) if self._heartbeat_at_s is None else min(*times, self._heartbeat_at_s)

    def close(self) -> None:
        """Take back what was told of this instance, and look around once more."""
        self.health = self._health(time.monotonic())
        self._status_file.remove()

    def _remove_old(self) -> None:
        oldest_s = time.time() - 3600 * self.settings.storage.retention_h
        with suppress(OSError):  # the root may be gone for a while
            for place in self._spool.layout.done.iterdir():
                if is_job_id(place.name) and made_at_s(place.name) < oldest_s:
                    with suppress(FileNotFoundError):  # another daemon was faster
                        if place.stat().st_mtime < oldest_s:  # its results left it when they had been published
                            shutil.rmtree(place, ignore_errors=True)
        self._earlier.forget(oldest_s)

    # --- telling -----------------------------------------------------------------------------------------------------

    def summary(self, now: float) -> str:
        """One line for `systemctl status`."""
        running, waiting, held = len(self._scheduler.running), self._scanner.count, len(self._scheduler.held)
        oldest_s = self._oldest_s(now)
        parts = [f"{running} running", f"{waiting + held} waiting" + (f" (oldest {_age(oldest_s)})" if waiting else "")]
        breakers = (self._scheduler.networks, self._scheduler.machine)
        parts += [f"{each.reason[:120]} for {_age(now - each.opened_at_s)}" for each in breakers if each.opened_at_s is not None]
        parts += ["the disk is nearly full: nothing new is started"] * self._scheduler.is_paused
        parts += ["the inbox can't be read"] * self._scan_loop.is_degraded
        out = sorted(self._scanner.out_of_reach)
        named = ", ".join(shown_path((*folder, name))[:60] for folder, name in out[:2])
        parts += [f"{len(out)} can't be taken: {named}{', ...' * (len(out) > 2)} (no ordinary file, or no permission)"] * bool(out)
        return ", ".join([*parts, f"done {self._completion.done}", f"failed {self._completion.failed}"])

    def _tell_status(self, now: float) -> None:
        summary = self.summary(now)
        self._notifier.status(summary)
        waiting = [
            {
                "name": shown_path((*each.folder, each.name)),
                "why": each.rejected or str(each.settling.waiting or "turn"),
                "age_s": round(now - each.settling.first_seen_s, 1),
            }
            for each, _ in zip(self._scanner.waiting(), range(MOST_SHOWN), strict=False)
        ]
        status: dict[str, Any] = {
            "summary": summary,
            "running": sorted(self._scheduler.running),
            "held": {held.job.id: held.reason for held in self._scheduler.held},
            "waiting": waiting,
            "waiting_count": self._scanner.count,
        }
        self._status_file.move(self._spool.layout.status / f"{self._spool.instance}.json")
        self._status_file.publish(status)

    def _beat(self, now: float) -> None:
        self._hour = [each for each in self._hour if each[0] > now - 3600]
        first = self._hour[0] if self._hour else (now, 0, 0)
        self._hour.append((now, self._completion.done, self._completion.failed))
        health = self._health(now)
        self._log.emit(
            Event.DAEMON_HEARTBEAT,
            inbox_depth=health.inbox_depth,
            waiting_stable=sum(1 for each in self._scanner.waiting() if each.settling.waiting is not None),
            deferred=health.deferred,
            in_flight=health.in_flight,
            oldest_pending_s=round(health.oldest_pending_s, 1),
            breaker=health.breaker,
            machine=health.machine,
            disk_free_bytes=health.disk_free_bytes,
            overflows=health.overflows,
            found_by_scan_only=self._scan_loop.found_by_scan_only,
            watch_mode=str(self._watch.mode),
            log_dropped=health.log_dropped,
            rss_bytes=resident_bytes(),
            done_1h=self._completion.done - first[1],
            failed_1h=self._completion.failed - first[2],
        )

    def _health(self, now: float) -> HealthSnapshot:
        scheduler = self._scheduler
        return HealthSnapshot(
            at_s=now,
            inbox_depth=self._scanner.count,
            deferred=len(scheduler.held),
            in_flight=len(scheduler.running),
            workers=scheduler.worker_count,
            oldest_pending_s=self._oldest_s(now),
            breaker=scheduler.networks.state.value,
            machine=scheduler.machine.state.value,
            disk_free_bytes=self._scan_loop.free_bytes,
            disk_reserve_bytes=self._scan_loop.reserve_bytes,
            is_degraded=self._scan_loop.is_degraded,
            overflows=self._watch.overflows,
            log_dropped=self._dropped(),
        )

    def _oldest_s(self, now: float) -> float:
        """How long what has waited longest in the inbox has waited."""
        return max((now - each.settling.first_seen_s for each in self._scanner.waiting()), default=0.0)

    def is_waiting_for_others(self) -> bool:
        """Whether what is left waits for something that is out, not for its turn."""
        scheduler = self._scheduler
        return scheduler.is_paused or any(breaker.state is not CircuitState.CLOSED for breaker in (scheduler.networks, scheduler.machine))


def _age(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.0f}s"
