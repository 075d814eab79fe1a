"""Row 50 of etc/doc/faults.md: members of the group plant pipes, endless devices and huge files where the spool's files are read.

Each test would hang, or take all memory, if one read waited or had no end.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from claimed_jobs import claim_file
from stepped_daemon import SteppedDaemon, drop

from daemon.commands.health import check_health
from daemon.commands.job_decisions import Selection, discard_jobs, retry_jobs
from daemon.commands.jobs import describe_job, list_jobs
from daemon.spool.instances import is_alive
from daemon.spool.job_folder import JOB_FILE, MAX_JSON_BYTES, read_json
from daemon.spool.spool import Spool

PATIENCE_S = 20.0


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool with an instance of a daemon."""
    with Spool.open(tmp_path) as opened:
        yield opened


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as channel:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            channel.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


PLANTED = [pipe, endless, listening, huge, folder]


def in_time(action: Callable[[], object]) -> None:
    """Run an action on a thread; fails if it hangs."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("plant", PLANTED)
def test_planted_error_report_stops_no_command(spool: Spool, plant: Callable[[Path], None]) -> None:
    for name in ("kept.png", "gone.png"):
        (spool.layout.failed / name).write_bytes(b"a drawing")
        plant(spool.layout.failed / f"{name}.error.json")
    found = {}
    in_time(lambda: found.update({row.name: row.why for row in list_jobs(spool.layout, done=True, max_depth=4)}))
    assert found["kept.png"].endswith("its error report is missing")
    in_time(lambda: describe_job(spool.layout, "kept.png", max_depth=4))
    in_time(lambda: list(retry_jobs(spool.layout, Selection(["kept.png"]))))
    in_time(lambda: list(discard_jobs(spool.layout, Selection(["gone.png"]))))
    assert (spool.layout.inbox / "kept.png").read_bytes() == b"a drawing"
    assert os.listdir(spool.layout.failed) == []  # noqa: PTH208 - names


@pytest.mark.parametrize("plant", PLANTED)
def test_planted_status_files_stop_neither_health_nor_daemon(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    with SteppedDaemon.opened(tmp_path) as daemon:
        status = daemon.spool.layout.status
        plant(status / f"{daemon.spool.instance}.tmp")
        plant(status / "other.json")
        drop(tmp_path)
        in_time(lambda: daemon.run(1000.0, until_s=1003.0))
        in_time(lambda: check_health(daemon.spool.layout, patience_s=30.0))
        in_time(lambda: list_jobs(daemon.spool.layout, done=True, max_depth=4))
        assert daemon.logged("job.done")


@pytest.mark.parametrize("plant", PLANTED)
def test_planted_job_file_and_lock_stop_no_listing(spool: Spool, plant: Callable[[Path], None]) -> None:
    job = claim_file(spool, "garlic.png")
    (spool.path(job) / JOB_FILE).unlink()
    plant(spool.path(job) / JOB_FILE)
    other = spool.layout.work / "other"
    other.mkdir()
    plant(other / ".lock")
    in_time(lambda: list_jobs(spool.layout, done=True, max_depth=4))
    in_time(lambda: is_alive(other))


def test_big_json_is_refused(tmp_path: Path) -> None:
    huge(tmp_path / "manifest.json")
    with pytest.raises(ValueError, match=f"manifest.json is too big: expected at most {MAX_JSON_BYTES} bytes"):
        read_json(tmp_path / "manifest.json")
