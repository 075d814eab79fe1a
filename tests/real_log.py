"""The log of running daemons with failures, duplicates, retries, outages and kills. Made once per session, in about 20 seconds.

The first daemon animates drawings, with a model server that refuses its first requests; the others simulate work (fault/stub_daemon.py).
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
from drawn_figures import drawn_figure
from few_lines_server import Handler, Server, photograph
from spool_oracle import ROOT, STUB

PATIENCE_S = 90.0
REFUSED = 2
"""Number of requests that the model server refuses before it answers."""

DRAWING = "garlic.jpg"
AGAIN = "the same again.jpg"
TEXT = "words.png"
NOT_UTF8 = b"leek\xff.jpg"
LOST = "never seen again.png"
UNCLAIMED = "back in the inbox.png"
QUICK = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "DOODLED_LOG_FORMAT": "plain",
    "DOODLED_LOG_HEARTBEAT_S": "0.2",
    "DOODLED_INBOX_DEBOUNCE_S": "0.02",
    "DOODLED_INBOX_RESCAN_S": "1",
    "DOODLED_JOBS_RETRY_FIRST_S": "0.02",
    "DOODLED_TORCHSERVE_PROBE_FIRST_S": "0.2",
    "DOODLED_TORCHSERVE_PROBE_MAX_S": "0.5",
    "DOODLED_ANIMATION_SIZE": "96x96",
    "DOODLED_ANIMATION_FPS": "5",
    "DOODLED_JOBS_WORKERS": "1",
}


class Busy(Handler):
    """Refuses the first requests, as TorchServe does when its queue is full."""

    refusals = REFUSED
    lock = threading.Lock()

    def do_POST(self) -> None:  # noqa: N802 - as the library calls it
        with Busy.lock:
            refuses, Busy.refusals = Busy.refusals > 0, Busy.refusals - 1
        if not refuses:
            super().do_POST()
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()


@functools.cache
def real_log() -> Path:
    """The log file; it exists until the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="doodled-real-log-"))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    log = folder / "doodled.log"
    _drawn(folder / "drawn", log)
    _faulty(folder / "faulty", log)
    _killed(folder / "killed", log)
    _with_full_disk(folder / "full", log)
    return log


@functools.cache
def records() -> list[dict[str, Any]]:
    """The records of `real_log`."""
    return [json.loads(line) for line in real_log().read_text().splitlines()]


def logged(event: str, **fields: object) -> list[dict[str, Any]]:
    """The records of an event."""
    return [each for each in records() if each["event"] == event and all(each.get(name) == value for name, value in fields.items())]


