"""Logs as the settings ask for them: the chain of processors, and where records go."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from daemon.log.events import EventLog, Output
from daemon.log.formats import ecs, otel, plain
from daemon.log.journal import datagram
from daemon.log.processors import (
    AddCoreFields,
    Bounded,
    Processor,
    RenderForTerminal,
    drop_below_level,
    notify_observers,
    prefix_priority,
    render_json,
    sanitize,
)
from daemon.log.writer import BackgroundWriter, JournalWriter, LineWriter, is_journal
from daemon.settings import LogFormat, LogLevel, LogSettings, LogTarget

_SHAPES: Final[Mapping[LogFormat, Processor]] = {LogFormat.ECS: ecs, LogFormat.OTEL: otel}


def open_log(settings: LogSettings, environ: Mapping[str, str], *, instance: str) -> tuple[EventLog, BackgroundWriter]:
    """The log and its writer, which the caller closes.

    Without a journal, `to = "journal"` writes to stdout: a container has none, and must not be silent.
    """
    if settings.to is LogTarget.JOURNAL:
        with suppress(OSError):
            journal = JournalWriter(settings.journal_socket)
            return journal_log(journal.send, instance=instance, level=settings.level), journal
    writer = LineWriter(1)
    if settings.format is LogFormat.PRETTY or (settings.format is LogFormat.AUTO and os.isatty(1)):
        return terminal_log(writer.write, instance=instance, level=settings.level), writer
    shape = _SHAPES.get(settings.format, plain)
    log = json_log(writer.write, instance=instance, level=settings.level, shape=shape, has_priorities=is_journal(environ))
    return log, writer


def json_log(
    write: Callable[[str], None],
    *,
    instance: str,
    level: LogLevel = LogLevel.INFO,
    shape: Processor = plain,
    has_priorities: bool = False,
) -> EventLog:
    """A log of JSON lines.

    Args:
        write: takes a line without its end.
        shape: names the fields, see `formats`.
        has_priorities: lines begin with <3>, <4>, <6> or <7>, as journald reads them.
    """
    last: list[Processor] = [Bounded(shape, render_json)]
    if has_priorities:
        last.append(prefix_priority)
    return _log(Output(write, level=level), instance, last)


def terminal_log(write: Callable[[str], None], *, instance: str, level: LogLevel = LogLevel.INFO) -> EventLog:
    """A log of colored lines for people."""
    return _log(Output(write, level=level, has_terminal_lines=True), instance, [Bounded(RenderForTerminal())])


def journal_log(send: Callable[[bytes], None], *, instance: str, level: LogLevel = LogLevel.INFO) -> EventLog:
    """A log of entries for systemd's journal; `send` takes a datagram."""
    return _log(Output(send, level=level), instance, [Bounded(datagram)])


def _log(output: Output, instance: str, last: list[Processor]) -> EventLog:
    chain: list[Processor] = [notify_observers, drop_below_level, sanitize, AddCoreFields(instance), *last]
    return EventLog(output, chain, {})
