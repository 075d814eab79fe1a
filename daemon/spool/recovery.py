"""Recovery of orphaned jobs: locks the folder of a dead daemon, moves its jobs into ours, and reads the state of each from its files.

`daemon.service.takeover` resumes them from there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daemon.files.durable import exists, open_folder, rename, sync_folder
from daemon.spool.instances import LOCK, is_alive, remove_if_empty
from daemon.spool.job_folder import ERROR, JOB_FILE, MANIFEST, REVIEW, SCHEMA, SIDECAR, SOURCE, Job, read_job, read_json
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import PROBE, Layout
from daemon.spool.spool import Spool, claim_sidecar

STALE_S = 3600.0
"""Age after which temporary files and unfinished instances count as abandoned."""

_NO_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR})
"""Errors of a job file that never becomes readable: it is missing, or no regular file (`daemon.files.durable.read_content`).
After any other error, such as EIO, EMFILE or EACCES (NFS with expired credentials), a later try may succeed."""


class JobState(StrEnum):
    """State of a job, as the files in its folder say; etc/doc/spool.md lists what each leads to."""

    WAITING = "waiting"
    UNDER_WAY = "under_way"
    PUBLISHING = "publishing"
    FAILING = "failing"
    REVIEWING = "reviewing"
    DAMAGED = "damaged"
    NEWER = "newer"
    """Written by a later version of doodled, which alone can resume it."""

    UNCLAIMED = "unclaimed"
    """Its claim was not finished and is undone: nothing of it is in the spool any more."""


@dataclass(frozen=True)
class RecoveredJob:
    """An orphaned job that this daemon owns now, unless its claim is undone."""

    job: Job
    state: JobState


@dataclass(frozen=True)
class BarredJobs:
    """Jobs of a dead daemon that ran as another user, which this daemon may not take over.

    Attributes:
        folder: of the dead instance.
        user: number of the user whom the folder belongs to.
        jobs: how many; 0 if that is unknown.
    """

    folder: Path
    user: int
    jobs: int


def take_over_jobs(spool: Spool, on_barred: Callable[[BarredJobs], None] = lambda _: None) -> Iterator[RecoveredJob]:
    """Move the jobs of all dead instances into ours, one by one. An unfinished claim is undone at once, and yielded as `UNCLAIMED`.

    Args:
        on_barred: called for each instance of another user, which is left as it is.
    Raises:
        OSError: the first error, after everything else has been taken over.
    """
    refused: list[OSError] = []
    yield from _resume_taking(spool, refused)
    for folder in sorted(spool.layout.work.iterdir()):
        if folder != spool.instance_folder and folder.is_dir():
            try:
                with _lock_if_dead(folder) as is_locked:
                    if is_locked:
                        yield from _take_jobs(folder, spool, refused)
            except OSError as error:
                barred = _barred(folder) if isinstance(error, PermissionError) else None
                if barred is None:
                    refused.append(error)
                else:
                    on_barred(barred)
    if refused:
        raise refused[0]


def _barred(folder: Path) -> BarredJobs | None:
    """The jobs of another user in an instance's folder; None if it is ours."""
    try:
        user = folder.stat().st_uid
        jobs = sum(is_job_id(job_folder.name) for job_folder in folder.iterdir())
    except PermissionError:
        jobs = 0
    except OSError:
        return None
    return None if user == os.geteuid() else BarredJobs(folder, user, jobs)


def remove_stale_files(layout: Layout) -> None:
    """Remove what dead daemons left behind: files that probe the folders (`daemon.spool.layout.prepare`), and status files."""
    stale = [probe for folder in layout.probed() for probe in folder.glob(f"{PROBE}*")]
    statuses = [status for status in layout.status.glob("*") if is_job_id(status.stem)]
    for path in (*stale, *statuses):
        with suppress(OSError):
            is_needed = path in statuses and exists(layout.work / path.stem)
            if not is_needed and time.time() - path.lstat().st_mtime > STALE_S:
                path.unlink()


@contextmanager
def _lock_if_dead(folder: Path) -> Iterator[bool]:
    """Try to lock an instance's folder for the length of a `with` block; False if its daemon is alive."""
    if folder.name.startswith("."):  # an instance being made: it gets its name only with the lock held
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder)
        yield False
        return
    if is_alive(folder):  # asked first, because the lock of another user can't be opened
        yield False
        return
    try:
        # The file is missing only if the instance died while it removed itself.
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # another daemon has just cleaned up
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    else:
        # Another daemon may have removed the folder between open and flock: then this is the lock of a removed file.
        yield _is_file(folder / LOCK, lock)
    finally:
        os.close(lock)


