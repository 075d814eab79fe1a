"""structlog processors that turn an event into a record that is safe to write: complete, redacted, printable and bounded in size.

Each takes the logger, the level and the record, and returns the record for the next one. File names come in through
`daemon.files.filenames`; all other text is made harmless here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from daemon.files.timestamps import time_now
from daemon.log.events import SCHEMA, Event, Output
from daemon.log.messages import message_of
from daemon.settings import LogLevel
from daemon.version import version

Record = dict[str, Any]
Processor = Callable[[Any, str, Any], Any]

MAX_RECORD_BYTES: Final = 47 * 1024
"""journald splits lines of 48 KiB (journald.conf(5), LineMax=), which would cut a JSON object into two invalid ones."""

MAX_TEXT: Final = 2000
MAX_ITEMS: Final = 100
PRIORITY: Final[Mapping[str, int]] = {LogLevel.ERROR: 3, LogLevel.WARNING: 4, LogLevel.INFO: 6, LogLevel.DEBUG: 7}
"""syslog's numbers (sd-daemon(3))."""

_ORDER: Final = {level: index for index, level in enumerate(LogLevel)}
_CORE: Final = ("schema", "service", "version", "instance", "boot_id", "pid")
_IN_MESSAGE: Final = ("file_name", "error_message")
_SHORT_TEXT: Final = 200
_FEW_FIELDS: Final = 12
_SECRETS: Final = (
    re.compile(r"(?<=://)[^/\s@]+:[^/\s@]*@"),
    re.compile(r"(?i)\bbearer\s+[\w.~+/=-]+"),
    re.compile(r"(?i)\b(?:token|(?:inference|api|management)[_ -]?key|password|secret|authorization)[\"']?\s*[=:]\s*[\"']?[\w.~+/=-]{6,}"),
)

render_json: Final = structlog.processors.JSONRenderer(ensure_ascii=True, default=str)


def notify_observers(logger: Output, _level: str, record: Record) -> Record:
    """Show the event and its fields to every observer; one that fails must not stop the daemon."""
    if logger.observers:
        fields = {name: value for name, value in record.items() if name != "event"}
        for observer in logger.observers:
            with suppress(Exception):
                observer(record["event"], fields)
    return record


def drop_below_level(logger: Output, level: str, record: Record) -> Record:
    """Drop records below the chosen level."""
    if _ORDER[LogLevel(level)] < _ORDER[logger.level]:
        raise structlog.DropEvent
    return record


def sanitize(_logger: object, _level: str, record: Record) -> Record:
    """Leave out empty fields; redact secrets, escape control characters and shorten texts in the others."""
    return {name: value if name == "event" else clean(value) for name, value in record.items() if value is not None and value != ""}


class AddCoreFields:
    """Puts the fields that every record has before the event's own."""

    def __init__(self, instance: str) -> None:
        values = (SCHEMA, "doodled", version(), instance, _boot_id(), os.getpid())
        self._core = dict(zip(_CORE, values, strict=True))

    def __call__(self, _logger: object, level: str, record: Record) -> Record:
        """The record with timestamp, level, event and core fields first."""
        event = record.pop("event")
        return {"timestamp": time_now(), "level": level, "event": str(event), **self._core, **record}


class Bounded:
    """Runs the last processors of a chain, and shortens the record until what they return fits into a log line."""

    def __init__(self, *processors: Processor) -> None:
        self._processors = processors

    def __call__(self, logger: object, level: str, record: Record) -> str | bytes:
        """The rendered record, at most MAX_RECORD_BYTES long; one that was shortened has the field `truncated`."""
        rendered: Any = b""
        for shorter in _shortened_versions(record):
            rendered = shorter
            for processor in self._processors:
                rendered = processor(logger, level, rendered)
            if len(rendered) <= MAX_RECORD_BYTES:
                break
        return rendered  # type: ignore[no-any-return]  # a renderer returns text or bytes


def prefix_priority(_logger: object, level: str, line: str) -> str:
    """The line with <3>, <4>, <6> or <7> before it, which journald reads as its priority."""
    return f"<{PRIORITY[level]}>{line}"


class RenderForTerminal:
    """Lines for people: time, level, message, and the event's other fields without the core ones."""

    def __init__(self) -> None:
        self._render = structlog.dev.ConsoleRenderer(colors=True)

    def __call__(self, logger: Any, level: str, record: Record) -> str:  # noqa: ANN401 - as structlog has it
        """A colored line; stages are left out, as the job's own record has their times."""
        if record["event"] == Event.STAGE_DONE:
            raise structlog.DropEvent
        shown = {name: value for name, value in record.items() if name not in {*_CORE, *_IN_MESSAGE}}
        shown["timestamp"] = record["timestamp"][11:23]
        shown["event"], shown["name"] = message_of(record), record["event"]
        return str(self._render(logger, level, shown))


def clean(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value without secrets and control characters, its texts and lists of bounded length."""
    if isinstance(value, str):
        text = value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
        for secret in _SECRETS:
            text = secret.sub("[redacted]", text)
        return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
    if isinstance(value, Mapping):
        return {str(key): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value[:MAX_ITEMS]]
    return value


def _shortened_versions(record: Record) -> Iterator[Record]:
    yield record
    small = {name: _short(value) for name, value in record.items()}
    yield {**small, "truncated": True}
    yield {**{name: small[name] for name in list(small)[:_FEW_FIELDS]}, "truncated": True}


def _short(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value in so few characters that all fields of a record fit; lists and objects become the beginning of their JSON."""
    if isinstance(value, str):
        return value[:_SHORT_TEXT]
    return json.dumps(value, default=str)[:_SHORT_TEXT] if isinstance(value, list | dict) else value


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")
    except OSError:
        return ""
