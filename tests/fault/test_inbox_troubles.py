"""Rows 14 and 15 of etc/doc/faults.md: the inbox is unreadable, missing or replaced; the file watcher has died."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spool_oracle import ROOT, STUB, check_published, check_tidy
from stepped_daemon import SteppedDaemon

from daemon.inbox.watcher import Watcher, WatchMode

PATIENCE_S = 40.0
OUTAGE_S = 660.0
BACK_WITHIN_S = 30.0


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EBUSY, errno.EACCES, errno.ETIMEDOUT, errno.EIO, errno.ENOTCONN])
@pytest.mark.parametrize("call", ["scandir", "open"])
def test_unreadable_inbox_is_degraded_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: str) -> None:
    real: Callable[..., Any] = getattr(os, call)
    is_out = False

    def failing(path: Any, *arguments: Any, **more: Any) -> Any:
        if is_out and (call == "scandir" or str(path).startswith(f"{tmp_path}/inbox")):
            raise OSError(code, os.strerror(code))
        return real(path, *arguments, **more)

    monkeypatch.setattr(os, call, failing)
    with SteppedDaemon.opened(tmp_path) as daemon:
        (tmp_path / "inbox" / "garlic.png").write_bytes(b"a drawing")
        daemon.step(1000.0)
        is_out = True
        (tmp_path / "inbox" / "unseen.png").write_bytes(b"another")
        daemon.run(1000.001, until_s=1000.0 + OUTAGE_S)
        assert [record["errno"] for record in daemon.logged("inbox.degraded")][:1] == [code]
        assert "inbox can't be read" in daemon.housekeeping.summary(1000.0 + OUTAGE_S)
        if call == "open":
            assert len(list(daemon.scanner.candidates())) == 1, "what can't be seen is not gone"
        is_out = False
        daemon.run(1000.0 + OUTAGE_S, until_s=1000.0 + OUTAGE_S + BACK_WITHIN_S)
        assert len(daemon.logged("inbox.recovered")) == 1
    check_published(tmp_path, "garlic.png", b"a drawing")
    check_published(tmp_path, "unseen.png", b"another")
    check_tidy(tmp_path)


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EBUSY, errno.ETIMEDOUT, errno.EIO])
def test_unreadable_file_is_only_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    real = os.open
    is_out = True

    def failing(path: Any, *arguments: Any, **more: Any) -> int:
        if is_out and path == "garlic.png":
            raise OSError(code, os.strerror(code))
        return real(path, *arguments, **more)

    monkeypatch.setattr(os, "open", failing)
    with SteppedDaemon.opened(tmp_path) as daemon:
        (tmp_path / "inbox" / "garlic.png").write_bytes(b"a drawing")
        daemon.run(1000.0, until_s=1600.0)
        assert [record["reason"] for record in daemon.logged("file.rejected")] in ([], ["unreadable"])
        is_out = False
        daemon.run(1600.0, until_s=1600.0 + BACK_WITHIN_S * 3)
        assert not daemon.left
    check_published(tmp_path, "garlic.png", b"a drawing")


@pytest.mark.parametrize("has_job", [False, True])
def test_writes_nothing_below_empty_mount_point(tmp_path: Path, has_job: bool) -> None:
    root = tmp_path / "root"
    with SteppedDaemon.opened(root) as daemon:
        daemon.step(1000.0)
        daemon.workers.is_slow = True
        if has_job:
            (root / "inbox" / "running.png").write_bytes(b"running")
            daemon.run(1000.0, until_s=1002.9)
            assert daemon.scheduler.running
        root.rename(tmp_path / "unmounted")
        root.mkdir()
        daemon.workers.is_slow = False
        daemon.workers.finish()
        daemon.run(1003.0, until_s=1003.0 + OUTAGE_S)
        assert not list(root.iterdir())
        assert daemon.scan_loop.is_degraded
        root.rmdir()
        (tmp_path / "unmounted").rename(root)
        (root / "inbox" / "later.png").write_bytes(b"later")
        daemon.run(1003.0 + OUTAGE_S, until_s=1003.0 + OUTAGE_S + BACK_WITHIN_S)
        check_published(root, "later.png", b"later")
    with SteppedDaemon.opened(root) as heir:
        heir.run(3000.0)
    if has_job:
        check_published(root, "running.png", b"running")
    check_tidy(root)


def test_mount_may_disappear_and_return(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("mounts are forbidden here")
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "DOODLED_INBOX_RESCAN_S": "0.2", "DOODLED_INBOX_DEBOUNCE_S": "0.02"}
    script = [sys.executable, str(STUB.with_name("lost_mount.py")), str(tmp_path)]
    done = subprocess.run(["unshare", "-m", *script], env=environ, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounts are forbidden here")
    assert done.returncode == 0, done.stdout + done.stderr


# --- the watcher ---------------------------------------------------------------------------------------------------------


class Hints:
    """Receives events."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.is_broken = False

    def record(self) -> None:
        self.arrived.set()
        if self.is_broken:
            raise RuntimeError("the handler is broken")


def check_hint(hints: Hints, inbox: Path, name: str) -> None:
    hints.arrived.clear()
    (inbox / name).write_bytes(b"new")
    assert hints.arrived.wait(PATIENCE_S), "no hint arrived"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_restarts_watcher_whose_handler_raised(tmp_path: Path) -> None:
    hints = Hints()
    watch = Watcher(tmp_path, hints.record, is_network=False)
    watch.start()
    try:
        hints.is_broken = True
        check_hint(hints, tmp_path, "first")
        observer = watch._observer
        assert observer is not None
        observer.join(PATIENCE_S)
        assert not watch.is_working()
        hints.is_broken = False
        watch.restart()
        assert watch.is_working()
        check_hint(hints, tmp_path, "second")
    finally:
        watch.stop()


def test_restarts_watcher_whose_emitter_died(tmp_path: Path) -> None:
    hints = Hints()
    watch = Watcher(tmp_path, hints.record, is_network=False)
    watch.start()
    try:
        observer = watch._observer
        assert observer is not None
        for emitter in observer.emitters:
            emitter.stop()
            emitter.join(PATIENCE_S)
        assert observer.is_alive()
        assert not watch.is_working()
        watch.restart()
        check_hint(hints, tmp_path, "first")
    finally:
        watch.stop()


@pytest.mark.parametrize("is_dead", [False, True])
def test_scan_finds_files_without_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_dead: bool) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon:
        restarts = []
        if is_dead:  # the scan loop checks the watcher and restarts a dead one
            monkeypatch.setattr(daemon.watcher, "is_working", lambda: bool(restarts))
            monkeypatch.setattr(daemon.watcher, "restart", lambda: restarts.append(daemon.watcher.problem))
        monkeypatch.setattr(Watcher, "mode", WatchMode.EVENTS)  # events are expected, and do not arrive
        daemon.step(1000.0)
        (tmp_path / "inbox" / "garlic.png").write_bytes(b"a drawing")
        daemon.run(1000.001, until_s=1000.0 + daemon.settings.inbox.rescan_s + 1.0)
        assert len(restarts) == int(is_dead)
        assert len(daemon.logged("watch.restarted")) == int(is_dead)
    check_published(tmp_path, "garlic.png", b"a drawing")
