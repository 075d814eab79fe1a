"""Sources and output of reports: a journal with native fields or JSON lines, pipes, tables and the page, errors of the command."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.commands.report_cli import report as command
from daemon.report.counting import report_of
from daemon.report.logs import export_journal, link_logs, native_record
from daemon.report.page import page
from daemon.report.plots import Series, lines_plot
from daemon.report.tables import print_report
from pipeline.errors import OptionError

NATIVE = {
    "__REALTIME_TIMESTAMP": "1795351358916000",
    "PRIORITY": "3",
    "MESSAGE": "job.failed 007 decode",
    "SYSLOG_IDENTIFIER": "doodled",
    "EVENT": "job.failed",
    "SCHEMA": "1",
    "FILE_NAME": "007",
    "FOLDER": "2024",
    "DURATION_MS": "12.5",
    "STAGES_MS": '{"decode": 1.5}',
    "PERMANENT": "true",
    "STAGE": "decode",
    "_PID": "4",
}


def logged(event: str, at: str = "2026-11-22T12:00:00.000Z", **fields: Any) -> str:
    core = {"timestamp": at, "level": "info", "event": event, "schema": 1, "service": "doodled", "instance": "one", "version": "1"}
    return json.dumps(core | fields) + "\n"


def test_native_fields_become_a_record() -> None:
    record = native_record(NATIVE)
    assert record == {
        "timestamp": "2026-11-22T12:42:38.916+00:00",
        "level": "error",
        "service": "doodled",
        "event": "job.failed",
        "schema": 1,
        "file_name": "007",
        "folder": "2024",
        "duration_ms": 12.5,
        "stages_ms": {"decode": 1.5},
        "permanent": True,
        "stage": "decode",
    }


def test_binary_fields_are_kept() -> None:
    assert native_record(NATIVE | {"REASON": [255, 254], "STAGE": [255]})["stage"] == [255]


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journalctl that saves its arguments and prints the content of a file."""
    place = tmp_path / "bin"
    place.mkdir()
    script = place / "journalctl"
    script.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/called\ncat {tmp_path}/entries\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return tmp_path


def test_journal_is_exported_as_utf8_in_every_locale(journalctl: Path) -> None:
    (journalctl / "entries").write_text(json.dumps({"MESSAGE": "für \N{GARLIC}"}) + "\n")
    program = "import pathlib; from daemon.report.logs import export_journal; export_journal(pathlib.Path.cwd(), since=None)"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], cwd=journalctl, env={**os.environ, **plain}, check=True)
    assert (journalctl / "journal.log").read_text(encoding="utf-8") == "für \N{GARLIC}\n"


def test_journal_with_fields_json_and_text(journalctl: Path) -> None:
    line = logged("job.done", file_name="a.png").strip()
    entries = [NATIVE, {"MESSAGE": line}, {"MESSAGE": "Started doodled."}, {"MESSAGE": [255]}]
    (journalctl / "entries").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    found = export_journal(journalctl, since=datetime(2026, 11, 22, 11, tzinfo=UTC)).read_text().splitlines()
    assert json.loads(found[0])["file_name"] == "007"
    assert found[1:] == [line, "Started doodled."]
    called = (journalctl / "called").read_text()
    assert "--since=2026-11-22 11:00:00 UTC" in called
    assert "--identifier=doodled" in called


def test_unreadable_journal_is_an_error(journalctl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (journalctl / "bin" / "journalctl").write_text("#!/bin/sh\necho 'No permission.' >&2\nexit 1\n")
    with pytest.raises(OptionError, match="No permission"):
        export_journal(journalctl, since=None, journal_file=journalctl / "x.journal")
    monkeypatch.setenv("PATH", str(journalctl))
    with pytest.raises(OptionError, match="needs systemd"):
        export_journal(journalctl, since=None)


def test_reads_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(logged("job.done"),))
    writer.start()
    (linked,) = link_logs([pipe], tmp_path)
    writer.join()
    assert json.loads(linked.read_text())["event"] == "job.done"


