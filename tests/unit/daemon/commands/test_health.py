"""`doodled health`: the pulse of this host's daemons, and nothing of others."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from daemon.commands.health import health
from daemon.service.status_file import TOUCH_INTERVAL_S, StatusFile
from daemon.spool.spool import Spool


@pytest.fixture
def spool(tmp_path):
    with Spool.opened(tmp_path) as spool:
        yield spool


def status_path(spool: Spool) -> Path:
    return spool.layout.status / f"{spool.instance}.json"


@pytest.fixture
def status_file(spool):
    return StatusFile(status_path(spool))


def turned_ago(spool: Spool, seconds: float) -> None:
    os.utime(status_path(spool), ns=(time.time_ns() - round(1e9 * seconds),) * 2)


def test_a_daemon_whose_loop_turns_is_healthy_and_says_what_it_does(spool, status_file):
    status_file.publish({"summary": "2 running, done 5"})
    found = health(spool.layout, patience_s=30.0)
    assert found.is_good
    assert "2 running, done 5" in found.text


def test_one_whose_loop_stands_still_is_not_and_the_text_says_for_how_long(spool, status_file):
    status_file.publish({"summary": "2 running"})
    turned_ago(spool, 42.0)
    found = health(spool.layout, patience_s=30.0)
    assert not found.is_good
    assert "42 s" in found.text
    assert str(os.getpid()) in found.text
    assert "2 running" in found.text


def test_the_next_turn_makes_it_healthy_again(spool, status_file):
    status_file.publish({"summary": "idle"})
    turned_ago(spool, 42.0)
    status_file.touch(1.0)
    assert health(spool.layout, patience_s=30.0).is_good


def test_it_is_touched_once_a_second_however_fast_the_loop_turns(spool, status_file):
    status_file.publish({"summary": "idle"})
    status_file.touch(1.0)
    turned_ago(spool, 42.0)
    status_file.touch(1.0 + 0.9 * TOUCH_INTERVAL_S)
    assert not health(spool.layout, patience_s=30.0).is_good
    status_file.touch(1.0 + TOUCH_INTERVAL_S)
    assert health(spool.layout, patience_s=30.0).is_good


def test_a_pulse_of_the_future_is_none(spool, status_file):
    """The clock was set back: the next turn puts it right."""
    status_file.publish({"summary": "idle"})
    turned_ago(spool, -3600.0)
    assert not health(spool.layout, patience_s=30.0).is_good


def test_without_a_daemon_nothing_is_healthy(spool, status_file):
    assert "no daemon" in health(spool.layout, patience_s=30.0).text
    status_file.publish({"summary": "idle"})
    status_file.remove()
    assert not health(spool.layout, patience_s=30.0).is_good


def test_what_a_dead_daemon_left_counts_for_nothing(tmp_path):
    with Spool.opened(tmp_path) as spool:
        StatusFile(status_path(spool)).publish({"summary": "idle"})
    found = health(spool.layout, patience_s=30.0)
    assert not found.is_good
    assert "no daemon" in found.text


def test_a_daemon_on_another_host_is_not_ours_to_judge(spool, status_file):
    status_file.publish({"summary": "idle", "host": "elsewhere"})
    assert not health(spool.layout, patience_s=30.0).is_good


def test_one_that_hangs_is_told_though_another_is_well(spool, status_file, tmp_path):
    status_file.publish({"summary": "hangs"})
    turned_ago(spool, 99.0)
    with Spool.opened(tmp_path) as other:
        StatusFile(status_path(other)).publish({"summary": "is well"})
        found = health(spool.layout, patience_s=30.0)
    assert not found.is_good
    assert "hangs" in found.text


def test_a_status_file_that_somebody_removed_comes_back(spool, status_file):
    status_file.publish({"summary": "idle"})
    status_path(spool).unlink()
    status_file.touch(1.0)
    status_file.publish({"summary": "idle"})
    assert health(spool.layout, patience_s=30.0).is_good


def test_the_file_is_only_written_when_something_has_changed(spool, status_file):
    status_file.publish({"summary": "idle"})
    turned_ago(spool, 99.0)
    status_file.publish({"summary": "idle"})
    assert not health(spool.layout, patience_s=30.0).is_good
    status_file.publish({"summary": "1 running"})
    assert json.loads(status_path(spool).read_text())["summary"] == "1 running"
