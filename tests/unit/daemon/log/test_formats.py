"""Field names for other log stores, messages, and entries for systemd's journal."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from daemon.log.events import Event
from daemon.log.factory import journal_log, json_log
from daemon.log.formats import ecs, otel
from daemon.log.journal import datagram, message_id
from daemon.log.messages import message_of
from daemon.log.processors import MAX_RECORD_BYTES, Processor
from daemon.log.writer import JournalWriter

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


def logged(shape: Processor, **fields: Any) -> dict[str, Any]:
    lines: list[str] = []
    json_log(lines.append, instance="one", shape=shape).emit(Event.JOB_FAILED, **fields)
    record: dict[str, Any] = json.loads(lines[0])
    return record


def test_ecs_names() -> None:
    record = logged(ecs, **FAILURE)
    expected = {
        "log.level": "warning",
        "event.action": "job.failed",
        "event.outcome": "failure",
        "event.duration": 12_500_000,
        "service.name": "doodled",
        "service.node.name": "one",
        "file.name": "words.png",
        "file.size": 7,
        "file.hash.sha256": "bee5",
        "error.type": "unsupported",
        "error.message": "the file is text",
        "labels.job_id": "01M8",
        "labels.stage": "decode",
        "doodled.stages_ms": {"decode": 1.5},
        "message": "words.png not animated: the file is text",
    }
    assert expected.items() <= record.items()
    assert record["@timestamp"].endswith("Z")
    assert not {"timestamp", "event", "file_name", "duration_ms"} & set(record)


def test_opentelemetry_data_model() -> None:
    record = logged(otel, **FAILURE)
    assert (record["severity_text"], record["severity_number"], record["event_name"]) == ("WARNING", 13, "job.failed")
    assert record["resource"] == {**record["resource"], "service.name": "doodled", "service.instance.id": "one"}
    attributes = record["attributes"]
    assert {"file.name": "words.png", "error.type": "unsupported", "exception.message": "the file is text"}.items() <= attributes.items()
    assert attributes["doodled.duration_ms"] == 12.5
    assert not {"doodled.timestamp", "doodled.level", "doodled.event", "doodled.service"} & set(attributes)


@pytest.mark.parametrize("shape", [ecs, otel])
def test_long_records_are_shortened_in_every_format(shape: Processor) -> None:
    lines: list[str] = []
    json_log(lines.append, instance="one", shape=shape).emit(Event.JOB_FAILED, **{f"field_{number}": "z" * 1900 for number in range(1000)})
    assert len(lines[0]) <= MAX_RECORD_BYTES
    assert "truncated" in lines[0]


@pytest.mark.parametrize("event", Event)
def test_every_event_has_a_message_even_without_fields(event: Event) -> None:
    message = message_of({"event": str(event)})
    assert message
    assert message != str(event)


@pytest.mark.parametrize(
    ("event", "fields", "message"),
    [
        (Event.JOB_DONE, {"file_name": "garlic.jpg", "outputs": [{}, {}], "duration_ms": 812}, "garlic.jpg animated: 2 outputs in 812 ms"),
        (Event.JOB_DONE, {"file_name": "garlic.jpg", "outputs": "[{..."}, "job.done garlic.jpg"),
        (Event.JOB_CLAIMED, {"file_name": "garlic.jpg", "queue_wait_ms": 65_000}, "garlic.jpg claimed after 65 s"),
        (Event.JOB_DEFERRED, {"file_name": "garlic.jpg", "reason": "disk_full"}, "garlic.jpg deferred: disk_full"),
        (Event.DAEMON_READY, {"watch_mode": "events"}, "ready, watching the inbox by events"),
        (Event.FILE_REJECTED, {"reason": "and_more", "count": 7}, "7 further files left in the inbox"),
    ],
)
def test_message_says_what_happened_to_which_file(event: Event, fields: dict[str, Any], message: str) -> None:
    assert message_of({"event": str(event), **fields}) == message


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


def test_stalled_journal_blocks_no_caller(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        writer = JournalWriter(tmp_path / "socket")
        for _ in range(20_000):
            writer.send(b"EVENT=job.done\n" * 10)
        assert writer.dropped > 0
        assert journal.recv(1 << 16) == b"EVENT=job.done\n" * 10
    writer.close()  # the journal is gone: queued records are counted, not waited for


def test_reconnects_to_restarted_journal(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as old:
        old.bind(str(path))
        writer = JournalWriter(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as new:
        new.bind(str(path))
        writer.send(b"EVENT=job.done\n")
        writer.close()
        assert new.recv(100) == b"EVENT=job.done\n"
    assert writer.dropped == 0


def test_missing_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        JournalWriter(tmp_path / "none")
