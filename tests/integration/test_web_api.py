"""The HTTP API over loopback: requests made of its own description, and a drawing from upload to result with a real daemon."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from served_web import ROOT, served_web
from waiting import until
from web_spool import WebSpool

SMALL = {"DOODLED_ANIMATION_SIZE": "96x96", "DOODLED_ANIMATION_FPS": "5", "DOODLED_JOBS_WORKERS": "1", "DOODLED_STORAGE_RESERVE_MB": "0"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    spool = WebSpool(tmp_path_factory.mktemp("web"))
    spool.publish("done-w0123456789abcdef.png")
    spool.fail("failed.png")
    spool.drop("waiting.png")
    spool.claim("running.png")
    with served_web(spool.layout.root, {"DOODLED_WEB_UPLOADS_PER_MINUTE": "100000"}) as url:
        yield url


def test_answers_are_as_the_description_says(served: str) -> None:
    schema = schemathesis.openapi.from_url(f"{served}/openapi.json")
    load_all_checks()
    tried = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/events"):  # endless
            continue
        tried.add(f"{operation.method} {operation.path}")

        @settings(
            max_examples=15, deadline=None, database=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
        )
        def check(case: Any) -> None:
            response = case.call(base_url=served, timeout=20)
            case.validate_response(response, excluded_checks=[CHECKS.get_one("positive_data_acceptance")])

        given(operation.as_strategy())(check)()
    assert len(tried) >= 9


def test_description_names_every_route(served: str) -> None:
    described = requests.get(f"{served}/openapi.json", timeout=10).json()["paths"]
    assert set(described) == {
        "/v1/drawings",
        "/v1/events",
        "/v1/jobs",
        "/v1/jobs/{drawing_id}",
        "/v1/jobs/{drawing_id}/again",
        "/v1/jobs/{drawing_id}/approve",
        "/v1/jobs/{drawing_id}/events",
        "/v1/jobs/{drawing_id}/outputs/{name}",
        "/v1/jobs/{drawing_id}/preview.gif",
        "/v1/jobs/{drawing_id}/preview.png",
        "/v1/jobs/{drawing_id}/retry",
        "/v1/jobs/{drawing_id}/thumbnail",
        "/v1/motions",
    }


def test_connection_that_sends_nothing_is_closed(served: str) -> None:
    parts = urlsplit(served)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert slow.recv(1) == b""


def test_head_that_never_ends_is_refused(served: str) -> None:
    parts = urlsplit(served)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as long:
        long.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Long: " + b"x" * 80_000)
        assert long.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


@pytest.mark.gl
def test_drawing_from_upload_to_animation(tmp_path: Path) -> None:
    environ = {**os.environ, **SMALL, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(tmp_path), "DOODLED_LOG_FORMAT": "json"}
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen([sys.executable, "-m", "daemon", "run"], env=environ, stdout=log) as daemon:
        try:
            until(lambda: any((tmp_path / "spool" / "status").glob("*.json")))
            with served_web(tmp_path, SMALL) as url, (ROOT / "etc" / "drawings" / "mouse_monster.jpg").open("rb") as photograph:
                options = json.dumps({"motions": ["dab"], "formats": ["gif"]})
                answer = requests.post(f"{url}/v1/drawings", files={"file": photograph}, data={"options": options}, timeout=30)
                assert answer.status_code == 201, answer.text
                job = answer.json()["id"]
                with urllib.request.urlopen(f"{url}/v1/jobs/{job}/events", timeout=120) as stream:
                    events = stream.read().decode()
                states = [json.loads(line[6:])["state"] for line in events.splitlines() if line.startswith("data: ")]
                assert states[0] in {"waiting", "running"}
                assert states[-1] == "done"
                (output,) = requests.get(f"{url}/v1/jobs/{job}", timeout=10).json()["outputs"]
                assert output["name"] == "mouse_monster.gif"
                content = requests.get(f"{url}/{output['url']}", timeout=10).content
                assert content.startswith(b"GIF89a")
                assert len(content) == output["bytes"]
                assert requests.get(f"{url}/v1/jobs/{job}/thumbnail", timeout=10).content.startswith(b"\xff\xd8")
                manifest = json.loads(next((tmp_path / "outbox").glob("*.json")).read_text())
                assert manifest["stages_ms"]["preview"] > 0  # someone followed the events
                assert not list((tmp_path / "spool").rglob("preview*"))
                (again,) = requests.post(f"{url}/v1/jobs/{job}/again", json={"motions": ["jump"]}, timeout=10).json()
                until(lambda: requests.get(f"{url}/v1/jobs/{again['id']}", timeout=10).json()["state"] == "done")
                assert requests.get(f"{url}/v1/jobs/{again['id']}", timeout=10).json()["outputs"][0]["motion"] == "jump"
        finally:
            daemon.terminate()
            daemon.wait(60)
