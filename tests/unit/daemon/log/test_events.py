"""Log records: one line, valid JSON, harmless and bounded, whatever they are about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.files.filenames import clipped, is_ignored, name_fields, result_stem, shown_name
from daemon.log.events import MAX_RECORD_BYTES, Event, EventLog, clean
from daemon.log.writer import LineWriter

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


def logged(event: Event = Event.JOB_DONE, **fields: Any) -> tuple[str, dict[str, Any]]:
    lines: list[str] = []
    EventLog(lines.append, instance="one").emit(event, **fields)
    assert len(lines) == 1
    return lines[0], json.loads(lines[0])


def test_every_record_has_the_fixed_fields() -> None:
    _, record = logged()
    assert list(record)[:3] == ["timestamp", "level", "event"]
    assert {"schema", "service", "version", "instance", "boot_id", "pid"} <= set(record)
    assert record["timestamp"].endswith("Z")


def test_levels_follow_from_the_event() -> None:
    assert [logged(event)[1]["level"] for event in (Event.JOB_DONE, Event.JOB_DEFERRED, Event.JOB_FAILED)] == ["info", "warning", "error"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_make_one_plain_line(name: str) -> None:
    line, record = logged(**name_fields(name))
    assert line.isascii()
    assert line.isprintable()
    assert record["file_name"].isprintable()
    assert record["event"] == "job.done"
    assert ("file_name_b64" in record) == (not _is_utf8(name))


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in name)


def test_long_records_are_cut_and_say_so() -> None:
    line, record = logged(error_message="x" * 10**6, outputs=[{"file": "y" * 1900}] * 100)
    assert len(line) <= MAX_RECORD_BYTES
    assert record["truncated"] is True
    assert record["event"] == "job.done"
    line, _ = logged(**{f"field_{number}": "z" * 1900 for number in range(1000)})
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
def test_secrets_are_left_out(text: str) -> None:
    line, _ = logged(error_message=f"it said {text}", nested={"list": [text]})
    assert "hunter22" not in line


def test_what_is_unknown_is_left_out_and_numbers_stay_numbers() -> None:
    _, record = logged(reason=None, stage="", duration_ms=1.5, retries=0)
    assert "reason" not in record
    assert "stage" not in record
    assert (record["duration_ms"], record["retries"]) == (1.5, 0)


def test_priorities_stand_before_the_record_for_the_journal() -> None:
    lines: list[str] = []
    log = EventLog(lines.append, instance="one", priorities=True)
    log.emit(Event.JOB_FAILED)
    log.emit(Event.JOB_DONE)
    assert [line[:3] for line in lines] == ["<3>", "<6>"]
    assert json.loads(lines[0][3:])


def test_people_get_a_line_without_the_fixed_fields() -> None:
    lines: list[str] = []
    EventLog(lines.append, instance="one", pretty=True).emit(Event.JOB_DONE, **name_fields("a\nb"))
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "boot_id" not in lines[0]


def test_the_writer_writes_all_that_it_took(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        writer = LineWriter(file.fileno())
        for number in range(500):
            writer.write(f"line {number}")
        writer.close()
    assert path.read_text().splitlines() == [f"line {number}" for number in range(500)]
    assert writer.dropped == 0


def test_a_reader_that_has_gone_or_stopped_stops_nobody() -> None:
    read, write = os.pipe()
    stopped = LineWriter(write)
    for _ in range(20_000):
        stopped.write("x" * 100)
    assert stopped.dropped > 0
    os.close(read)  # gone: the writer's thread gets EPIPE, and goes on
    stopped.close()
    os.close(write)


def test_a_closed_stdout_is_no_other_file(tmp_path: Path) -> None:
    script = """
import os
from daemon.__main__ import open_standard_streams
open_standard_streams()
print(*(os.readlink(f"/proc/self/fd/{stream}") for stream in range(3)), file=open("streams", "w"))
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    subprocess.run(["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, script], cwd=tmp_path, env=environ, check=True)
    assert (tmp_path / "streams").read_text() == "/dev/null /dev/null /dev/null\n"


def test_clean_keeps_what_is_harmless() -> None:
    assert clean({"a": [1, True, "plain text, 100 %"]}) == {"a": [1, True, "plain text, 100 %"]}


@pytest.mark.parametrize(
    "name",
    [".hidden", "x.part", "X.PART", "a.crdownload", "~$doc", "b~", "Thumbs.db", "thumbs.DB", "@eaDir", "__MACOSX", ".garlic.jpg.Xb3"],
)
def test_litter_is_ignored(name: str) -> None:
    assert is_ignored(name)
    assert not is_ignored(f"picture of {name.strip('.~$')}.jpg")


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 300 + ".png", "é" * 150 + ".png", ".png", "-", "a.b.c.png"])
def test_results_have_names_that_can_be_typed(name: str) -> None:
    stem = result_stem(name, is_folder=False)
    assert stem.isprintable()
    assert 0 < len(stem.encode()) < 200
    assert "/" not in stem
    assert stem[0] not in "-.~"


def test_names_shown_can_be_told_apart() -> None:
    assert len({shown_name(name) for name in ("a%0A", "a\n", "a", b"a\xff".decode("utf-8", "surrogateescape"))}) == 4
    assert clipped("ééé", 3) == "é"
