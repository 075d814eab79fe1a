"""What surrounds the jobs: scans, hints, what is kept and for how long, and what operators are told."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from claimed_jobs import names_below
from hand_driven import HandDriven

from daemon import vitals
from daemon.earlier import Earlier
from daemon.job_ids import job_id
from daemon.settings import Settings
from daemon.upkeep import MOST_REJECTED, SCAN_PAUSE_S, WATCH_CHECK_S, _age
from daemon.vitals import resident_bytes
from daemon.watch import WatchMode

START_S = 1000.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[HandDriven]:
    with HandDriven.opened(tmp_path, {"log": {"heartbeat_s": 30.0}}) as opened:
        yield opened


def drop(root: Path, name: str, content: bytes = b"a drawing") -> Path:
    path = root / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def status(daemon: HandDriven) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((daemon.spool.layout.status / f"{daemon.spool.instance}.json").read_text())
    return found


# --- scans -----------------------------------------------------------------------------------------------------------


def test_a_hint_brings_the_next_scan_forward_but_not_at_once_again(daemon: HandDriven) -> None:
    daemon.turn(START_S)
    assert daemon.upkeep.scans == 1
    daemon.upkeep._scan_took_s = 0.2
    daemon.upkeep.hinted(START_S + 1.0)
    assert daemon.upkeep.due_s() == START_S + 2.0  # ten times as long as the last one took
    daemon.turn(START_S + 1.5)
    assert daemon.upkeep.scans == 1
    daemon.turn(START_S + 2.0)
    assert daemon.upkeep.scans == 2
    daemon.upkeep._scan_took_s = 0.0
    daemon.upkeep.hinted(START_S + 2.0)
    assert daemon.upkeep._scan_at_s == pytest.approx(START_S + 2.0 + SCAN_PAUSE_S)


def test_what_only_a_scan_has_found_is_told(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "before.png")
    daemon.turned(START_S)
    drop(tmp_path, "hinted.png")
    daemon.upkeep.hinted(START_S + 10)
    daemon.turned(START_S + 10)
    drop(tmp_path, "silent.png")
    daemon.turn(START_S + 100)
    assert [(told["new"], told["found_by_scan_only"]) for told in daemon.told("scan.done")] == [(1, 0), (1, 0), (1, 1)]


def test_of_many_that_can_not_be_taken_the_first_are_named(tmp_path: Path, daemon: HandDriven) -> None:
    for number in range(MOST_REJECTED + 5):
        (tmp_path / "inbox" / f"{number}.png").symlink_to("/etc/passwd")
    daemon.turn(START_S)
    told = daemon.told("file.rejected")
    assert len(told) == MOST_REJECTED + 1
    assert (told[-1]["reason"], told[-1]["count"]) == ("and_more", 5)
    assert f"{MOST_REJECTED + 5} can't be taken: 0.png, 1.png, ..." in daemon.said[-1]


def test_where_a_drawing_lies_is_shown_as_a_path(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "dab/in\nner/a.png", b"")
    (tmp_path / "inbox" / "dab" / "link.png").symlink_to("/etc/passwd")
    daemon.turn(START_S)
    daemon.turn(START_S + 5)
    assert status(daemon)["waiting"] == [{"name": "dab/in%0Aner/a.png", "why": "empty", "age_s": 5.0}]
    assert "dab/link.png" in status(daemon)["summary"]
    assert daemon.told("file.rejected")[0]["folder"] == "dab"


def test_an_inbox_that_can_not_be_read_is_told_once_and_so_is_its_return(tmp_path: Path, daemon: HandDriven) -> None:
    (tmp_path / "inbox").rename(tmp_path / "elsewhere")
    for later in (0, 20, 40):
        daemon.turn(START_S + later)
    assert daemon.upkeep.is_degraded
    assert "the inbox can't be read" in daemon.said[-1]
    (tmp_path / "elsewhere").rename(tmp_path / "inbox")
    for later in (60, 80):
        daemon.turn(START_S + later)
    degraded = daemon.told("inbox.degraded")
    assert [(told["errno"], told["path"]) for told in degraded] == [(errno.ENOENT, str(tmp_path / "inbox"))]
    assert len(daemon.told("inbox.recovered")) == 1


# --- the watch -------------------------------------------------------------------------------------------------------


class LostWatch:
    """A watch that dies without a word, and whose queue runs over."""

    def __init__(self) -> None:
        self.overflows = 0
        self.is_alive = True
        self.problem = ""
        self.mode = WatchMode.EVENTS
        self.restarts = 0

    def is_sound(self) -> bool:
        return self.is_alive

    def restart(self) -> None:
        self.restarts += 1
        self.is_alive = not self.problem


def test_a_watch_that_died_is_started_anew_and_the_inbox_looked_at(daemon: HandDriven) -> None:
    watch = daemon.upkeep._watch = LostWatch()  # type: ignore[assignment]
    daemon.turn(START_S)
    watch.is_alive = False
    scans = daemon.upkeep.scans
    daemon.turn(START_S + WATCH_CHECK_S)
    assert (watch.restarts, daemon.upkeep.scans) == (1, scans + 1)
    assert [told["watch_mode"] for told in daemon.told("watch.restarted")] == ["events"]


def test_a_watch_that_can_not_be_had_is_told_once_for_each_reason(daemon: HandDriven) -> None:
    watch = daemon.upkeep._watch = LostWatch()  # type: ignore[assignment]
    watch.is_alive = False
    for turn, problem in enumerate(("no inotify", "no inotify", "no inbox", "")):
        watch.problem = problem
        daemon.turn(START_S + WATCH_CHECK_S * turn)
    assert watch.restarts == 4
    assert [told.get("reason", "") for told in daemon.told("watch.restarted")] == ["no inotify", "no inbox", ""]


def test_events_that_were_lost_are_told(daemon: HandDriven) -> None:
    watch = daemon.upkeep._watch = LostWatch()  # type: ignore[assignment]
    watch.overflows = 2
    for turn in range(3):
        daemon.turn(START_S + WATCH_CHECK_S * turn)
    assert [told["overflows"] for told in daemon.told("watch.overflow")] == [2]


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_was_published_long_ago_is_removed(tmp_path: Path, daemon: HandDriven) -> None:
    hour_s, now_s = 3600.0, time.time()
    kept_s = hour_s * daemon.settings.storage.retention_h
    done = daemon.spool.layout.done
    old, young = job_id(now_s - kept_s - 60), job_id(now_s - kept_s + 60)
    for name in (old, young, "somebody's"):
        (done / name).mkdir()
        (done / name / "source").touch()
    earlier = Earlier(daemon.spool.layout.seen)
    earlier.job_of("aa", old)
    earlier.job_of("bb", young)
    daemon.turn(START_S)
    assert sorted(path.name for path in done.iterdir()) == sorted([young, "somebody's"])
    assert [path.name for path in daemon.spool.layout.seen.iterdir()] == ["bb"]
    (tmp_path / "spool" / "done").rename(tmp_path / "away")
    daemon.turn(START_S + 1000)


def test_who_was_first_is_remembered_and_nothing_else_is_believed(tmp_path: Path) -> None:
    earlier, first, second = Earlier(tmp_path), job_id(1e9), job_id(2e9)
    assert earlier.job_of("aa", first) is None
    assert earlier.job_of("aa", first) is None
    assert earlier.job_of("aa", second) == first
    assert earlier.job_of("../aa", second) is None
    assert earlier.job_of("", second) is None
    (tmp_path / "bb").symlink_to("no job")
    (tmp_path / "cc").touch()
    assert earlier.job_of("bb", second) is None
    assert earlier.job_of("cc", second) is None
    (tmp_path / "cc").unlink()
    earlier.forget(1.5e9)
    assert names_below(tmp_path) == []
    earlier.job_of("dd", second)
    earlier.forget(1.5e9)
    assert names_below(tmp_path) == ["dd"]
    Earlier(tmp_path / "nowhere").forget(0.0)
    assert Earlier(tmp_path / "nowhere").job_of("aa", first) is None


# --- telling ---------------------------------------------------------------------------------------------------------


def test_the_summary_counts_what_there_is(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "empty.png", b"")
    drop(tmp_path, "fine.png")
    drop(tmp_path, "bad.png", b"refuse")
    for second in range(65):
        daemon.turn(START_S + second)
    assert daemon.upkeep.summary(START_S + 65) == "0 running, 1 waiting (oldest 1m), done 1, failed 1"


def test_the_status_is_there_while_the_daemon_is(daemon: HandDriven) -> None:
    daemon.turn(START_S)
    assert status(daemon)["running"] == []
    daemon.upkeep.alive(START_S)
    assert daemon.said[-1] == "WATCHDOG=1"
    daemon.upkeep.close()
    assert not list(daemon.spool.layout.status.iterdir())


def test_a_heartbeat_tells_how_everything_is(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "empty.png", b"")
    drop(tmp_path, "fine.png")
    for second in range(0, 62, 2):
        daemon.turn(START_S + second)
    first, second = daemon.told("daemon.heartbeat")
    assert (first["inbox_depth"], first["waiting_stable"], first["in_flight"], first["deferred"]) == (1, 1, 0, 0)
    assert (first["breaker"], first["machine"], first["watch_mode"]) == ("closed", "closed", "polling")
    assert first["oldest_pending_s"] == 30.0
    assert (first["done_1h"], second["done_1h"]) == (1, 0)
    assert first["disk_free_bytes"] > 0
    assert first["rss_bytes"] > 1 << 20


def test_within_an_hour_counts_add_up(tmp_path: Path, daemon: HandDriven) -> None:
    for number, minute in enumerate((0, 10, 50)):
        drop(tmp_path, f"{number}.png")
        daemon.turned(START_S + 60 * minute)
    daemon.turn(START_S + 60 * 55)
    assert daemon.told("daemon.heartbeat")[-1]["done_1h"] == 2  # since the first beat


def test_a_disk_that_says_nothing_of_its_room_stops_nobody(daemon: HandDriven, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.turn(START_S)

    def refused(_: object) -> Any:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(os, "statvfs", refused)
    daemon.upkeep.settings = Settings.model_validate({"storage": {"reserve_mb": 1 << 30}})
    daemon.turn(START_S + 60)
    assert not daemon.service.is_paused


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0s"), (59, "59s"), (60, "1m"), (3599, "60m"), (3600, "1h"), (86400, "1d"), (200000, "2d")]
)
def test_ages_are_told_in_one_unit(seconds: float, told: str) -> None:
    assert _age(seconds) == told


def test_where_nobody_knows_the_memory_it_is_nought(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resident_bytes() > 1 << 20
    monkeypatch.setattr(vitals, "open", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOENT, "no /proc")), raising=False)
    assert resident_bytes() == 0
