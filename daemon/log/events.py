"""Log events: a closed list, the level of each, and the logger that emits them.

`EventLog` is a structlog bound logger. `factory` builds it with its chain of processors: `processors` turns an event into a record that is
safe to write, `formats` renames fields for other log stores, `messages` words the record, `journal` encodes it for systemd's journal, and
`writer` writes on a thread of its own. etc/doc/logging.md lists every event with its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

import structlog

from daemon.files.filenames import name_fields, shown_path
from daemon.policy.failures import INPUT_TYPES
from daemon.settings import LogLevel
from daemon.spool.job_folder import Job

SCHEMA: Final = 1
SLOW_SCAN_MS: Final = 1000.0

Observer = Callable[["Event", Mapping[str, Any]], None]


class Event(StrEnum):
    """Everything that the daemon logs."""

    DAEMON_START = "daemon.start"
    DAEMON_READY = "daemon.ready"
    DAEMON_STOP = "daemon.stop"
    DAEMON_HEARTBEAT = "daemon.heartbeat"
    DAEMON_SUPERSEDED = "daemon.superseded"
    SCAN_DONE = "scan.done"
    WATCH_OVERFLOW = "watch.overflow"
    WATCH_RESTARTED = "watch.restarted"
    INBOX_DEGRADED = "inbox.degraded"
    INBOX_RECOVERED = "inbox.recovered"
    FILE_REJECTED = "file.rejected"
    WORKERS_UNFIT = "workers.unfit"
    WORKERS_RECOVERED = "workers.recovered"
    WORKER_JOINED = "worker.joined"
    WORKER_LEFT = "worker.left"
    WORKER_REFUSED = "worker.refused"
    WORKER_OUTPUT = "worker.output"
    JOB_CLAIMED = "job.claimed"
    JOB_UNCLAIMED = "job.unclaimed"
    STAGE_DONE = "stage.done"
    STAGE_FAILED = "stage.failed"
    INFERENCE_RETRIED = "inference.retried"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_HALF_OPEN = "breaker.half_open"
    BREAKER_CLOSED = "breaker.closed"
    JOB_RETRIED = "job.retried"
    JOB_DEFERRED = "job.deferred"
    JOB_DUPLICATE = "job.duplicate"
    JOB_RECOVERED = "job.recovered"
    JOB_LOST = "job.lost"
    TAKEOVER_BARRED = "takeover.barred"
    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    JOB_REVIEW = "job.review"
    AUTH_REJECTED = "auth.rejected"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REJECTED = "config.rejected"
    DISK_LOW = "disk.low"
    DISK_RECOVERED = "disk.recovered"
    METRICS_READY = "metrics.ready"
    METRICS_UNAVAILABLE = "metrics.unavailable"
    HOOK_DELIVERED = "hook.delivered"
    HOOK_RETRIED = "hook.retried"
    HOOK_FAILED = "hook.failed"
    HOOK_UNAVAILABLE = "hook.unavailable"


WARNINGS: Final = frozenset(
    {
        Event.WATCH_OVERFLOW,
        Event.WATCH_RESTARTED,
        Event.INBOX_DEGRADED,
        Event.FILE_REJECTED,
        Event.WORKERS_UNFIT,
        Event.WORKER_REFUSED,
        Event.STAGE_FAILED,
        Event.INFERENCE_RETRIED,
        Event.BREAKER_OPENED,
        Event.JOB_UNCLAIMED,
        Event.JOB_RETRIED,
        Event.JOB_DEFERRED,
        Event.JOB_RECOVERED,
        Event.JOB_LOST,
        Event.TAKEOVER_BARRED,
        Event.JOB_REVIEW,
        Event.DAEMON_SUPERSEDED,
        Event.AUTH_REJECTED,
        Event.CONFIG_REJECTED,
        Event.DISK_LOW,
        Event.METRICS_UNAVAILABLE,
        Event.HOOK_RETRIED,
        Event.HOOK_FAILED,
        Event.HOOK_UNAVAILABLE,
    },
)
"""Events that an operator may want to act on."""


def level_of(event: Event, fields: Mapping[str, Any]) -> LogLevel:
    """The level of a record.

    An image that can't be animated is a user's concern, so its `job.failed` is a warning. A job that fails for any other reason, and a
    daemon that stops because of an error, are errors. Scans that find nothing are only of use for debugging.
    """
    if event is Event.SCAN_DONE and fields.get("new") == 0 and fields.get("duration_ms", 0) < SLOW_SCAN_MS:
        return LogLevel.DEBUG
    if event is Event.JOB_FAILED:
        return LogLevel.WARNING if str(fields.get("error_type")) in INPUT_TYPES else LogLevel.ERROR
    if event is Event.DAEMON_STOP and fields.get("reason") == "error":
        return LogLevel.ERROR
    return LogLevel.WARNING if event in WARNINGS else LogLevel.INFO


class Output:
    """End of the processor chain: takes rendered records.

    Attributes:
        level: records below it are dropped; may be replaced at any time.
        observers: called with every event, whatever its level.
    """

    def __init__(self, write: Callable[[Any], None], *, level: LogLevel = LogLevel.INFO, has_terminal_lines: bool = False) -> None:
        """`write` takes what the last processor returns; with `has_terminal_lines`, also the lines that only people read."""
        self.level = level
        self.observers: list[Observer] = []
        self.has_terminal_lines = has_terminal_lines
        self.debug = self.info = self.warning = self.error = self.write = write


class EventLog(structlog.BoundLoggerBase):
    """Structured logger whose events are a closed list."""

    _logger: Output

    def emit(self, event: Event, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write a record of the event with the bound fields and these; None and "" are left out."""
        self._proxy_to_logger(level_of(event, fields), event, **fields)

    def for_job(self, job: Job) -> EventLog:
        """A logger that adds the job's id, attempt, file name and folder to every record."""
        return self.bind(job_id=job.id, attempt=job.attempts, **name_fields(job.name), folder=shown_path(job.folder))

    def observe(self, observer: Observer) -> None:
        """Call `observer` with every later event and its fields, on the thread that emits it; it must return quickly."""
        self._logger.observers.append(observer)

    def set_level(self, level: LogLevel) -> None:
        """From now on, drop records below `level`."""
        self._logger.level = level

    def print_to_terminal(self, line: str) -> None:
        """Write a line that only a person at a terminal needs, unless records of this severity are dropped."""
        if self._logger.has_terminal_lines and self._logger.level in {LogLevel.DEBUG, LogLevel.INFO}:
            self._logger.write(line)
