"""What dead daemons left: taken over by whoever gets their lock, job by job."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daemon.files.durable import open_folder, rename, sync_folder
from daemon.spool.instances import LOCK, remove_if_empty
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import PROBE, Layout
from daemon.spool.spool import (
    ERROR,
    JOB_FILE,
    MANIFEST,
    SCHEMA,
    SIDECAR,
    SOURCE,
    Job,
    Spool,
    claim_sidecar,
    read_job,
    read_json,
)

STALE_S = 3600.0
"""Temporary names that are older than this belong to nobody."""


class Found(StrEnum):
    """How far a job had come when its daemon died."""

    WAITING = "waiting"
    UNDER_WAY = "under_way"
    PUBLISHING = "publishing"
    FAILING = "failing"
    DAMAGED = "damaged"
    NEWER = "newer"
    """Written by a later version of doodled: left alone, for that version to go on with."""


@dataclass(frozen=True)
class Recovered:
    """A job that was taken over."""

    job: Job
    found: Found


def taken_over(spool: Spool) -> Iterator[Recovered]:
    """Make the jobs of all dead instances ours, one by one. Those that were not even claimed are put back or forgotten at once.

    Raises:
        OSError: the first of what could not be taken over; everything else has been by then.
    """
    refused: list[OSError] = []
    for folder in sorted(spool.layout.work.iterdir()):
        if folder != spool.own and folder.is_dir():
            try:
                with _locked_if_dead(folder) as is_ours:
                    if is_ours:
                        yield from _jobs_of(folder, spool, refused)
            except OSError as error:
                refused.append(error)
    if refused:
        raise refused[0]


def swept(layout: Layout) -> None:
    """Remove what daemons left that died while they tried the folders (`daemon.spool.layout.prepare`), and what they said of themselves."""
    litter = [probe for folder in layout.probed() for probe in folder.glob(f"{PROBE}*")]
    litter += [said for said in layout.status.glob("*") if is_job_id(said.stem) and not (layout.work / said.stem).exists()]
    for path in litter:
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > STALE_S:
                path.unlink()


@contextmanager
def _locked_if_dead(folder: Path) -> Iterator[bool]:
    """Whether the lock of an instance's folder was free; it is held meanwhile."""
    if folder.name.startswith("."):  # not an instance yet: it gets its name with its lock held
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder)
        yield False
        return
    try:
        # It is there but for an instance that died in the middle of removing itself.
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # another daemon has just cleaned up
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    else:
        # Another daemon may have cleaned up between open and flock: then this is the lock of a folder that is gone.
        yield _is_file(folder / LOCK, lock)
    finally:
        os.close(lock)


def _is_file(path: Path, opened: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(opened).st_ino
    except FileNotFoundError:
        return False


def _jobs_of(dead: Path, spool: Spool, refused: list[OSError]) -> Iterator[Recovered]:
    for place in sorted(dead.iterdir()):
        if place.name.startswith(".gone-"):
            shutil.rmtree(place, ignore_errors=True)
        elif is_job_id(place.name) and place.is_dir():
            ours = spool.own / place.name
            rename(place, ours)
            try:
                sync_folder(spool.own)
                recovered = _recovered(ours, spool)
            except OSError as error:
                refused.append(error)
                with suppress(OSError):  # for another time, or another daemon
                    rename(ours, place)
                continue
            if recovered is not None:
                yield recovered
    with suppress(OSError):
        remove_if_empty(dead)
        sync_folder(spool.layout.work)


def _recovered(place: Path, spool: Spool) -> Recovered | None:  # noqa: PLR0911 - one return a state, in the order of a job's life
    """What is to be done with one job; None if nothing is."""
    has_source, is_damaged = os.path.lexists(place / SOURCE), False
    try:
        job = read_job(place)
    except (OSError, ValueError):
        if _is_newer(place):
            return Recovered(Job(place.name, place.name), Found.NEWER)
        if not has_source and not (place / MANIFEST).exists() and not (place / ERROR).exists():
            shutil.rmtree(place)  # not even its name had been written: nothing was taken from the inbox
            return None
        job, is_damaged = _rebuilt(place, spool), True
    if (place / ERROR).exists():
        return Recovered(job, Found.FAILING)
    if not has_source and not is_damaged:
        spool.put_back(job)
        return None
    if job.sidecar and not (place / SIDECAR).exists():
        with suppress(OSError), open_folder(spool.layout.inbox, job.folder) as inbox:
            claim_sidecar(job, inbox, place)
            sync_folder(place)
            os.fsync(inbox)
    if (place / MANIFEST).exists():
        return Recovered(job, Found.PUBLISHING)
    if is_damaged:
        return Recovered(job, Found.DAMAGED)
    if not job.is_under_way:
        return Recovered(job, Found.WAITING)
    # The work is done by child processes: that the daemon died under it is hardly this drawing's fault, and counted apart.
    job.is_under_way = False
    job.attempts -= 1
    job.recoveries += 1
    spool.save(job)
    return Recovered(job, Found.UNDER_WAY)


def _is_newer(place: Path) -> bool:
    try:
        schema = read_json(place / JOB_FILE).get("schema")
    except (OSError, ValueError):
        return False
    return isinstance(schema, int) and schema > SCHEMA


def _rebuilt(place: Path, spool: Spool) -> Job:
    """A job whose file is damaged, under a name of its own."""
    is_folder = stat.S_ISDIR(os.lstat(place / SOURCE).st_mode) if os.path.lexists(place / SOURCE) else False
    job = Job(place.name, f"recovered-{place.name}", is_folder=is_folder)
    with suppress(OSError):
        (place / JOB_FILE).rename(place / f"{JOB_FILE}.damaged")
    spool.save(job)
    return job
