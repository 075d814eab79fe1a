"""Row 5 of etc/doc/faults.md: several daemons on one inbox, among them dead ones, stopped ones, and ones that lost their lock.

A daemon that is only stopped keeps its lock, so no other daemon touches its jobs. On a network file system the server may lose the lock:
then other daemons take the jobs over, while their former owner, stopped in the middle of a step, still considers them its own.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from spool_oracle import ROOT, STUB, Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon
from waiting import until

PATIENCE_S = 60.0
PIDFD_GETFD = 438
CHANGING = ("rename", "link", "unlink", "mkdir", "rmdir", "open", "fsync")


class Interruption:
    """Intercepts the system calls of a daemon that change the disk, and acts before or after the N-th."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self._at = -1
        self._then: Callable[[], None] = lambda: None
        self._is_on = False
        for name in CHANGING:
            monkeypatch.setattr(os, name, self._watched(getattr(os, name), is_real=name != "fsync"))

    @contextmanager
    def before(self, number: int, then: Callable[[], None]) -> Iterator[None]:
        self.calls, self._at, self._then, self._is_on = 0, number, then, True
        try:
            yield
        finally:
            self._is_on = False

    def _watched(self, call: Callable[..., Any], *, is_real: bool) -> Callable[..., Any]:
        def watched(*arguments: Any, **more: Any) -> Any:
            self._step()
            result = call(*arguments, **more) if is_real else None
            self._step()
            return result

        return watched

    def _step(self) -> None:
        if not self._is_on:
            return
        self.calls += 1
        if self.calls - 1 == self._at:
            self._is_on = False
            self._then()
            self._is_on = True


def lose_lock(daemon: SteppedDaemon) -> None:
    """Release the lock, as a file server does that has lost it."""
    fcntl.flock(daemon.spool._instance.lock, fcntl.LOCK_UN)


def run_overtaken(root: Path, content: bytes, interruption: Interruption, number: int, *, is_at_once: bool) -> tuple[int, set[str]]:
    """Run a daemon that sleeps before its N-th call, while another takes its job over and finishes or begins it; returns the number of
    calls, and the records of the daemon that slept."""
    (root / "inbox").mkdir(parents=True)
    (root / "inbox" / "garlic.jpg").write_bytes(content)
    with ExitStack() as stack:
        zombie = stack.enter_context(SteppedDaemon.opened(root))
        zombie.step(1000.0)
        rival = stack.enter_context(SteppedDaemon.opened(root))
        rival.workers.is_slow = not is_at_once
        turned_s = []

        def sleep() -> None:
            lose_lock(zombie)
            for now in (2000.0, 2001.0):
                rival.step(now)
            turned_s.append(2001.0)

        with interruption.before(number, sleep):
            zombie.run(1001.0, until_s=1030.0)
            steps = interruption.calls
        rival.workers.is_slow = False
        rival.workers.finish()
        rival.run(2100.0)
        zombie.run(2100.0)
        assert not zombie.left
        second = b"another " + content
        (root / "inbox" / "second.jpg").write_bytes(b"refuse " + second if content.startswith(b"refuse") else second)
        zombie.run(2200.0)
        assert not list((root / "inbox").iterdir()), "it can't work any more"
        assert len(turned_s) == (steps > number)
        return steps, {record["event"] for record in zombie.records}


@pytest.mark.parametrize("is_at_once", [True, False])
@pytest.mark.parametrize("content", [b"a drawing", b"refuse this"])
def test_stopped_daemon_without_lock_publishes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, is_at_once: bool
) -> None:
    interruption = Interruption(monkeypatch)
    steps, _ = run_overtaken(tmp_path / "clean", content, interruption, 10**6, is_at_once=is_at_once)
    assert steps > 50
    events: set[str] = set()
    for number in range(steps):
        root = tmp_path / str(number)
        events |= run_overtaken(root, content, interruption, number, is_at_once=is_at_once)[1]
        check_tidy(root)
        if content.startswith(b"refuse"):
            assert sorted(path.name for path in (root / "failed").iterdir()) == [
                "garlic.jpg",
                "garlic.jpg.error.json",
                "second.jpg",
                "second.jpg.error.json",
            ]
        else:
            check_published(root, "garlic.jpg", content)
            assert len(Places(root).manifests()) == 2
    assert events >= {"job.lost", "daemon.superseded"}


