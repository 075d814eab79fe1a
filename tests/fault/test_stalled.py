"""Rows 8 and 9 of etc/doc/faults.md: the log is not read, workers hang, the main loop hangs.

The processes are real, and so are their notifications to systemd.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from spool_oracle import ROOT, STUB, Places, check_published, check_tidy
from waiting import until

PATIENCE_S = 60.0
PING_S = 0.1
SMALL_QUEUE = "import sys; sys.path.insert(0, sys.argv[1]); from daemon.log import writer; writer._QUEUE_LENGTH = 50; "
RUN = SMALL_QUEUE + "import stub_daemon; sys.exit(stub_daemon.main(*sys.argv[2:]))"
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.02", "DOODLED_LOG_HEARTBEAT_S": "0.5"}


class Systemd:
    """Receives notifications of services all the time, as PID 1 does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.notifications: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def environ(self) -> dict[str, str]:
        return {**ENVIRON, "NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": str(round(2e6 * PING_S))}

    def pings(self, within_s: float) -> int:
        """The number of pings within some time."""
        before = self.notifications.count("WATCHDOG=1")
        time.sleep(within_s)
        return self.notifications.count("WATCHDOG=1") - before

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self._path))
        self._thread.join(PATIENCE_S)
        self._socket.close()

    def _listen(self) -> None:
        while said := self._socket.recv(65536).decode():
            self.notifications.append(said)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


@contextmanager
def running_daemon(root: Path, systemd: Systemd, stdout: int, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", RUN, str(STUB.parent), str(root), *arguments]
    with subprocess.Popen(command, env=systemd.environ, stdout=stdout) as daemon:
        try:
            until(lambda: any(said.startswith("READY=1") for said in systemd.notifications))
            yield daemon
        finally:
            daemon.kill()


def drop(root: Path, name: str, content: bytes) -> bytes:
    (root / "inbox" / f".{name}").write_bytes(content)
    (root / "inbox" / f".{name}").rename(root / "inbox" / name)
    return content


def spent_s(root: Path, first: int, count: int) -> float:
    started_s = time.monotonic()
    for number in range(first, first + count):
        drop(root, f"drawing{number}.png", b"drawing %d" % number)
    until(lambda: len(list((root / "outbox").glob("*.json"))) >= first + count)
    return time.monotonic() - started_s


def test_unread_log_stops_nothing_and_counts_lost_records(tmp_path: Path, systemd: Systemd) -> None:
    root = tmp_path / "root"
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    said = b""
    with running_daemon(root, systemd, write, "4") as daemon:
        os.close(write)
        os.set_blocking(read, False)

        def hear() -> bytes:
            nonlocal said
            with suppress(BlockingIOError):
                said += os.read(read, 1 << 20)
            return said

        hear()
        stalled_s = spent_s(root, 0, 150)
        assert systemd.pings(10 * PING_S) >= 3
        until(lambda: hear() and '"log_dropped": 0' not in str(said[-8000:]) and b"log_dropped" in said[-8000:])
        heard_s = spent_s(root, 150, 30)
        daemon.send_signal(signal.SIGTERM)
        until(lambda: (hear(), daemon.poll())[1] is not None)
        hear()
    os.close(read)
    assert daemon.returncode == 0
    records = [json.loads(line) for line in said.splitlines()]
    dropped = [record["log_dropped"] for record in records if record["event"] == "daemon.heartbeat"]
    assert max(dropped) > 50
    assert len([record for record in records if record["event"] == "job.done"]) < 180
    assert stalled_s < 150 / 30 * heard_s * 3 + 5.0, "the work was held up"
    for number in range(180):
        check_published(root, "drawing", b"drawing %d" % number)
    check_tidy(root)


def test_frozen_worker_is_killed_at_deadline(tmp_path: Path, systemd: Systemd) -> None:
    root = tmp_path / "root"
    environ = systemd.environ | {"DOODLED_JOBS_DEADLINE_S": "1", "DOODLED_JOBS_MAX_ATTEMPTS": "1"}
    (root / "inbox").mkdir(parents=True)
    drop(root, "frozen.png", b"freeze")
    others = [drop(root, f"fine{number}.png", b"fine %d" % number) for number in range(5)]
    command = [sys.executable, str(STUB), str(root), "--drain", "--pool"]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    reason = Places(root).failed("frozen.png")
    assert reason is not None
    assert reason["error_type"] == "deadline"
    for content in others:
        check_published(root, "fine", content)
    assert systemd.notifications.count("WATCHDOG=1") > 5, "waiting for a worker is no reason to be restarted"
    check_tidy(root)


def test_hanging_loop_stops_pinging_and_jobs_survive_restart(tmp_path: Path, systemd: Systemd) -> None:
    root = tmp_path / "root"
    with running_daemon(root, systemd, subprocess.DEVNULL) as daemon:
        assert systemd.pings(10 * PING_S) >= 3
        content = drop(root, "stuck.png", b"stuck")
        until(lambda: Places(root).claimed())
        until(lambda: not systemd.pings(20 * PING_S))
        daemon.send_signal(signal.SIGABRT)  # as systemd does after WatchdogSec
        assert daemon.wait(PATIENCE_S) == -signal.SIGABRT
    (root / "stuck-no-more").touch()
    done = subprocess.run(
        [sys.executable, str(STUB), str(root), "--drain"], env=ENVIRON, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0
    check_published(root, "stuck.png", content)
    check_tidy(root)
