"""Row 12 of etc/doc/faults.md: slow writers. The files and the leases on them are real; the clock is simulated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from spool_oracle import check_published, check_tidy
from stepped_daemon import SteppedDaemon

PAST_NS = 10**9


def write_slowly(path: Path, pieces: list[bytes], daemon: SteppedDaemon, *, every_s: float, is_dated: bool = False) -> float:
    """Write piece by piece while the file stays open and the daemon runs; returns the time."""
    now = 1000.0
    with path.open("wb", buffering=0) as file:
        for piece in pieces:
            file.write(piece)
            if is_dated:
                os.utime(path, ns=(PAST_NS, PAST_NS))
            now = daemon.run(now, until_s=now + every_s) + 0.001
            assert not daemon.logged("job.claimed"), "it is still being written"
        assert daemon.scanner.count == 1
        assert "oldest" in daemon.housekeeping.summary(now)
    return now


@pytest.mark.parametrize("is_dated", [False, True])
@pytest.mark.parametrize(
    ("pieces", "every_s"), [([b"%d" % (number % 10) for number in range(120)], 1.0), ([b"first", b"second", b""], 300.0)]
)
def test_claims_nothing_while_writer_has_it_open(tmp_path: Path, pieces: list[bytes], every_s: float, is_dated: bool) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon:
        now = write_slowly(tmp_path / "inbox" / "upload.png", pieces, daemon, every_s=every_s, is_dated=is_dated)
        assert daemon.run(now) < now + 10.0
    check_published(tmp_path, "upload.png", b"".join(pieces))
    check_tidy(tmp_path)


def test_waits_for_preallocated_file(tmp_path: Path) -> None:
    path = tmp_path / "inbox" / "preallocated.png"
    with SteppedDaemon.opened(tmp_path) as daemon:
        with path.open("wb", buffering=0) as file:
            file.truncate(9)
            file.write(b"half")
            os.utime(path, ns=(PAST_NS, PAST_NS))
            daemon.run(1000.0, until_s=1600.0)
            assert not daemon.logged("job.claimed")
            file.write(b" done")
            os.utime(path, ns=(PAST_NS, PAST_NS))
        daemon.run(1600.0)
    check_published(tmp_path, path.name, b"half done")


def test_writer_that_never_closes_delays_no_other_file(tmp_path: Path) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon, (tmp_path / "inbox" / "open.png").open("wb", buffering=0) as file:
        file.write(b"begun")
        daemon.run(1000.0, until_s=1010.0)
        (tmp_path / "inbox" / "other.png").write_bytes(b"other")
        daemon.run(1010.0, until_s=1020.0)
        daemon.run(8290.0, until_s=8300.0)
        assert "(oldest 2h)" in daemon.housekeeping.summary(8300.0)
        check_published(tmp_path, "other.png", b"other")
        assert [each.name for each in daemon.scanner.candidates()] == ["open.png"]


def test_without_leases_file_must_be_unchanged_for_stable_time(tmp_path: Path) -> None:
    path = tmp_path / "inbox" / "upload.png"
    with SteppedDaemon.opened(tmp_path, has_leases=False) as daemon:
        now, content = 1000.0, b""
        for number in range(60):  # a byte a second
            content += b"%d" % (number % 10)
            path.write_bytes(content)
            os.utime(path, ns=(PAST_NS, PAST_NS))
            now = daemon.run(now, until_s=now + 1.0) + 0.001
        for pause_s in (4.0, 4.0):  # shorter than the stable time
            content += b"more"
            path.write_bytes(content)
            now = daemon.run(now, until_s=now + pause_s) + 0.001
        assert not daemon.logged("job.claimed")
        end_s = daemon.run(now)
        assert daemon.settings.inbox.stable_s <= end_s - now + 4.0 < 30.0
    check_published(tmp_path, path.name, content)


def test_file_written_after_claim_is_another_drawing(tmp_path: Path) -> None:
    path = tmp_path / "inbox" / "again.png"
    with SteppedDaemon.opened(tmp_path) as daemon:
        path.write_bytes(b"closed")
        daemon.run(1000.0)
        with path.open("ab") as file:  # six seconds later, by name: the file has been claimed
            file.write(b"reopened")
        daemon.run(1006.0)
    check_published(tmp_path, path.name, b"closed")
    check_published(tmp_path, path.name, b"reopened")
