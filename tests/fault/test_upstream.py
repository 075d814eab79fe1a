"""Rows 7, 20, 21, 22 and 37 of etc/doc/faults.md with the real daemon: a model server with broken replies, hangs, or rejected keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_figures import drawn_figure
from few_lines_server import Handler, Server, photograph
from spool_oracle import ROOT, Places
from waiting import until

from pipeline.adapters.torchserve.image_encoding import probe_image

pytestmark = pytest.mark.gl

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BLOCK = b" " * 65536
ENDLESS_MOST = 10 << 30
SMALL = {
    "DOODLED_ANIMATION_SIZE": "64x64",
    "DOODLED_ANIMATION_FPS": "4",
    "DOODLED_JOBS_WORKERS": "2",
    "DOODLED_JOBS_MEMORY_LIMIT_MB": "2048",
    "DOODLED_STORAGE_RESERVE_MB": "0",
    "DOODLED_LOG_HEARTBEAT_S": "0.5",
    "DOODLED_LOG_FORMAT": "json",
}
Found = dict[str, Any]
FIGURE: Found = {"class_name": "humanoid", "bbox": [10.0, 10.0, 200.0, 300.0], "score": 0.9}


def reply(content: bytes) -> bytes:
    return JSON_HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(content) + content


SPOILT: dict[str, bytes] = {
    "garbage": reply(b"[{\xff\x00\x01]}}"),
    "half": reply(json.dumps([FIGURE]).encode()[:30]),
    "nan": reply(json.dumps([{**FIGURE, "score": float("nan")}]).encode()),
    "shape": reply(json.dumps({"code": 200}).encode()),
    "ragged mask": reply(json.dumps([{**FIGURE, "mask": [[1.0], []]}]).encode()),
    "endless": JSON_HEAD + b"\r\n",
    "fine": b"",
}


class Spoiler(Server):
    """Breaks the replies for images that are some px wider than the known one, each width in its own way; tiny images get valid replies.

    Attributes:
        key: the accepted key, or "" for any.
        is_broken: break every reply, also for tiny images.
        most_sent: bytes of the longest reply that a client read.
    """

    def __init__(self) -> None:
        super().__init__(drawn_figure("outlined"))
        self.RequestHandlerClass = SpoilingHandler
        self.known = photograph(self.figure)
        self.key = ""
        self.is_broken = False
        self.most_sent = 0
        self.asked_at_s: list[float] = []
        self.is_silent = threading.Event()
        self.is_over = threading.Event()

    def drop(self, inbox: Path, name: str) -> None:
        """An image whose width selects how its reply is broken."""
        inbox.mkdir(parents=True, exist_ok=True)
        wider = cv2.copyMakeBorder(self.known, 0, 0, 0, list(SPOILT).index(name.partition(".")[0]), cv2.BORDER_REPLICATE)
        cv2.imwrite(str(inbox / name), wider)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection, as they must on endless replies."""


class SpoilingHandler(Handler):
    server: Spoiler

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it
        self.server.asked_at_s.append(time.monotonic())
        body = self.rfile.read(int(self.headers["Content-Length"]))
        start = body.index(b"\r\n\r\n") + 4
        image = cv2.imdecode(np.frombuffer(body[start:], np.uint8), cv2.IMREAD_COLOR)
        is_tiny = image.shape == probe_image().shape
        if self.server.is_silent.is_set():
            self.server.is_over.wait(60)
            self.close_connection = True
        elif self.server.key and self.headers["Authorization"] != f"Bearer {self.server.key}":
            said = {"code": 400, "type": "InvalidKeyException", "message": f"Not authorized: {self.headers['Authorization']}"}
            self._send(b"HTTP/1.1 401 Unauthorized\r\n" + reply(json.dumps(said).encode()).partition(b"\r\n")[2])
        elif is_tiny and not self.server.is_broken:
            self._reply([])
        elif self.server.is_broken:
            self._send(SPOILT["garbage"])
        else:
            self._about(image)

    def _about(self, image: np.ndarray) -> None:
        extra = image.shape[1] - self.server.known.shape[1] if self.path.endswith("detector") else list(SPOILT).index("fine")
        kind = list(SPOILT)[max(0, min(extra, len(SPOILT) - 1))]
        if kind != "fine":
            self._send(SPOILT[kind], endlessly=kind == "endless")
            return
        mask = self.server.figure.mask
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) + 60.0
        if self.path.endswith("detector"):
            self._reply([{"class_name": "humanoid", "bbox": box.tolist(), "score": 0.9}])
        else:
            points = self.server.figure.keypoints.copy()
            points[:, :2] = (points[:, :2] + 60.0 - box[:2]) * min(np.array(image.shape[1::-1]) / (box[2:] - box[:2]))
            self._reply([{"keypoints": points.tolist()}])

    def _send(self, content: bytes, *, endlessly: bool = False) -> None:
        self.close_connection = True
        sent = 0
        self.wfile.write(content)
        while endlessly and sent < ENDLESS_MOST:
            self.wfile.write(BLOCK)
            sent += len(BLOCK)
            self.server.most_sent = max(self.server.most_sent, sent)


@pytest.fixture
def spoiler() -> Iterator[Spoiler]:
    with Spoiler() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.is_over.set()
        running.shutdown()


def environ(root: Path, server: Server, **more: str) -> dict[str, str]:
    return {**os.environ, **SMALL, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(root), "DOODLED_TORCHSERVE_URL": server.url, **more}


COMMAND = [sys.executable, "-m", "daemon", "run"]


def records(log: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.endswith(b"}")]


