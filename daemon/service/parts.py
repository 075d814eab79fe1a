"""The parts of a daemon around one spool, put together as the settings say. Whoever turns them brings workers, log and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.policy.failures import Backoff
from daemon.service.completion import Completion
from daemon.inbox.scanner import Scanner
from daemon.log.events import EventLog
from daemon.service.sd_notify import SdNotifier
from daemon.service.scheduler import Scheduler
from daemon.settings import Settings
from daemon.inbox.stability import StabilityRules
from daemon.spool.spool import Spool
from daemon.service.scan_loop import ScanLoop
from daemon.service.housekeeping import Housekeeping
from daemon.inbox.watcher import Watcher
from daemon.worker.pool import WorkerPool


@dataclass(frozen=True)
class Parts:
    """What knows what."""

    intake: Scanner
    watch: Watcher
    endings: Completion
    service: Scheduler
    supplies: ScanLoop
    upkeep: Housekeeping


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
    rules = StabilityRules(settings.intake.quiet_s, settings.intake.stable_s, settings.intake.stable_samples)
    intake = Scanner(spool.layout.inbox, rules, max_depth=settings.intake.max_depth, has_leases=has_leases)
    endings = Completion(
        spool,
        log,
        max_attempts=settings.jobs.max_attempts,
        retry=Backoff(settings.jobs.retry_first_s, settings.jobs.retry_max_s),
    )
    service = Scheduler(settings, spool, intake=intake, workers=workers, endings=endings, log=log)
    supplies = ScanLoop(settings, spool, service=service, intake=intake, watch=watch, log=log)
    upkeep = Housekeeping(
        settings,
        spool,
        service=service,
        supplies=supplies,
        intake=intake,
        watch=watch,
        endings=endings,
        log=log,
        notifier=notifier,
        dropped=dropped,
    )
    return Parts(intake, watch, endings, service, supplies, upkeep)
