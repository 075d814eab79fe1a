"""The log as fields of systemd's journal (`[log] to = "journal"`): EVENT=, JOB_ID=, DURATION_MS=, true priorities, a MESSAGE_ID an event.

One datagram a record, as https://systemd.io/JOURNAL_NATIVE_PROTOCOL describes it; journald takes it as it is, whatever is in it.
systemd-python's own sender holds the GIL while a journal that has stopped keeps it waiting, so it is not used (OPERATIONS.md, fact 6).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from daemon.log.events import PRIORITY, Event, EventLog, fitted
from daemon.log.formats import sentence

_NAMESPACE: Final = uuid.UUID("5f2bb1de-3b0c-4c8e-9a53-6d1ab6f0c1d7")
"""Ours; never changed, since operators search for what is made of it."""

_SKIPPED: Final = frozenset({"timestamp", "level", "boot_id", "pid", "service"})
"""What journald knows better: __REALTIME_TIMESTAMP, PRIORITY, _BOOT_ID, _PID, SYSLOG_IDENTIFIER."""

_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def message_id(event: Event) -> str:
    """The identifier under which journald's catalogue explains an event (`journalctl -x`)."""
    return uuid.uuid5(_NAMESPACE, str(event)).hex


class JournalLog(EventLog):
    """Events as journal entries.

    Args:
        send: takes a datagram.
    """

    def __init__(self, send: Callable[[bytes], None], *, instance: str) -> None:
        super().__init__(lambda _: None, instance=instance)
        self._send = send

    def _emit(self, event: Event, record: dict[str, Any]) -> None:
        self._send(datagram(event, fitted(record)[0]))


def datagram(event: Event, record: Mapping[str, Any]) -> bytes:
    """A record in journald's native protocol. Objects and lists become JSON."""
    fields = {
        "MESSAGE": sentence(record),
        "MESSAGE_ID": message_id(event),
        "PRIORITY": str(PRIORITY[record["level"]]),
        "SYSLOG_IDENTIFIER": str(record["service"]),
    }
    fields |= {name.upper(): _text(value) for name, value in record.items() if name not in _SKIPPED and _NAME.fullmatch(name.upper())}
    return b"".join(_encoded(name, value) for name, value in fields.items())


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return value if isinstance(value, str) else json.dumps(value)


def _encoded(name: str, value: str) -> bytes:
    content = value.encode("utf-8", "backslashreplace")
    if b"\n" in content:
        return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"
    return name.encode() + b"=" + content + b"\n"
