"""Rows 44 and 45 of etc/doc/faults.md: hooks while the daemon is killed at every system call, and receivers that hang.

Each event is delivered at least once, under one id, and no drawing waits for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fault.disturbed import NEEDS_STRACE, run_disturbed
from spool_oracle import ROOT, STUB, Places
from waiting import until

COMMAND = "/bin/sh,-c,echo $DOODLED_EVENT_ID >> delivered"
"""Its folder is the spool's root."""

QUICK = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.001", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def command_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"DOODLED_HOOKS_ON_DONE": COMMAND, "DOODLED_HOOKS_ON_FAILED": COMMAND, "PYTHONPATH": str(ROOT)}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def check_delivered(root: Path, ending: str) -> None:
    (job,) = {
        json.loads(path.read_text())["job_id"]
        for place in ("outbox", "failed")
        for path in (root / place).glob("*.json")
        if "options" not in path.name
    }
    assert set((root / "delivered").read_text().split()) == {f"{job}-{ending}"}, root.name
    assert not list((root / "spool" / "events").glob("*.json"))
    assert not list((root / "spool" / "undelivered").iterdir())


@NEEDS_STRACE
@pytest.mark.usefixtures("command_hooks")
@pytest.mark.parametrize(("content", "ending"), [(b"a drawing", "done"), (b"refuse this", "failed")])
def test_kill_at_any_call_loses_no_event(tmp_path: Path, content: bytes, ending: str) -> None:
    ends, roots = run_disturbed(tmp_path, content, "signal=SIGKILL", threads=True)
    assert len(ends) > 30
    for root in roots:
        check_delivered(root, ending)


@NEEDS_STRACE
@pytest.mark.usefixtures("command_hooks")
def test_single_disk_error_only_delays_an_event(tmp_path: Path) -> None:
    _, roots = run_disturbed(tmp_path, b"refuse this", "error=EIO", "fsync,linkat,rename,renameat,unlink", threads=True)
    for root in roots:
        check_delivered(root, "failed")


# --- receivers -------------------------------------------------------------------------------------------------------


class Receiver(ThreadingHTTPServer):
    """Takes events, unless it hangs.

    Attributes:
        ids: of the events that it took.
        asked: number of requests.
        is_awake: set while it answers.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.ids: list[str] = []
        self.asked = 0
        self.is_awake = threading.Event()

    @property
    def environ(self) -> dict[str, str]:
        return {"DOODLED_HOOKS_ON_DONE": f"http://127.0.0.1:{self.server_port}/", "DOODLED_HOOKS_TIMEOUT_S": "1"}


class _Taker(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.asked += 1
        event: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.is_awake.wait(60)
        with contextlib.suppress(OSError):
            self.send_response(204)
            self.end_headers()
            self.wfile.flush()
            assert event["event_id"] == self.headers["webhook-id"]
            self.server.ids.append(event["event_id"])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.is_awake.set()
        server.shutdown()


def start(root: Path, receiver: Receiver, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(STUB), str(root), *options]
    return subprocess.Popen(command, env={**QUICK, **receiver.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def drop_many(root: Path, count: int) -> None:
    (root / "inbox").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (root / "inbox" / f"{number:04d}.jpg").write_bytes(b"drawing %d" % number)


def done_ids(root: Path) -> set[str]:
    return {f"{manifest['job_id']}-done" for manifest in Places(root).manifests().values()}


def test_thousand_events_reach_a_receiver_that_hung(tmp_path: Path, receiver: Receiver) -> None:
    count = 1000
    drop_many(tmp_path, count)
    daemon = start(tmp_path, receiver)
    try:
        until(lambda: len(list((tmp_path / "outbox").glob("*.json"))) == count)
        assert receiver.asked < 30  # drawings did not wait, and the receiver is not flooded
        receiver.is_awake.set()
        until(lambda: len(set(receiver.ids)) == count)
        until(lambda: not list((tmp_path / "spool" / "events").glob("*.json")))
    finally:
        daemon.terminate()
        daemon.wait(60)
    assert set(receiver.ids) == done_ids(tmp_path)


def test_daemon_killed_ten_times_delivers_everything(tmp_path: Path, receiver: Receiver) -> None:
    count = 300
    receiver.is_awake.set()
    drop_many(tmp_path, count)
    for kills in range(1, 11):
        daemon = start(tmp_path, receiver)
        until(lambda: len(set(receiver.ids)) >= kills * count // 12)  # noqa: B023 - called at once
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(60)
    last = start(tmp_path, receiver, "--drain")
    assert last.wait(60) == 0
    assert set(receiver.ids) == done_ids(tmp_path)
    assert len(done_ids(tmp_path)) == count
    assert max(Counter(receiver.ids).values()) <= 3
    assert not list((tmp_path / "spool" / "events").glob("*.json"))


def test_stop_does_not_wait_for_a_receiver_that_hangs(tmp_path: Path, receiver: Receiver) -> None:
    drop_many(tmp_path, 3)
    daemon = start(tmp_path, receiver)
    until(lambda: receiver.asked)
    daemon.terminate()
    started_s = time.monotonic()
    assert daemon.wait(60) == 0
    assert time.monotonic() - started_s < 20