def _drawn(root: Path, log: Path) -> None:
    inbox = root / "inbox"
    inbox.mkdir(parents=True)
    with Server(drawn_figure("outlined")) as server:
        server.RequestHandlerClass = Busy
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cv2.imwrite(str(inbox / DRAWING), photograph(server.figure))
        shutil.copy(inbox / DRAWING, inbox / AGAIN)
        shutil.copy(os.fsencode(inbox / DRAWING), os.path.join(os.fsencode(inbox), NOT_UTF8))  # noqa: PTH118 - bytes
        shutil.copy(ROOT / "README.md", inbox / TEXT)
        shutil.copytree(ROOT / "etc" / "characters" / "stick_king", inbox / "wave" / "king")
        environ = {**QUICK, "DOODLED_ROOT": str(root), "DOODLED_STORAGE_RESERVE_MB": "0", "DOODLED_TORCHSERVE_URL": server.url}
        environ |= {"DOODLED_HOOKS_ON_DONE": "/bin/true", "DOODLED_HOOKS_ON_FAILED": "/bin/false"}
        command = [sys.executable, "-m", "daemon", "run", "--drain"]
        with log.open("ab") as file:
            done = subprocess.run(command, env=environ, stdout=file, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        server.shutdown()
    assert (done.returncode, done.stderr.decode()) == (0, "")


def _faulty(root: Path, log: Path) -> None:
    config = root.with_suffix(".toml")
    config.write_text("")
    with _running([STUB, root], log, DOODLED_CONFIG=str(config)) as (daemon, seen):
        inbox = root / "inbox"
        (inbox / "a link.png").symlink_to("/etc/hostname")
        _drop(inbox, "breaks.png", b"break")
        _drop(inbox, "refused.png", b"refuse")
        seen("job.failed", file_name="breaks.png")
        _drop(inbox, "doubtful.png", b"doubt")
        seen("job.review")
        _drop(inbox, "waits.png", b"outage")
        seen("breaker.half_open")
        (root / "models-are-back").touch()
        seen("breaker.closed")
        seen("file.rejected")
        config.write_text("[jobs]\nmax_attempts = 0\n")
        daemon.send_signal(signal.SIGHUP)
        seen("config.rejected")
        config.write_text("[log]\nheartbeat_s = 0.25\n[jobs]\nmax_attempts = 4\n")
        daemon.send_signal(signal.SIGHUP)
        seen("config.reloaded")
        seen("daemon.heartbeat")
        _drop(inbox, "taken over.png", b"slow")
        seen("job.claimed", file_name="taken over.png")
        _drop(inbox, UNCLAIMED, b"slow, too")
        seen("job.claimed", file_name=UNCLAIMED)
        daemon.kill()
    for job in (root / "spool" / "work").glob("*/*/job.json"):
        if json.loads(job.read_text())["name"] == UNCLAIMED:
            job.with_name("source").rename(inbox / UNCLAIMED)  # as on a disk that lost the rename
    with _running([STUB, root], log) as (daemon, seen):
        seen("job.done", file_name="taken over.png")
        seen("job.unclaimed", file_name=UNCLAIMED)
        seen("job.done", file_name=UNCLAIMED)
        inbox.rename(root / "elsewhere")
        seen("inbox.degraded")
        inbox.mkdir()
        seen("inbox.recovered")
        seen("watch.restarted")
        daemon.terminate()
        daemon.wait(PATIENCE_S)


def _killed(root: Path, log: Path) -> None:
    with _running([STUB, root], log) as (daemon, seen):
        _drop(root / "inbox", LOST, b"slow")
        seen("job.claimed", file_name=LOST)
        daemon.kill()


def _with_full_disk(root: Path, log: Path) -> None:
    config = root.with_suffix(".toml")
    config.write_text("[storage]\nreserve_mb = 1000000000\n")
    with _running(["-m", "daemon", "run"], log, DOODLED_CONFIG=str(config), DOODLED_ROOT=str(root)) as (daemon, seen):
        seen("disk.low")
        config.write_text("[storage]\nreserve_mb = 0\n")
        daemon.send_signal(signal.SIGHUP)
        seen("disk.recovered")
        daemon.terminate()
        daemon.wait(PATIENCE_S)


def _drop(inbox: Path, name: str, content: bytes) -> None:
    hidden = inbox / f".{name}"
    hidden.write_bytes(content)
    hidden.rename(inbox / name)


@contextmanager
def _running(arguments: list[object], log: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], Callable[..., None]]]:
    """A ready daemon, and a function that waits for one of its records; its log is appended to `log`."""
    own = log.with_name(f"{time.monotonic_ns()}.log")
    command = [sys.executable, *map(str, arguments)]
    with own.open("wb") as file, subprocess.Popen(command, env={**QUICK, **environ}, stdout=file) as daemon:

        def seen(event: str, **fields: object) -> None:
            wanted = {"event": event, **fields}
            deadline_s = time.monotonic() + PATIENCE_S
            while not any(wanted.items() <= json.loads(line).items() for line in _whole_lines(own)):
                assert daemon.poll() is None, f"the daemon ended before {wanted}"
                assert time.monotonic() < deadline_s, f"never logged: {wanted}"
                time.sleep(0.02)

        try:
            seen("daemon.ready")
            yield daemon, seen
        finally:
            if daemon.poll() is None:
                daemon.kill()
    with log.open("a") as everything:
        everything.writelines(f"{line}\n" for line in _whole_lines(own))


def _whole_lines(path: Path) -> list[str]:
    return path.read_text().rpartition("\n")[0].splitlines()
