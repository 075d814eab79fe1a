"""The log of running daemons matches etc/doc/logging.md, both ways; records are few, bounded and free of secrets."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from real_log import AGAIN, DRAWING, NOT_UTF8, QUICK, logged, real_log, records
from spool_oracle import ROOT

from daemon.log import formats as log_formats
from daemon.log.events import Event
from daemon.log.factory import json_log
from daemon.log.journal import message_id
from daemon.log.processors import MAX_RECORD_BYTES
from daemon.policy.failures import ErrorType

pytestmark = pytest.mark.gl

PAGE = (ROOT / "etc" / "doc" / "logging.md").read_text()
KINDS = {"text": str, "integer": int, "number": (int, float), "yes or no": bool, "list": list, "object": dict}
MAX_PER_JOB = 13
"""With a hook's record."""


def table(heading: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


JOB, RESULT = (names(PAGE.split(f"\n{group} is ")[1].split("\n")[0]) for group in ("JOB", "RESULT"))
CORE = [names(row[0])[0] for row in table("In every record")]
EVENTS = {names(row[0])[0]: (row[1], [*JOB * ("JOB" in row[3]), *RESULT * ("RESULT" in row[3]), *names(row[3])]) for row in table("Events")}


def kinds() -> dict[str, Any]:
    """The type of every field."""
    found: dict[str, Any] = {}
    for row in [*table("In every record"), *table("Fields")]:
        named, types = names(row[0]), row[1].split(", ")
        found |= dict(zip(named, types if len(types) == len(named) else types * len(named), strict=True))
    return found


def test_documented_events_and_levels() -> None:
    assert set(EVENTS) == set(Event)
    for event, (level, _) in EVENTS.items():
        lines: list[str] = []
        json_log(lines.append, instance="one").emit(Event(event))
        assert json.loads(lines[0])["level"] == level, event


def test_every_logged_field_is_documented_with_its_type() -> None:
    types = kinds()
    for record in records():
        assert set(CORE) <= set(record)
        for name, value in record.items():
            assert name in CORE or name in EVENTS[record["event"]][1] or name == "truncated", (record["event"], name)
            expected = KINDS[types[name]]
            assert isinstance(value, expected), (record["event"], name, value)  # type: ignore[arg-type]
            assert isinstance(value, bool) == (expected is bool), (record["event"], name, value)


def test_every_documented_field_is_used() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "daemon").rglob("*.py"))
    elsewhere = source.replace((ROOT / "daemon" / "log" / "events.py").read_text(), "")
    seen = {(record["event"], name) for record in records() for name in record}
    for event, (_, fields) in EVENTS.items():
        if not logged(event):
            assert re.search(rf"Event\.{Event(event).name}\b", elsewhere), event
        unseen = [name for name in fields if (event, name) not in seen]
        assert all(re.search(rf'\b{name}=|"{name}"', source) for name in unseen), (event, unseen)
    explained = {name for name in kinds() if name not in CORE}
    assert explained == {name for _, fields in EVENTS.values() for name in fields} | {"truncated"}


def test_the_log_has_almost_every_event() -> None:
    assert set(EVENTS) - {record["event"] for record in records()} == {
        "watch.overflow",
        "daemon.superseded",
        "job.lost",
        "takeover.barred",
        "workers.unfit",
        "workers.recovered",
        "worker.joined",
        "worker.left",
        "worker.refused",
        "worker.output",
        "auth.rejected",
        "metrics.ready",
        "metrics.unavailable",
        "hook.failed",
        "hook.unavailable",
    }


def test_error_types_are_documented() -> None:
    listed = names(PAGE.split("\nError types: ")[1].split(". ")[0])
    assert set(ErrorType) <= set(listed)
    assert {each["error_type"] for each in logged("job.failed")} <= set(listed)


def test_job_has_few_records() -> None:
    of_job = Counter(record["job_id"] for record in records() if record["level"] == "info" and "job_id" in record)
    assert max(of_job.values()) <= MAX_PER_JOB
    whole_day = [record for record in records() if record["event"] not in {"daemon.heartbeat", "scan.done"}]
    assert len(whole_day) / len(logged("job.claimed")) <= MAX_PER_JOB


def test_lines_are_short_ascii_and_without_secrets() -> None:
    for line in real_log().read_bytes().splitlines():
        assert len(line) <= MAX_RECORD_BYTES < 48 * 1024
        assert line.isascii()
        assert not re.search(rb"(?i)authorization|bearer|://[^/\"]*@", line)


