"""Log records: one line of valid JSON, printable, redacted and bounded; levels, observers and bound fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from daemon.files.filenames import name_fields
from daemon.log.events import Event
from daemon.log.factory import json_log, terminal_log
from daemon.log.processors import MAX_RECORD_BYTES, clean
from daemon.settings import LogLevel
from daemon.spool.job_folder import Job

HOSTILE = [
    "a\nb.png",
    "\x1b[31mred.png",
    'quo"te.png',
    "../../x.png",
    "-rf.png",
    "\u202egnp.exe",
    "😀.png",
    b"\xff\xfe.png".decode("utf-8", "surrogateescape"),
]


def logged(event: Event = Event.JOB_DONE, /, **fields: Any) -> tuple[str, dict[str, Any]]:
    lines: list[str] = []
    json_log(lines.append, instance="one").emit(event, **fields)
    assert len(lines) == 1
    return lines[0], json.loads(lines[0])


def test_every_record_has_the_core_fields() -> None:
    _, record = logged()
    assert list(record)[:3] == ["timestamp", "level", "event"]
    assert {"schema", "service", "version", "instance", "boot_id", "pid"} <= set(record)
    assert record["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("event", "fields", "level"),
    [
        (Event.JOB_DONE, {}, "info"),
        (Event.JOB_DEFERRED, {}, "warning"),
        (Event.JOB_FAILED, {"error_type": "crash"}, "error"),
        (Event.JOB_FAILED, {}, "error"),
        (Event.JOB_FAILED, {"error_type": "no_figure"}, "warning"),
        (Event.SCAN_DONE, {"new": 1, "duration_ms": 2.0}, "info"),
        (Event.SCAN_DONE, {"new": 0, "duration_ms": 1200.0}, "info"),
        (Event.DAEMON_STOP, {"reason": "signal"}, "info"),
        (Event.DAEMON_STOP, {"reason": "error"}, "error"),
    ],
)
def test_level_follows_from_event_and_cause(event: Event, fields: dict[str, Any], level: str) -> None:
    assert logged(event, **fields)[1]["level"] == level


def test_scans_that_find_nothing_are_logged_for_debugging() -> None:
    lines: list[str] = []
    log = json_log(lines.append, instance="one")
    log.emit(Event.SCAN_DONE, new=0, duration_ms=2.0)
    assert lines == []
    log.set_level(LogLevel.DEBUG)
    log.emit(Event.SCAN_DONE, new=0, duration_ms=2.0)
    assert json.loads(lines[0])["level"] == "debug"


def test_records_below_the_level_are_dropped_but_observed() -> None:
    lines: list[str] = []
    seen: list[tuple[Event, dict[str, Any]]] = []
    log = json_log(lines.append, instance="one", level=LogLevel.WARNING)
    log.observe(lambda event, fields: seen.append((event, dict(fields))))
    log.emit(Event.JOB_DONE, retries=1)
    log.emit(Event.JOB_DEFERRED)
    assert [json.loads(line)["event"] for line in lines] == ["job.deferred"]
    assert seen == [(Event.JOB_DONE, {"retries": 1}), (Event.JOB_DEFERRED, {})]
    log.set_level(LogLevel.ERROR)
    log.emit(Event.JOB_DEFERRED)
    assert len(lines) == 1


def test_failing_observer_stops_no_record() -> None:
    lines: list[str] = []
    log = json_log(lines.append, instance="one")

    def fail(_event: Event, _fields: Mapping[str, Any]) -> None:
        raise RuntimeError

    log.observe(fail)
    log.emit(Event.JOB_DONE)
    assert len(lines) == 1


def test_bound_fields_are_in_every_record_of_a_job() -> None:
    lines: list[str] = []
    job = Job(id="01M8", name="a\nb.png", folder=("wave", "50%\n"), attempts=2)
    log = json_log(lines.append, instance="one").for_job(job)
    log.emit(Event.JOB_CLAIMED, queue_wait_ms=3)
    log.bind(stage="render").emit(Event.STAGE_DONE, duration_ms=1.0)
    expected = {"job_id": "01M8", "attempt": 2, "file_name": "a%0Ab.png", "folder": "wave/50%25%0A"}
    assert all(expected.items() <= json.loads(line).items() for line in lines)
    assert "stage" not in json.loads(lines[0])
    assert json.loads(lines[1])["stage"] == "render"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_makes_one_ascii_line(name: str) -> None:
    line, record = logged(Event.JOB_DONE, **name_fields(name))
    assert line.isascii()
    assert line.isprintable()
    assert record["file_name"].isprintable()
    assert record["event"] == "job.done"
    assert ("file_name_b64" in record) == (not _is_utf8(name))


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in name)


def test_long_records_are_shortened_and_marked() -> None:
    line, record = logged(error_message="x" * 10**6, outputs=[{"file": "y" * 1900}] * 100)
    assert len(line) <= MAX_RECORD_BYTES
    assert record["truncated"] is True
    assert record["event"] == "job.done"
    line, _ = logged(Event.JOB_DONE, **{f"field_{number}": "z" * 1900 for number in range(1000)})
    assert len(line) <= MAX_RECORD_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "http://user:hunter22@host/",
        "Authorization: Bearer hunter22hunter22",
        "token=hunter22",
        '"inference_key": "hunter22"',
        "password: hunter22",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    line, _ = logged(error_message=f"it said {text}", nested={"list": [text]})
    assert "hunter22" not in line


def test_empty_fields_are_left_out_and_numbers_stay_numbers() -> None:
    _, record = logged(reason=None, stage="", duration_ms=1.5, retries=0)
    assert "reason" not in record
    assert "stage" not in record
    assert (record["duration_ms"], record["retries"]) == (1.5, 0)


def test_journal_priority_precedes_the_record() -> None:
    lines: list[str] = []
    log = json_log(lines.append, instance="one", has_priorities=True)
    log.emit(Event.JOB_FAILED)
    log.emit(Event.JOB_DONE)
    assert [line[:3] for line in lines] == ["<3>", "<6>"]
    assert json.loads(lines[0][3:])


def test_terminal_line_has_no_core_fields() -> None:
    lines: list[str] = []
    terminal_log(lines.append, instance="one").emit(Event.JOB_DONE, **name_fields("a\nb"))
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "boot_id" not in lines[0]
    assert lines[0].count("a%0Ab") == 1


@pytest.mark.parametrize(("level", "expected"), [(LogLevel.DEBUG, 1), (LogLevel.INFO, 1), (LogLevel.WARNING, 0), (LogLevel.ERROR, 0)])
def test_asides_are_for_terminals_unless_they_are_quiet(level: LogLevel, expected: int) -> None:
    lines: list[str] = []
    terminal_log(lines.append, instance="one", level=level).print_to_terminal("drop images here")
    json_log(lines.append, instance="one", level=level).print_to_terminal("drop images here")
    assert lines == ["drop images here"] * expected


def test_clean_keeps_harmless_values() -> None:
    assert clean({"a": [1, True, "plain text, 100 %"]}) == {"a": [1, True, "plain text, 100 %"]}