def test_takes_over_dead_daemon_within_a_minute(tmp_path: Path) -> None:
    content = b"a drawing"
    with SteppedDaemon.opened(tmp_path) as dead, SteppedDaemon.opened(tmp_path) as heir:
        dead.workers.is_slow = True
        (tmp_path / "inbox" / "garlic.jpg").write_bytes(content)
        dead.run(1000.0, until_s=1002.0)
        assert dead.scheduler.running
        heir.run(1000.0, until_s=1040.0)
        assert not Places(tmp_path).manifests()  # the first daemon is alive, however slow
        lose_lock(dead)
        heir.run(1041.0)
        now = heir.run(1041.0, until_s=1041.0 + 60.0)
        while not Places(tmp_path).manifests():
            assert now < 1041.0 + 60.0
            now += 5.0
            heir.step(now)
        dead.scheduler.running.clear()
    check_published(tmp_path, "garlic.jpg", content)


# --- with real processes -------------------------------------------------------------------------------------------------


def start_daemon(root: Path, stack: ExitStack, *arguments: str, script: Path = STUB) -> subprocess.Popen[bytes]:
    """A daemon that ends with the stack."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOODLED_INBOX_DEBOUNCE_S": "0.02",
        "DOODLED_INBOX_STABLE_S": "0.3",
        "DOODLED_INBOX_POLL_S": "0.2",
    }
    log = stack.enter_context((root.parent / f"{time.monotonic_ns()}.log").open("wb"))
    command = [sys.executable, str(script), str(root), *arguments]
    daemon = stack.enter_context(subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT))
    stack.callback(lambda: daemon.poll() is None and daemon.kill())
    return daemon


def instances(root: Path) -> int:
    return len(list((root / "spool" / "status").glob("*.json")))


def drop(root: Path, count: int) -> list[bytes]:
    """Drop files, every tenth of which is slow to animate."""
    contents = [b"%s %d" % (b"slow" if number % 10 == 0 else b"quick", number) for number in range(count)]
    for number, content in enumerate(contents):
        path = root / "inbox" / f"drawing{number}.png"
        path.with_suffix(".part").write_bytes(content)
        path.with_suffix(".part").rename(path)
    return contents


def forget_lock(process: int) -> None:
    """Release the lock of another process, through a duplicate of its file descriptor (pidfd_getfd(2))."""
    for link in Path(f"/proc/{process}/fd").iterdir():
        if str(link.readlink()).endswith("/.lock"):
            pidfd = os.pidfd_open(process)
            libc = ctypes.CDLL(None, use_errno=True)
            lock = libc.syscall(PIDFD_GETFD, pidfd, int(link.name), 0)
            os.close(pidfd)
            if lock < 0:
                pytest.skip("ptrace is forbidden here")
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)
            return
    raise AssertionError("it has no lock")


def check_all(root: Path, contents: list[bytes]) -> None:
    places = Places(root)
    assert len(places.manifests()) == len(contents)
    assert sorted(str(manifest["source"]["sha256"]) for manifest in places.manifests().values()) == sorted(  # type: ignore[index]
        hashlib.sha256(content).hexdigest() for content in contents
    )
    assert sorted(places.kept()) == sorted(contents)
    check_tidy(root)


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_four_daemons_share_inbox_while_one_dies_and_one_sleeps(tmp_path: Path, is_forgotten: bool) -> None:
    root = tmp_path / "root"
    with ExitStack() as stack:
        killed, stopped, *others = [start_daemon(root, stack) for _ in range(4)]
        until(lambda: instances(root) == 4)
        contents = drop(root, 200)
        until(lambda: len(Places(root).manifests()) > 20)
        stopped.send_signal(signal.SIGSTOP)
        killed.kill()
        if is_forgotten:
            forget_lock(stopped.pid)
        assert start_daemon(root, stack, "--drain").wait(PATIENCE_S) == 0  # takes over what is left
        until(lambda: not [path for path in (root / "inbox").iterdir() if path.suffix == ".png"])
        stopped.send_signal(signal.SIGCONT)
        until(lambda: len(Places(root).manifests()) >= len(contents))
        more = root / "inbox" / "more.png"
        more.write_bytes(b"more")
        contents.append(b"more")
        until(lambda: len(Places(root).manifests()) >= len(contents))
        for daemon in (stopped, *others):
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
    check_all(root, contents)


def test_four_daemons_share_nfs_inbox_with_lost_replies(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with ExitStack() as stack:
        killed, *others = [start_daemon(root, stack, script=STUB.with_name("nfs_daemon.py")) for _ in range(4)]
        until(lambda: instances(root) == 4)
        contents = drop(root, 60)
        until(lambda: len(Places(root).manifests()) > 5)
        killed.kill()
        assert start_daemon(root, stack, "--drain", script=STUB.with_name("nfs_daemon.py")).wait(PATIENCE_S) == 0
        until(lambda: len(Places(root).manifests()) >= len(contents))
        for daemon in others:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
    check_all(root, contents)
