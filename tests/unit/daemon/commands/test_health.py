"""`doodled health`: heartbeats of the daemons on this host."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from daemon.commands.health import check_health
from daemon.service.status_file import TOUCH_INTERVAL_S, StatusFile
from daemon.spool.spool import Spool


@pytest.fixture
def spool(tmp_path):
    with Spool.open(tmp_path) as spool:
        yield spool


def status_path(spool: Spool) -> Path:
    return spool.layout.status / f"{spool.instance}.json"


@pytest.fixture
def status_file(spool):
    return StatusFile(status_path(spool))


def beat_ago(spool: Spool, seconds: float) -> None:
    os.utime(status_path(spool), ns=(time.time_ns() - round(1e9 * seconds),) * 2)


def test_daemon_with_recent_heartbeat_is_healthy(spool, status_file):
    status_file.publish({"summary": "2 running, done 5"})
    found = check_health(spool.layout, patience_s=30.0)
    assert found.is_good
    assert "2 running, done 5" in found.text


def test_daemon_without_heartbeat_is_unhealthy_with_its_age(spool, status_file):
    status_file.publish({"summary": "2 running"})
    beat_ago(spool, 42.0)
    found = check_health(spool.layout, patience_s=30.0)
    assert not found.is_good
    assert "42 s" in found.text
    assert str(os.getpid()) in found.text
    assert "2 running" in found.text


def test_next_heartbeat_makes_it_healthy_again(spool, status_file):
    status_file.publish({"summary": "idle"})
    beat_ago(spool, 42.0)
    status_file.touch(1.0)
    assert check_health(spool.layout, patience_s=30.0).is_good


def test_heartbeat_is_written_once_a_second(spool, status_file):
    status_file.publish({"summary": "idle"})
    status_file.touch(1.0)
    beat_ago(spool, 42.0)
    status_file.touch(1.0 + 0.9 * TOUCH_INTERVAL_S)
    assert not check_health(spool.layout, patience_s=30.0).is_good
    status_file.touch(1.0 + TOUCH_INTERVAL_S)
    assert check_health(spool.layout, patience_s=30.0).is_good


def test_heartbeat_in_the_future_is_unhealthy(spool, status_file):
    """The clock was set back; the next heartbeat corrects it."""
    status_file.publish({"summary": "idle"})
    beat_ago(spool, -3600.0)
    assert not check_health(spool.layout, patience_s=30.0).is_good


def test_unhealthy_without_daemon(spool, status_file):
    assert "no daemon" in check_health(spool.layout, patience_s=30.0).text
    status_file.publish({"summary": "idle"})
    status_file.remove()
    assert not check_health(spool.layout, patience_s=30.0).is_good


def test_ignores_status_of_dead_daemon(tmp_path):
    with Spool.open(tmp_path) as spool:
        StatusFile(status_path(spool)).publish({"summary": "idle"})
    found = check_health(spool.layout, patience_s=30.0)
    assert not found.is_good
    assert "no daemon" in found.text


def test_ignores_daemon_on_another_host(spool, status_file):
    status_file.publish({"summary": "idle", "host": "elsewhere"})
    assert not check_health(spool.layout, patience_s=30.0).is_good


def test_reports_hanging_daemon_beside_a_healthy_one(spool, status_file, tmp_path):
    status_file.publish({"summary": "hangs"})
    beat_ago(spool, 99.0)
    with Spool.open(tmp_path) as other:
        StatusFile(status_path(other)).publish({"summary": "is well"})
        found = check_health(spool.layout, patience_s=30.0)
    assert not found.is_good
    assert "hangs" in found.text


def test_removed_status_file_is_written_again(spool, status_file):
    status_file.publish({"summary": "idle"})
    status_path(spool).unlink()
    status_file.touch(1.0)
    status_file.publish({"summary": "idle"})
    assert check_health(spool.layout, patience_s=30.0).is_good


def test_status_file_is_written_only_on_changes(spool, status_file):
    status_file.publish({"summary": "idle"})
    beat_ago(spool, 99.0)
    status_file.publish({"summary": "idle"})
    assert not check_health(spool.layout, patience_s=30.0).is_good
    status_file.publish({"summary": "1 running"})
    assert json.loads(status_path(spool).read_text())["summary"] == "1 running"
