"""Recovery of orphaned jobs, state by state."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from claimed_jobs import claim_file, drop_file, names_below, source_of, write_results
from outage import cut_off_takeover, timed_out

from daemon.files.durable import exists
from daemon.spool import recovery
from daemon.spool.instances import LOCK
from daemon.spool.job_folder import Job, read_job
from daemon.spool.job_ids import job_id
from daemon.spool.publish import publish
from daemon.spool.recovery import STALE_S, JobState, remove_stale_files, take_over_jobs
from daemon.spool.spool import Spool


@pytest.fixture
def left(tmp_path: Path) -> Spool:
    """The spool of a dead daemon, whose lock is free."""
    with Spool.open(tmp_path / "root") as dead:
        (dead.instance_folder / "keeps the folder").touch()
    (dead.instance_folder / "keeps the folder").unlink()
    return dead


def found(spool: Spool) -> list[tuple[str, JobState]]:
    return [(each.job.name, each.state) for each in take_over_jobs(spool)]


def aged(path: Path, age_s: float) -> None:
    os.utime(path, (time.time() - age_s,) * 2)


def test_job_states_match_log() -> None:
    states = ["waiting", "under_way", "publishing", "failing", "reviewing", "damaged", "newer", "unclaimed"]
    assert [str(each) for each in JobState] == states


# --- states ----------------------------------------------------------------------------------------------------------


def test_job_under_way_counts_recovery_not_attempt(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    (recovered,) = take_over_jobs(spool)
    assert recovered.state is JobState.UNDER_WAY
    assert (recovered.job.attempts, recovered.job.recoveries, recovered.job.is_under_way) == (0, 1, False)
    assert read_job(spool.path(job)) == recovered.job
    assert source_of(spool, job) == b"a drawing"
    assert not left.instance_folder.exists()


def test_waiting_job_stays_waiting(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    job.is_under_way = False
    left.save(job)
    (recovered,) = take_over_jobs(spool)
    assert recovered.state is JobState.WAITING
    assert recovered.job == job


def test_publishing_and_failing_jobs_are_recognized(left: Spool, spool: Spool) -> None:
    publishing, failing = claim_file(left), claim_file(left, "other.png")
    (left.path(publishing) / "manifest.json").touch()
    (left.path(failing) / "error.json").touch()
    (left.path(failing) / "manifest.json").touch()
    assert sorted(found(spool)) == [("garlic.png", JobState.PUBLISHING), ("other.png", JobState.FAILING)]


def test_job_already_in_failed_is_failing(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    (left.path(job) / "error.json").touch()
    (left.path(job) / "source").unlink()
    assert found(spool) == [("garlic.png", JobState.FAILING)]


def test_claim_without_source_is_undone(left: Spool, spool: Spool) -> None:
    job = claim_file(left, sidecar=b"{}")
    (left.path(job) / "source").rename(left.layout.inbox / "garlic.png")
    assert found(spool) == [("garlic.png", JobState.UNCLAIMED)]
    assert names_below(spool.layout.root) == ["inbox/garlic.json", "inbox/garlic.png"]


def test_claim_without_job_file_is_removed(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    (left.path(job) / "source").unlink()
    (left.path(job) / "job.json").unlink()
    assert found(spool) == []
    assert not spool.path(job).exists()
    assert not left.instance_folder.exists()


def test_takes_sidecar_left_in_inbox(left: Spool, spool: Spool) -> None:
    job = claim_file(left, folder=("dab",), sidecar=b"{}")
    (left.path(job) / "sidecar.json").rename(left.layout.inbox / "dab" / "garlic.json")
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]
    assert names_below(spool.path(job)) == ["job.json", "sidecar.json", "source"]


def test_takeover_is_durable_before_job_is_resumed(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    job = claim_file(left, sidecar=b"{}")
    job.is_under_way = False
    left.save(job)
    (left.path(job) / "sidecar.json").rename(left.layout.inbox / "garlic.json")
    inodes = {left.path(job).stat().st_ino: "job"}
    inodes |= {
        path.stat().st_ino: name
        for name, path in (("own", spool.instance_folder), ("inbox", left.layout.inbox), ("work", left.layout.work))
    }
    synced: list[str] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        synced.append(inodes[os.fstat(file).st_ino])
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    for recovered in take_over_jobs(spool):
        assert recovered.state is JobState.WAITING
        assert synced == ["own", "job", "inbox"]
    assert synced[3:] == ["work"]


def test_sidecar_of_another_image_stays(left: Spool, spool: Spool) -> None:
    job = claim_file(left, sidecar=b"old")
    (left.layout.inbox / "garlic.json").write_bytes(b"new")
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]
    assert (spool.path(job) / "sidecar.json").read_bytes() == b"old"
    assert (spool.layout.inbox / "garlic.json").read_bytes() == b"new"


def test_later_sidecar_stays_for_next_image(left: Spool, spool: Spool) -> None:
    drop_file(left)
    job = left.claim("garlic.png", (), is_folder=False, sidecar="garlic.json", now_s=1e9)  # the scanner saw it, but it is gone
    assert job is not None
    (spool.layout.inbox / "garlic.json").write_text("{}")
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]
    assert names_below(spool.layout.inbox) == ["garlic.json"]


def test_missing_sidecar_folder_is_ignored(left: Spool, spool: Spool) -> None:
    job = claim_file(left, folder=("dab",), sidecar=b"{}")
    (left.path(job) / "sidecar.json").unlink()
    (left.layout.inbox / "dab").rmdir()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]


# --- damage ----------------------------------------------------------------------------------------------------------


def test_job_with_damaged_file_gets_generated_name(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    (left.path(job) / "job.json").write_bytes(b"{")
    (recovered,) = take_over_jobs(spool)
    assert recovered.state is JobState.DAMAGED
    assert recovered.job == Job(job.id, f"recovered-{job.id}") == read_job(spool.path(job))
    assert names_below(spool.path(job)) == ["job.json", "job.json.damaged", "source"]


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ETIMEDOUT, errno.ESTALE])
def test_job_file_that_can_not_be_read_now_is_not_damaged(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    job = claim_file(left, folder=("dab",))

    def refuses(_: Path) -> Job:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(recovery, "read_job", refuses)
    with pytest.raises(OSError, match=os.strerror(code)):
        found(spool)
    assert names_below(left.path(job)) == ["job.json", "source"]
    monkeypatch.undo()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]


def test_claim_is_not_removed_while_its_source_is_unknown(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    job = claim_file(left)
    (left.path(job) / "job.json").unlink()

    def refuses(_: Path) -> bool:
        raise timed_out()

    monkeypatch.setattr(recovery, "exists", refuses)
    with pytest.raises(OSError, match="timed out"):
        found(spool)
    assert source_of(left, job) == b"a drawing"


@pytest.mark.parametrize("plant", [Path.mkdir, lambda path: path.symlink_to("elsewhere"), os.mkfifo])
def test_job_file_of_another_type_is_damaged(left: Spool, spool: Spool, plant: Callable[[Path], None]) -> None:
    job = claim_file(left)
    (left.path(job) / "job.json").unlink()
    plant(left.path(job) / "job.json")
    (recovered,) = take_over_jobs(spool)
    assert recovered.state is JobState.DAMAGED


def test_damaged_character_job_stays_folder(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    (left.path(job) / "source").unlink()
    (left.path(job) / "source").mkdir()
    (left.path(job) / "job.json").unlink()
    (recovered,) = take_over_jobs(spool)
    assert recovered.job.is_folder


@pytest.mark.parametrize(("name", "state"), [("manifest.json", JobState.PUBLISHING), ("error.json", JobState.FAILING)])
def test_damaged_job_keeps_final_state(left: Spool, spool: Spool, name: str, state: JobState) -> None:
    for number in range(2):
        job = claim_file(left, f"{number}.png")
        (left.path(job) / name).touch()
        (left.path(job) / "job.json").write_bytes(b"")
        if number:
            (left.path(job) / "source").unlink()
    recovered = list(take_over_jobs(spool))
    assert [each.state for each in recovered] == [state, state]
    assert not any(each.job.is_folder for each in recovered)


@pytest.mark.parametrize(
    ("schema", "state"), [(2, JobState.NEWER), (1, JobState.DAMAGED), ("2", JobState.DAMAGED), (None, JobState.DAMAGED)]
)
def test_job_of_later_version_is_left_unchanged(left: Spool, spool: Spool, schema: object, state: JobState) -> None:
    job = claim_file(left)
    content = json.dumps({"schema": schema, "mood": "fine"}).encode()
    (left.path(job) / "job.json").write_bytes(content)
    (recovered,) = take_over_jobs(spool)
    assert recovered.state is state
    assert ((spool.path(job) / "job.json").read_bytes() == content) == (state is JobState.NEWER)
    assert recovered.job.id == job.id
    assert source_of(spool, job) == b"a drawing"


# --- ownership -------------------------------------------------------------------------------------------------------


def test_jobs_of_living_daemons_stay_theirs(spool: Spool, tmp_path: Path) -> None:
    with Spool.open(tmp_path / "root") as other:
        job = claim_file(other)
        assert found(spool) == []
        assert other.holds(job)
        assert found(other) == []  # nor are its own
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]


def test_other_files_in_instance_folder(left: Spool, spool: Spool) -> None:
    gone = left.instance_folder / f".gone-{job_id()}"
    gone.mkdir()
    (gone / "source").touch()
    (left.instance_folder / "notes").mkdir()
    (left.instance_folder / job_id()).touch()
    (left.layout.work / "a file").touch()
    assert found(spool) == []
    assert not gone.exists()
    assert sorted(path.is_dir() for path in left.instance_folder.iterdir() if path.name != LOCK) == [False, True]
    assert (left.layout.work / "a file").exists()


def test_half_removed_instance_is_removed(left: Spool, spool: Spool) -> None:
    (left.instance_folder / LOCK).unlink()
    assert found(spool) == []
    assert not left.instance_folder.exists()


@pytest.mark.parametrize("age_s", [STALE_S - 60, STALE_S + 60])
def test_stale_status_files_are_removed(left: Spool, spool: Spool, age_s: float) -> None:
    status_files = [spool.layout.status / f"{name}.json" for name in (job_id(), left.instance, spool.instance)]
    for path in status_files:
        path.touch()
        aged(path, age_s)
    remove_stale_files(spool.layout)
    assert [path.exists() for path in status_files] == [age_s < STALE_S, True, True]  # those of instances with jobs, or alive, stay


@pytest.mark.parametrize(("age_s", "is_left"), [(STALE_S - 100.0, True), (STALE_S + 100.0, False)])
def test_unfinished_instance_is_removed(spool: Spool, age_s: float, *, is_left: bool) -> None:
    begun = spool.layout.work / f".new-{job_id()}"
    begun.mkdir()
    aged(begun, age_s)
    assert found(spool) == []
    assert begun.exists() == is_left


@pytest.mark.parametrize(("age_s", "is_left"), [(STALE_S - 100.0, True), (STALE_S + 100.0, False)])
def test_stale_probes_are_removed(spool: Spool, age_s: float, *, is_left: bool) -> None:
    layout = spool.layout
    probes = [folder / f".probe-{job_id()}" for folder in (layout.work, layout.inbox, layout.outbox, layout.failed, layout.done)]
    others = [layout.inbox / "probe-me.png", layout.status / ".probe-1"]
    for path in (*probes, *others):
        path.touch()
        aged(path, age_s)
    remove_stale_files(layout)
    assert [path.exists() for path in probes] == [is_left] * 5
    assert all(path.exists() for path in others)
    remove_stale_files(layout)


def test_instance_removed_by_rival_is_skipped(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed between check and lock, and between opening and taking the lock."""
    opened: Callable[..., int] = os.open

    def first_removed(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path).name == LOCK and left.instance_folder.exists():
            (left.instance_folder / LOCK).unlink()
            left.instance_folder.rmdir()
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", first_removed)
    assert found(spool) == []
    monkeypatch.undo()
    left.instance_folder.mkdir()
    claim_file(left)

    def then_replaced(path: Any, *arguments: Any, **more: Any) -> int:
        file = opened(path, *arguments, **more)
        if path == left.instance_folder / LOCK:
            (left.instance_folder / LOCK).unlink()
        return file

    monkeypatch.setattr(os, "open", then_replaced)
    assert found(spool) == []
    monkeypatch.undo()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]


