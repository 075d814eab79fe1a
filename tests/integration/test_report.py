"""`doodled report`: statistics match an independent computation, also with foreign lines in the log; the page is self-contained."""

from __future__ import annotations

import gzip
import io
import json
import math
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from benchmarks import report as generated
from browser import chromium
from spool_oracle import ROOT

from daemon.cli import main
from daemon.commands.report_cli import since_time
from daemon.log.stages import STAGES, stage_of
from daemon.report.counting import require_duckdb
from daemon.report.plots import count_ticks, time_ticks
from daemon.report.tables import milliseconds, span, sparks
from pipeline.errors import OptionError

LINES = 6000


@dataclass(frozen=True)
class Output:
    """Output and exit status of a command."""

    returncode: int
    stdout: str
    stderr: str


def reported(*arguments: object, standard_input: bytes = b"") -> Output:
    """`doodled report`, run in this process."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    streams = {"argv": ["doodled", "report", *map(str, arguments)], "stdin": io.TextIOWrapper(io.BytesIO(standard_input))}
    with mock.patch.multiple(sys, **streams), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Output(status, out.getvalue(), err.getvalue())


def numbers(*arguments: object, standard_input: bytes = b"") -> dict[str, Any]:
    done = reported("--json", *arguments, standard_input=standard_input)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "doodled.log"
    path.write_text("".join(f"{line}\n" for line in generated.lines(LINES)))
    return path


@pytest.fixture(scope="module")
def counted(log: Path) -> dict[str, Any]:
    return numbers(log)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Count, interpolated percentiles and maximum."""

    def at(share: float) -> float:
        ordered, place = sorted(values), (len(values) - 1) * share
        return ordered[math.floor(place)] + (ordered[math.ceil(place)] - ordered[math.floor(place)]) * (place - math.floor(place))

    return {"count": len(values), "p50_ms": at(0.5), "p95_ms": at(0.95), "max_ms": max(values)}


def test_statistics_match_independent_computation(log: Path, counted: dict[str, Any]) -> None:
    records = [json.loads(line) for line in log.read_text().splitlines()]
    ended = [each for each in records if each["event"] in {"job.done", "job.failed"}]
    done, failed = ([each for each in ended if each["event"] == event] for event in ("job.done", "job.failed"))
    claimed = [each for each in records if each["event"] == "job.claimed"]
    assert (counted["done"], counted["failed"]) == (len(done), len(failed))
    assert counted["duration"] == pytest.approx(spread([each["duration_ms"] for each in ended]))
    assert counted["queue_wait"] == pytest.approx(spread([each["queue_wait_ms"] for each in claimed]))
    waits = [max(0.0, each["duration_ms"] - sum(each["steps_ms"].values())) for each in done]
    assert counted["worker_wait"] == pytest.approx(spread(waits), abs=1e-6)

    times: dict[str, list[float]] = defaultdict(list)
    for each in ended:
        of_job: dict[str, float] = defaultdict(float)
        for step, ms in each["steps_ms"].items():
            of_job[stage_of(step)] += ms
        for stage, ms in of_job.items():
            times[stage].append(ms)
    everything = sum(map(sum, times.values()))
    assert [each["stage"] for each in counted["stages"]] == [stage for stage in STAGES if stage in times]
    for each in counted["stages"]:
        assert each["spread"] == pytest.approx(spread(times[each["stage"]])), each["stage"]
        assert each["total_ms"] == pytest.approx(sum(times[each["stage"]]))
        assert each["share"] == pytest.approx(sum(times[each["stage"]]) / everything)
        assert sum(each["steps_ms"].values()) == pytest.approx(each["total_ms"])

    hours = (datetime.fromisoformat(records[-1]["timestamp"]) - datetime.fromisoformat(records[0]["timestamp"])).total_seconds() / 3600
    assert counted["per_hour"] == pytest.approx(len(ended) / hours, rel=0.01)


def test_failures_retries_restarts_and_slowest_jobs(log: Path, counted: dict[str, Any]) -> None:
    records = [json.loads(line) for line in log.read_text().splitlines()]
    failed = [each for each in records if each["event"] == "job.failed"]
    assert {each["error_type"]: each["count"] for each in counted["failures"]} == Counter(each["error_type"] for each in failed)
    for each in counted["failures"]:
        of_type = [one["file_name"] for one in failed if one["error_type"] == each["error_type"]]
        assert each["files"] == of_type[::-1][:15]
        assert each["message"] == generated.FAILURES[each["error_type"]]
    retries = [each for each in records if each["event"] == "inference.retried"]
    assert [(each["server"], each["reason"], each["count"]) for each in counted["retried_requests"]] == [
        ("127.0.0.1:8080", "503 busy", len(retries))
    ]
    asked = len([each for each in records if "detect" in each.get("steps_ms", {})])
    assert counted["retry_rate"] == pytest.approx(len(retries) / (len(retries) + asked))
    ended = sorted((each for each in records if "steps_ms" in each), key=lambda each: (-each["duration_ms"], each["job_id"]))
    assert [each["job_id"] for each in counted["slowest"]] == [each["job_id"] for each in ended[:15]]
    longest = max(ended[0]["steps_ms"], key=ended[0]["steps_ms"].get)
    assert counted["slowest"][0]["stage"] == stage_of(longest)
    assert len(counted["runs"]) == len([each for each in records if each["event"] == "daemon.start"])
    ends = {each["job_id"] for each in ended}
    assert counted["unfinished"] == [each["file_name"] for each in records if each["event"] == "job.claimed" and each["job_id"] not in ends]


