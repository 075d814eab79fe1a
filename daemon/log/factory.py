"""The log that the settings ask for: where it goes, and what its records look like."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from daemon.log.events import EventLog, is_journal
from daemon.log.formats import Shape, ecs, otel, plain
from daemon.log.journal import JournalLog
from daemon.log.writer import BackgroundWriter, JournalWriter, LineWriter
from daemon.settings import LogFormat, LogSettings, LogTarget

_SHAPES: Final[Mapping[LogFormat, Shape]] = {LogFormat.ECS: ecs, LogFormat.OTEL: otel}


def opened_log(chosen: LogSettings, environ: Mapping[str, str], *, instance: str) -> tuple[EventLog, BackgroundWriter]:
    """The log and what writes it, to be closed at the end.

    Where there is no journal, `to = "journal"` comes to stdout: a container has none, and must not be silent.
    """
    if chosen.to is LogTarget.JOURNAL:
        with suppress(OSError):
            journal = JournalWriter(chosen.journal_socket)
            return JournalLog(journal.send, instance=instance), journal
    writer = LineWriter(1)
    pretty = chosen.format is LogFormat.PRETTY or (chosen.format is LogFormat.AUTO and os.isatty(1))
    shape = _SHAPES.get(chosen.format, plain)
    return EventLog(writer.write, instance=instance, pretty=pretty, priorities=is_journal(environ), shape=shape), writer
