"""`doodled run`: builds the daemon from its components, runs the main loop, and shuts everything down.

Signals only set flags and wake the loop: SIGTERM and SIGINT stop it (a second one without waiting), SIGHUP reloads the settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules
from daemon.inbox.watcher import Watcher, is_on_network
from daemon.log.events import Event, EventLog
from daemon.log.factory import open_log
from daemon.policy.failures import Backoff
from daemon.service.completion import Completion
from daemon.service.disk_guard import DiskGuard
from daemon.service.housekeeping import Housekeeping
from daemon.service.scan_loop import ScanLoop
from daemon.service.scheduler import Scheduler
from daemon.service.sd_notify import SdNotifier
from daemon.service.settings_reload import settings_in_force
from daemon.service.wakeup import SignalFlags, Wakeup, handle_signals
from daemon.settings import Executor, Settings, config_file, read_settings, root_folder
from daemon.spool.events import EventKind
from daemon.spool.private_folders import is_private
from daemon.spool.spool import Spool
from daemon.worker.cpu_quota import processor_count
from daemon.worker.cpu_slice import request_short_slices
from daemon.worker.pool import ProcessWorkerPool, WorkerPool
from pipeline.errors import ConfigError

EXIT_REJECTED: Final = 1
"""--drain left entries in the inbox that will not be taken."""

EXIT_TRANSIENT: Final = 75
"""EX_TEMPFAIL of sysexits.h: --drain left files that are being written, or jobs that wait for an unavailable resource."""

MAX_WAIT_S: Final = 5.0

WorkerFactory = Callable[[Callable[[], None]], WorkerPool]
"""Makes the workers, given a function that wakes the main loop."""


class Observer(Protocol):
    """Background threads that only watch."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


def run(config: Path | None, environ: Mapping[str, str], *, drain: bool, make_workers: WorkerFactory | None = None) -> int:
    """Run the daemon until it is stopped, or with `drain` until its work is done; returns the exit status.

    Args:
        make_workers: makes the workers; None makes those of the settings.

    Raises:
        SettingsError: the settings are invalid.
        ClusterUnusable: they ask for a Dask cluster, and Dask or a certificate is missing.
        SpoolUnusable: the spool's folders can't be used.
    """
    settings = read_settings(config, environ)
    root = root_folder(settings, environ)
    request_short_slices()
    wakeup, flags = Wakeup(), SignalFlags()
    with handle_signals(flags, wakeup), closing(wakeup), Spool.open(root, private=settings.inbox.private) as spool:
        log, writer = open_log(settings.log, environ, instance=spool.instance)
        with closing(writer):
            is_network = is_on_network(spool.layout.inbox)
            components = build_components(
                settings,
                spool,
                log,
                workers=(make_workers or _workers(settings, log))(wakeup.wake),
                notifier=SdNotifier.from_environ(environ),
                watcher=Watcher(spool.layout.inbox, partial(_hint, flags, wakeup), is_network=is_network),
                has_leases=not is_network,
                dropped=lambda: writer.dropped,
            )
            return _Daemon(settings, components, wakeup, flags, config, environ).run(drain=drain)


# --- composition -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Components:
    """The components of a daemon around one spool, which the main loop runs step by step."""

    spool: Spool
    log: EventLog
    workers: WorkerPool
    notifier: SdNotifier
    watcher: Watcher
    scanner: Scanner
    completion: Completion
    scheduler: Scheduler
    scan_loop: ScanLoop
    disk_guard: DiskGuard
    housekeeping: Housekeeping

    def step(self, now: float) -> None:
        """One iteration of the main loop: everything that is due at `now`, on the monotonic clock."""
        self.disk_guard.step(now)
        self.scan_loop.step(now)
        self.scheduler.step(now)
        self.housekeeping.step(now)

    def due_s(self, now: float) -> float:
        """When the next step is due if nothing wakes the loop before."""
        return min(self.scan_loop.due_s(), self.disk_guard.due_s(), self.scheduler.due_s(now), self.housekeeping.due_s())

    def apply_settings(self, settings: Settings) -> None:
        """Use new settings from now on; keys of `daemon.service.settings_reload.RESTART_KEYS` have the values of the start."""
        self.scheduler.apply_settings(settings)
        self.scan_loop.settings = self.disk_guard.settings = self.housekeeping.settings = settings