@contextmanager
def daemon(log: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file, subprocess.Popen(COMMAND, env=variables, stdout=file, stderr=subprocess.STDOUT) as running:
        try:
            until(lambda: b"daemon.ready" in log.read_bytes())
            yield running
            running.send_signal(signal.SIGTERM)
            assert running.wait(60) == 0
        finally:
            running.kill()


def status(root: Path) -> str:
    return "".join(path.read_text() for path in (root / "spool" / "status").glob("*.json"))


def test_images_that_break_the_reply_fail_alone(spoiler: Spoiler, tmp_path: Path) -> None:
    for name in [f"{kind}.png" for kind in SPOILT] + ["fine.too.png"]:
        spoiler.drop(tmp_path / "inbox", name)
    done = subprocess.run([*COMMAND, "--drain"], env=environ(tmp_path, spoiler), capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    reasons = {kind: Places(tmp_path).failed(f"{kind}.png") for kind in SPOILT if kind != "fine"}
    assert {kind: reason and (reason["error_type"], reason["attempts"]) for kind, reason in reasons.items()} == dict.fromkeys(
        reasons, ("refused", 1)
    )
    assert len(Places(tmp_path).manifests()) == 2
    assert 8 << 20 < spoiler.most_sent < 64 << 20
    found = records(done.stdout)
    assert max(record["rss_bytes"] for record in found if record["event"] == "daemon.heartbeat") < 200e6
    assert "breaker.opened" not in {record["event"] for record in found}
    check_volume(found)


def check_volume(found: list[dict[str, Any]]) -> None:
    """Row 36: no job writes many records, whatever its outcome."""
    per_job: dict[str, int] = {}
    for record in found:
        if "job_id" in record:
            per_job[record["job_id"]] = per_job.get(record["job_id"], 0) + 1
    assert max(per_job.values()) <= 12, per_job


def test_server_with_broken_replies_fails_no_job(spoiler: Spoiler, tmp_path: Path) -> None:
    spoiler.is_broken = True
    spoiler.drop(tmp_path / "inbox", "garbage.png")
    spoiler.drop(tmp_path / "inbox", "fine.png")
    done = subprocess.run([*COMMAND, "--drain"], env=environ(tmp_path, spoiler), capture_output=True, timeout=120, check=False)
    assert done.returncode == 75, done.stdout
    assert not list((tmp_path / "failed").iterdir())


def test_rejected_key_is_read_again_and_never_logged(spoiler: Spoiler, tmp_path: Path) -> None:
    """A restart of TorchServe makes a new key. While the key stays wrong, all images wait, and the log and the status say so."""
    root, log, key_file = tmp_path / "root", tmp_path / "log", tmp_path / "keys" / "key_file.json"
    secrets = ["hunter22first", "hunter22second", "hunter22third"]

    def renew(key: str) -> None:
        key_file.parent.mkdir(exist_ok=True)
        key_file.write_text(json.dumps({"inference": {"key": key}, "management": {"key": "hunter22management"}}))

    renew(secrets[0])
    spoiler.key = secrets[0]
    quick = {
        "DOODLED_TORCHSERVE_PROBE_FIRST_S": "0.3",
        "DOODLED_TORCHSERVE_PROBE_MAX_S": "0.3",
        "DOODLED_TORCHSERVE_KEY_FILE": str(key_file),
    }
    with daemon(log, environ(root, spoiler, **quick)) as running:
        spoiler.drop(root / "inbox", "fine.one.png")
        until(lambda: len(Places(root).manifests()) == 1)
        spoiler.key = secrets[1]
        renew(secrets[1])
        spoiler.drop(root / "inbox", "fine.two.png")
        until(lambda: len(Places(root).manifests()) == 2)
        assert b"breaker.opened" not in log.read_bytes()
        spoiler.key = secrets[2]  # its file changes later
        for number in range(4):
            spoiler.drop(root / "inbox", f"fine.{number}.png")
        until(lambda: b"auth.rejected" in log.read_bytes())
        until(lambda: "unauthorized" in status(root))
        seen = status(root)
        assert not list((root / "failed").iterdir())
        environs = [Path(f"/proc/{process}/environ").read_bytes() for process in family(running.pid)]
        assert len(environs) >= 3
        renew(secrets[2])
        until(lambda: len(Places(root).manifests()) == 6)
    written = [log.read_bytes(), seen.encode(), *environs, *(path.read_bytes() for path in root.rglob("*") if path.is_file())]
    assert not [content for content in written if b"hunter22" in content]
    assert {record["attempt"] for record in records(log.read_bytes()) if record["event"] == "job.done"} == {1}


def family(process: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(each for child in children for each in family(int(child)))]


def test_silent_server_gets_one_probe_and_recovery_is_noticed(spoiler: Spoiler, tmp_path: Path) -> None:
    log = tmp_path / "log"
    quick = {"DOODLED_TORCHSERVE_PROBE_FIRST_S": "1", "DOODLED_TORCHSERVE_PROBE_MAX_S": "1", "DOODLED_TORCHSERVE_DEADLINE_S": "1"}
    with daemon(log, environ(tmp_path, spoiler, **quick)):
        spoiler.is_silent.set()
        for number in range(8):
            spoiler.drop(tmp_path / "inbox", f"fine.{number}.png")
        until(lambda: b"breaker.half_open" in log.read_bytes())
        until(lambda: "can't answer" in status(tmp_path))
        spoiler.is_silent.clear()
        until(lambda: len(Places(tmp_path).manifests()) == 8)
    found = records(log.read_bytes())
    assert {record["attempt"] for record in found if record["event"] == "job.done"} == {1}
    assert [record["event"] for record in found if record["event"] in {"breaker.opened", "breaker.closed"}] == [
        "breaker.opened",
        "breaker.closed",
    ]
