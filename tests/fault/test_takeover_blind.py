"""Row 61 of etc/doc/faults.md: a file server that becomes unavailable during a takeover: the same daemon resumes the job afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from outage import cut_off_takeover
from stepped_daemon import SteppedDaemon, drop

from daemon.spool.spool import Spool

FIRST_S, LATER_S = 1.0, 60.0


def test_same_daemon_resumes_job_whose_takeover_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    with Spool.open(root) as dead:
        drop(root)
        job = dead.claim("garlic.png", (), is_folder=False, sidecar=None, now_s=1e9)
    assert job is not None
    with SteppedDaemon.opened(root) as daemon:
        cut_off_takeover(monkeypatch)
        daemon.scheduler.take_over(FIRST_S)
        assert not daemon.scheduler.waiting
        assert daemon.spool.path(job).is_dir()
        monkeypatch.undo()
        daemon.run(LATER_S)
        assert [record["job_id"] for record in daemon.logged("job.done")] == [job.id]
        assert (root / "outbox" / "garlic.json").exists()
