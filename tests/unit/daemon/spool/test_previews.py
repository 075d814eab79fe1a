"""Who follows jobs in the web application: what the mark in the inbox says, and what can't go wrong with it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules
from daemon.spool.previews import SEEN_S, VIEWERS, has_viewers, note_viewers


def test_viewers_are_noted_for_a_while(tmp_path: Path) -> None:
    now_s = time.time()
    assert not has_viewers(tmp_path / VIEWERS, now_s)
    note_viewers(tmp_path)
    assert has_viewers(tmp_path / VIEWERS, now_s)
    assert not has_viewers(tmp_path / VIEWERS, now_s + 2 * SEEN_S)
    os.utime(tmp_path / VIEWERS, (now_s - 60, now_s - 60))
    assert not has_viewers(tmp_path / VIEWERS, now_s)
    note_viewers(tmp_path)
    assert has_viewers(tmp_path / VIEWERS, now_s)


def test_time_in_the_future_is_no_viewer(tmp_path: Path) -> None:
    """As after the clock was set back: or each drawing would get a preview for hours."""
    note_viewers(tmp_path)
    assert not has_viewers(tmp_path / VIEWERS, time.time() - 3600)


def test_folder_that_refuses_the_mark_is_no_error(tmp_path: Path) -> None:
    note_viewers(tmp_path / "missing")
    (tmp_path / "file").touch()
    note_viewers(tmp_path / "file")
    assert not has_viewers(tmp_path / "file" / VIEWERS, time.time())


def test_planted_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch()
    os.utime(target, (1, 1))
    (tmp_path / VIEWERS).symlink_to(target)
    note_viewers(tmp_path)
    assert target.stat().st_mtime == 1
    (tmp_path / VIEWERS).unlink()
    (tmp_path / VIEWERS).symlink_to(tmp_path / "new")
    note_viewers(tmp_path)
    assert not (tmp_path / "new").exists()


def test_mark_is_no_drawing(tmp_path: Path) -> None:
    note_viewers(tmp_path)
    scanner = Scanner(tmp_path, StabilityRules(), max_depth=4, has_leases=False)
    assert (scanner.scan(0.0).entries, scanner.count, dict(scanner.rejected)) == (0, 0, {})


@pytest.mark.parametrize("times", [2, 5])
def test_noting_again_changes_no_folder(tmp_path: Path, times: int) -> None:
    """Else daemon and web application would list the inbox again."""
    note_viewers(tmp_path)
    changed_ns = tmp_path.stat().st_mtime_ns
    for _ in range(times):
        note_viewers(tmp_path)
    assert tmp_path.stat().st_mtime_ns == changed_ns
