"""Claim, acknowledge, put back, remove: where each file is after each step, and after each step that fails."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from claimed_jobs import NOW_S, claim_file, drop_file, names_below, source_of

from daemon.spool import spool as spool_module
from daemon.spool.job_folder import Job, read_job
from daemon.spool.job_ids import made_at_s
from daemon.spool.spool import ImmovableFile, Spool


def failing(code: int, times: int = 1, call: Callable[..., Any] = lambda *_, **__: None) -> Callable[..., Any]:
    """A call that fails so many times, and then works."""
    left = [times]

    def refused(*arguments: Any, **more: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        return call(*arguments, **more)

    return refused


# --- claims ----------------------------------------------------------------------------------------------------------


def test_claim_moves_file_and_sidecar_and_counts_first_attempt(spool: Spool) -> None:
    job = claim_file(spool, folder=("dab",), sidecar=b"{}")
    assert dataclasses.asdict(job) == {
        "id": job.id,
        "name": "garlic.png",
        "folder": ("dab",),
        "is_folder": False,
        "sidecar": "garlic.json",
        "attempts": 1,
        "recoveries": 0,
        "is_under_way": True,
        "claimed_at_s": NOW_S,
    }
    assert read_job(spool.path(job)) == job
    assert made_at_s(job.id) == NOW_S
    assert spool.path(job) == spool.layout.work / spool.instance / job.id
    assert names_below(spool.path(job)) == ["job.json", "sidecar.json", "source"]
    assert source_of(spool, job) == b"a drawing"
    assert names_below(spool.layout.inbox) == []


def test_claims_without_sidecar_that_is_gone(spool: Spool) -> None:
    drop_file(spool)
    job = spool.claim("garlic.png", (), is_folder=False, sidecar="garlic.json", now_s=NOW_S)
    assert job is not None
    assert names_below(spool.path(job)) == ["job.json", "source"]


def test_leaves_file_that_another_daemon_claimed(spool: Spool) -> None:
    assert spool.claim("garlic.png", (), is_folder=False, sidecar=None, now_s=NOW_S) is None
    assert spool.claim("garlic.png", ("no such folder",), is_folder=False, sidecar=None, now_s=NOW_S) is None
    assert names_below(spool.instance_folder) == []
    assert [path.name for path in spool.instance_folder.iterdir()] == [".lock"]


def test_leaves_file_in_inbox_if_job_file_can_not_be_written(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_file(spool)
    for name in ("create_durably", "sync_folder"):
        monkeypatch.setattr(spool_module, name, failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            spool.claim("garlic.png", (), is_folder=False, sidecar=None, now_s=NOW_S)
        monkeypatch.undo()
        assert names_below(spool.layout.root) == ["inbox/garlic.png"]
        assert [path.name for path in spool.instance_folder.iterdir()] == [".lock"]


def test_leaves_file_in_inbox_if_it_can_not_be_moved(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_file(spool)
    monkeypatch.setattr(spool_module, "rename", failing(errno.EACCES))
    with pytest.raises(ImmovableFile):
        spool.claim("garlic.png", (), is_folder=False, sidecar=None, now_s=NOW_S)
    assert names_below(spool.layout.root) == ["inbox/garlic.png"]
    assert [path.name for path in spool.instance_folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("call", ["create_durably", "sync_folder"])
def test_permission_error_of_the_spool_is_not_blamed_on_the_file(spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    drop_file(spool)
    monkeypatch.setattr(spool_module, call, failing(errno.EACCES))
    with pytest.raises(PermissionError):
        spool.claim("garlic.png", (), is_folder=False, sidecar=None, now_s=NOW_S)
    assert names_below(spool.layout.root) == ["inbox/garlic.png"]


def fails_after_the_claim(monkeypatch: pytest.MonkeyPatch, spool: Spool, times: int) -> None:
    """A disk that fails so many times to make the claimed source durable."""
    sync, left = spool_module.sync_folder, [times]

    def refused(path: Path) -> None:
        if path != spool.instance_folder and (path / "source").exists() and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    monkeypatch.setattr(spool_module, "sync_folder", refused)


def test_undoes_claim_that_can_not_be_made_durable(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_after_the_claim(monkeypatch, spool, 1)
    options = drop_file(spool, folder=("dab",), sidecar=b"{}")
    with pytest.raises(OSError, match="Input/output"):
        spool.claim("garlic.png", ("dab",), is_folder=False, sidecar=options, now_s=NOW_S)
    assert names_below(spool.layout.root) == ["inbox/dab/garlic.json", "inbox/dab/garlic.png"]
    assert [path.name for path in spool.instance_folder.iterdir()] == [".lock"]


def test_finishes_later_a_claim_that_can_not_be_undone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file with its own sidecar takes its place in the inbox."""
    drop_file(spool, folder=("dab",), sidecar=b"ours")
    fails_after_the_claim(monkeypatch, spool, 2)
    real = spool.put_back

    def put_back(job: Job) -> bool:
        drop_file(spool, content=b"another", folder=("dab",), sidecar=b"{}")
        return real(job)

    monkeypatch.setattr(spool, "put_back", put_back)
    job = spool.claim("garlic.png", ("dab",), is_folder=False, sidecar="garlic.json", now_s=NOW_S)
    assert job is not None
    assert source_of(spool, job) == b"a drawing"
    with pytest.raises(OSError, match="Input/output"):
        spool.finish_claim(job)
    spool.finish_claim(job)
    assert names_below(spool.path(job)) == ["job.json", "sidecar.json", "source"]
    assert (spool.path(job) / "sidecar.json").read_bytes() == b"ours"
    assert (spool.layout.inbox / "dab" / "garlic.png").read_bytes() == b"another"
    assert (spool.layout.inbox / "dab" / "garlic.json").read_bytes() == b"{}"
    spool.finish_claim(job)  # finished: the sidecar in the inbox now belongs to another drawing
    assert (spool.layout.inbox / "dab" / "garlic.json").exists()


