"""The parts of a daemon around one spool, put together as the settings say. Whoever turns them brings workers, log and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules
from daemon.inbox.watcher import Watcher
from daemon.log.events import EventLog
from daemon.policy.failures import Backoff
from daemon.service.completion import Completion
from daemon.service.housekeeping import Housekeeping
from daemon.service.scan_loop import ScanLoop
from daemon.service.scheduler import Scheduler
from daemon.service.sd_notify import SdNotifier
from daemon.settings import Settings
from daemon.spool.spool import Spool
from daemon.worker.pool import WorkerPool


@dataclass(frozen=True)
class Parts:
    """What knows what."""

    scanner: Scanner
    watch: Watcher
    completion: Completion
    scheduler: Scheduler
    scan_loop: ScanLoop
    housekeeping: Housekeeping


def assembled(
    settings: Settings,
    spool: Spool,
    log: EventLog,
    *,
    workers: WorkerPool,
    notifier: SdNotifier,
    watch: Watcher,
    has_leases: bool,
    dropped: Callable[[], int] = lambda: 0,
) -> Parts:
    """The parts; nothing is started.

    Args:
        has_leases: whether the kernel can say who writes to a file of the inbox.
        dropped: how many records the log has lost.
    """
    rules = StabilityRules(settings.inbox.debounce_s, settings.inbox.stable_s, settings.inbox.stable_samples)
    scanner = Scanner(spool.layout.inbox, rules, max_depth=settings.inbox.max_depth, has_leases=has_leases)
    completion = Completion(
        spool,
        log,
        max_attempts=settings.jobs.max_attempts,
        retry=Backoff(settings.jobs.retry_first_s, settings.jobs.retry_max_s),
    )
    scheduler = Scheduler(settings, spool, scanner=scanner, workers=workers, completion=completion, log=log)
    scan_loop = ScanLoop(settings, spool, scheduler=scheduler, scanner=scanner, watch=watch, log=log)
    housekeeping = Housekeeping(
        settings,
        spool,
        scheduler=scheduler,
        scan_loop=scan_loop,
        scanner=scanner,
        watch=watch,
        completion=completion,
        log=log,
        notifier=notifier,
        dropped=dropped,
    )
    return Parts(scanner, watch, completion, scheduler, scan_loop, housekeeping)
