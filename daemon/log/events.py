"""What the daemon tells: one JSON object a line on stdout (OPERATIONS.md, section 4), or coloured lines on a terminal.

The events are a closed set, and etc/doc/logs.md explains each with its fields. Names of strangers come in through `daemon.files.filenames`;
everything else is made harmless here: no record is longer than 48 KiB, holds a line feed or a control character, or a secret.
`writer` writes, `formats` knows other people's names for our fields, `journal` tells the journal itself.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import structlog

from daemon.log.formats import Record, Shape, plain
from daemon.version import version

SCHEMA: Final = 1
MAX_RECORD_BYTES: Final = 47 * 1024
MAX_TEXT: Final = 2000


class Event(StrEnum):
    """Everything that is ever told."""

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
    JOB_CLAIMED = "job.claimed"
    STAGE_DONE = "stage.done"
    STAGE_FAILED = "stage.failed"
    UPSTREAM_RETRY = "upstream.retry"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_HALF_OPEN = "breaker.half_open"
    BREAKER_CLOSED = "breaker.closed"
    JOB_RETRIED = "job.retried"
    JOB_DEFERRED = "job.deferred"
    JOB_DUPLICATE = "job.duplicate"
    JOB_RECOVERED = "job.recovered"
    JOB_LOST = "job.lost"
    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    AUTH_REJECTED = "auth.rejected"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REJECTED = "config.rejected"
    DISK_LOW = "disk.low"
    DISK_RECOVERED = "disk.recovered"
    METRICS_READY = "metrics.ready"
    METRICS_UNAVAILABLE = "metrics.unavailable"
    GALLERY_UNAVAILABLE = "gallery.unavailable"


WARNINGS: Final = frozenset(
    {
        Event.WATCH_OVERFLOW,
        Event.WATCH_RESTARTED,
        Event.INBOX_DEGRADED,
        Event.FILE_REJECTED,
        Event.STAGE_FAILED,
        Event.UPSTREAM_RETRY,
        Event.BREAKER_OPENED,
        Event.JOB_RETRIED,
        Event.JOB_DEFERRED,
        Event.JOB_RECOVERED,
        Event.JOB_LOST,
        Event.DAEMON_SUPERSEDED,
        Event.AUTH_REJECTED,
        Event.CONFIG_REJECTED,
        Event.DISK_LOW,
        Event.METRICS_UNAVAILABLE,
        Event.GALLERY_UNAVAILABLE,
    },
)
PRIORITY: Final = {"error": 3, "warning": 4, "info": 6}
"""syslog's numbers (sd-daemon(3))."""

_RENDER: Final = structlog.processors.JSONRenderer(ensure_ascii=True, default=str)
_SECRETS = (
    re.compile(r"(?<=://)[^/\s@]+:[^/\s@]*@"),
    re.compile(r"(?i)\bbearer\s+[\w.~+/=-]+"),
    re.compile(r"(?i)\b(?:token|(?:inference|api|management)[_ -]?key|password|secret|authorization)[\"']?\s*[=:]\s*[\"']?[\w.~+/=-]{6,}"),
)


class EventLog:
    """Where events go."""

    def __init__(
        self, write: Callable[[str], None], *, instance: str, pretty: bool = False, priorities: bool = False, shape: Shape = plain
    ) -> None:
        """Nothing is written yet.

        Args:
            write: takes a line.
            pretty: lines for people instead of JSON.
            priorities: lines begin with <3>, <4> or <6>, as journald reads them.
            shape: what fields are called, see `formats`.
        """
        self._write = write
        self._shape = shape
        self._observers: list[Callable[[Event, Mapping[str, Any]], None]] = []
        self._fields: dict[str, Any] = {
            "schema": SCHEMA,
            "service": "doodled",
            "version": version(),
            "instance": instance,
            "boot_id": _boot_id(),
            "pid": os.getpid(),
        }
        self._priorities = priorities
        self._for_people = structlog.dev.ConsoleRenderer(colors=True) if pretty else None

    def observe(self, observer: Callable[[Event, Mapping[str, Any]], None]) -> None:
        """From now on, show `observer` every event with its fields, as they come in: on whichever thread tells, so it must be quick."""
        self._observers.append(observer)

    def emit(self, event: Event, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write a record. None and empty texts are left out."""
        for observer in self._observers:
            with suppress(Exception):  # who only watches must not be able to stop what is watched
                observer(event, fields)
        level = "error" if event is Event.JOB_FAILED else "warning" if event in WARNINGS else "info"
        told = {name: clean(value) for name, value in fields.items() if value is not None and value != ""}
        self._emit(event, {"timestamp": _now(), "level": level, "event": str(event), **self._fields, **told})

    def _emit(self, event: Event, record: Record) -> None:
        level = record["level"]
        if self._for_people is not None:
            if event is Event.STAGE_DONE:
                return  # people find it in the job's own line
            shown: MutableMapping[str, Any] = {name: value for name, value in record.items() if name not in self._fields}
            shown["timestamp"] = record["timestamp"][11:23]
            self._write(str(self._for_people(None, level, shown)))
            return
        prefix = f"<{PRIORITY[level]}>" if self._priorities else ""
        self._write(prefix + fitted(record, self._shape)[1])

    def aside(self, line: str) -> None:
        """Write a line that only people need: what it says is in a record already."""
        if self._for_people is not None:
            self._write(line)


def clean(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value without secrets and control characters, its texts of bounded length."""
    if isinstance(value, str):
        text = value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
        for secret in _SECRETS:
            text = secret.sub("[redacted]", text)
        return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
    if isinstance(value, Mapping):
        return {str(key): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value[:100]]
    return value


def fitted(record: Record, shape: Shape = plain) -> tuple[Record, str]:
    """A record in its shape and as JSON, at most MAX_RECORD_BYTES long: what is too long is cut, and the record says so."""
    shaped, line = _rendered(record, shape)
    if len(line) > MAX_RECORD_BYTES:
        small = {name: _short(value) for name, value in record.items()}
        shaped, line = _rendered({**small, "truncated": True}, shape)
        if len(line) > MAX_RECORD_BYTES:
            shaped, line = _rendered({**{name: small[name] for name in list(small)[:12]}, "truncated": True}, shape)
    return shaped, line


def _rendered(record: Record, shape: Shape) -> tuple[Record, str]:
    shaped = shape(record)
    return shaped, str(_RENDER(None, "", dict(shaped)))


def _short(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value in so few characters that all fields of a record fit; lists and objects become a text of their beginning."""
    if isinstance(value, str):
        return value[:200]
    return json.dumps(value, default=str)[:200] if isinstance(value, list | dict) else value


def is_journal(environ: Mapping[str, str]) -> bool:
    """Whether stdout is what systemd connected to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    status = os.fstat(1)
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")
    except OSError:
        return ""
