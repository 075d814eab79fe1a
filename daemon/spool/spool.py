"""The spool: who owns which file, and nothing lost whatever happens. The folders are the only truth.

    root/inbox/...              dropped, ours by claim
    root/spool/work/<instance>/<job>/     claimed: job.json, source, perhaps sidecar.json; then result/, manifest.json or error.json
    root/spool/done/<job>/      published, kept for a while
    root/outbox/..., root/failed/         what people look at

An instance is one life of one daemon. It holds a kernel lock (flock) on `.lock` in its folder, so whoever gets that lock knows that the
owner is dead. A daemon that is merely stopped keeps its lock and its jobs. It may lose the lock all the same, where a file server forgets
it: then others move its jobs into their own folders. Everything that is done to a job names it by its path in its owner's folder, so from
that moment on the former owner can do nothing more to it, whatever it had begun; it notices, and starts a new instance.

Claiming is a rename. What a job is called and how often it was tried is written durably before the thing that it describes happens.
Everything is below one root on one mount, so that renames and hard links work; a probe at the start makes sure of it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import create_durably, exists, open_folder, rename, rename_without_replacing, sync_folder, write_durably
from daemon.files.filenames import is_plain_name
from daemon.spool.instances import Instance
from daemon.spool.job_ids import is_job_id, job_id
from daemon.spool.layout import Layout, prepare

SCHEMA: Final = 1
JOB_FILE: Final = "job.json"
SOURCE: Final = "source"
SIDECAR: Final = "sidecar.json"
MANIFEST: Final = "manifest.json"
ERROR: Final = "error.json"
RESULT: Final = "result"
ANNOTATIONS: Final = "annotations"
CHARACTER: Final = "character"


@dataclass
class Job:
    """A claimed drawing, as `job.json` says it.

    Attributes:
        name: as dropped; bytes that are no UTF-8 are surrogates.
        folder: names of the inbox's folders that it lay in, outermost first.
        is_folder: a character folder, not a picture.
        sidecar: name of the sidecar beside it, or None.
        attempts: how often it was started in vain, the one under way included.
        recoveries: how often a daemon died while it was under way.
        is_under_way: an attempt was started and has not ended.
        claimed_at_s: seconds since 1970.
    """

    id: str
    name: str
    folder: tuple[str, ...] = ()
    is_folder: bool = False
    sidecar: str | None = None
    attempts: int = 0
    recoveries: int = 0
    is_under_way: bool = False
    claimed_at_s: float = 0.0

    @classmethod
    def from_json(cls, content: bytes) -> Job:
        """Raises ValueError unless `content` is a job file of this schema."""
        fields = _parsed(content)
        if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA or not is_job_id(str(fields.get("id"))):
            raise ValueError("no job file of this version")
        try:
            job = cls(**{**fields, "folder": tuple(fields.get("folder", ()))})
        except TypeError as error:
            raise ValueError("no job file of this version") from error
        if not job._is_sound():
            raise ValueError("a job file with values that no daemon writes")
        return job

    def _is_sound(self) -> bool:
        """Names that lead nowhere else, and values of the right kinds: a disk may return anything."""
        names = (self.name, *self.folder, *([] if self.sidecar is None else [self.sidecar]))
        return (
            all(is_plain_name(name) for name in names)
            and all(type(count) is int for count in (self.attempts, self.recoveries))
            and all(type(flag) is bool for flag in (self.is_folder, self.is_under_way))
            and type(self.claimed_at_s) in {int, float}
        )

    def to_json(self) -> bytes:
        """ASCII, so that any name survives."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}).encode("ascii")


