"""A file server that becomes unavailable during a takeover: the same daemon resumes the job afterwards."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from stepped_daemon import SteppedDaemon, drop

from daemon.spool import recovery
from daemon.spool.spool import Spool

FIRST_S, LATER_S = 1.0, 60.0


def test_same_daemon_resumes_job_whose_takeover_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename, lstat = recovery.rename, os.lstat
    is_blind = False

    def then_blind(source: Path, target: Path) -> None:
        nonlocal is_blind
        if is_blind:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        rename(source, target)
        is_blind = True

    def blinded(*arguments: object, **more: object) -> os.stat_result:
        if is_blind:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        return lstat(*arguments, **more)  # type: ignore[arg-type]

    root = tmp_path / "root"
    with Spool.open(root) as dead:
        drop(root)
        job = dead.claim("garlic.png", (), is_folder=False, sidecar=None, now_s=1e9)
    assert job is not None
    with SteppedDaemon.opened(root) as daemon:
        monkeypatch.setattr(recovery, "rename", then_blind)
        monkeypatch.setattr(os, "lstat", blinded)
        daemon.scheduler.take_over(FIRST_S)
        assert not daemon.scheduler.waiting
        assert daemon.spool.path(job).is_dir()
        monkeypatch.undo()
        daemon.run(LATER_S)
        assert [record["job_id"] for record in daemon.logged("job.done")] == [job.id]
        assert (root / "outbox" / "garlic.json").exists()
