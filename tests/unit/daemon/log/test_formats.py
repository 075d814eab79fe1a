"""Field names for other stores, and entries for systemd's journal."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from daemon.log.events import MAX_RECORD_BYTES, Event, EventLog
from daemon.log.formats import Shape, ecs, otel, sentence
from daemon.log.journal import JournalLog, datagram, message_id
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


def logged(shape: Shape, **fields: Any) -> dict[str, Any]:
    lines: list[str] = []
    EventLog(lines.append, instance="one", shape=shape).emit(Event.JOB_FAILED, **fields)
    record: dict[str, Any] = json.loads(lines[0])
    return record


def test_elastic_finds_its_names() -> None:
    record = logged(ecs, **FAILURE)
    expected = {
        "log.level": "error",
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
        "message": "job.failed words.png decode 12 ms: the file is text",
    }
    assert expected.items() <= record.items()
    assert record["@timestamp"].endswith("Z")
    assert not {"timestamp", "event", "file_name", "duration_ms"} & set(record)


def test_opentelemetry_finds_its_model() -> None:
    record = logged(otel, **FAILURE)
    assert (record["severity_text"], record["severity_number"], record["event_name"]) == ("ERROR", 17, "job.failed")
    assert record["resource"] == {**record["resource"], "service.name": "doodled", "service.instance.id": "one"}
    attributes = record["attributes"]
    assert {"file.name": "words.png", "error.type": "unsupported", "exception.message": "the file is text"}.items() <= attributes.items()
    assert attributes["doodled.duration_ms"] == 12.5
    assert not {"doodled.timestamp", "doodled.level", "doodled.event", "doodled.service"} & set(attributes)


@pytest.mark.parametrize("shape", [ecs, otel])
def test_long_records_are_cut_under_any_name(shape: Shape) -> None:
    lines: list[str] = []
    EventLog(lines.append, instance="one", shape=shape).emit(Event.JOB_FAILED, **{f"field_{number}": "z" * 1900 for number in range(1000)})
    assert len(lines[0]) <= MAX_RECORD_BYTES
    assert "truncated" in lines[0]


def test_a_few_words_need_no_fields() -> None:
    assert sentence({"event": "daemon.ready"}) == "daemon.ready"


def test_a_datagram_holds_every_field_once_in_capitals() -> None:
    sent: list[bytes] = []
    JournalLog(sent.append, instance="one").emit(Event.JOB_FAILED, **FAILURE)
    fields = dict(line.split(b"=", 1) for line in sent[0].splitlines())
    assert fields[b"PRIORITY"] == b"3"
    assert fields[b"SYSLOG_IDENTIFIER"] == b"doodled"
    assert fields[b"MESSAGE_ID"].decode() == message_id(Event.JOB_FAILED)
    assert fields[b"DURATION_MS"] == b"12.5"
    assert json.loads(fields[b"STAGES_MS"]) == {"decode": 1.5}
    assert b"TIMESTAMP" not in fields
    assert len(fields) == sent[0].count(b"\n")


def test_message_ids_never_change() -> None:
    assert message_id(Event.JOB_FAILED) == "2c5ecd6fec5650e5849b0d9a1c085d69"
    assert len({message_id(event) for event in Event}) == len(Event)


def test_a_value_with_a_line_feed_is_told_by_its_length() -> None:
    record = {"level": "info", "event": "job.done", "service": "doodled", "error_message": "two\nlines"}
    assert b"ERROR_MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n" in datagram(Event.JOB_DONE, record)


def test_a_datagram_is_never_too_long() -> None:
    sent: list[bytes] = []
    JournalLog(sent.append, instance="one").emit(Event.JOB_FAILED, **{f"field_{number}": "\u20ac" * 1900 for number in range(1000)})
    assert len(sent[0]) <= 48 * 1024
    assert b"TRUNCATED=true\n" in sent[0]


def test_a_journal_that_has_stopped_stops_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        writer = JournalWriter(tmp_path / "socket")
        for _ in range(20_000):
            writer.send(b"EVENT=job.done\n" * 10)
        assert writer.dropped > 0
        assert journal.recv(1 << 16) == b"EVENT=job.done\n" * 10
    writer.close()  # the journal has gone: what is left is counted, not waited for


def test_a_journal_that_was_started_anew_is_found_again(tmp_path: Path) -> None:
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


def test_there_has_to_be_a_journal(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        JournalWriter(tmp_path / "none")
