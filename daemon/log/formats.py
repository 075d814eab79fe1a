"""Field names for other log stores (`[log] format`): structlog processors that rename the fields of a record. Names are never mixed.

Sources: Elastic Common Schema 8.11 (https://www.elastic.co/guide/en/ecs/current); OpenTelemetry's log data model and semantic conventions
1.27 (https://opentelemetry.io/docs/specs/otel/logs/data-model). The tables of fields and names are in etc/doc/logging.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from daemon.log.messages import message_of

Record = dict[str, Any]

_SEVERITY: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17}
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
    "server_address": "server.address",
    "server_port": "server.port",
    "server_url": "url.full",
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
    "server_address": "server.address",
    "server_port": "server.port",
    "server_url": "url.full",
    "status_code": "http.response.status_code",
}


def plain(_logger: object, _level: str, record: Record) -> Record:
    """The daemon's own names."""
    return record


def ecs(_logger: object, _level: str, record: Record) -> Record:
    """Elastic's names, dotted. Fields that Elastic has no name for: texts under `labels`, all others under `doodled`.

    A record's duration is in nanoseconds (`event.duration`); durations within objects keep their unit.
    """
    shaped: Record = {"@timestamp": record["timestamp"], "log.level": record["level"], "message": message_of(record)}
    shaped |= {"ecs.version": _ECS_VERSION, "event.dataset": "doodled.log"}
    for name, value in record.items():
        if name == "duration_ms":
            shaped["event.duration"] = round(value * _NS_PER_MS)
        elif name in _ECS:
            shaped[_ECS[name]] = value
        else:
            shaped[f"labels.{name}" if isinstance(value, str) else f"doodled.{name}"] = value
    return shaped


def otel(_logger: object, _level: str, record: Record) -> Record:
    """OpenTelemetry's log data model as one JSON object; attributes that it has no name for are under `doodled`."""
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
        "body": message_of(record),
        "resource": {_OTEL_RESOURCE[name]: record[name] for name in _OTEL_RESOURCE if name in record},
        "attributes": attributes,
    }
