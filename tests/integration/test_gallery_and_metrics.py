"""A daemon with gallery and metrics switched on: every dropped drawing is on the page, and every log event is counted."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browser import chromium
from spool_oracle import ROOT
from waiting import until

pytestmark = pytest.mark.gl

PATIENCE_S = 120.0
SMALL = {"DOODLED_ANIMATION_SIZE": "96x96", "DOODLED_ANIMATION_FPS": "5", "DOODLED_JOBS_WORKERS": "1", "DOODLED_STORAGE_RESERVE_MB": "0"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def scraped(port: int) -> str:
    """The metrics, or "" while the endpoint is not open."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    return ""


def value(text: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose inbox contains a character folder, a photograph, and a text file."""
    root = tmp_path_factory.mktemp("gallery")
    (root / "inbox" / "dab").mkdir(parents=True)
    shutil.copytree(ROOT / "etc" / "characters" / "stick_king", root / "inbox" / "dab" / "king & queen")
    shutil.copy(ROOT / "etc" / "drawings" / "mouse_monster.jpg", root / "inbox")
    (root / "inbox" / "mouse_monster.json").write_text('{"formats": ["gif", "mp4"]}')
    shutil.copy(ROOT / "README.md", root / "inbox" / "words.png")
    return root


@pytest.fixture(scope="module")
def seen(dropped: Path) -> tuple[str, list[dict[str, Any]], str]:
    """The metrics and log records of a running daemon, and the file that it left for node_exporter."""
    port, log, file = free_port(), dropped / "log.jsonl", dropped / "doodled.prom"
    switched_on = {"DOODLED_GALLERY_ENABLED": "true", "DOODLED_METRICS_PORT": str(port), "DOODLED_METRICS_TEXTFILE": str(file)}
    environ = {**os.environ, **SMALL, **switched_on, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(dropped), "DOODLED_LOG_FORMAT": "json"}
    with log.open("wb") as out, subprocess.Popen([sys.executable, "-m", "daemon", "run"], env=environ, stdout=out) as daemon:
        try:
            until(lambda: value(scraped(port), 'doodled_jobs_total{error_type="",outcome="success"}') == 2)
            until(lambda: value(scraped(port), 'doodled_jobs_total{error_type="unsupported",outcome="failure"}') == 1)
            until(lambda: "doodled_inbox_files 0.0" in (now := scraped(port)) and "doodled_jobs_in_flight 0.0" in now)
            exported = scraped(port)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
        finally:
            daemon.kill()
    return exported, [json.loads(line) for line in log.read_text().splitlines()], file.read_text()


def test_metrics_count_log_events(seen: tuple[str, list[dict[str, Any]], str]) -> None:
    exported, records, file = seen
    done = [record for record in records if record["event"] == "job.done"]
    for text in (exported, file):
        assert value(text, 'doodled_events_total{event="job.claimed"}') == 3
        assert value(text, 'doodled_animations_total{format="gif"}') == 2
        assert value(text, 'doodled_animations_total{format="mp4"}') == 1
        rendered_s = sum(record["stages_ms"]["render"] for record in done) / 1000
        assert value(text, 'doodled_stage_duration_seconds_sum{stage="render"}') == pytest.approx(rendered_s)
        assert value(text, 'doodled_stage_duration_seconds_count{stage="infer"}') == 1
        assert value(text, 'doodled_breaker_state{breaker="models",state="closed"}') == 1
        assert value(text, "doodled_jobs_in_flight") == 0
        assert value(text, "doodled_disk_free_bytes") > 0
    assert value(file, 'doodled_events_total{event="daemon.stop"}') == 1
    assert [record["exporter"] for record in records if record["event"] == "metrics.ready"] != []


def test_dashboard_and_alerts_use_exported_metrics(seen: tuple[str, list[dict[str, Any]], str]) -> None:
    asked = (ROOT / "etc" / "metrics" / "dashboard.json").read_text() + (ROOT / "etc" / "metrics" / "alerts.yml").read_text()
    names = set(re.findall(r"\bdoodled_[a-z_]+(?=[{\[ )])", asked))
    exported = set(re.findall(r"^# TYPE (\w+) ", seen[0], re.MULTILINE))
    assert len(names) > 15
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} <= exported


def test_page_shows_every_drawing(dropped: Path, seen: tuple[str, list[dict[str, Any]], str]) -> None:
    del seen
    page = (dropped / "outbox" / "index.html").read_text()
    assert "dab/<wbr>king &amp; queen" in page
    assert page.count("<article") == 3
    assert page.count("<video") == 1
    assert "expected a picture" in page
    links = [unquote(link) for link in re.findall(r'(?:src|href|poster|srcset)="([^"]+)"', page) if not link.startswith("data:")]
    assert {Path(link).suffix for link in links} == {".gif", ".mp4", ".jpg"}
    assert all((dropped / "outbox" / link).is_file() for link in links)


def test_browser_reports_no_error_on_the_page(dropped: Path, seen: tuple[str, list[dict[str, Any]], str], tmp_path: Path) -> None:
    del seen
    browser = chromium(tmp_path / "profile")
    verbose = ["--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000"]
    page = (dropped / "outbox" / "index.html").as_uri()
    done = subprocess.run([*browser, *verbose, "--dump-dom", page], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    assert re.search(r'<button id="stillness"[^>]*>Pause all</button>', done.stdout)
    assert 'id="stillness" class="button" type="button">' in done.stdout  # no longer hidden: the script ran