def test_buckets_add_up(log: Path, counted: dict[str, Any]) -> None:
    buckets = counted["buckets"]
    assert sum(each["done"] for each in buckets) == counted["done"]
    assert sum(each["failed"] for each in buckets) == counted["failed"]
    assert 1 < len(buckets) <= 61
    step = timedelta(seconds=counted["bucket_s"])
    starts = [datetime.fromisoformat(each["start"]) for each in buckets]
    assert all(later - earlier == step for earlier, later in pairwise(starts))
    ended = [json.loads(line) for line in log.read_text().splitlines() if '"job.done"' in line or '"job.failed"' in line]
    third = [each["duration_ms"] for each in ended if starts[2] <= datetime.fromisoformat(each["timestamp"]) < starts[3]]
    assert buckets[2]["p95_ms"] == pytest.approx(spread(third)["p95_ms"])


def test_rotated_gzipped_piped_and_dirty_logs(log: Path, counted: dict[str, Any], tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    old = b'{"timestamp": "2020-01-01T00:00:00.000Z", "event": "job.done", "schema": 0, "service": "doodled"}\n'
    other = b'{"timestamp": "2026-03-01T00:00:00.000Z", "event": "GET /", "service": "nginx"}\n'
    strange = b'{"timestamp": "yesterday", "event": "job.done", "schema": 1, "service": "doodled", "duration_ms": "long"}\n'
    garbage = [b"Traceback (most recent call last):\n", b"\xff\xfe\x00\n", b"[1]\n", b"\n", b"<6>not json\n", b"{" * 5000 + b"\n", strange]
    mixed = [part for number, line in enumerate(lines[3000:]) for part in ([line, garbage[number % 7]] if number < 70 else [line])]
    (tmp_path / "doodled [a].log").write_bytes(b"".join([old, other, *mixed]) + b'{"event": "torn')
    (tmp_path / "doodled.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:2000])))
    (tmp_path / "doodled.log.1").write_bytes(gzip.compress(b"".join(lines[2000:2500])))
    files = [tmp_path / name for name in ("doodled [a].log", "doodled.log.2.gz", "doodled.log.1")]
    dirty = numbers("-", *files, standard_input=b"".join(lines[2500:3000]))
    assert dirty["log"] == {"files": 4, "records": counted["log"]["records"], "unreadable": 61, "foreign": 2}
    for name in ("done", "failed", "slowest", "failures", "retried_requests"):
        assert dirty[name] == counted[name], name
    assert dirty["duration"] == pytest.approx(counted["duration"])


def test_since_skips_earlier_records(log: Path, counted: dict[str, Any]) -> None:
    begin = datetime.fromisoformat(counted["buckets"][20]["start"])
    later = numbers(log, "--since", begin.isoformat())
    assert later["done"] == sum(each["done"] for each in counted["buckets"][20:])
    assert numbers(log, "--since", "1h")["done"] == 0


def test_empty_log_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    assert numbers(tmp_path / "empty.log")["done"] == 0
    assert "0 done, 0 failed" in reported(tmp_path / "empty.log").stdout
    assert reported(tmp_path / "empty.log", "--html", tmp_path / "page.html").returncode == 0


@pytest.mark.parametrize(
    "fields",
    [
        '"duration_ms":1e400,"steps_ms":{"render":1e400}',
        '"duration_ms":1e300,"queue_wait_ms":-1e300,"steps_ms":{"render":1e308,"encode":1e308}',
        '"duration_ms":-5,"steps_ms":{"render":{"x":{"y":[1,2]}}}',
        '"duration_ms":12,"steps_ms":{"render":5,"encode":null}',
        '"duration_ms":[12],"steps_ms":[1,2]',
        '"duration_ms":"12","steps_ms":"render","log_dropped":9223372036854775807',
    ],
)
def test_durations_that_are_none_count_as_missing(tmp_path: Path, fields: str) -> None:
    path = tmp_path / "odd.log"
    head = '"timestamp":"2026-11-29T04:00:0{0}.000Z","level":"info","schema":1,"service":"doodled","instance":"{0}","job_id":"{0}"'
    lines = (
        f'{{"event":"{event}",{head.format(number)},{fields}}}\n' for number, event in enumerate(("job.done", "job.failed", "job.claimed"))
    )
    path.write_text("".join(lines), encoding="utf-8")
    assert reported(path).returncode == 0
    assert reported("--html", tmp_path / "page.html", path).returncode == 0
    text = reported("--json", path).stdout
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_unreadable_log_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "log.xz").write_bytes(b"\xfd7zXZ\0")
    for arguments, message in [
        ([tmp_path / "none.log"], "none.log: the log can't be read: No such file or directory"),
        ([tmp_path / "log.xz"], "found xz"),
        ([tmp_path / "log.xz", "--journal"], "exclude each other"),
        (["--journal-file", tmp_path / "log.xz"], "the journal can't be read"),
        ([tmp_path / "log.xz", "--since", "soon"], "--since"),
    ]:
        done = reported(*arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_tables_on_a_terminal(log: Path, counted: dict[str, Any]) -> None:
    text = reported(log).stdout
    assert text.startswith(f"{counted['done']} done, {counted['failed']} failed")
    for heading in ("Where the time goes", "Over time", "Failures", "Slowest drawings", "Starts: "):
        assert heading in text
    assert counted["slowest"][0]["file_name"] in text
    assert max(map(len, text.splitlines())) <= 120
    assert "\x1b" not in text


class Page(HTMLParser):
    """Elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "rect", "line", "path"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_page_is_self_contained_and_accessible(log: Path, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    assert reported(log, "--html", place).stdout.strip() == str(place)
    text = place.read_text()
    page = Page(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert "http" not in text.replace("http-equiv", "")
    assert page.of("html")[0]["lang"] == "en"
    assert len(page.of("h1")) == 1
    assert all(each.get("scope") in {"col", "row"} for each in page.of("th"))
    for drawing in page.of("svg"):
        assert drawing.get("aria-hidden") == "true" or (drawing["role"] == "img" and drawing["aria-label"])
    named = {each["id"] for each in page.of("h2")}
    assert {each["aria-labelledby"] for each in page.of("section")} == named
    assert len(page.of("figure")) == 3
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in page.of("div") if each.get("role") == "region")


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    hostile = '<script>alert("x")</script>\x1b[31m\u202e.png'
    fields = {"job_id": "1", "file_name": hostile, "error_type": "image", "error_message": hostile, "stage": hostile, "duration_ms": 5}
    (tmp_path / "log").write_text(generated.record(now, "job.failed", "error", **fields, steps_ms={hostile: 5.0}) + "\n")
    assert reported(tmp_path / "log", "--html", tmp_path / "page.html").returncode == 0
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "\x1b" not in page + reported(tmp_path / "log").stdout
    assert "\u202e" not in page


def test_times_since() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert since_time("90s", now) == now - timedelta(seconds=90)
    assert since_time("-1.5h", now) == now - timedelta(minutes=90)
    assert since_time("2026-11-20T08:00+00:00", now) == datetime(2026, 11, 20, 8, tzinfo=UTC)
    for wrong in ("yesterday", "5 parsecs", "1e9d", "99999999999w"):
        with pytest.raises(OptionError, match="--since"):
            since_time(wrong, now)


@pytest.mark.parametrize("most", [0.0, 1.0, 3.0, 7.0, 99.0, 101.0, 4321.0])
def test_ticks_are_few_and_reach_the_maximum(most: float) -> None:
    for ticks in (count_ticks(most), time_ticks(most * 1000)):
        assert ticks[0] == 0
        assert 2 <= len(ticks) <= 6
    assert count_ticks(most)[-1] >= most
    assert time_ticks(most * 1000)[-1] >= most * 1000


def test_durations_have_about_three_digits() -> None:
    values = {0.04: "0.0 ms", 12.34: "12.3 ms", 480.2: "480 ms", 2454.0: "2.45 s", 31_000.0: "31.0 s", 312_000.0: "5.2 min", 9e6: "2.5 h"}
    assert {value: milliseconds(value) for value in values} == values
    assert [span(timedelta(seconds=seconds)) for seconds in (45, 900, 21_600, 86_400, 259_200)] == [
        "45 s",
        "15 min",
        "6 h",
        "1 day",
        "3 days",
    ]
    assert sparks([0, 1, 8]) == " ▁█"
    assert sparks([]) == ""


def test_browser_reports_no_error_on_the_page(log: Path, tmp_path: Path) -> None:
    browser = chromium(tmp_path / "profile")
    place = tmp_path / "report.html"
    assert reported(log, "--html", place).returncode == 0
    verbose = ["--enable-logging=stderr", "--v=0", "--dump-dom"]
    done = subprocess.run([*browser, *verbose, place.as_uri()], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    assert done.stdout.count("<figure") == 3


def luminance(color: str) -> float:
    """Relative, as WCAG 2.2 defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_color_contrast(scheme: str) -> None:
    style = (ROOT / "daemon" / "report" / "report.css").read_text()
    rules = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules[0])) | dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rules[1]) if scheme == "dark" else []
    )
    for behind in (colors["card"], colors["paper"]):
        assert contrast(colors["ink"], behind) >= 7
        assert all(contrast(colors[name], behind) >= 4.5 for name in ("faint", "link", "bad"))
        marks = [name for name in colors if name.startswith("stage-") or name in {"good", "bad", "p50", "p95"}]
        assert all(contrast(colors[name], behind) >= 3 for name in marks)


def test_missing_duckdb_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers."""
    require_duckdb()
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(OptionError, match="not installed") as caught:
        require_duckdb()
    assert "pip install duckdb" in str(caught.value)
