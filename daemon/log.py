"""What the daemon tells: one JSON object a line on stdout (OPERATIONS.md, section 4), or coloured lines on a terminal.

The events are a closed set. A writer thread takes the lines, so that a reader that has stopped never stops the work; lines that find its
queue full are counted and left out. Names of strangers come in through `daemon.names`; everything else is made harmless here: no record
is longer than 48 KiB, holds a line feed or a control character, or a secret.
"""

from __future__ import annotations

import json
import os
import queue
import re
import threading
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import structlog

SCHEMA: Final = 1
MAX_RECORD_BYTES: Final = 47 * 1024
MAX_TEXT: Final = 2000
_QUEUE_LENGTH: Final = 10_000


class Event(StrEnum):
    """Everything that is ever told."""

    DAEMON_START = "daemon.start"
    DAEMON_READY = "daemon.ready"
    DAEMON_STOP = "daemon.stop"
    DAEMON_HEARTBEAT = "daemon.heartbeat"
    SCAN_DONE = "scan.done"
    WATCH_OVERFLOW = "watch.overflow"
    WATCH_RESTARTED = "watch.restarted"
    INBOX_DEGRADED = "inbox.degraded"
    INBOX_RECOVERED = "inbox.recovered"
    FILE_REJECTED = "file.rejected"
    JOB_CLAIMED = "job.claimed"
    STAGE_DONE = "stage.done"
    UPSTREAM_RETRY = "upstream.retry"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_HALF_OPEN = "breaker.half_open"
    BREAKER_CLOSED = "breaker.closed"
    JOB_RETRIED = "job.retried"
    JOB_DEFERRED = "job.deferred"
    JOB_DUPLICATE = "job.duplicate"
    JOB_RECOVERED = "job.recovered"
    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"
    CONFIG_RELOADED = "config.reloaded"
    CONFIG_REJECTED = "config.rejected"
    DISK_LOW = "disk.low"
    DISK_RECOVERED = "disk.recovered"


_WARNINGS = frozenset(
    {
        Event.WATCH_OVERFLOW,
        Event.WATCH_RESTARTED,
        Event.INBOX_DEGRADED,
        Event.FILE_REJECTED,
        Event.UPSTREAM_RETRY,
        Event.BREAKER_OPENED,
        Event.JOB_RETRIED,
        Event.JOB_DEFERRED,
        Event.JOB_RECOVERED,
        Event.CONFIG_REJECTED,
        Event.DISK_LOW,
    },
)
_PRIORITY = {"error": 3, "warning": 4, "info": 6}
_SECRETS = (
    re.compile(r"(?<=://)[^/\s@]+:[^/\s@]*@"),
    re.compile(r"(?i)\bbearer\s+[\w.~+/=-]+"),
    re.compile(r"(?i)\b(?:token|(?:inference|api|management)[_ -]?key|password|secret|authorization)[\"']?\s*[=:]\s*[\"']?[\w.~+/=-]{6,}"),
)


class LineWriter:
    """Writes lines on a thread of its own; never blocks who hands them in, and survives that nobody reads any more."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lines: queue.Queue[bytes | None] = queue.Queue(_QUEUE_LENGTH)
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take a line."""
        try:
            self._lines.put_nowait(line.encode("utf-8", "backslashreplace") + b"\n")
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is outstanding, for as long as the reader lets us, but not longer than `timeout_s`."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except OSError:
                self.dropped += 1


class EventLog:
    """Where events go."""

    def __init__(self, write: Callable[[str], None], *, instance: str, pretty: bool = False, priorities: bool = False) -> None:
        """Nothing is written yet.

        Args:
            write: takes a line.
            pretty: lines for people instead of JSON.
            priorities: lines begin with <3>, <4> or <6>, as journald reads them.
        """
        self._write = write
        self._fields: dict[str, Any] = {
            "schema": SCHEMA,
            "service": "doodled",
            "version": _version(),
            "instance": instance,
            "boot_id": _boot_id(),
            "pid": os.getpid(),
        }
        self._priorities = priorities
        self._for_people = structlog.dev.ConsoleRenderer(colors=True) if pretty else None

    def tell(self, event: Event, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write a record. None and empty texts are left out."""
        level = "error" if event is Event.JOB_FAILED else "warning" if event in _WARNINGS else "info"
        told = {name: clean(value) for name, value in fields.items() if value is not None and value != ""}
        record: dict[str, Any] = {"timestamp": _now(), "level": level, "event": str(event), **self._fields, **told}
        if self._for_people is not None:
            if event is Event.STAGE_DONE:
                return  # people find it in the job's own line
            shown: MutableMapping[str, Any] = {"timestamp": _now()[11:23], "level": level, "event": str(event), **told}
            self._write(str(self._for_people(None, level, shown)))
            return
        prefix = f"<{_PRIORITY[level]}>" if self._priorities else ""
        self._write(prefix + _bounded(record))

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


def _bounded(record: dict[str, Any]) -> str:
    render = structlog.processors.JSONRenderer(ensure_ascii=True, default=str)
    line = str(render(None, "", record))
    if len(line) <= MAX_RECORD_BYTES:
        return line
    small = {name: _short(value) for name, value in record.items()}
    line = str(render(None, "", {**small, "truncated": True}))
    if len(line) <= MAX_RECORD_BYTES:
        return line
    return str(render(None, "", {**{name: small[name] for name in list(small)[:12]}, "truncated": True}))


def _short(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value in so few characters that all fields of a record fit; lists and objects become a text of their beginning."""
    if isinstance(value, str):
        return value[:200]
    return json.dumps(value, default=str)[:200] if isinstance(value, list | dict) else value


def for_stdout(environ: Mapping[str, str], *, instance: str, pretty: bool | None) -> tuple[EventLog, LineWriter]:
    """The log on stdout: JSON unless it is a terminal, or as asked; with priorities where journald reads."""
    writer = LineWriter(1)
    is_pretty = os.isatty(1) if pretty is None else pretty
    return EventLog(writer.write, instance=instance, pretty=is_pretty, priorities=_is_journal(environ)), writer


def _is_journal(environ: Mapping[str, str]) -> bool:
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


def _version() -> str:
    try:
        return metadata.version("doodled")
    except metadata.PackageNotFoundError:
        return "0"
