"""Field names as log stores expect them: the last step before a record is written (`[log] format`). Names are never mixed.

Sources: Elastic Common Schema 8.11 (https://www.elastic.co/guide/en/ecs/current); OpenTelemetry's log data model and semantic conventions
1.27 (https://opentelemetry.io/docs/specs/otel/logs/data-model). The table of our own fields is in etc/doc/logs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Record = dict[str, Any]
Shape = Callable[[Record], Record]

_SEVERITY: Final = {"info": 9, "warning": 13, "error": 17}
"""OpenTelemetry's numbers."""

_NS_PER_MS: Final = 1_000_000
_ECS_VERSION: Final = "8.11.0"
_ECS: Final[Mapping[str, str]] = {
    "timestamp": "@timestamp",
    "level": "log.level",
    "event": "event.action",
    "outcome": "event.outcome",
    "reason": "event.reason",
    "service": "service.name",
    "version": "service.version",
    "instance": "service.node.name",
    "boot_id": "host.boot.id",
    "pid": "process.pid",
    "file_name": "file.name",
    "file_size": "file.size",
    "file_sha256": "file.hash.sha256",
    "error_type": "error.type",
    "error_message": "error.message",
    "error_id": "error.id",
    "stack": "error.stack_trace",
    "upstream": "url.full",
    "status_code": "http.response.status_code",
}
_OTEL_RESOURCE: Final[Mapping[str, str]] = {
    "service": "service.name",
    "version": "service.version",
    "instance": "service.instance.id",
    "pid": "process.pid",
}
_OTEL: Final[Mapping[str, str]] = {
    "file_name": "file.name",
    "file_size": "file.size",
    "error_type": "error.type",
    "error_message": "exception.message",
    "stack": "exception.stacktrace",
    "upstream": "server.address",
    "status_code": "http.response.status_code",
}


def plain(record: Record) -> Record:
    """Our own names."""
    return record


def ecs(record: Record) -> Record:
    """Elastic's names, dotted. What Elastic has no name for: words below `labels`, everything else below `doodled`.

    Durations of a record are nanoseconds (`event.duration`); those within objects stay as they are.
    """
    shaped: Record = {"@timestamp": record["timestamp"], "log.level": record["level"], "message": sentence(record)}
    shaped |= {"ecs.version": _ECS_VERSION, "event.dataset": "doodled.log"}
    for name, value in record.items():
        if name == "duration_ms":
            shaped["event.duration"] = round(value * _NS_PER_MS)
        elif name in _ECS:
            shaped[_ECS[name]] = value
        else:
            shaped[f"labels.{name}" if isinstance(value, str) else f"doodled.{name}"] = value
    return shaped


def otel(record: Record) -> Record:
    """OpenTelemetry's log data model as one JSON object; our own attributes stand below `doodled`."""
    attributes = {
        _OTEL.get(name, f"doodled.{name}"): value
        for name, value in record.items()
        if name not in {"timestamp", "level", "event", *_OTEL_RESOURCE}
    }
    return {
        "timestamp": record["timestamp"],
        "severity_text": str(record["level"]).upper(),
        "severity_number": _SEVERITY[record["level"]],
        "event_name": record["event"],
        "body": sentence(record),
        "resource": {_OTEL_RESOURCE[name]: record[name] for name in _OTEL_RESOURCE if name in record},
        "attributes": attributes,
    }


def sentence(record: Mapping[str, Any]) -> str:
    """A record in a few words, for people who scroll through many."""
    parts = [str(record["event"])]
    parts += [str(record[name]) for name in ("file_name", "stage", "upstream") if name in record]
    if "duration_ms" in record:
        parts.append(f"{round(record['duration_ms'])} ms")
    why = next((str(record[name]) for name in ("error_message", "reason") if name in record), "")
    return " ".join(parts) + (f": {why}" if why else "")
