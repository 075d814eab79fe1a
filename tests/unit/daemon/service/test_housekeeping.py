"""What surrounds the jobs: what is kept and for how long, and what operators are told."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from claimed_jobs import names_below
from hand_driven import HandDriven, drop
from spool_oracle import Places

from daemon.service import health
from daemon.service.health import resident_bytes
from daemon.service.housekeeping import _age
from daemon.settings import Settings
from daemon.spool.job_ids import job_id
from daemon.spool.seen_index import SeenIndex

START_S = 1000.0


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[HandDriven]:
    with HandDriven.opened(tmp_path, {"log": {"heartbeat_s": 30.0}}) as opened:
        yield opened


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_removes_sources_after_retention(tmp_path: Path, daemon: HandDriven) -> None:
    hour_s, now_s = 3600.0, time.time()
    kept_s = hour_s * daemon.settings.storage.retention_h
    done = daemon.spool.layout.done
    old, held, young = job_id(now_s - kept_s - 60), job_id(now_s - kept_s - 60), job_id(now_s - kept_s + 60)
    for name in (old, held, young, "somebody's"):
        (done / name).mkdir()
        (done / name / "source").touch()
        if name != held:  # it waited for a model server for as long, and was published just now
            os.utime(done / name, (now_s - kept_s - 60,) * 2)
    earlier = SeenIndex(daemon.spool.layout.seen)
    earlier.job_of("aa", old)
    earlier.job_of("bb", young)
    daemon.turn(START_S)
    assert sorted(path.name for path in done.iterdir()) == sorted([held, young, "somebody's"])
    assert [path.name for path in daemon.spool.layout.seen.iterdir()] == ["bb"]
    (tmp_path / "spool" / "done").rename(tmp_path / "away")
    daemon.turn(START_S + 1000)


def test_retention_may_change_at_run_time(tmp_path: Path) -> None:
    with HandDriven.opened(tmp_path, {"storage": {"retention_h": 0.0}}) as daemon:
        daemon.scheduler.apply_settings(Settings())
        drop(tmp_path, content=b"kept")
        daemon.turned(START_S)
        daemon.scheduler.apply_settings(daemon.settings)
        drop(tmp_path, content=b"forgotten")
        daemon.turned(START_S + 60)
        assert Places(tmp_path).kept() == [b"kept"]


def test_seen_index_remembers_first_job(tmp_path: Path) -> None:
    earlier, first, second = SeenIndex(tmp_path), job_id(1e9), job_id(2e9)
    assert earlier.job_of("aa", first) is None
    assert earlier.job_of("aa", first) is None
    assert earlier.job_of("aa", second) == first
    assert earlier.job_of("../aa", second) is None
    assert earlier.job_of("", second) is None
    (tmp_path / "bb").symlink_to("no job")
    (tmp_path / "cc").touch()
    assert earlier.job_of("bb", second) is None
    assert earlier.job_of("cc", second) is None
    earlier.forget(1.5e9)
    assert names_below(tmp_path) == []
    earlier.job_of("dd", second)
    earlier.forget(1.5e9)
    assert names_below(tmp_path) == ["dd"]
    SeenIndex(tmp_path / "nowhere").forget(0.0)
    assert SeenIndex(tmp_path / "nowhere").job_of("aa", first) is None


# --- telling ---------------------------------------------------------------------------------------------------------


def test_summary_counts_jobs(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "empty.png", b"")
    drop(tmp_path, "fine.png")
    drop(tmp_path, "bad.png", b"refuse")
    for second in range(65):
        daemon.turn(START_S + second)
    assert daemon.housekeeping.summary(START_S + 65) == "0 running, 1 waiting (oldest 1m), done 1, failed 1"


def test_status_file_exists_while_daemon_runs(daemon: HandDriven) -> None:
    daemon.turn(START_S)
    assert daemon.status()["running"] == []
    daemon.housekeeping.ping(START_S)
    assert daemon.said[-1] == "WATCHDOG=1"
    daemon.housekeeping.close()
    assert not list(daemon.spool.layout.status.iterdir())


def test_heartbeat_reports_health(tmp_path: Path, daemon: HandDriven) -> None:
    drop(tmp_path, "empty.png", b"")
    drop(tmp_path, "fine.png")
    for second in range(0, 62, 2):
        daemon.turn(START_S + second)
    first, second = daemon.logged("daemon.heartbeat")
    assert (first["inbox_depth"], first["inbox_unstable"], first["in_flight"], first["jobs_waiting"]) == (1, 1, 0, 0)
    assert (first["models_breaker"], first["machine_breaker"], first["watch_mode"]) == ("closed", "closed", "polling")
    assert first["oldest_pending_s"] == 30.0
    assert (first["done_1h"], second["done_1h"]) == (1, 0)
    assert first["disk_free_bytes"] > 0
    assert first["rss_bytes"] > 1 << 20


def test_heartbeat_counts_last_hour(tmp_path: Path, daemon: HandDriven) -> None:
    for number, minute in enumerate((0, 10, 50)):
        drop(tmp_path, f"{number}.png")
        daemon.turned(START_S + 60 * minute)
    daemon.turn(START_S + 60 * 55)
    assert daemon.logged("daemon.heartbeat")[-1]["done_1h"] == 2  # since the first beat


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0s"), (59, "59s"), (60, "1m"), (3599, "60m"), (3600, "1h"), (86400, "1d"), (200000, "2d")]
)
def test_age_has_one_unit(seconds: float, told: str) -> None:
    assert _age(seconds) == told


def test_resident_memory_is_zero_when_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resident_bytes() > 1 << 20
    monkeypatch.setattr(health, "open", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOENT, "no /proc")), raising=False)
    assert resident_bytes() == 0
