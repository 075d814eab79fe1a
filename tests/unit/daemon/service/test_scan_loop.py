"""Scan loop and disk guard: scans, hints, the watcher, and free disk space."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stepped_daemon import SteppedDaemon, drop

from daemon.inbox.watcher import WatchMode
from daemon.service.scan_loop import MAX_REJECTED_RECORDS, MIN_SCAN_PAUSE_S, WATCH_CHECK_S
from daemon.settings import Settings

START_S = 1000.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SteppedDaemon]:
    with SteppedDaemon.opened(tmp_path, {"log": {"heartbeat_s": 30.0}}) as opened:
        yield opened


# --- scans -----------------------------------------------------------------------------------------------------------


def test_hint_brings_next_scan_forward_after_pause(daemon: SteppedDaemon) -> None:
    daemon.step(START_S)
    assert daemon.scan_loop.scans == 1
    daemon.scan_loop._scan_took_s = 0.2
    daemon.scan_loop.hint(START_S + 1.0)
    assert daemon.scan_loop.due_s() == START_S + 2.0  # ten times the duration of the last scan
    daemon.step(START_S + 1.5)
    assert daemon.scan_loop.scans == 1
    daemon.step(START_S + 2.0)
    assert daemon.scan_loop.scans == 2
    daemon.scan_loop._scan_took_s = 0.0
    daemon.scan_loop.hint(START_S + 2.0)
    assert daemon.scan_loop._scan_at_s == pytest.approx(START_S + 2.0 + MIN_SCAN_PAUSE_S)


def test_logs_files_found_by_scan_only(tmp_path: Path, daemon: SteppedDaemon) -> None:
    drop(tmp_path, "before.png")
    daemon.run(START_S)
    drop(tmp_path, "hinted.png")
    daemon.scan_loop.hint(START_S + 10)
    daemon.run(START_S + 10)
    drop(tmp_path, "silent.png")
    daemon.step(START_S + 100)
    assert [(record["new"], record["found_by_scan_only"]) for record in daemon.logged("scan.done")] == [(1, 0), (1, 0), (1, 1)]


def test_names_only_first_rejected_files(tmp_path: Path, daemon: SteppedDaemon) -> None:
    for number in range(MAX_REJECTED_RECORDS + 5):
        (tmp_path / "inbox" / f"{number}.png").symlink_to("/etc/passwd")
    daemon.step(START_S)
    records = daemon.logged("file.rejected")
    assert len(records) == MAX_REJECTED_RECORDS + 1
    assert (records[-1]["reason"], records[-1]["count"]) == ("and_more", 5)
    assert f"{MAX_REJECTED_RECORDS + 5} left in the inbox: 0.png (not_regular), 1.png (not_regular), ..." in daemon.notifications[-1]


def test_status_shows_path_in_inbox(tmp_path: Path, daemon: SteppedDaemon) -> None:
    drop(tmp_path, "dab/in\nner/a.png", b"")
    (tmp_path / "inbox" / "dab" / "link.png").symlink_to("/etc/passwd")
    daemon.step(START_S)
    daemon.step(START_S + 5)
    assert daemon.status()["waiting"] == [{"name": "dab/in%0Aner/a.png", "why": "empty", "age_s": 5.0}]
    assert "dab/link.png" in daemon.status()["summary"]
    assert daemon.logged("file.rejected")[0]["folder"] == "dab"


def test_unreadable_inbox_and_recovery_are_logged_once(tmp_path: Path, daemon: SteppedDaemon) -> None:
    (tmp_path / "inbox").rename(tmp_path / "elsewhere")
    for later in (0, 20, 40):
        daemon.step(START_S + later)
    assert daemon.scan_loop.is_degraded
    assert "the inbox can't be read" in daemon.notifications[-1]
    (tmp_path / "elsewhere").rename(tmp_path / "inbox")
    for later in (60, 80):
        daemon.step(START_S + later)
    degraded = daemon.logged("inbox.degraded")
    assert [(record["errno"], record["path"]) for record in degraded] == [(errno.ENOENT, str(tmp_path / "inbox"))]
    assert len(daemon.logged("inbox.recovered")) == 1


# --- the watcher -----------------------------------------------------------------------------------------------------


class DeadWatcher:
    """A watcher that dies silently, and whose queue overflows."""

    def __init__(self) -> None:
        self.overflows = 0
        self.is_alive = True
        self.problem = ""
        self.mode = WatchMode.EVENTS
        self.restarts = 0

    def is_working(self) -> bool:
        return self.is_alive

    def restart(self) -> None:
        self.restarts += 1
        self.is_alive = not self.problem


def test_restarts_dead_watcher_and_scans(daemon: SteppedDaemon) -> None:
    watcher = daemon.scan_loop._watcher = DeadWatcher()  # type: ignore[assignment]
    daemon.step(START_S)
    watcher.is_alive = False
    scans = daemon.scan_loop.scans
    daemon.step(START_S + WATCH_CHECK_S)
    assert (watcher.restarts, daemon.scan_loop.scans) == (1, scans + 1)
    assert [record["watch_mode"] for record in daemon.logged("watch.restarted")] == ["events"]


def test_logs_each_watcher_problem_once(daemon: SteppedDaemon) -> None:
    watcher = daemon.scan_loop._watcher = DeadWatcher()  # type: ignore[assignment]
    watcher.is_alive = False
    for step, problem in enumerate(("no inotify", "no inotify", "no inbox", "")):
        watcher.problem = problem
        daemon.step(START_S + WATCH_CHECK_S * step)
    assert watcher.restarts == 4
    assert [record.get("reason", "") for record in daemon.logged("watch.restarted")] == ["no inotify", "no inbox", ""]


def test_logs_lost_events(daemon: SteppedDaemon) -> None:
    watcher = daemon.scan_loop._watcher = DeadWatcher()  # type: ignore[assignment]
    watcher.overflows = 2
    for step in range(3):
        daemon.step(START_S + WATCH_CHECK_S * step)
    assert [record["overflows"] for record in daemon.logged("watch.overflow")] == [2]


# --- the disk --------------------------------------------------------------------------------------------------------


def test_unknown_free_space_does_not_pause(daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.step(START_S)

    def refused(_: object) -> Any:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(os, "statvfs", refused)
    daemon.disk_guard.settings = Settings.model_validate({"storage": {"reserve_mb": 1 << 30}})
    daemon.step(START_S + 60)
    assert not daemon.scheduler.is_paused
