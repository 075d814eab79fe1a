"""Field names for other log stores: Elastic Common Schema and OpenTelemetry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.log.events import Event
from daemon.log.factory import json_log
from daemon.log.formats import ecs, otel
from daemon.log.processors import MAX_RECORD_BYTES, Processor

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
