"""Row 19 of etc/doc/faults.md: a stop with jobs in every state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fault.stub_daemon import fake_result
from PIL import Image
from spool_oracle import ROOT, Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon
from waiting import until

from daemon.policy.failures import ErrorType
from daemon.worker.task import Task, TaskFailure, TaskResult

PATIENCE_S = 60.0
AT_ONCE_S = 15.0
"""Generous for a busy test machine; on an idle one it takes a second."""


class Busy(ThreadingHTTPServer):
    """A model server that rejects every request as overloaded."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BusyHandler)
        self.asked = 0


class BusyHandler(BaseHTTPRequestHandler):
    server: Busy

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(503)
        self.send_header("Retry-After", "20")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Keep stderr clean."""


@pytest.fixture
def busy() -> Iterator[Busy]:
    with Busy() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_stop_ends_waits_for_model_server(tmp_path: Path, busy: Busy) -> None:
    root = tmp_path / "root"
    (root / "inbox").mkdir(parents=True)
    Image.effect_noise((300, 300), 50).save(root / "inbox" / "drawing.png")
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOODLED_ROOT": str(root),
        "DOODLED_TORCHSERVE_URL": f"http://127.0.0.1:{busy.server_port}",
        "DOODLED_JOBS_WORKERS": "1",
        "DOODLED_STORAGE_RESERVE_MB": "0",
    }
    with subprocess.Popen([sys.executable, "-m", "daemon", "run"], env=environ, stdout=subprocess.PIPE) as daemon:
        try:
            until(lambda: busy.asked)
            time.sleep(0.5)  # the reply has arrived, and the client remembers it
            asked, stopped_s = busy.asked, time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            output, _ = daemon.communicate(timeout=PATIENCE_S)
            took_s = time.monotonic() - stopped_s
        finally:
            daemon.kill()
    assert daemon.returncode == 0
    assert busy.asked == asked, "it asked once more"
    assert took_s < AT_ONCE_S
    records = [json.loads(line) for line in output.splitlines()]
    assert [record["event"] for record in records][-1] == "daemon.stop"
    assert not [record for record in records if record["event"] == "job.failed"]
    job = json.loads(next(root.glob("spool/work/*/*/job.json")).read_text())
    assert (job["attempts"], job["is_under_way"]) == (0, False)


def test_stop_finishes_or_keeps_jobs_of_every_state(tmp_path: Path) -> None:
    names = ("broken", "deferred", "running", "queued", "waiting")
    contents = {name: f"{name} drawing".encode() for name in names}

    def work(task: Task) -> TaskResult:
        kinds = {"broken.png": ErrorType.CRASH, "deferred.png": ErrorType.NO_OPENGL}
        return TaskResult(failure=TaskFailure(kinds[task.name], "not now")) if task.name in kinds else fake_result(task)

    def drop(name: str) -> None:
        (tmp_path / "inbox" / f"{name}.png").write_bytes(contents[name])

    with SteppedDaemon.opened(tmp_path, {"jobs": {"retry_first_s": 1000.0, "retry_max_s": 1000.0}}, work=work, count=2) as daemon:
        drop("broken")
        daemon.run(1000.0, until_s=1003.0)
        daemon.workers.is_slow = True
        for now, name in ((1003.0, "running"), (1006.0, "queued"), (1009.0, "deferred")):
            drop(name)
            daemon.run(now, until_s=now + 2.9)
        assert sorted(task.name for task, _ in daemon.workers.begun) == ["deferred.png", "queued.png", "running.png"]
        for task, future in daemon.workers.begun:
            if task.name != "queued.png":
                future.set_running_or_notify_cancel()
        drop("waiting")
        daemon.scheduler.stop()
        daemon.workers.finish()
        daemon.scheduler.step(1013.0)
        assert not daemon.scheduler.abandon_running()
        assert sorted(held.job.name for held in daemon.scheduler.waiting) == ["broken.png", "deferred.png", "queued.png"]
    assert (tmp_path / "inbox" / "waiting.png").exists(), "it was taken after the stop"
    assert len(Places(tmp_path).manifests()) == 1
    with SteppedDaemon.opened(tmp_path) as heir:
        heir.run(2000.0)
        attempts = {record["file_name"]: record["attempt"] for record in heir.logged("job.done")}
    assert attempts == {"broken.png": 2, "deferred.png": 1, "queued.png": 1, "waiting.png": 1}
    for name, content in contents.items():
        check_published(tmp_path, name, content)
    check_tidy(tmp_path)
