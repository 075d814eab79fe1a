"""Row 53 of etc/doc/faults.md: daemons and members of the group that are other users, whose locks and folders can't be opened.

As root, permissions stop nobody; therefore the calls that the kernel would refuse are made to fail.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from claimed_jobs import claim_file
from stepped_daemon import SteppedDaemon

from daemon.commands.health import check_health
from daemon.commands.jobs import list_jobs
from daemon.spool import instances
from daemon.spool.drawing_states import DrawingState
from daemon.spool.instances import is_alive
from daemon.spool.spool import Spool


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Call it: from then on every lock that exists is another user's."""
    really = os.open

    def refused(path: Any, how: int, *rest: Any, **named: Any) -> int:
        name = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
        if str(name).endswith("/.lock") and "/.new-" not in str(name):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return really(path, how, *rest, **named)

    yield lambda: monkeypatch.setattr(os, "open", refused)
    monkeypatch.undo()


def test_group_members_see_that_the_service_is_fine(root: Path, foreign: Callable[[], None]) -> None:
    """They may not open its lock, which counted as dead: "its daemon died", "unhealthy"."""
    with SteppedDaemon.opened(root) as daemon:
        job = claim_file(daemon.spool)
        daemon.scheduler.running = {job.id: None}  # type: ignore[dict-item]  # only its id matters
        daemon.housekeeping.step(1000.0)
        foreign()
        assert is_alive(daemon.spool.instance_folder)
        assert check_health(daemon.spool.layout, patience_s=30.0).is_good
        assert [row.state for row in list_jobs(daemon.spool.layout, done=False, max_depth=4)] == [DrawingState.RUNNING]


def test_unheld_lock_is_dead_for_other_users(root: Path, foreign: Callable[[], None]) -> None:
    with Spool.open(root) as spool:
        claim_file(spool)
        own = spool.instance_folder
    foreign()
    assert not is_alive(own)
    (own / ".lock").unlink()
    assert not is_alive(own)


def test_is_taken_for_alive_if_the_kernel_hides_locks(root: Path, foreign: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool.open(root) as spool:
        foreign()

        class Hidden:
            def read_text(self, **_: object) -> str:
                raise PermissionError

        monkeypatch.setattr(instances, "LOCKS", Hidden())
        assert is_alive(spool.instance_folder)


def test_jobs_of_another_user_are_reported_once_with_the_remedy(
    root: Path, foreign: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool.open(root) as left:
        claim_file(left, "first.png")
        claim_file(left, "second.png")
        dead = left.instance_folder
    with SteppedDaemon.opened(root) as daemon:
        foreign()
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        daemon.run(1000.0, until_s=1100.0)
        barred = daemon.logged("takeover.barred")
        assert [(record["path"], record["count"], record["user"]) for record in barred] == [(str(dead), 2, os.getuid())]
        assert barred[0]["what_to_do"] == f"sudo chown -R 4711:{os.getegid()} {dead}"
        assert not daemon.logged("inbox.degraded")
        health = check_health(daemon.spool.layout, patience_s=3600.0)
        assert f"2 jobs of a dead daemon of user {os.getuid()} can't be taken over: sudo chown -R 4711" in health.text
        rows = list_jobs(daemon.spool.layout, done=False, max_depth=4)
        assert {row.state for row in rows} == {DrawingState.ORPHANED}
        assert all("ran as another user" in row.why for row in rows)
        monkeypatch.undo()
        daemon.run(1100.0, until_s=1120.0)
        assert len(daemon.logged("job.done")) == 2
        assert daemon.status()["barred"] == []


def test_error_of_the_spool_is_logged_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SteppedDaemon.opened(root) as daemon:

        def refused(*_: object) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO), "work")

        monkeypatch.setattr("daemon.service.takeover.take_over_jobs", refused)
        daemon.run(1000.0, until_s=1100.0)
        assert [record["errno"] for record in daemon.logged("inbox.degraded")] == [errno.EIO]