def _is_file(path: Path, opened: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(opened).st_ino
    except FileNotFoundError:
        return False


def _take_jobs(dead: Path, spool: Spool, refused: list[OSError]) -> Iterator[RecoveredJob]:
    for job_folder in sorted(dead.iterdir()):
        if job_folder.name.startswith(".gone-"):
            shutil.rmtree(job_folder, ignore_errors=True)
        elif is_job_id(job_folder.name) and job_folder.is_dir():
            ours = spool.instance_folder / job_folder.name
            spool.half_taken.add(job_folder.name)  # before: a rename that reports an error may have taken effect
            rename(job_folder, ours)
            recovered = _recover_taken(ours, spool, refused)
            if recovered is not None:
                yield recovered
            elif ours.name in spool.half_taken:
                with suppress(OSError):  # for a later try, or another daemon
                    rename(ours, job_folder)
                    spool.half_taken.discard(ours.name)
    with suppress(OSError):
        remove_if_empty(dead)
        sync_folder(spool.layout.work)


def _resume_taking(spool: Spool, refused: list[OSError]) -> Iterator[RecoveredJob]:
    """Recover jobs that an earlier takeover has moved into our folder, or may have, and could neither recover nor move back."""
    for name in sorted(spool.half_taken):
        recovered = _recover_taken(spool.instance_folder / name, spool, refused)
        if recovered is not None:
            yield recovered


def _recover_taken(ours: Path, spool: Spool, refused: list[OSError]) -> RecoveredJob | None:
    """Recover a job that has been moved into our folder. After an error, it stays in `spool.half_taken`."""
    try:
        recovered = None
        if exists(ours):
            sync_folder(spool.instance_folder)
            recovered = _recover(ours, spool)
    except OSError as error:
        refused.append(error)
        return None
    spool.half_taken.discard(ours.name)
    return recovered


def _recover(job_folder: Path, spool: Spool) -> RecoveredJob | None:  # noqa: PLR0911 - one return for each state
    """Read the state of a job; None if nothing but its folder was made, which is removed now.

    Raises:
        OSError: the files can't be read or written now. The job can be recovered later.
    """
    has_source, job = exists(job_folder / SOURCE), _readable_job(job_folder)
    is_damaged = job is None
    if job is None:
        if _is_newer(job_folder):
            return RecoveredJob(Job(job_folder.name, job_folder.name), JobState.NEWER)
        if not has_source and not any(exists(job_folder / name) for name in (MANIFEST, ERROR, REVIEW)):
            shutil.rmtree(job_folder)  # its job file was not written: nothing was taken from the inbox
            return None
        job = _rebuild_job(job_folder, spool)
    for name, state in ((ERROR, JobState.FAILING), (REVIEW, JobState.REVIEWING)):
        if exists(job_folder / name):
            return RecoveredJob(job, state)
    if not has_source and not is_damaged:
        spool.put_back(job)
        return RecoveredJob(job, JobState.UNCLAIMED)
    _take_sidecar(job, job_folder, spool)
    if exists(job_folder / MANIFEST):
        return RecoveredJob(job, JobState.PUBLISHING)
    if is_damaged:
        return RecoveredJob(job, JobState.DAMAGED)
    if not job.is_under_way:
        return RecoveredJob(job, JobState.WAITING)
    _count_recovery(job, spool)
    return RecoveredJob(job, JobState.UNDER_WAY)


def _readable_job(job_folder: Path) -> Job | None:
    """The job in a folder; None if its job file is missing or damaged for good. Raises OSError if it can't be read now."""
    try:
        return read_job(job_folder)
    except ValueError:
        return None
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        return None


def _take_sidecar(job: Job, job_folder: Path, spool: Spool) -> None:
    """Claim the sidecar that a claim has left in the inbox, if it is still there."""
    if job.sidecar and not exists(job_folder / SIDECAR):
        with suppress(OSError), open_folder(spool.layout.inbox, job.folder) as inbox:
            claim_sidecar(job, inbox, job_folder)
            sync_folder(job_folder)
            os.fsync(inbox)


def _count_recovery(job: Job, spool: Spool) -> None:
    """Count a daemon that died during an attempt, apart from attempts: child processes do the work, so it is hardly the drawing's fault.

    Raises OSError.
    """
    job.return_attempt()
    job.recoveries += 1
    spool.save(job)


def _is_newer(job_folder: Path) -> bool:
    """Whether a later version of doodled wrote the job file. Raises OSError if it can't be read now."""
    try:
        schema = read_json(job_folder / JOB_FILE).get("schema")
    except ValueError:
        return False
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        return False
    return isinstance(schema, int) and schema > SCHEMA


def _rebuild_job(job_folder: Path, spool: Spool) -> Job:
    """Make a new job file for a job whose own is damaged; its name is derived from its id."""
    is_folder = exists(job_folder / SOURCE) and stat.S_ISDIR(os.lstat(job_folder / SOURCE).st_mode)
    job = Job(job_folder.name, f"recovered-{job_folder.name}", is_folder=is_folder)
    with suppress(OSError):
        (job_folder / JOB_FILE).rename(job_folder / f"{JOB_FILE}.damaged")
    spool.save(job)
    return job