def test_job_whose_file_is_forbidden_for_a_while_keeps_its_name(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS while the credentials have expired."""
    job = claim_file(left)

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(recovery, "read_job", forbidden)
    with pytest.raises(PermissionError):
        found(spool)
    assert left.holds(job)
    monkeypatch.undo()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]


def test_job_is_moved_back_after_disk_error(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    job = claim_file(left)

    def refuses(_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(recovery, "sync_folder", refuses)
    with pytest.raises(OSError, match="Input/output"):
        found(spool)
    assert left.holds(job)
    monkeypatch.undo()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]


def test_job_taken_while_disk_could_not_be_read_is_recovered_by_same_daemon(
    left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file server becomes unavailable after the job was moved, so that it can't be moved back."""
    job = claim_file(left)
    cut_off_takeover(monkeypatch)
    for _ in range(2):
        with pytest.raises(OSError, match="timed out"):
            found(spool)
    assert spool.path(job).is_dir()
    monkeypatch.undo()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]
    assert found(spool) == []
    assert not left.instance_folder.exists()


@pytest.mark.parametrize("has_happened", [True, False])
def test_job_is_recovered_after_its_move_reported_an_error(
    left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch, *, has_happened: bool
) -> None:
    claim_file(left)
    rename = recovery.rename

    def lost(source: Path, target: Path) -> None:
        if has_happened:
            rename(source, target)
        raise timed_out()

    monkeypatch.setattr(recovery, "rename", lost)
    with pytest.raises(OSError, match="timed out"):
        found(spool)
    monkeypatch.undo()
    assert found(spool) == [("garlic.png", JobState.UNDER_WAY)]
    assert not left.instance_folder.exists()


