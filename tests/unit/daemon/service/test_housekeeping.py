"""Housekeeping: retention of sources, and the status in status file, heartbeat and systemd."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from claimed_jobs import names_below
from spool_oracle import Places
from stepped_daemon import SteppedDaemon, drop

from daemon.service import housekeeping, resident_memory
from daemon.service.housekeeping import _age
from daemon.service.resident_memory import resident_bytes
from daemon.settings import Settings
from daemon.spool.job_ids import job_id
from daemon.spool.seen_index import SeenIndex
from daemon.spool.thumbnails import FOLDER

START_S = 1000.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[SteppedDaemon]:
    with SteppedDaemon.opened(tmp_path, {"log": {"heartbeat_s": 30.0}}) as opened:
        yield opened


# --- retention ------------------------------------------------------------------------------------------------------


def test_removes_sources_after_retention(tmp_path: Path, daemon: SteppedDaemon) -> None:
    hour_s, now_s = 3600.0, time.time()
    kept_s = hour_s * daemon.settings.storage.retention_h
    done = daemon.spool.layout.done
    old, deferred, young = job_id(now_s - kept_s - 60), job_id(now_s - kept_s - 60), job_id(now_s - kept_s + 60)
    for name in (old, deferred, young, "other"):
        (done / name).mkdir()
        (done / name / "source").touch()
        if name != deferred:  # it waited for a model server all the time, and was published just now
            os.utime(done / name, (now_s - kept_s - 60,) * 2)
    seen = SeenIndex(daemon.spool.layout.seen)
    seen.record("aa", old)
    seen.record("bb", young)
    daemon.run(START_S, until_s=START_S + 60)
    assert sorted(path.name for path in done.iterdir()) == sorted([deferred, young, "other"])
    assert [path.name for path in daemon.spool.layout.seen.iterdir()] == ["bb"]
    (tmp_path / "spool" / "done").rename(tmp_path / "away")
    daemon.step(START_S + 1000)


def test_expiry_leaves_the_loop_its_turns(tmp_path: Path, daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty thousand sources once stopped the loop for a minute, until the watchdog ended the service."""
    monkeypatch.setattr(housekeeping, "EXPIRY_TURN_S", 0.0)
    long_ago_s = time.time() - 3600 * daemon.settings.storage.retention_h - 60
    done, seen = daemon.spool.layout.done, SeenIndex(daemon.spool.layout.seen)
    for number in range(30):
        expired = job_id(long_ago_s)
        (done / expired).mkdir()
        os.utime(done / expired, (long_ago_s,) * 2)
        seen.record(f"{number:x}", expired)
    thumbnails = tmp_path / "outbox" / FOLDER
    thumbnails.mkdir()
    (thumbnails / "gone.json.jpg").touch()
    left = []
    for turn in range(100):
        daemon.step(START_S + turn)
        left.append(len(list(done.iterdir())))
    assert left[:3] == [29, 28, 27]
    assert left[-1] == 0
    assert names_below(daemon.spool.layout.seen) == []


def test_retention_may_change_at_run_time(tmp_path: Path) -> None:
    with SteppedDaemon.opened(tmp_path, {"storage": {"retention_h": 0.0}}) as daemon:
        daemon.scheduler.apply_settings(Settings())
        drop(tmp_path, content=b"kept")
        daemon.run(START_S)
        daemon.scheduler.apply_settings(daemon.settings)
        drop(tmp_path, content=b"forgotten")
        daemon.run(START_S + 60)
        assert Places(tmp_path).kept() == [b"kept"]


def test_seen_index_remembers_first_job(tmp_path: Path) -> None:
    seen, first, second = SeenIndex(tmp_path), job_id(1e9), job_id(2e9)
    assert seen.record("aa", first) is None
    assert seen.record("aa", first) is None
    assert seen.record("aa", second) == first
    assert seen.record("../aa", second) is None
    assert seen.record("", second) is None
    (tmp_path / "bb").symlink_to("no job")
    (tmp_path / "cc").touch()
    assert seen.record("bb", second) is None
    assert seen.record("cc", second) is None
    list(seen.forget(1.5e9))
    assert names_below(tmp_path) == []
    seen.record("dd", second)
    list(seen.forget(1.5e9))
    assert names_below(tmp_path) == ["dd"]
    list(SeenIndex(tmp_path / "nowhere").forget(0.0))
    assert SeenIndex(tmp_path / "nowhere").record("aa", first) is None


# --- status ----------------------------------------------------------------------------------------------------------


def test_summary_counts_jobs(tmp_path: Path, daemon: SteppedDaemon) -> None:
    drop(tmp_path, "empty.png", b"")
    drop(tmp_path, "fine.png")
    drop(tmp_path, "bad.png", b"refuse")
    for second in range(65):
        daemon.step(START_S + second)
    assert daemon.housekeeping.summary(START_S + 65) == "0 running, 0 waiting, 1 left in the inbox: empty.png (empty), done 1, failed 1"


def test_status_file_exists_while_daemon_runs(daemon: SteppedDaemon) -> None:
    daemon.step(START_S)
    assert daemon.status()["running"] == []
    daemon.housekeeping.ping(START_S)
    assert daemon.notifications[-1] == "WATCHDOG=1"
    daemon.housekeeping.close()
    assert not list(daemon.spool.layout.status.iterdir())


def test_heartbeat_reports_health(tmp_path: Path, daemon: SteppedDaemon) -> None:
    drop(tmp_path, "empty.png", b"")
    drop(tmp_path, "fine.png")
    for second in range(0, 62, 2):
        daemon.step(START_S + second)
    first, second = daemon.logged("daemon.heartbeat")
    assert (first["inbox_depth"], first["inbox_unstable"], first["in_flight"], first["jobs_waiting"]) == (1, 1, 0, 0)
    assert (first["models_breaker"], first["machine_breaker"], first["watch_mode"]) == ("closed", "closed", "polling")
    assert first["oldest_pending_s"] == 30.0
    assert (first["done_1h"], second["done_1h"]) == (1, 0)
    assert first["disk_free_bytes"] > 0
    assert first["rss_bytes"] > 1 << 20


def test_heartbeat_counts_last_hour(tmp_path: Path, daemon: SteppedDaemon) -> None:
    for number, minute in enumerate((0, 10, 50)):
        drop(tmp_path, f"{number}.png")
        daemon.run(START_S + 60 * minute)
    daemon.step(START_S + 60 * 55)
    assert daemon.logged("daemon.heartbeat")[-1]["done_1h"] == 2  # since the first heartbeat


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.4, "0s"), (59, "59s"), (60, "1m"), (3599, "60m"), (3600, "1h"), (86400, "1d"), (200000, "2d")]
)
def test_age_has_one_unit(seconds: float, expected: str) -> None:
    assert _age(seconds) == expected


def test_resident_memory_is_zero_when_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resident_bytes() > 1 << 20
    monkeypatch.setattr(resident_memory, "open", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOENT, "no /proc")), raising=False)
    assert resident_bytes() == 0
