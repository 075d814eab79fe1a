"""Folders of the spool below its root, and the check that they support hard links and renames: one file system, one mount."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.files.durable import FULL_DISK, MACHINE_ERRORS, sync_folder
from daemon.spool.job_ids import job_id
from pipeline.errors import OptionError

PROBE: Final = ".probe-"


class SpoolUnusable(OptionError):
    """The folders can't be used. A restart doesn't help, except with a `SpoolUnavailable`."""

    exit_status = 78


class SpoolUnavailable(SpoolUnusable):
    """The folders can't be used now: the disk is full or fails. A restart may help."""

    exit_status = 75


@dataclass(frozen=True)
class Layout:
    """Paths of the spool's folders below a root.

    Attributes:
        is_private: each user has a folder of their own (`daemon.spool.private_folders`).
    """

    root: Path
    is_private: bool = False

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def failed(self) -> Path:
        return self.root / "failed"

    @property
    def review(self) -> Path:
        """Drawings that wait for a person."""
        return self.root / "review"

    def user_of(self, folder: Sequence[str]) -> str:
        """The user whose drawings come through an inbox folder, names from the outermost; "" if users have no folders of their own."""
        return folder[0] if self.is_private and folder else ""

    @property
    def work(self) -> Path:
        return self.root / "spool" / "work"

    @property
    def done(self) -> Path:
        return self.root / "spool" / "done"

    @property
    def status(self) -> Path:
        """Status files, one per daemon."""
        return self.root / "spool" / "status"

    @property
    def seen(self) -> Path:
        """Index of animated drawings (`daemon.spool.seen_index`)."""
        return self.root / "spool" / "seen"

    @property
    def events(self) -> Path:
        """Events whose hooks have not run yet (`daemon.spool.events`)."""
        return self.root / "spool" / "events"

    @property
    def undelivered(self) -> Path:
        """Events whose hooks were given up."""
        return self.root / "spool" / "undelivered"

    def all(self) -> tuple[Path, ...]:
        """All folders."""
        return (
            self.inbox,
            self.outbox,
            self.failed,
            self.review,
            self.work,
            self.done,
            self.status,
            self.seen,
            self.events,
            self.undelivered,
        )

    def probed(self) -> tuple[Path, ...]:
        """The folders between which files are linked or renamed, `work` first."""
        return (self.work, self.inbox, self.outbox, self.failed, self.review, self.done)


def prepare(layout: Layout) -> None:
    """Create the folders, and try a hard link from `work` to each of the others.

    Raises:
        SpoolUnusable: a folder can't be created, or they are on several file systems or mounts.
        SpoolUnavailable: the disk is full or fails.
    """
    try:
        for folder in layout.all():
            folder.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):  # the parent folder may be unreadable
            sync_folder(layout.root.parent)
        for parent in (layout.root, layout.work.parent):
            sync_folder(parent)
        probe = layout.work / f"{PROBE}{job_id()}"
        probe.touch()
        try:
            for folder in layout.probed()[1:]:
                _try_links(probe, folder / probe.name)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        where = error.filename2 or error.filename or layout.root
        if error.errno == errno.EXDEV:
            summary = f"{where} must be on the same file system and mount as {layout.work}"
            raise SpoolUnusable(summary, hint="mount their common parent folder once, instead of each folder") from error
        raise unusable(error, where, _remedy(error, layout.root)) from error


def unusable(error: OSError, where: str | Path, hint: str) -> SpoolUnusable:
    """The error for a file or folder of the spool that can't be used."""
    kind = SpoolUnavailable if error.errno in MACHINE_ERRORS else SpoolUnusable
    return kind(f"{where} can't be used: {error.strerror or error}", hint=hint)


def _try_links(probe: Path, linked: Path) -> None:
    try:
        linked.hardlink_to(probe)
    except FileExistsError:  # a lost reply (`daemon.files.durable`)
        if not linked.samefile(probe):
            raise
    linked.unlink(missing_ok=True)


def _remedy(error: OSError, root: Path) -> str:
    """What to do about an error. In containers, where users are numbers, the folder often belongs to another user."""
    if error.errno in FULL_DISK:
        return "make room on its disk; `df -h` and `df -i` show what is short"
    try:
        owner = root.stat()
    except OSError:
        owner = None
    if error.errno in {errno.EACCES, errno.EPERM} and owner is not None and owner.st_uid != os.geteuid():
        mine, other = os.geteuid(), owner.st_uid
        whose = f"{root} belongs to user {other}, and this is user {mine}"
        return (
            f"{whose}: run as its owner (in a container: --user {other}:{owner.st_gid}), or set `root` or DOODLED_ROOT to a folder of yours"
        )
    return "set `root` or DOODLED_ROOT to another folder"