def test_failed_recovery_delays_no_other_job(left: Spool, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = claim_file(left, "first.png"), claim_file(left, "second.png")
    sync = recovery.sync_folder

    def picky(path: Path) -> None:
        if exists(spool.path(first)):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    monkeypatch.setattr(recovery, "sync_folder", picky)
    taken = take_over_jobs(spool)
    assert next(taken).job.name == "second.png"
    with pytest.raises(OSError, match="Input/output"):
        next(taken)
    assert left.holds(first)


def test_instance_that_cannot_be_locked_delays_no_other(left: Spool, spool: Spool) -> None:
    """For example one that was run as root once."""
    claim_file(left)
    locked = spool.layout.work / job_id(0.0)
    (locked / LOCK).mkdir(parents=True)
    taken = take_over_jobs(spool)
    assert next(taken).job.name == "garlic.png"
    with pytest.raises(IsADirectoryError):
        next(taken)


def test_claim_without_source_is_undone_without_inbox_folder(left: Spool, spool: Spool) -> None:
    job = claim_file(left, folder=("dab",))
    (left.path(job) / "source").unlink()
    (spool.layout.inbox / "dab").rmdir()
    (spool.layout.inbox / "dab").symlink_to(spool.layout.outbox)
    assert found(spool) == [("garlic.png", JobState.UNCLAIMED)]
    assert not left.instance_folder.exists()
    assert not spool.holds(job)


def test_jobs_are_yielded_in_order_of_claim(left: Spool, spool: Spool) -> None:
    for number in (1, 0, 2):
        drop_file(left, f"{number}.png")
        left.claim(f"{number}.png", (), is_folder=False, sidecar=None, now_s=1e9 + number)
    assert [name for name, _ in found(spool)] == ["0.png", "1.png", "2.png"]


def test_published_job_is_publishing(left: Spool, spool: Spool) -> None:
    job = claim_file(left)
    publish(left.layout.outbox, left.path(job), job, write_results(left, job, b"GIF"))
    assert found(spool) == [("garlic.png", JobState.PUBLISHING)]
    assert names_below(spool.layout.outbox) == ["garlic.gif", "garlic.json"]