def test_tables_and_page_show_every_kind_of_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        file.write(logged("daemon.start"))
        file.write(logged("job.claimed", job_id="1", file_name="lost.png", queue_wait_ms=5))
        file.write(logged("job.claimed", job_id="2", file_name="unclaimed.png", queue_wait_ms=5))
        file.write(logged("job.unclaimed", job_id="2", file_name="unclaimed.png", reason="its file was still in the inbox"))
        for number in range(20):
            why = {
                "error_type": "crash",
                "error_message": "the worker died",
                "duration_ms": 7_000_000,
                "steps_ms": {"decode": 2.0, "odd": 1.0},
            }
            file.write(logged("job.failed", f"2026-11-25T12:00:{number:02d}.000Z", job_id=f"f{number}", file_name=f"{number}.png", **why))
        file.write(logged("breaker.opened", reason="down"))
        file.write(logged("job.lost", job_id="1", file_name="lost.png", reason="its source was removed from the spool"))
        file.write(
            logged("inference.retried", job_id="1", server_address="127.0.0.1", server_port=8080, status_code=503, error_type="busy")
        )
        file.write(logged("daemon.heartbeat", log_dropped=3))
        file.write(logged("daemon.heartbeat", log_dropped=5))
        file.write(logged("daemon.stop", reason="signal"))
        for number in range(13):
            file.write(logged("daemon.start", instance=f"later {number}"))
    done = report_of([log], tmp_path)
    counts = {"log records dropped": 5, "breaker.opened": 1, "job.lost": 1, "job.unclaimed": 1}
    assert {each.event: each.count for each in done.incidents} == counts
    assert (done.unfinished, done.restarts, done.retry_rate) == (["lost.png"], 13, 1.0)
    assert done.stages[-1].stage == "odd"
    assert len(done.failures[0].files) == 15
    print_report(done)
    table = capsys.readouterr().out
    for words in ("0 done, 20 failed, 1 not completed", "127.0.0.1:8080", "log records dropped", "unknown", "19.png", "1.9 h"):
        assert words in table
    text = page(done, made=datetime(2026, 11, 25, tzinfo=UTC))
    for words in (
        "Not completed",
        "lost.png",
        "and 16 more",
        "log records dropped",
        "Last 12 of 14.",
        "100.0 % of the requests",
        "1.9 h",
    ):
        assert words in text


def test_lines_have_gaps_without_values(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ends = ("12:00:00", "12:00:01", "12:00:05", "12:00:20")
    log.write_text("".join(logged("job.done", f"2026-11-22T{end}.000Z", job_id=end, duration_ms=5) for end in ends))
    buckets = report_of([log], tmp_path).buckets
    drawn = lines_plot("caption", "sentence", buckets, [Series("p95", "--p95", [each.p95_ms for each in buckets])])
    assert drawn.count("M") == 3
    assert 'd="M' not in lines_plot("caption", "sentence", buckets, [Series("none", "--p95", [None] * len(buckets))])


def test_command_reports_missing_input_and_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(OptionError, match="nothing to report on"):
        command()
    with pytest.raises(OptionError, match="exclude each other"):
        command(as_json=True, html=tmp_path / "page")
    (tmp_path / "log").touch()
    with pytest.raises(OptionError, match="can't be written: there is no folder"):
        command([tmp_path / "log"], html=tmp_path / "no folder" / "page")


def test_damaged_log_is_named(tmp_path: Path) -> None:
    """A log that logrotate still compresses, and one with a line of another program that no reader takes."""
    whole, cut, long = tmp_path / "whole.log", tmp_path / "cut.log.gz", tmp_path / "long.log"
    whole.write_text(logged("job.done"))
    cut.write_bytes(gzip.compress(logged("job.done").encode())[:-12])
    long.write_text(logged("job.done") + '{"a": "' + "x" * (40 << 20) + '"}\n')
    for damaged in (cut, long):
        with tempfile.TemporaryDirectory() as folder, pytest.raises(OptionError, match=re.escape(str(damaged))):
            report_of(link_logs([whole, damaged], Path(folder)), Path(folder))


def test_damaged_standard_input_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the copy of it, which is deleted when the command ends."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(logged("job.done").encode())[:-12])))
    with pytest.raises(OptionError, match="standard input") as refused:
        report_of(link_logs([Path("-")], tmp_path), tmp_path)
    assert str(tmp_path) not in str(refused.value)


def test_command_reads_standard_input_without_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(logged("job.done").encode())))
    command(as_json=True)
    assert json.loads(capsys.readouterr().out)["done"] == 1


def test_machines_of_a_cluster_are_distinguished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = [("job.done", "north", 100.0), ("job.done", "north", 300.0), ("job.failed", "south", 50.0), ("job.done", None, 5.0)]
    log = tmp_path / "log.jsonl"
    with log.open("w") as file:
        for number, (event, host, work_ms) in enumerate(ended):
            file.write(logged(event, job_id=str(number), steps_ms={"render": work_ms}, **({"host": host} if host else {})))
    report = report_of([log], tmp_path)
    assert [(each.host, each.done, each.failed, each.work.p50_ms) for each in report.hosts] == [
        ("north", 2, 0, 200.0),
        ("south", 0, 1, 50.0),
    ]
    print_report(report)
    assert "Machines of the cluster" in capsys.readouterr().out
    assert "Machines of the cluster" in page(report, made=datetime.now(UTC))