def build_components(
    settings: Settings,
    spool: Spool,
    log: EventLog,
    *,
    workers: WorkerPool,
    notifier: SdNotifier,
    watcher: Watcher,
    has_leases: bool,
    dropped: Callable[[], int] = lambda: 0,
) -> Components:
    """Build the components; nothing starts yet.

    Args:
        has_leases: whether the kernel knows which files of the inbox are open for writing, as on local file systems.
        dropped: returns the number of log records that were lost.
    """
    rules = StabilityRules(settings.inbox.debounce_s, settings.inbox.stable_s, settings.inbox.stable_samples)
    scanner = Scanner(
        spool.layout.inbox,
        rules,
        max_depth=settings.inbox.max_depth,
        has_leases=has_leases,
        is_allowed=partial(is_private, spool.layout) if settings.inbox.private else None,
    )
    retry = Backoff(settings.jobs.retry_first_s, settings.jobs.retry_max_s)
    completion = Completion(
        spool,
        log,
        max_attempts=settings.jobs.max_attempts,
        retry=retry,
        events=_hooked_events(settings),
        duplicates=settings.inbox.duplicates,
    )
    scheduler = Scheduler(settings, spool, scanner=scanner, workers=workers, completion=completion, log=log)
    scan_loop = ScanLoop(settings, spool, scheduler=scheduler, scanner=scanner, watcher=watcher, log=log)
    disk_guard = DiskGuard(settings, spool, scheduler=scheduler, log=log)
    housekeeping = Housekeeping(
        settings,
        spool,
        scheduler=scheduler,
        scan_loop=scan_loop,
        disk_guard=disk_guard,
        scanner=scanner,
        watcher=watcher,
        completion=completion,
        log=log,
        notifier=notifier,
        dropped=dropped,
    )
    return Components(spool, log, workers, notifier, watcher, scanner, completion, scheduler, scan_loop, disk_guard, housekeeping)


def _workers(settings: Settings, log: EventLog) -> WorkerFactory:
    """The workers of the settings; Dask is loaded only if it runs the jobs."""
    jobs = settings.jobs
    if jobs.executor is Executor.DASK:
        from daemon.cluster.connection import require_dask

        require_dask()
        from daemon.cluster.installation import Installation
        from daemon.cluster.pool import DaskWorkerPool

        return lambda wake: DaskWorkerPool(settings.dask, Installation.local(), max_jobs=jobs.workers, wake=wake, log=log)
    return lambda wake: ProcessWorkerPool(
        jobs.workers or processor_count(), recycle_after=jobs.recycle_after, memory_limit_mb=jobs.memory_limit_mb, wake=wake
    )


def _hint(flags: SignalFlags, wakeup: Wakeup) -> None:
    flags.inbox_changed = True
    wakeup.wake()


def _metrics(settings: Settings, components: Components) -> Observer | None:
    """The metrics file, if the settings ask for one; its library is loaded only then."""
    if settings.metrics.textfile is None:
        return None
    from daemon.metrics.textfile import MetricsFile

    return MetricsFile(settings.metrics.textfile, settings.metrics.textfile_s, components.log, lambda: components.housekeeping.health)


def _hooked_events(settings: Settings) -> frozenset[EventKind]:
    """The events for which there are hooks."""
    return frozenset(kind for kind in EventKind if getattr(settings.hooks, f"on_{kind}") is not None)


def _hooks(settings: Settings, spool: Spool, log: EventLog, environ: Mapping[str, str]) -> Observer | None:
    """The senders of hooks, if the settings have any; the HTTP client is loaded only then."""
    if not _hooked_events(settings):
        return None
    from daemon.hooks.sender import Hooks

    return Hooks(settings.hooks, spool.layout, log, environ)


# --- main loop -------------------------------------------------------------------------------------------------------


