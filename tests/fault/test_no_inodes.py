"""Row 54 of etc/doc/faults.md: no inode is left, or the disk has become read-only. Nothing starts, and a restart is not asked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from spool_oracle import check_published
from stepped_daemon import SteppedDaemon, drop

from daemon.commands.health import check_health

INODES = 120


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with few inodes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=8m,nr_inodes={INODES}", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is forbidden here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(folder: Path) -> None:
    """Take all inodes."""
    folder.mkdir()
    number = 0
    while os.statvfs(folder).f_favail:
        (folder / str(number)).touch()
        number += 1


def test_without_inodes_drawings_wait_and_it_is_logged_once(small_disk: Path) -> None:
    with SteppedDaemon.opened(small_disk) as daemon:
        daemon.step(1000.0)
        drop(small_disk)
        fill(small_disk / "litter")
        daemon.run(1006.0, until_s=1100.0)
        (low,) = daemon.logged("disk.low")
        assert low["reason"].startswith("the disk has hardly an inode left")
        assert not [record for record in daemon.records if record["level"] == "warning" and record["event"] != "disk.low"]
        found = check_health(daemon.spool.layout, patience_s=3600.0)
        assert found.is_good
        assert "1 waiting" in found.text
        assert "the disk has hardly an inode left" in found.text
        for path in (small_disk / "litter").iterdir():
            path.unlink()
        daemon.run(1100.0)
        assert len(daemon.logged("disk.recovered")) == 1
        check_published(small_disk, "garlic.png", b"a drawing")


def test_read_only_disk_asks_for_no_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon:
        daemon.step(1000.0)
        drop(tmp_path)
        really = os.statvfs

        def read_only(path: Path) -> SimpleNamespace:
            status = really(path)
            fields = {name: getattr(status, name) for name in dir(status) if name.startswith("f_")}
            return SimpleNamespace(**{**fields, "f_flag": status.f_flag | os.ST_RDONLY})

        monkeypatch.setattr(os, "statvfs", read_only)
        daemon.run(1006.0, until_s=1100.0)
        (low,) = daemon.logged("disk.low")
        assert low["reason"] == f"the disk of {tmp_path} is read-only"
        assert not daemon.logged("job.claimed")
        os.utime(tmp_path / "spool" / "status" / f"{daemon.spool.instance}.json", (1e9, 1e9))
        found = check_health(daemon.spool.layout, patience_s=30.0)
        assert found.is_good
        assert "a restart doesn't help" in found.text
        monkeypatch.undo()
        assert not check_health(daemon.spool.layout, patience_s=30.0).is_good
        daemon.run(1100.0)
        check_published(tmp_path, "garlic.png", b"a drawing")
