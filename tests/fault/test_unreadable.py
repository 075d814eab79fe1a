"""Row 26 of etc/doc/faults.md: files without permission are reported once, wait without harm, and are claimed once permitted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fault.test_daemon import ENVIRON, PATIENCE_S, until
from spool_oracle import STUB, Places, check_published, check_tidy

from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules

NOBODY = 65534
QUICK = {**ENVIRON, "DOODLED_INBOX_RESCAN_S": "0.2", "DOODLED_INBOX_STABLE_S": "0.2"}


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that the user `nobody` owns and can reach, unlike pytest's folders, which only the current user can enter."""
    place = Path(tempfile.mkdtemp(prefix="doodled-", dir="/var/tmp"))
    place.chmod(0o755)
    for name in ("inbox", "outbox", "failed", "spool", "spool/work", "spool/done", "spool/status"):
        (place / name).mkdir()
        if os.getuid() == 0:
            os.chown(place / name, NOBODY, NOBODY)
    if os.getuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    yield place
    for path in [place / "inbox", *(place / "inbox").rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(place)


def drop_file(path: Path, content: bytes, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


@contextmanager
def daemon_of_nobody(root: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(STUB), str(root)]
    if os.getuid() == 0:
        command = [sys.executable, str(STUB.with_name("as_nobody.py")), str(NOBODY), str(root)]
    with log.open("wb") as file, subprocess.Popen(command, env=QUICK, cwd=root, stdout=file) as daemon:
        until(lambda: b"daemon.ready" in log.read_bytes())
        try:
            yield daemon
        finally:
            daemon.kill()


def rejected(log: Path) -> list[tuple[str, str]]:
    records: list[dict[str, Any]] = [json.loads(line) for line in log.read_bytes().splitlines() if line.endswith(b"}")]
    return sorted((record["file_name"], record["reason"]) for record in records if record["event"] == "file.rejected")


def status(root: Path) -> str:
    return "".join(path.read_text() for path in (root / "spool" / "status").glob("*.json"))


def test_unreadable_file_is_logged_once_and_claimed_when_allowed(root: Path, tmp_path: Path) -> None:
    secret = drop_file(root / "inbox" / "secret.png", b"secret", 0)
    closed = drop_file(root / "inbox" / "closed" / "inside.png", b"inside").parent
    fine = drop_file(root / "inbox" / "fine.png", b"fine")
    if os.getuid() == 0:
        os.chown(fine, NOBODY, NOBODY)
    closed.chmod(0)
    log = tmp_path / "log"
    with daemon_of_nobody(root, log) as daemon:
        until(lambda: len(rejected(log)) == 2 and Places(root).manifests())
        assert rejected(log) == [("closed", "unreadable"), ("secret.png", "unreadable")]
        assert not Places(root).claimed()
        until(lambda: "2 left in the inbox: closed (unreadable), secret.png (unreadable)" in status(root))
        claims = log.read_bytes().count(b"job.claimed")
        scans = len(log.read_bytes().splitlines())
        late = drop_file(root / "inbox" / "late.png", b"late")
        until(lambda: len(Places(root).manifests()) == 2)
        assert log.read_bytes().count(b"job.claimed") == claims + 1
        assert len(log.read_bytes().splitlines()) < scans + 20
        secret.chmod(0o644)
        closed.chmod(0o777)
        until(lambda: len(Places(root).manifests()) == 4)
        assert len(rejected(log)) == 2
        until(lambda: "left in the inbox" not in status(root))
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    assert not late.exists()
    for content in (b"secret", b"inside", b"fine", b"late"):
        check_published(root, "drawing", content)
    check_tidy(root)


def test_read_only_inbox_is_reported(root: Path, tmp_path: Path) -> None:
    """Read-only for the daemon; then sticky, with a file of another user."""
    log = tmp_path / "log"
    inbox = root / "inbox"
    with daemon_of_nobody(root, log) as daemon:
        if os.getuid() == 0:
            os.chown(inbox, 0, 0)
        inbox.chmod(0o555)
        if os.getuid() == 0:
            drop_file(inbox / "stuck.png", b"other")
            until(lambda: rejected(log) == [("stuck.png", "immovable")])
            inbox.chmod(stat.S_ISVTX | 0o777)
            until(lambda: "left in the inbox: stuck.png" in status(root))
        before = log.read_bytes().count(b"\n")
        inbox.chmod(0o777)
        fine = drop_file(inbox / "fine.png", b"fine")
        until(lambda: not fine.exists() and not (inbox / "stuck.png").exists() and not Places(root).claimed())
        assert log.read_bytes().count(b"\n") < before + 25
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 0
    assert b"job.failed" not in log.read_bytes()
    check_published(root, "fine.png", b"fine")
    check_tidy(root)


def test_failed_claim_is_logged_once_and_tried_again(tmp_path: Path) -> None:
    drop_file(tmp_path / "drawing.png", b"drawing")
    scanner = Scanner(tmp_path, StabilityRules(), max_depth=2, has_leases=True)
    scanner.scan(0.0)
    (candidate,) = scanner.take_complete(1.0, max_probes=10)
    scanner.put_back(candidate, 1.0)
    assert [scanner.scan(now).rejected for now in (2.0, 3.0)] == [[((), "drawing.png", "immovable")], []]
    assert scanner.rejected == {((), "drawing.png"): "immovable"}
    assert not list(scanner.take_complete(5.0, max_probes=10))
    assert [each.name for each in scanner.take_complete(6.1, max_probes=10)] == ["drawing.png"]
    assert not scanner.scan(7.0).rejected
    assert not scanner.rejected