class Spool:
    """One daemon's hold on the spool, for its life."""

    def __init__(self, layout: Layout) -> None:
        """Starts an instance. Raises OSError."""
        self.layout = layout
        self._life = Instance(layout.work)
        self.is_ours, self.renew = self._life.is_ours, self._life.renew
        self._has_unsynced = False
        self._half_claimed: set[str] = set()

    @classmethod
    @contextmanager
    def opened(cls, root: Path) -> Iterator[Spool]:
        """Make what is missing, check it, and start an instance.

        Raises:
            SpoolUnusable: the folders can't be made, or lie on several file systems or mounts.
        """
        layout = Layout(root)
        prepare(layout)
        spool = cls(layout)
        try:
            yield spool
        finally:
            spool.sync_acknowledged()
            spool._life.end()

    @property
    def instance(self) -> str:
        """The name of this life."""
        return self._life.name

    @property
    def own(self) -> Path:
        """The folder of this life."""
        return self._life.folder

    def path(self, job: Job) -> Path:
        """Where a job of this instance is worked on."""
        return self.own / job.id

    def holds(self, job: Job) -> bool:
        """Whether a job is still this instance's. Raises OSError where that can't be known."""
        return exists(self.path(job))

    def is_hollow(self, job: Job) -> bool:
        """Whether somebody has removed the source of a job that is neither published nor in quarantine. Raises OSError likewise."""
        return not any(exists(self.path(job) / name) for name in (SOURCE, MANIFEST, ERROR))

    def claim(self, name: str, folder: Sequence[str], *, is_folder: bool, sidecar: str | None, now_s: float) -> Job | None:
        """Take a complete file out of the inbox; None if another daemon was faster.

        Its first attempt counts as begun: written down once, and not again a moment later.

        Raises:
            OSError: it can't be taken.
        """
        job = Job(job_id(now_s), name, tuple(folder), is_folder, sidecar, attempts=1, is_under_way=True, claimed_at_s=now_s)
        place = self.path(job)
        place.mkdir(exist_ok=True)  # nobody else makes it, but an answer may be lost
        try:
            create_durably(place, JOB_FILE, job.to_json())
            sync_folder(self.own)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        try:
            with open_folder(self.layout.inbox, folder) as inbox:
                rename(name, place / SOURCE, source_folder=inbox)
                claim_sidecar(job, inbox, place)
                if job.sidecar and not exists(place / SIDECAR):  # it has gone: a later one of its name is another picture's
                    job.sidecar = None
                    self.save(job)
                sync_folder(place)  # a rename is kept or lost as a whole, so one of its two folders is enough
        except OSError as error:
            if self.has_source(job):
                with suppress(OSError):
                    self.put_back(job)
            else:
                shutil.rmtree(place, ignore_errors=True)
                if error.errno == errno.ENOENT:
                    return None
            if not self.has_source(job):
                raise
            self._half_claimed.add(job.id)
        return job

    def complete(self, job: Job) -> None:
        """Finish a claim that could neither be finished nor taken back. Raises OSError if it still can't be."""
        if job.id in self._half_claimed:
            with suppress(FileNotFoundError), open_folder(self.layout.inbox, job.folder) as inbox:
                claim_sidecar(job, inbox, self.path(job))
            sync_folder(self.path(job))
            self._half_claimed.discard(job.id)

    def save(self, job: Job) -> None:
        """Write the job's file, durably."""
        write_durably(self.path(job), JOB_FILE, job.to_json())

    def has_source(self, job: Job) -> bool:
        """Whether the source of a job of this instance is there."""
        return os.path.lexists(self.path(job) / SOURCE)

    def ordinary(self, job: Job) -> bool:
        """Whether what was claimed is a regular file, or a folder: a name may have come to stand for something else meanwhile."""
        mode = os.lstat(self.path(job) / SOURCE).st_mode
        return stat.S_ISDIR(mode) if job.is_folder else stat.S_ISREG(mode)

    def put_back(self, job: Job) -> bool:
        """Return a job's files to the inbox; False if its name is taken there, and nothing has changed.

        Raises:
            OSError: it can't be put back.
        """
        place = self.path(job)
        if not (exists(place / SOURCE) or exists(place / SIDECAR)):  # whatever has become of its folder
            self.forget(job)
            return True
        with open_folder(self.layout.inbox, job.folder, make=True) as inbox:
            if job.sidecar and exists(place / SIDECAR):
                with suppress(FileExistsError):
                    rename_without_replacing(place / SIDECAR, None, job.sidecar, inbox)
            if exists(place / SOURCE):
                try:
                    rename_without_replacing(place / SOURCE, None, job.name, inbox)
                except FileExistsError:
                    return False
            os.fsync(inbox)
            sync_folder(place)
        self.forget(job)
        return True

    def acknowledge(self, job: Job, *, is_kept: bool) -> None:
        """Move a published job to `done`, without its results, which are in the outbox; or forget it. See `sync_acknowledged`."""
        if not is_kept:
            self.forget(job)
            return
        target = self.layout.done / job.id
        rename(self.path(job), target)
        self._has_unsynced = True
        shutil.rmtree(target / RESULT, ignore_errors=True)

    def sync_acknowledged(self) -> None:
        """Make what was acknowledged since the last time durable: several jobs at once, and none waits for it.

        Should an old name come back in a power cut, recovery finds that it is published, unless somebody has taken its results away.
        """
        if self._has_unsynced:
            self._has_unsynced = False
            with suppress(OSError):
                sync_folder(self.layout.done)
                sync_folder(self.own)

    def clear(self, job: Job) -> None:
        """Remove what a job has made in vain: where the disk is full, even its own file needs the room."""
        shutil.rmtree(self.path(job) / RESULT, ignore_errors=True)
        shutil.rmtree(self.path(job) / ANNOTATIONS, ignore_errors=True)
        shutil.rmtree(self.path(job) / CHARACTER, ignore_errors=True)

    def forget(self, job: Job) -> None:
        """Remove a job whose source is elsewhere, or no longer wanted. The folder first gets a name that nobody takes for a job."""
        gone = self.own / f".gone-{job.id}"
        rename(self.path(job), gone)
        try:
            sync_folder(self.own)
        except OSError:
            return  # should the old name come back in a power cut, what it stands for must be whole; the next daemon removes it
        shutil.rmtree(gone, ignore_errors=True)


def claim_sidecar(job: Job, inbox: int, place: Path) -> None:
    """Take the sidecar of a job's picture, which has been taken already. It may have gone meanwhile."""
    if job.sidecar and not exists(place / SIDECAR):
        with suppress(FileNotFoundError):
            rename(job.sidecar, place / SIDECAR, source_folder=inbox)


def read_job(place: Path) -> Job:
    """The job in a folder. Raises OSError or ValueError if its file can't be read."""
    job = Job.from_json((place / JOB_FILE).read_bytes())
    if job.id != place.name:
        raise ValueError("a job file of another job")
    return job


def read_json(path: Path) -> dict[str, Any]:
    """A file of ours. Raises OSError or ValueError if it can't be read."""
    fields = _parsed(path.read_bytes())
    if not isinstance(fields, dict):
        raise ValueError(f"{path.name} is no object")  # noqa: TRY004 - as for any other damage
    return fields


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON too deep for any file of ours") from error