def test_names_that_are_not_utf8_have_their_bytes() -> None:
    import base64

    (done,) = [each for each in logged("job.done") if "file_name_b64" in each]
    assert base64.b64decode(done["file_name_b64"]) == NOT_UTF8
    assert done["file_name"] == "leek%FF.jpg"


def test_names_for_other_log_stores_are_documented() -> None:
    rows = {name: row for row in table("Names for other log stores") for name in names(row[0])}
    for ours, theirs in log_formats._ECS.items():
        assert theirs in names(rows[ours][1]), ours
    for ours, theirs in {**log_formats._OTEL, **log_formats._OTEL_RESOURCE}.items():
        assert theirs in names(rows[ours][2]), ours


def test_catalog_explains_warnings_and_errors(tmp_path: Path) -> None:
    catalog = (ROOT / "etc" / "journal" / "doodled.catalog").read_text()
    explained = set(re.findall(r"(?m)^-- ([0-9a-f]{32})$", catalog))
    assert explained <= {message_id(event) for event in Event}
    wanting = {event for event, (level, _) in EVENTS.items() if level != "info"}
    assert {message_id(Event(event)) for event in wanting} <= explained
    known = {name.upper() for _, fields in EVENTS.values() for name in fields}
    assert set(re.findall(r"@(\w+)@", catalog)) <= known
    if shutil.which("journalctl") is None:
        pytest.skip("systemd is not installed")
    place = tmp_path / "usr" / "lib" / "systemd" / "catalog"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "etc" / "journal" / "doodled.catalog", place)
    done = subprocess.run(["journalctl", "--update-catalog", "--root", tmp_path], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert list((tmp_path / "var" / "lib" / "systemd" / "catalog").iterdir())


def test_native_journal_fields_match_the_schema(tmp_path: Path) -> None:
    inbox = tmp_path / "root" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "words.png").write_text("no image")
    entries = journalled(tmp_path, DOODLED_ROOT=str(tmp_path / "root"))
    events = [entry[b"EVENT"].decode() for entry in entries]
    assert events[0] == "daemon.start"
    assert events[-1] == "daemon.stop"
    failed = entries[events.index("job.failed")]
    assert failed[b"PRIORITY"] == b"4"
    assert failed[b"FILE_NAME"] == b"words.png"
    assert failed[b"MESSAGE"].startswith(b"words.png not animated: ")
    assert failed[b"MESSAGE_ID"].decode() == message_id(Event.JOB_FAILED)
    assert json.loads(failed[b"STAGES_MS"]).keys() == {"decode"}
    allowed = {"MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER", *(name.upper() for name in kinds())}
    assert {name.decode() for entry in entries for name in entry} <= allowed


def journalled(folder: Path, **environ: str) -> list[dict[bytes, bytes]]:
    """Fields of the datagrams that a daemon sends until its inbox is empty; none contains a line feed."""
    datagrams: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(folder / "socket"))
        journal.settimeout(0.2)
        stopped = threading.Event()

        def listen() -> None:
            while True:
                try:
                    datagrams.append(journal.recv(1 << 18))
                except TimeoutError:
                    if stopped.is_set():
                        return

        listener = threading.Thread(target=listen)
        listener.start()
        to_journal = {"DOODLED_LOG_TO": "journal", "DOODLED_LOG_JOURNAL_SOCKET": str(folder / "socket"), "DOODLED_STORAGE_RESERVE_MB": "0"}
        command = [sys.executable, "-m", "daemon", "run", "--drain"]
        done = subprocess.run(command, env={**QUICK, **to_journal, **environ}, capture_output=True, timeout=90, check=False)
        stopped.set()
        listener.join()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return [dict(line.split(b"=", 1) for line in datagram.splitlines()) for datagram in datagrams]


def test_logs_to_stdout_without_a_journal(tmp_path: Path) -> None:
    environ = {
        **QUICK,
        "DOODLED_LOG_TO": "journal",
        "DOODLED_LOG_JOURNAL_SOCKET": str(tmp_path / "none"),
        "DOODLED_ROOT": str(tmp_path / "root"),
    }
    command = [sys.executable, "-m", "daemon", "run", "--drain"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "daemon.stop"


def test_duplicates_name_their_originals() -> None:
    originals = {each["job_id"]: each["file_name"] for each in logged("job.done")}
    assert {originals[each["original_job_id"]] for each in logged("job.duplicate")} <= {DRAWING, AGAIN, os.fsdecode(b"leek%FF.jpg")}
