"""Entries for systemd's journal in its native protocol."""

from __future__ import annotations

import json
from typing import Any

from daemon.log.events import Event
from daemon.log.factory import journal_log
from daemon.log.journal import datagram, message_id

FAILURE: dict[str, Any] = {
    "job_id": "01M8",
    "file_name": "words.png",
    "file_size": 7,
    "file_sha256": "bee5",
    "outcome": "failure",
    "stage": "decode",
    "error_type": "unsupported",
    "error_message": "the file is text",
    "duration_ms": 12.5,
    "stages_ms": {"decode": 1.5},
}


def test_datagram_has_every_field_once_in_capitals() -> None:
    sent: list[bytes] = []
    journal_log(sent.append, instance="one").emit(Event.JOB_FAILED, **FAILURE)
    fields = dict(line.split(b"=", 1) for line in sent[0].splitlines())
    assert fields[b"PRIORITY"] == b"4"
    assert fields[b"SYSLOG_IDENTIFIER"] == b"doodled"
    assert fields[b"MESSAGE_ID"].decode() == message_id(Event.JOB_FAILED)
    assert fields[b"DURATION_MS"] == b"12.5"
    assert json.loads(fields[b"STAGES_MS"]) == {"decode": 1.5}
    assert b"TIMESTAMP" not in fields
    assert len(fields) == sent[0].count(b"\n")


def test_message_ids_never_change() -> None:
    assert message_id(Event.JOB_FAILED) == "2c5ecd6fec5650e5849b0d9a1c085d69"
    assert len({message_id(event) for event in Event}) == len(Event)


def test_datagram_gives_length_of_value_with_line_feed() -> None:
    record = {"level": "info", "event": "job.done", "service": "doodled", "error_message": "two\nlines"}
    assert b"ERROR_MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n" in datagram(None, "info", record)


def test_datagram_size_is_bounded() -> None:
    sent: list[bytes] = []
    journal_log(sent.append, instance="one").emit(Event.JOB_FAILED, **{f"field_{number}": "\u20ac" * 1900 for number in range(1000)})
    assert len(sent[0]) <= 48 * 1024
    assert b"TRUNCATED=true\n" in sent[0]
