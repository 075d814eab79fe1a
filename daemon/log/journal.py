"""Records for systemd's journal (`[log] to = "journal"`): EVENT=, JOB_ID=, DURATION_MS=, PRIORITY=, and a MESSAGE_ID for each event.

One datagram a record, as https://systemd.io/JOURNAL_NATIVE_PROTOCOL describes it. systemd-python's own sender is not used: it holds the GIL
while a stalled journald keeps it waiting, which stops every thread, the watchdog ping included (etc/doc/faults.md).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from daemon.log.messages import message_of
from daemon.log.processors import PRIORITY

_NAMESPACE: Final = uuid.UUID("5f2bb1de-3b0c-4c8e-9a53-6d1ab6f0c1d7")
"""Never changed: operators search for the identifiers that are derived from it."""

_SKIPPED: Final = frozenset({"timestamp", "level", "boot_id", "pid", "service"})
"""Known to journald: __REALTIME_TIMESTAMP, PRIORITY, _BOOT_ID, _PID, SYSLOG_IDENTIFIER."""

_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def message_id(event: str) -> str:
    """The identifier under which journald's catalog explains an event (`journalctl -x`)."""
    return uuid.uuid5(_NAMESPACE, str(event)).hex


def datagram(_logger: object, _level: str, record: Mapping[str, Any]) -> bytes:
    """A record in journald's native protocol. Objects and lists become JSON."""
    fields = {
        "MESSAGE": message_of(record),
        "MESSAGE_ID": message_id(record["event"]),
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