class _Daemon:
    """The main loop, from start to shutdown."""

    def __init__(  # noqa: PLR0917 - what `run` has opened or built
        self,
        settings: Settings,
        components: Components,
        wakeup: Wakeup,
        flags: SignalFlags,
        config: Path | None,
        environ: Mapping[str, str],
    ) -> None:
        self._started_settings = self._settings = settings
        self._parts = components
        self._wakeup, self._flags, self._config, self._environ = wakeup, flags, config, environ
        self._completed = 0
        self._metrics = _metrics(settings, components)
        self._hooks = _hooks(settings, components.spool, components.log, environ)

    def run(self, *, drain: bool) -> int:
        parts, log = self._parts, self._parts.log
        file = config_file(self._config, self._environ)
        root, digest = str(parts.spool.layout.root), self._settings.digest()
        log.emit(Event.DAEMON_START, root=root, config=str(file or "defaults"), config_digest=digest, drain=drain)
        reason, status = "error", 1
        try:
            parts.watcher.start()
            for observer in filter(None, (self._metrics, self._hooks)):
                observer.start()
            parts.scheduler.take_over(time.monotonic())
            parts.notifier.notify_ready(parts.housekeeping.summary(time.monotonic()))
            log.emit(Event.DAEMON_READY, watch_mode=str(parts.watcher.mode), recovered_jobs=parts.scheduler.recovered_count)
            if not drain:
                layout = parts.spool.layout
                log.print_to_terminal(f"drop images into {layout.inbox}; their animations appear in {layout.outbox}")
            reason, status = self._loop(drain=drain)
        finally:
            self._shut_down(reason)
        return status

    def _loop(self, *, drain: bool) -> tuple[str, int]:
        """Iterate until there is a reason to stop; returns it, and the exit status."""
        parts = self._parts
        idle_since_s = time.monotonic()
        while True:
            now = time.monotonic()
            self._apply_flags(now)
            parts.step(now)
            parts.housekeeping.ping(now)
            if self._flags.stops:
                return "signal", 0
            if self._note_completed() or parts.scheduler.is_busy:
                idle_since_s = now
            if drain and parts.scan_loop.scans and not parts.scheduler.is_busy:
                end = self._drain_end(now, idle_since_s)
                if end is not None:
                    return end
            max_wait_s = min(MAX_WAIT_S, parts.notifier.watchdog_s or MAX_WAIT_S)
            self._wakeup.wait(min(max_wait_s, max(0.0, parts.due_s(now) - time.monotonic())))

    def _apply_flags(self, now: float) -> None:
        if self._flags.reload:
            self._flags.reload = False
            self._reload_settings()
        if self._flags.inbox_changed:
            self._flags.inbox_changed = False
            self._parts.scan_loop.hint(now)

    def _note_completed(self) -> bool:
        """Note how many jobs were completed; returns whether any were since the last call."""
        before, self._completed = self._completed, self._parts.completion.ended_count
        return self._completed != before

    def _drain_end(self, now: float, idle_since_s: float) -> tuple[str, int] | None:
        """Reason and exit status if --drain ends now, else None."""
        scanner = self._parts.scanner
        if not (scanner.count or self._parts.scheduler.waiting or self._parts.scan_loop.is_degraded):
            return ("rejected files", EXIT_REJECTED) if scanner.rejected or scanner.lone_sidecars else ("drained", 0)
        if self._parts.housekeeping.is_blocked():
            return "waiting", EXIT_TRANSIENT
        if now - idle_since_s > self._settings.inbox.drain_patience_s:
            return "unfinished files", EXIT_TRANSIENT
        return None

    def _reload_settings(self) -> None:
        """Read the settings again. Invalid ones change nothing; those that need a restart stay as they were at the start."""
        try:
            read = read_settings(self._config, self._environ)
        except ConfigError as error:
            self._parts.log.emit(Event.CONFIG_REJECTED, path=str(error.path), problems=list(error.problems))
            return
        self._settings, pending = settings_in_force(self._started_settings, read)
        self._parts.apply_settings(self._settings)
        self._parts.log.set_level(self._settings.log.level)
        self._parts.log.emit(Event.CONFIG_RELOADED, config_digest=read.digest(), after_restart=pending or None)

    def _shut_down(self, reason: str) -> None:
        parts = self._parts
        parts.notifier.notify_stopping()
        parts.watcher.stop()
        in_flight = self._finish_running()
        if self._hooks is not None:
            self._hooks.stop()
        parts.housekeeping.close()
        done, failed = parts.completion.done, parts.completion.failed
        counts = {"in_flight": len(in_flight), "left": len(parts.scheduler.waiting), "done": done, "failed": failed}
        parts.log.emit(Event.DAEMON_STOP, reason=reason, **counts, in_flight_jobs=in_flight or None)
        if self._metrics is not None:  # last, because they count the record above
            self._metrics.stop()

    def _finish_running(self) -> list[str]:
        """Wait up to `jobs.stop_timeout_s` for running jobs; returns the ids of those that did not finish."""
        scheduler = self._parts.scheduler
        scheduler.stop()
        until_s = time.monotonic() + self._settings.jobs.stop_timeout_s
        while scheduler.running and self._flags.stops < 2 and time.monotonic() < until_s:
            scheduler.step(time.monotonic())
            self._parts.housekeeping.ping(time.monotonic())
            if scheduler.running:
                self._wakeup.wait(0.2)
        self._parts.workers.close()
        return scheduler.abandon_running()
