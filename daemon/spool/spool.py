"""The spool: which daemon owns which job, and every rename that changes it. The folders are the only state; etc/doc/spool.md.

    root/inbox/...              dropped by users; a daemon claims from here
    root/spool/work/<instance>/<job>/     claimed: job.json, source, perhaps sidecar.json; then result/, manifest.json or error.json
    root/spool/done/<job>/      published, kept for a while
    root/outbox/..., root/failed/         results and failures, for users

An instance is one run of one daemon. It holds a kernel lock (flock) on `.lock` in its folder; a daemon that gets this lock knows that the
owner is dead. A daemon that is suspended keeps lock and jobs. It may still lose the lock, if a file server forgets it: then others move its
jobs into their own folders. Every operation names a job by its path in its owner's folder, so after such a takeover the former owner can't
change the job, whatever it had begun; it notices, and starts a new instance.

A claim is a rename. A job's name and number of attempts are durable before the event that they describe. All folders are below one root on
one mount, so that renames and hard links work; `prepare` checks it at the start.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from daemon.files.durable import (
    create_durably,
    exists,
    open_folder,
    rename,
    rename_without_replacing,
    sync_folder,
    write_durably,
)
from daemon.spool.instances import Instance
from daemon.spool.job_folder import ANNOTATIONS, CHARACTER, ERROR, JOB_FILE, MANIFEST, RESULT, REVIEW, SIDECAR, SOURCE, Job
from daemon.spool.job_ids import job_id
from daemon.spool.layout import Layout, prepare
from daemon.spool.previews import PREVIEW
from daemon.spool.private_folders import check_private_root

_IMMOVABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EXDEV, errno.EBUSY})
"""Errors of the rename out of the inbox that are due to the file: it is protected, on another file system, or a mount point."""


class ImmovableFile(OSError):
    """A file of the inbox that can't be moved out of it. Other errors of a claim are due to the spool."""