def blind(path: Any, *_: object, **__: object) -> bool:
    """A file server that is unavailable answers no question about a file."""
    raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), os.fspath(path))


def test_keeps_only_copy_if_reply_of_claim_is_lost_and_disk_can_not_be_read(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = drop_file(spool, folder=("dab",), sidecar=b"ours")
    rename = spool_module.rename

    def lost(*arguments: Any, **more: Any) -> None:
        rename(*arguments, **more)
        monkeypatch.setattr(spool_module, "exists", blind)
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    monkeypatch.setattr(spool_module, "rename", lost)
    job = spool.claim("garlic.png", ("dab",), is_folder=False, sidecar=options, now_s=NOW_S)
    assert job is not None
    with pytest.raises(OSError, match="timed out"):
        spool.finish_claim(job)
    monkeypatch.undo()
    assert spool.finish_claim(job)
    assert names_below(spool.path(job)) == ["job.json", "sidecar.json", "source"]
    assert names_below(spool.layout.inbox) == []


def test_leaves_sidecar_if_claim_failed_while_disk_could_not_be_read(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = drop_file(spool, sidecar=b"ours")
    monkeypatch.setattr(spool_module, "rename", failing(errno.ETIMEDOUT))
    monkeypatch.setattr(spool_module, "exists", blind)
    job = spool.claim("garlic.png", (), is_folder=False, sidecar=options, now_s=NOW_S)
    assert job is not None
    monkeypatch.undo()
    assert not spool.has_lost_source(job)
    assert not spool.finish_claim(job)
    assert not spool.holds(job)
    assert names_below(spool.layout.inbox) == ["garlic.json", "garlic.png"]


def test_finishes_claim_without_sidecar_if_folder_is_gone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_file(spool, folder=("dab",))
    fails_after_the_claim(monkeypatch, spool, 1)
    monkeypatch.setattr(spool, "put_back", failing(errno.EIO))
    job = spool.claim("garlic.png", ("dab",), is_folder=False, sidecar="garlic.json", now_s=NOW_S)
    assert job is not None
    (spool.layout.inbox / "dab").rmdir()
    spool.finish_claim(job)
    assert spool.has_source(job)


# --- what a job has --------------------------------------------------------------------------------------------------


def test_detects_source_of_another_type(spool: Spool) -> None:
    job = claim_file(spool)
    source = spool.path(job) / "source"
    character = dataclasses.replace(job, is_folder=True)
    assert (spool.has_expected_type(job), spool.has_expected_type(character)) == (True, False)
    source.unlink()
    source.mkdir()
    assert (spool.has_expected_type(job), spool.has_expected_type(character)) == (False, True)
    source.rmdir()
    source.symlink_to(spool.layout.inbox)
    assert (spool.has_expected_type(job), spool.has_expected_type(character)) == (False, False)
    assert spool.has_source(job)


@pytest.mark.parametrize("left", ["source", "manifest.json", "error.json"])
def test_detects_lost_source(spool: Spool, left: str) -> None:
    job = claim_file(spool)
    (spool.path(job) / "source").rename(spool.path(job) / left)
    assert not spool.has_lost_source(job)
    (spool.path(job) / left).unlink()
    assert spool.has_lost_source(job)
    assert not spool.has_source(job)


def test_does_not_hold_job_after_takeover(spool: Spool) -> None:
    job = claim_file(spool)
    assert spool.holds(job)
    spool.path(job).rename(spool.layout.work / "elsewhere")
    assert not spool.holds(job)


def test_next_daemon_reads_saved_job(spool: Spool) -> None:
    job = claim_file(spool)
    job.attempts, job.is_under_way = 2, False
    spool.save(job)
    assert read_job(spool.path(job)) == job


def test_removes_unpublished_results_only(spool: Spool) -> None:
    job = claim_file(spool, sidecar=b"{}")
    for name in ("result", "preview", "annotations", "character"):
        (spool.path(job) / name).mkdir()
        (spool.path(job) / name / "file").touch()
    spool.remove_results(job)
    assert names_below(spool.path(job)) == ["job.json", "sidecar.json", "source"]
    spool.remove_results(job)


# --- ways out --------------------------------------------------------------------------------------------------------


def test_puts_job_back_where_it_was_dropped(spool: Spool) -> None:
    job = claim_file(spool, folder=("dab",), sidecar=b"{}")
    (spool.layout.inbox / "dab").rmdir()
    assert spool.put_back(job)
    assert names_below(spool.layout.root) == ["inbox/dab/garlic.json", "inbox/dab/garlic.png"]
    assert not spool.holds(job)


def test_put_back_does_not_replace_files(spool: Spool) -> None:
    job = claim_file(spool)
    drop_file(spool, content=b"another")
    assert not spool.put_back(job)
    assert source_of(spool, job) == b"a drawing"
    assert (spool.layout.inbox / "garlic.png").read_bytes() == b"another"


def test_put_back_drops_sidecar_whose_name_is_taken(spool: Spool) -> None:
    job = claim_file(spool, sidecar=b'{"motion": "dab"}')
    (spool.layout.inbox / "garlic.json").write_bytes(b"{}")
    assert spool.put_back(job)
    assert (spool.layout.inbox / "garlic.json").read_bytes() == b"{}"
    assert names_below(spool.layout.root) == ["inbox/garlic.json", "inbox/garlic.png"]


def test_put_back_removes_job_without_source(spool: Spool) -> None:
    job = claim_file(spool)
    (spool.path(job) / "source").unlink()
    assert spool.put_back(job)
    assert names_below(spool.layout.root) == []


def test_acknowledge_keeps_source_without_results_or_removes_job(spool: Spool) -> None:
    kept, forgotten = claim_file(spool, sidecar=b"{}"), claim_file(spool, "other.png")
    for job in (kept, forgotten):
        for name in ("result", "preview", "annotations"):
            (spool.path(job) / name).mkdir()
    spool.acknowledge(kept, keep_source=True)
    spool.acknowledge(forgotten, keep_source=False)
    assert names_below(spool.layout.root) == [f"spool/done/{kept.id}/{name}" for name in ("job.json", "sidecar.json", "source")]
    assert sorted(path.name for path in (spool.layout.done / kept.id).iterdir()) == ["annotations", "job.json", "sidecar.json", "source"]
    assert [path.name for path in spool.instance_folder.iterdir()] == [".lock"]


def test_syncs_acknowledged_jobs_together(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    jobs = [claim_file(spool, f"{number}.png") for number in range(3)]
    monkeypatch.setattr(spool_module, "sync_folder", synced.append)
    for job in jobs:
        spool.acknowledge(job, keep_source=True)
    assert not synced
    spool.sync_acknowledged()
    assert synced == [spool.layout.done, spool.instance_folder]
    spool.sync_acknowledged()
    assert len(synced) == 2
    monkeypatch.setattr(spool_module, "sync_folder", failing(errno.EIO))
    spool._has_unsynced = True
    spool.sync_acknowledged()  # an error is ignored: recovery finds that they are published


def test_removed_job_is_gone_even_if_sync_fails(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = claim_file(spool), claim_file(spool, "other.png")
    spool.remove(first)
    assert not spool.holds(first)
    monkeypatch.setattr(spool_module, "sync_folder", failing(errno.EIO))
    spool.remove(second)
    assert not spool.holds(second)
    gone = spool.instance_folder / f".gone-{second.id}"
    assert names_below(gone) == ["job.json", "source"]  # whole, in case of a power cut; the next daemon removes it
    assert sorted(path.name for path in spool.instance_folder.iterdir()) == [gone.name, ".lock"]
    shutil.rmtree(gone)


# --- lives -----------------------------------------------------------------------------------------------------------


def test_ending_instance_removes_its_folder_unless_it_has_jobs(tmp_path: Path) -> None:
    with Spool.open(tmp_path / "empty") as spool:
        assert spool.instance_folder.is_dir()
    assert list(spool.layout.work.iterdir()) == []
    with Spool.open(tmp_path / "full") as spool:
        job = claim_file(spool)
    assert source_of(spool, job) == b"a drawing"


def test_syncs_acknowledged_jobs_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    with Spool.open(tmp_path) as spool:
        spool.acknowledge(claim_file(spool), keep_source=True)
        monkeypatch.setattr(spool_module, "sync_folder", synced.append)
    assert spool.layout.done in synced


def test_renews_instance_after_takeover(spool: Spool) -> None:
    assert spool.is_ours()
    first = spool.instance
    shutil.rmtree(spool.instance_folder)
    assert not spool.is_ours()
    spool.renew()
    assert spool.is_ours()
    assert spool.instance != first
    assert claim_file(spool)


# --- what must be on the disk before what --------------------------------------------------------------------------------


@pytest.fixture
def happened(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Renames and folder syncs in order, by the name of the folder ("own" for the instance's)."""
    told: list[str] = []
    fsync, rename = os.fsync, os.rename
    names = {spool.instance_folder.stat().st_ino: "own", spool.layout.inbox.stat().st_ino: "inbox"}

    def synced(file: int) -> None:
        told.append(f"sync {names.get(os.fstat(file).st_ino, 'other')}")
        fsync(file)

    def renamed(source: Any, target: Any, **more: Any) -> None:
        told.append(f"rename {Path(target).name}")
        rename(source, target, **more)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    return told


def test_order_of_syncs_in_a_claim(spool: Spool, happened: list[str]) -> None:
    claim_file(spool, sidecar=b"{}")
    # first the job file, its name and the job folder's name; then the claimed files
    assert happened == ["sync other", "sync other", "sync own", "rename source", "rename sidecar.json", "sync other"]


def test_put_back_is_durable_before_the_job_is_removed(spool: Spool, happened: list[str]) -> None:
    job = claim_file(spool)
    happened.clear()
    spool.put_back(job)
    assert happened == ["sync inbox", "sync other", f"rename .gone-{job.id}", "sync own"]


def test_syncs_nothing_without_acknowledged_jobs(spool: Spool, happened: list[str]) -> None:
    spool.sync_acknowledged()
    assert happened == []


def test_handles_lost_reply_of_creating_the_job_folder(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = os.mkdir

    def twice(path: Any, *arguments: Any, **more: Any) -> None:
        mkdir(path, *arguments, **more)
        if Path(path).parent == spool.instance_folder:
            mkdir(path, *arguments, **more)

    monkeypatch.setattr(os, "mkdir", twice)
    assert source_of(spool, claim_file(spool)) == b"a drawing"


def test_ignores_folders_that_can_not_be_removed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next daemon, or the retention, removes them."""
    kept, forgotten = claim_file(spool), claim_file(spool, "other.png")
    (spool.path(kept) / "result").mkdir()
    drop_file(spool, "third.png")
    monkeypatch.setattr(os, "rmdir", failing(errno.EIO, 99))
    monkeypatch.setattr(os, "unlink", failing(errno.EIO, 99))
    spool.acknowledge(kept, keep_source=True)
    spool.acknowledge(forgotten, keep_source=False)
    assert spool.claim("nothing.png", (), is_folder=False, sidecar=None, now_s=NOW_S) is None
    monkeypatch.setattr(spool_module, "create_durably", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        spool.claim("third.png", (), is_folder=False, sidecar=None, now_s=NOW_S)


def test_does_not_put_back_unclaimed_sidecar(spool: Spool) -> None:
    """A sidecar is in the job's folder although the job file names none."""
    job = claim_file(spool)
    (spool.path(job) / "sidecar.json").write_text("{}")
    assert spool.put_back(job) is True
    job = claim_file(spool)
    drop_file(spool, content=b"another")
    assert spool.put_back(job) is False
    assert names_below(spool.layout.inbox) == ["garlic.png"]
    job = claim_file(spool, "other.png", sidecar=b"{}")
    (spool.path(job) / "sidecar.json").unlink()
    assert spool.put_back(job) is True
    assert names_below(spool.layout.inbox) == ["garlic.png", "other.png"]
