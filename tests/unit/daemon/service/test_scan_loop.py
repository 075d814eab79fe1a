"""What the service lives on: scans and hints, the watch that gives them, and room on the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hand_driven import HandDriven, drop

from daemon.inbox.watcher import WatchMode
from daemon.service.scan_loop import MAX_REJECTED_RECORDS, MIN_SCAN_PAUSE_S, WATCH_CHECK_S
from daemon.settings import Settings

START_S = 1000.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[HandDriven]:
    with HandDriven.opened(tmp_path, {"log": {"heartbeat_s": 30.0}}) as opened:
        yield opened


# --- scans -----------------------------------------------------------------------------------------------------------


def test_hint_brings_next_scan_forward_after_pause(daemon: HandDriven) -> None:
    daemon.turn(START_S)
    assert daemon.scan_loop.scans == 1
    daemon.scan_loop._scan_took_s = 0.2
    daemon.scan_loop.hint(START_S + 1.0)
    assert daemon.scan_loop.due_s() == START_S + 2.0  # ten times as long as the last one took
    daemon.turn(START_S + 1.5)
    assert daemon.scan_loop.scans == 1
    daemon.turn(START_S + 2.0)
    assert daemon.scan_loop.scans == 2
    daemon.scan_loop._scan_took_s = 0.0
    daemon.scan_loop.hint(START_S + 2.0)
    assert daemon.scan_loop._scan_at_s == pytest.approx(START_S + 2.0 + MIN_SCAN_PAUSE_S)


def test_logs_files_found_by_scan_only(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "before.png")
    daemon.turned(START_S)
    drop(tmp_path, "hinted.png")
    daemon.scan_loop.hint(START_S + 10)
    daemon.turned(START_S + 10)
    drop(tmp_path, "silent.png")
    daemon.turn(START_S + 100)
    assert [(told["new"], told["found_by_scan_only"]) for told in daemon.logged("scan.done")] == [(1, 0), (1, 0), (1, 1)]


def test_names_only_first_rejected_files(tmp_path: Path, daemon: HandDriven) -> None:
    for number in range(MAX_REJECTED_RECORDS + 5):
        (tmp_path / "inbox" / f"{number}.png").symlink_to("/etc/passwd")
    daemon.turn(START_S)
    told = daemon.logged("file.rejected")
    assert len(told) == MAX_REJECTED_RECORDS + 1
    assert (told[-1]["reason"], told[-1]["count"]) == ("and_more", 5)
    assert f"{MAX_REJECTED_RECORDS + 5} can't be claimed: 0.png, 1.png, ..." in daemon.said[-1]


def test_status_shows_path_in_inbox(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "dab/in\nner/a.png", b"")
    (tmp_path / "inbox" / "dab" / "link.png").symlink_to("/etc/passwd")
    daemon.turn(START_S)
    daemon.turn(START_S + 5)
    assert daemon.status()["waiting"] == [{"name": "dab/in%0Aner/a.png", "why": "empty", "age_s": 5.0}]
    assert "dab/link.png" in daemon.status()["summary"]
    assert daemon.logged("file.rejected")[0]["folder"] == "dab"


def test_unreadable_inbox_and_recovery_are_logged_once(tmp_path: Path, daemon: HandDriven) -> None:
    (tmp_path / "inbox").rename(tmp_path / "elsewhere")
    for later in (0, 20, 40):
        daemon.turn(START_S + later)
    assert daemon.scan_loop.is_degraded
    assert "the inbox can't be read" in daemon.said[-1]
    (tmp_path / "elsewhere").rename(tmp_path / "inbox")
    for later in (60, 80):
        daemon.turn(START_S + later)
    degraded = daemon.logged("inbox.degraded")
    assert [(told["errno"], told["path"]) for told in degraded] == [(errno.ENOENT, str(tmp_path / "inbox"))]
    assert len(daemon.logged("inbox.recovered")) == 1


# --- the watch -------------------------------------------------------------------------------------------------------


class LostWatch:
    """A watch that dies without a word, and whose queue runs over."""

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


def test_restarts_dead_watcher_and_scans(daemon: HandDriven) -> None:
    watch = daemon.scan_loop._watcher = LostWatch()  # type: ignore[assignment]
    daemon.turn(START_S)
    watch.is_alive = False
    scans = daemon.scan_loop.scans
    daemon.turn(START_S + WATCH_CHECK_S)
    assert (watch.restarts, daemon.scan_loop.scans) == (1, scans + 1)
    assert [told["watch_mode"] for told in daemon.logged("watch.restarted")] == ["events"]


def test_logs_each_watcher_problem_once(daemon: HandDriven) -> None:
    watch = daemon.scan_loop._watcher = LostWatch()  # type: ignore[assignment]
    watch.is_alive = False
    for turn, problem in enumerate(("no inotify", "no inotify", "no inbox", "")):
        watch.problem = problem
        daemon.turn(START_S + WATCH_CHECK_S * turn)
    assert watch.restarts == 4
    assert [told.get("reason", "") for told in daemon.logged("watch.restarted")] == ["no inotify", "no inbox", ""]


def test_logs_lost_events(daemon: HandDriven) -> None:
    watch = daemon.scan_loop._watcher = LostWatch()  # type: ignore[assignment]
    watch.overflows = 2
    for turn in range(3):
        daemon.turn(START_S + WATCH_CHECK_S * turn)
    assert [told["overflows"] for told in daemon.logged("watch.overflow")] == [2]


# --- the disk --------------------------------------------------------------------------------------------------------


def test_unknown_free_space_does_not_pause(daemon: HandDriven, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.turn(START_S)

    def refused(_: object) -> Any:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(os, "statvfs", refused)
    daemon.disk_guard.settings = Settings.model_validate({"storage": {"reserve_mb": 1 << 30}})
    daemon.turn(START_S + 60)
    assert not daemon.scheduler.is_paused