class Spool:
    """The spool as one daemon's instance uses it.

    Attributes:
        half_taken: ids of orphaned jobs that may be in this instance's folder, but whose state is not known (`daemon.spool.recovery`).
    """

    def __init__(self, layout: Layout) -> None:
        """Start an instance. Raises OSError."""
        self.layout = layout
        self._instance = Instance(layout.work)
        self.is_ours, self.renew = self._instance.is_ours, self._instance.renew
        self._has_unsynced = False
        self._half_claimed: set[str] = set()
        self.half_taken: set[str] = set()

    @classmethod
    @contextmanager
    def open(cls, root: Path, *, private: bool = False) -> Iterator[Spool]:
        """Create missing folders, check them, and start an instance that ends with the `with` block.

        Args:
            private: each user has a folder of their own.

        Raises:
            SpoolUnusable: a folder can't be created, or they are on several file systems or mounts.
        """
        layout = Layout(root, is_private=private)
        prepare(layout)
        if private:
            check_private_root(layout)
        spool = cls(layout)
        try:
            yield spool
        finally:
            spool.sync_acknowledged()
            spool._instance.end()

    @property
    def instance(self) -> str:
        """Name of this instance."""
        return self._instance.name

    @property
    def instance_folder(self) -> Path:
        """Folder of this instance."""
        return self._instance.folder

    def path(self, job: Job) -> Path:
        """Folder of a job of this instance."""
        return self.instance_folder / job.id

    def holds(self, job: Job) -> bool:
        """Whether this instance still owns a job. Raises OSError if that can't be determined."""
        return exists(self.path(job))

    def has_lost_source(self, job: Job) -> bool:
        """Whether another process removed the source of a job that has not ended. Raises OSError as `holds`.

        False while the claim is not finished: then the source may be in the inbox.
        """
        return job.id not in self._half_claimed and not any(exists(self.path(job) / name) for name in (SOURCE, MANIFEST, ERROR, REVIEW))

    def claim(self, name: str, folder: Sequence[str], *, is_folder: bool, sidecar: str | None, now_s: float) -> Job | None:
        """Claim a complete file from the inbox; returns None if another daemon was faster.

        The job file already counts the first attempt, so that it need not be written again when that starts.

        Raises:
            ImmovableFile: the file can't be moved out of the inbox.
            OSError: the file can't be claimed for another reason, and is still in the inbox.
        """
        job = Job(job_id(now_s), name, tuple(folder), is_folder, sidecar, attempts=1, is_under_way=True, claimed_at_s=now_s)
        job_folder = self.path(job)
        job_folder.mkdir(exist_ok=True)  # it exists only if a reply was lost
        try:
            create_durably(job_folder, JOB_FILE, job.to_json())
            sync_folder(self.instance_folder)
        except OSError:
            shutil.rmtree(job_folder, ignore_errors=True)
            raise
        try:
            self._take_files(job)
        except OSError as error:
            if self._is_source_gone(job):  # nothing has left the inbox
                shutil.rmtree(job_folder, ignore_errors=True)
                if error.errno == errno.ENOENT:
                    return None
                raise
            with suppress(OSError):
                self.put_back(job)
            if self._is_source_gone(job):
                raise
            self._half_claimed.add(job.id)
        return job

    def _take_files(self, job: Job) -> None:
        """Move a job's files out of the inbox, durably. Raises OSError; ImmovableFile if that is due to the file."""
        job_folder = self.path(job)
        with open_folder(self.layout.inbox, job.folder) as inbox:
            _move_out(job.name, inbox, job_folder / SOURCE)
            claim_sidecar(job, inbox, job_folder)
            if job.sidecar and not exists(job_folder / SIDECAR):  # it was removed: a later file of that name belongs to another drawing
                job.sidecar = None
                self.save(job)
            sync_folder(job_folder)  # a rename is durable in both folders or in none

    def _is_source_gone(self, job: Job) -> bool:
        """Whether the source certainly isn't in the job's folder. While the disk can't be read, it may be, as its only copy."""
        try:
            return not self.has_source(job)
        except OSError:
            return False

    def finish_claim(self, job: Job) -> bool:
        """Finish a claim that could be neither finished nor undone; returns False if it is undone: the source is not in the job's folder.

        Raises:
            OSError: it can still be neither finished nor undone.
        """
        if job.id not in self._half_claimed:
            return True
        is_claimed = self.has_source(job)
        if is_claimed:
            with suppress(FileNotFoundError), open_folder(self.layout.inbox, job.folder) as inbox:
                claim_sidecar(job, inbox, self.path(job))
            sync_folder(self.path(job))
        else:  # the source is still in the inbox, and so must be its sidecar
            self.put_back(job)
        self._half_claimed.discard(job.id)
        return is_claimed

    def save(self, job: Job) -> None:
        """Write the job file, durably. Raises OSError."""
        write_durably(self.path(job), JOB_FILE, job.to_json())

    def has_source(self, job: Job) -> bool:
        """Whether the source of a job of this instance exists. Raises OSError if that can't be determined."""
        return exists(self.path(job) / SOURCE)

    def has_expected_type(self, job: Job) -> bool:
        """Whether the source is still a regular file, or a folder: the name may have been replaced before the claim."""
        mode = os.lstat(self.path(job) / SOURCE).st_mode
        return stat.S_ISDIR(mode) if job.is_folder else stat.S_ISREG(mode)

    def put_back(self, job: Job) -> bool:
        """Move a job's files back to the inbox; returns False, without any change, if its name is taken there.

        Raises:
            OSError: the files can't be moved.
        """
        job_folder = self.path(job)
        if not (exists(job_folder / SOURCE) or exists(job_folder / SIDECAR)):  # another process removed its files
            self.remove(job)
            return True
        with open_folder(self.layout.inbox, job.folder, make=True) as inbox:
            if job.sidecar and exists(job_folder / SIDECAR):
                with suppress(FileExistsError):
                    rename_without_replacing(job_folder / SIDECAR, None, job.sidecar, inbox)
            if exists(job_folder / SOURCE):
                try:
                    rename_without_replacing(job_folder / SOURCE, None, job.name, inbox)
                except FileExistsError:
                    return False
            os.fsync(inbox)
            sync_folder(job_folder)
        self.remove(job)
        return True

    def acknowledge(self, job: Job, *, keep_source: bool) -> None:
        """Move a published job to `done` without its results, which are in the outbox; or remove it. See `sync_acknowledged`."""
        if not keep_source:
            self.remove(job)
            return
        target = self.layout.done / job.id
        rename(self.path(job), target)
        self._has_unsynced = True
        for name in (RESULT, PREVIEW):
            shutil.rmtree(target / name, ignore_errors=True)

    def sync_acknowledged(self) -> None:
        """Make acknowledgments durable, of several jobs at once, so that no job waits for it.

        If a power cut undoes one, recovery finds that the job is published, unless its results were removed from the outbox.
        """
        if self._has_unsynced:
            self._has_unsynced = False
            with suppress(OSError):
                sync_folder(self.layout.done)
                sync_folder(self.instance_folder)

    def remove_results(self, job: Job) -> None:
        """Remove unpublished results of a job: on a full disk, the job file needs the space."""
        for name in (RESULT, PREVIEW, ANNOTATIONS, CHARACTER):
            shutil.rmtree(self.path(job) / name, ignore_errors=True)

    def remove(self, job: Job) -> None:
        """Remove a job's folder; its source has been moved or is not needed. It is first renamed, so that no daemon takes it for a job."""
        gone = self.instance_folder / f".gone-{job.id}"
        rename(self.path(job), gone)
        try:
            sync_folder(self.instance_folder)
        except OSError:
            return  # a power cut may restore the old name, so the folder stays whole; the next daemon removes it
        shutil.rmtree(gone, ignore_errors=True)


def claim_sidecar(job: Job, inbox: int, job_folder: Path) -> None:
    """Claim the sidecar of a job whose source is already claimed. It may be gone."""
    if job.sidecar and not exists(job_folder / SIDECAR):
        with suppress(FileNotFoundError):
            _move_out(job.sidecar, inbox, job_folder / SIDECAR)


def _move_out(name: str, inbox: int, target: Path) -> None:
    """Move a file out of the inbox. Raises OSError; ImmovableFile if that is due to the file."""
    try:
        rename(name, target, source_folder=inbox)
    except OSError as error:
        if error.errno in _IMMOVABLE:
            raise ImmovableFile(error.errno, error.strerror, name) from error
        raise
