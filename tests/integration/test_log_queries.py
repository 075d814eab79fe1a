"""Every query in etc/queries runs on the log of running daemons and matches an independent computation."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from real_log import AGAIN, DRAWING, LOST, logged, real_log, records
from spool_oracle import ROOT

from daemon.log.events import Event
from daemon.log.journal import datagram, message_id
from daemon.log.messages import message_of
from daemon.policy.failures import Deferral

pytestmark = pytest.mark.gl

QUERIES = ROOT / "etc" / "queries"
QUESTIONS = sorted(path.stem for path in (QUERIES / "jq").glob("*.jq"))
JOURNAL_REMOTE = Path("/lib/systemd/systemd-journal-remote")
Rows = list[list[Any]]


def comparable(value: Any) -> Any:
    """Numbers as numbers, times in one format, None as ""."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", value):
        return datetime.fromisoformat(value.removesuffix("Z")).isoformat(timespec="milliseconds")
    try:
        return round(float(value), 3)
    except (TypeError, ValueError):
        return value


def lines(text: str) -> Rows:
    return [[comparable(cell) for cell in line.split("\t")] for line in text.splitlines()]


# --- the tools -------------------------------------------------------------------------------------------------------


def asked_jq(question: str, log: Path | None = None) -> Rows:
    command = ["jq", "-nRr", "--arg", "job", DRAWING, "-f", str(QUERIES / "jq" / f"{question}.jq"), str(log or real_log())]
    return lines(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def asked_duckdb(question: str, log: Path | None = None) -> Rows:
    with duckdb.connect() as con:
        con.execute(f"set variable log = '{log or real_log()}'")
        con.execute(f"set variable job = '{DRAWING}'")
        con.execute((QUERIES / "duckdb" / "lines.sql").read_text())
        found = con.execute((QUERIES / "duckdb" / f"{question}.sql").read_text()).fetchall()
    return [[comparable(cell) for cell in row] for row in found]


@cache
def lnav_home() -> Path:
    """A home in which the format is installed."""
    home = real_log().parent / "lnav"
    (home / ".lnav" / "formats").mkdir(parents=True)
    environ = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    done = subprocess.run(["lnav", "-i", QUERIES / "lnav" / "doodled_log.json"], env=environ, capture_output=True, text=True, check=True)
    assert "installed" in done.stdout + done.stderr
    return home


def asked_lnav(question: str, log: Path | None = None) -> Rows:
    environ = {**os.environ, "HOME": str(lnav_home()), "XDG_CONFIG_HOME": str(lnav_home() / ".config"), "job": DRAWING, "TZ": "UTC"}
    command = ["lnav", "-n", "-f", str(QUERIES / "lnav" / f"{question}.lnav"), "-c", ":write-json-to -", str(log or real_log())]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    return [[comparable(cell) for cell in row.values()] for row in json.loads(done.stdout)]


@cache
def journal() -> Path:
    """The log as a journal file: the daemon's datagrams with the fields that journald adds."""
    return journal_of(records(), real_log().with_name("doodled.journal"))


def journal_of(entries: Iterable[Mapping[str, Any]], place: Path) -> Path:
    """Some records as the journal file `place`."""
    export = place.with_suffix(".export")
    with export.open("wb") as file:
        for number, record in enumerate(entries):
            at_us = round(datetime.fromisoformat(record["timestamp"]).timestamp() * 1e6)
            trusted = (
                f"__REALTIME_TIMESTAMP={at_us}\n__MONOTONIC_TIMESTAMP={number + 1}\n_BOOT_ID={record['boot_id']}\n_PID={record['pid']}\n"
            )
            file.write(trusted.encode() + datagram(None, record["level"], record) + b"\n")
    subprocess.run([JOURNAL_REMOTE, "-o", place, export], check=True, capture_output=True)
    return place


def asked_journal(question: str, *before: str) -> Rows:
    script = QUERIES / "journalctl" / f"{question}.sh"
    done = subprocess.run([script, *before, "--file", journal()], check=True, capture_output=True, text=True)
    return lines(done.stdout)


# --- the answers, computed independently -----------------------------------------------------------------------------


def quantile(values: list[float], share: float) -> float:
    """The quantile as the smallest sufficient value."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


def between(values: list[float], share: float) -> float:
    """The interpolated quantile."""
    place = (len(values) - 1) * share
    below, above = sorted(values)[math.floor(place)], sorted(values)[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))


def rounded(value: float, digits: int) -> Any:
    """A number that equals the value, however a tool rounds it to `digits`."""
    return pytest.approx(value, abs=0.51 * 10.0**-digits + 1e-9)


def p95_per_stage(how: Callable[[list[float], float], float]) -> Rows:
    times = defaultdict(list)
    for each in logged("stage.done"):
        times[each["stage"]].append(each["duration_ms"])
    rows = sorted((-how(ms, 0.95), stage, len(ms)) for stage, ms in times.items())
    return [[stage, count, rounded(-p95_ms, 2)] for p95_ms, stage, count in rows]


def failures(_: object) -> Rows:
    rows = [
        [each["timestamp"], each["file_name"], each.get("stage", ""), each["error_type"], each["error_message"]]
        for each in logged("job.failed")
    ]
    return sorted(rows, reverse=True)


def retry_rate(_: object) -> Rows:
    retries = logged("inference.retried")
    return [
        [len(retries) / (len(retries) + len(logged("stage.done", stage="infer"))), len(retries), len({each["job_id"] for each in retries})]
    ]


def by_job() -> dict[str, list[dict[str, Any]]]:
    jobs = defaultdict(list)
    for each in records():
        if "job_id" in each:
            jobs[each["job_id"]].append(each)
    return jobs


def stuck(_: object) -> Rows:
    ends = {"job.done", "job.failed", "job.review", "job.unclaimed"}

    def is_explained(each: Mapping[str, Any]) -> bool:
        return each["event"] in ends or (each["event"] == "job.deferred" and each["reason"] not in set(Deferral))

    return [
        [job, story[0]["file_name"], story[-1]["event"], story[-1]["timestamp"]]
        for job, story in by_job().items()
        if "job.claimed" in {each["event"] for each in story} and not any(is_explained(each) for each in story)
    ]


def the_job() -> str:
    return str(logged("job.done", file_name=DRAWING)[0]["job_id"])


def story(_: object) -> Rows:
    return [
        [
            each["timestamp"],
            each["event"],
            each.get("stage", ""),
            each.get("duration_ms", ""),
            each.get("error_type") or each.get("reason") or "",
        ]
        for each in by_job()[the_job()]
    ]


def throughput(_: object) -> Rows:
    buckets: dict[int, list[bool]] = defaultdict(list)
    for each in logged("job.done") + logged("job.failed"):
        at_s = int(datetime.fromisoformat(each["timestamp"]).timestamp())
        buckets[at_s // 900 * 900].append(each["event"] == "job.done")
    return [
        [datetime.fromtimestamp(start, UTC).replace(tzinfo=None), sum(done), len(done) - sum(done), 1 - sum(done) / len(done)]
        for start, done in sorted(buckets.items())
    ]


def time_by_stage(_: object) -> Rows:
    times: dict[str, float] = defaultdict(float)
    for each in logged("stage.done"):
        times[each["stage"]] += each["duration_ms"]
    rows = sorted(((ms, stage) for stage, ms in times.items()), reverse=True)
    return [[stage, rounded(ms / 1000, 3), rounded(100 * ms / sum(times.values()), 1)] for ms, stage in rows]


def backlog(_: object) -> Rows:
    last = max(logged("daemon.heartbeat"), key=lambda each: each["timestamp"])
    return [[last[name] for name in ("timestamp", "inbox_depth", "oldest_pending_s", "jobs_waiting", "in_flight", "models_breaker")]]


def wait_before_claim(how: Callable[[list[float], float], float]) -> Rows:
    waits = [each["queue_wait_ms"] for each in logged("job.claimed")]
    return [[len(waits), how(waits, 0.5), rounded(how(waits, 0.95), 2), max(waits)]]


def lost(_: object) -> Rows:
    started, stopped = ({each["instance"] for each in logged(event)} for event in ("daemon.start", "daemon.stop"))
    most: dict[str, dict[str, int]] = {name: defaultdict(int) for name in ("overflows", "found_by_scan_only", "log_dropped")}
    for each in logged("daemon.heartbeat"):
        for name, of_life in most.items():
            of_life[each["instance"]] = max(of_life[each["instance"]], each[name])
    counts = [sum(of_life.values()) for of_life in most.values()]
    return [[len(started), len(started - stopped), len(logged("job.recovered")), *counts]]


def sent_twice(_: object) -> Rows:
    jobs: dict[str, dict[str, str]] = defaultdict(dict)
    for each in logged("job.done") + logged("job.failed"):
        if "file_sha256" in each:
            jobs[each["file_sha256"]][each["job_id"]] = each["file_name"]
    rows = [[digest[:12], len(of_one), ", ".join(sorted(set(of_one.values())))] for digest, of_one in jobs.items() if len(of_one) > 1]
    return sorted(rows, key=lambda row: -row[1])


ANSWERS: dict[str, Callable[[Any], Rows]] = {
    "01_p95_per_stage": p95_per_stage,
    "02_failures": failures,
    "03_retry_rate": retry_rate,
    "04_stuck": stuck,
    "05_story": story,
    "06_throughput": throughput,
    "07_time_by_stage": time_by_stage,
    "08_backlog": backlog,
    "09_wait_before_claim": wait_before_claim,
    "10_lost": lost,
    "11_sent_twice": sent_twice,
}
COLUMNS: dict[str, dict[str, tuple[int, ...]]] = {
    "lnav": {"04_stuck": (0, 1, 3), "05_story": (0, 1, 2, 3)},
    "journalctl": {"03_retry_rate": (0, 1)},
}
"""Columns that a tool's query returns, where it does not return all."""


def answer(question: str, tool: str = "") -> Rows:
    """The expected rows of a query."""
    rows = ANSWERS[question](between if tool == "duckdb" else quantile)
    chosen = COLUMNS.get(tool, {}).get(question)
    return [[comparable(row[place]) for place in chosen or range(len(row))] for row in rows]


# --- tests -----------------------------------------------------------------------------------------------------------


def test_every_query_has_rows() -> None:
    assert set(ANSWERS) == set(QUESTIONS)
    assert all(answer(question) for question in QUESTIONS)
    assert [row[1] for row in answer("04_stuck")] == [LOST]
    assert answer("10_lost")[0][:3] == [5, 2, 1]
    assert {DRAWING, AGAIN} <= set(answer("11_sent_twice")[0][2].split(", "))


@pytest.mark.parametrize("question", QUESTIONS)
def test_jq(question: str) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    assert asked_jq(question) == answer(question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_duckdb(question: str) -> None:
    assert asked_duckdb(question) == answer(question, "duckdb")


@pytest.mark.parametrize("asked", [asked_jq, asked_duckdb, asked_lnav])
@pytest.mark.parametrize("question", ["01_p95_per_stage", "07_time_by_stage"])
def test_sorts_by_exact_times_where_rounded_ones_are_equal(asked: Callable[[str, Path], Rows], question: str, tmp_path: Path) -> None:
    if asked is not asked_duckdb and shutil.which(asked.__name__.removeprefix("asked_")) is None:
        pytest.skip(f"{asked.__name__.removeprefix('asked_')} is not installed")
    model = logged("stage.done")[0]
    times_ms = {"a": 86.671, "d": 86.6741, "b": 86.6742, "c": 86.67}
    (tmp_path / "log").write_text("".join(json.dumps({**model, "stage": name, "duration_ms": ms}) + "\n" for name, ms in times_ms.items()))
    assert [row[0] for row in asked(question, tmp_path / "log")] == ["b", "d", "a", "c"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_lnav(question: str) -> None:
    if shutil.which("lnav") is None:
        pytest.skip("lnav is not installed")
    assert asked_lnav(question) == answer(question, "lnav")


@pytest.mark.parametrize("question", QUESTIONS)
def test_journalctl(question: str) -> None:
    if not JOURNAL_REMOTE.exists() or shutil.which("jq") is None:
        pytest.skip("systemd-journal-remote or jq is not installed")
    if question == "05_story":
        messages = [str(line[0]).split(": ", 1)[1] for line in asked_journal(question, the_job())]
        assert messages == [message_of(record) for record in by_job()[the_job()]]
    else:
        assert asked_journal(question) == answer(question, "journalctl")


@pytest.mark.parametrize("question", ["03_retry_rate", "07_time_by_stage", "10_lost"])
def test_lnav_prints_the_answer_alone(question: str) -> None:
    """As its file says how to call it; lnav itself shows the log beside an answer of one row."""
    if shutil.which("lnav") is None:
        pytest.skip("lnav is not installed")
    environ = {**os.environ, "HOME": str(lnav_home()), "XDG_CONFIG_HOME": str(lnav_home() / ".config"), "TZ": "UTC"}
    command = ["lnav", "-n", "-f", str(QUERIES / "lnav" / f"{question}.lnav"), str(real_log())]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    _, *rows = (line.split() for line in done.stdout.splitlines())
    assert [[comparable(cell) for cell in row] for row in rows] == answer(question, "lnav")


def test_texts_of_the_journal_that_look_like_numbers_stay_texts(tmp_path: Path) -> None:
    if not JOURNAL_REMOTE.exists() or shutil.which("jq") is None:
        pytest.skip("systemd-journal-remote or jq is not installed")
    texts = {"folder": "2024", "failed_path": "7", "host": "1e3", "text": "true"}
    command = [QUERIES / "journalctl" / "records.sh", "--file", journal_of([logged("job.failed")[0] | texts], tmp_path / "one.journal")]
    record = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert {name: record[name] for name in texts} == texts


def test_journal_priorities_of_failures() -> None:
    if not JOURNAL_REMOTE.exists():
        pytest.skip("systemd-journal-remote is not installed")

    def failed(least: str) -> list[dict[str, str]]:
        command = ["journalctl", "--file", str(journal()), "-p", least, "-o", "json", f"MESSAGE_ID={message_id(Event.JOB_FAILED)}"]
        return [json.loads(line) for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]

    assert [each["FILE_NAME"] for each in failed("warning")] == [each["file_name"] for each in logged("job.failed")]
    assert [each["FILE_NAME"] for each in failed("err")] == [each["file_name"] for each in logged("job.failed", level="error")]
    assert len(failed("warning")) > len(failed("err")) > 0


def test_foreign_lines_change_no_result(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    dirty = tmp_path / "dirty.log"
    dirty.write_bytes(b"Traceback (most recent call last):\n\xff\xfe\n[1]\n5\n" + real_log().read_bytes() + b'{"event": "torn')
    command = ["jq", "-nRr", "-f", str(QUERIES / "jq" / "02_failures.jq"), str(dirty)]
    assert lines(subprocess.run(command, check=True, capture_output=True, text=True).stdout) == answer("02_failures")


def test_every_query_documents_its_call_and_result() -> None:
    suffixes = {"jq": "jq", "journalctl": "sh", "logql": "logql", "duckdb": "sql", "lnav": "lnav"}
    for tool, suffix in suffixes.items():
        for question in QUESTIONS:
            text = (QUERIES / tool / f"{question}.{suffix}").read_text()
            assert "Call:" in text, (tool, question)
            assert "Answer:" in text, (tool, question)


def test_logql_is_grammatical(tmp_path: Path) -> None:
    modules, node = (
        Path(sys.prefix) / "share" / "logql" / "node_modules",
        shutil.which("node", path=f"{sys.prefix}/bin:{os.environ['PATH']}"),
    )
    if not modules.exists() or node is None:
        pytest.skip("Grafana's LogQL grammar is not installed")
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "wrong.logql").write_text('sum by (stage) ({service_name="doodled"} |= | json [1h]')
    script = tmp_path / "faults.mjs"
    script.write_text("""
        import { parser } from "@grafana/lezer-logql";
        import { readFileSync } from "node:fs";
        const faults = (file) => {
          let count = 0;
          parser.parse(readFileSync(file, "utf8")).iterate({ enter: (node) => { count += node.type.isError; } });
          return count;
        };
        console.log(JSON.stringify(process.argv.slice(2).filter((file) => faults(file) > 0)));
    """)
    files = [*map(str, (QUERIES / "logql").glob("*.logql")), str(tmp_path / "wrong.logql")]
    done = subprocess.run([node, script, *files], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [str(tmp_path / "wrong.logql")]


def test_report_of_journal_equals_report_of_file() -> None:
    if not JOURNAL_REMOTE.exists():
        pytest.skip("systemd-journal-remote is not installed")
    of_file, of_journal = (
        json.loads(subprocess.run([sys.executable, "-m", "daemon", "report", "--json", *source], check=True, capture_output=True).stdout)
        for source in ([str(real_log())], ["--journal-file", str(journal())])
    )
    for name in (
        "log",
        "first",
        "last",
        "done",
        "failed",
        "retried",
        "deferred",
        "duplicates",
        "failures",
        "retried_requests",
        "runs",
        "incidents",
    ):
        assert of_journal[name] == of_file[name], name
    assert of_file["unfinished"] == [LOST]
    assert of_file["restarts"] == 4
    assert [each["reason"] for each in of_file["runs"]] == ["drained", "", "signal", "", "signal"]
    for one, other in zip(of_file["stages"], of_journal["stages"], strict=True):
        assert one["spread"] == pytest.approx(other["spread"])
