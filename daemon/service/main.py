"""`doodled run`: puts the daemon together, turns its loop, and takes it apart again.

Signals only set flags and wake the loop: SIGTERM and SIGINT stop it (a second one at once), SIGHUP reads the settings again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.inbox.watcher import Watcher, is_on_network
from daemon.log.events import Event, EventLog
from daemon.log.factory import open_log
from daemon.log.health_snapshot import HealthSnapshot
from daemon.log.writer import BackgroundWriter
from daemon.service.parts import assembled
from daemon.service.sd_notify import SdNotifier
from daemon.service.wakeup import SignalFlags, Wakeup, handle_signals
from daemon.settings import Settings, config_file, read_settings, root_folder
from daemon.spool.spool import Spool
from daemon.worker.cpu_quota import processor_count
from daemon.worker.cpu_slice import ask_for_short_slices
from daemon.worker.pool import ProcessWorkerPool, WorkerPool
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from daemon.gallery.keeper import Gallery
    from daemon.metrics.exporters import Exporters

EXIT_TRANSIENT: Final = 75
"""EX_TEMPFAIL of sysexits.h: --drain left jobs that wait for something that is out."""

LONGEST_WAIT_S: Final = 5.0
UNTIL_RESTART: Final = ("root", "inbox", "jobs", "metrics", "gallery")
"""Settings that SIGHUP does not change."""


Hiring = Callable[[Callable[[], None]], WorkerPool]


def _pool(settings: Settings) -> Hiring:
    jobs = settings.jobs
    return lambda wake: ProcessWorkerPool(
        jobs.workers or processor_count(), recycle_after=jobs.recycle_after, memory_limit_mb=jobs.memory_limit_mb, wake=wake
    )


def _outlets(settings: Settings, log: EventLog, health: Callable[[], HealthSnapshot | None]) -> Exporters | None:
    """Where metrics go; their library is only loaded where somebody wants them."""
    if not settings.metrics.port and settings.metrics.textfile is None:
        return None
    from daemon.metrics.exporters import Exporters

    return Exporters(settings.metrics, log, health)


def _gallery(settings: Settings, spool: Spool, log: EventLog) -> Gallery | None:
    if not settings.gallery.enabled:
        return None
    from daemon.gallery.keeper import Gallery

    return Gallery(spool.layout, log, instance=spool.instance, update_s=settings.gallery.update_s)


def run(config: Path | None, environ: Mapping[str, str], *, drain: bool, hired: Hiring | None = None) -> int:
    """Run the daemon; returns the process's exit status.

    Args:
        hired: who works, given how to wake the loop; None is a pool of processes as the settings say.

    Raises:
        SettingsError: the settings are not in order.
        SpoolUnusable: the folders can't be used.
    """
    settings = read_settings(config, environ)
    root = root_folder(settings, environ)
    ask_for_short_slices()
    bell, flags = Wakeup(), SignalFlags()
    with handle_signals(flags, bell), Spool.opened(root) as spool:
        log, writer = open_log(settings.log, environ, instance=spool.instance)
        try:
            return _Daemon(settings, spool, log, writer, bell, flags, config, environ, hired).run(drain=drain)
        finally:
            writer.close()
            bell.close()


class _Daemon:
    """All the parts, and the loop that turns them."""

    def __init__(  # noqa: PLR0917 - this is where everything comes together
        self,
        settings: Settings,
        spool: Spool,
        log: EventLog,
        writer: BackgroundWriter,
        bell: Wakeup,
        flags: SignalFlags,
        config: Path | None,
        environ: Mapping[str, str],
        hired: Hiring | None,
    ) -> None:
        self._settings, self._spool, self._log, self._bell, self._flags = settings, spool, log, bell, flags
        self._config, self._environ = config, environ
        self._ended = 0
        self._notifier = SdNotifier.of(environ)
        is_network = is_on_network(spool.layout.inbox)
        self._workers = (hired or _pool(settings))(bell.ring)
        self._watch = Watcher(spool.layout.inbox, self._hint, is_network=is_network)
        parts = assembled(
            settings,
            spool,
            log,
            workers=self._workers,
            notifier=self._notifier,
            watch=self._watch,
            has_leases=not is_network,
            dropped=lambda: writer.dropped,
        )
        self._scanner, self._completion, self._scheduler = parts.scanner, parts.completion, parts.scheduler
        self._scan_loop, self._housekeeping = parts.scan_loop, parts.housekeeping
        self._outlets = _outlets(settings, log, lambda: self._housekeeping.health)
        self._gallery = _gallery(settings, spool, log)

    def run(self, *, drain: bool) -> int:
        layout = self._spool.layout
        file = config_file(self._config, self._environ)
        self._log.emit(
            Event.DAEMON_START, root=str(layout.root), config=str(file or "defaults"), config_digest=self._settings.digest(), drain=drain
        )
        reason, status = "error", 1
        try:
            self._watch.start()
            if self._outlets is not None:
                self._outlets.start()
            if self._gallery is not None:
                self._gallery.start()
            self._scheduler.take_over(time.monotonic())
            summary = self._housekeeping.summary(time.monotonic())
            self._notifier.ready(summary)
            self._log.emit(Event.DAEMON_READY, watch_mode=str(self._watch.mode), recovered_jobs=self._scheduler.recovered)
            reason, status = self._loop(drain=drain)
        finally:
            self._notifier.stopping()
            self._watch.stop()
            in_flight = self._wind_up()
            if self._gallery is not None:
                self._gallery.stop()
            self._housekeeping.close()
            left = len(self._scheduler.held)
            done, failed = self._completion.done, self._completion.failed
            counts = {"in_flight": len(in_flight), "left": left, "done": done, "failed": failed}
            self._log.emit(Event.DAEMON_STOP, reason=reason, **counts, in_flight_jobs=in_flight or None)
            if self._outlets is not None:
                self._outlets.stop()
        return status

    def _loop(self, *, drain: bool) -> tuple[str, int]:
        """Turn until there is a reason not to: that, and the exit status."""
        quiet_since_s = time.monotonic()
        while True:
            now = time.monotonic()
            self._turn(now)
            if self._flags.stops:
                return "signal", 0
            if self._scheduler.running or self._endings_changed():
                quiet_since_s = now
            if drain and self._scan_loop.scans and not self._scheduler.running:
                ended = self._drained(now, quiet_since_s)
                if ended is not None:
                    return ended
            due_s = min(self._scan_loop.due_s(), self._scheduler.due_s(now), self._housekeeping.due_s())
            longest_s = min(LONGEST_WAIT_S, self._notifier.watchdog_s or LONGEST_WAIT_S)
            self._bell.wait(min(longest_s, max(0.0, due_s - time.monotonic())))

    def _endings_changed(self) -> bool:
        count = self._completion.done + self._completion.failed
        changed, self._ended = count != self._ended, count
        return changed

    def _turn(self, now: float) -> None:
        if self._flags.reload:
            self._flags.reload = False
            self._reload()
        if self._flags.hinted:
            self._flags.hinted = False
            self._scan_loop.hinted(now)
        self._scan_loop.step(now)
        self._scheduler.step(now)
        self._housekeeping.step(now)
        self._housekeeping.alive(now)

    def _drained(self, now: float, quiet_since_s: float) -> tuple[str, int] | None:
        """Why and how --drain ends now, or None."""
        left = [each for each in self._scanner.waiting() if not each.rejected]
        if not left and not self._scheduler.held:
            return "drained", 0
        if self._housekeeping.is_waiting_for_others():
            return "waiting", EXIT_TRANSIENT
        if now - quiet_since_s > self._settings.inbox.drain_patience_s:
            return "unfinished files", 0
        return None

    def _wind_up(self) -> list[str]:
        """Let what runs finish, for a while; returns the jobs that did not."""
        self._scheduler.stop()
        until_s = time.monotonic() + self._settings.jobs.stop_timeout_s
        while self._scheduler.running and self._flags.stops < 2 and time.monotonic() < until_s:
            self._scheduler.step(time.monotonic())
            self._housekeeping.alive(time.monotonic())
            if self._scheduler.running:
                self._bell.wait(0.2)
        self._workers.close()
        return self._scheduler.abandon()

    def _hint(self) -> None:
        self._flags.hinted = True
        self._bell.ring()

    def _reload(self) -> None:
        """Read the settings again; those that are not in order change nothing. Folders, workers and scanner stay until a restart."""
        try:
            settings = read_settings(self._config, self._environ)
        except ConfigError as error:
            self._log.emit(Event.CONFIG_REJECTED, path=str(error.path), problems=list(error.problems))
            return
        fixed = [name for name in UNTIL_RESTART if getattr(settings, name) != getattr(self._settings, name)]
        self._settings = settings
        self._scheduler.use(settings)
        self._scan_loop.settings = self._housekeeping.settings = settings
        self._log.set_level(settings.log.level)
        self._log.emit(Event.CONFIG_RELOADED, config_digest=settings.digest(), after_restart=fixed or None)
