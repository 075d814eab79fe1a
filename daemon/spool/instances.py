"""Folders of instances, and the locks that say whether their daemon is alive (`daemon.spool.spool`)."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from daemon.files.durable import rename, sync_folder
from daemon.spool.job_ids import job_id

LOCK: Final = ".lock"


class Instance:
    """A daemon's own folder, with its lock held.

    Attributes:
        name: of the folder.
        lock: the descriptor that holds the lock.
    """

    def __init__(self, work: Path) -> None:
        """Starts one. Raises OSError."""
        self._work = work
        self._device = work.stat().st_dev
        self.name, self.lock = "", -1
        self.renew()

    @property
    def folder(self) -> Path:
        return self._work / self.name

    def is_ours(self) -> bool:
        """Whether it still has its folder and its lock, which it takes again if nobody else has."""
        try:
            is_same = os.stat(self.folder / LOCK).st_ino == os.fstat(self.lock).st_ino  # noqa: PTH116 - beside fstat
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return is_same

    def renew(self) -> None:
        """Start another, as this one's jobs belong to others by now. Raises OSError; then nothing has changed."""
        if self._work.stat().st_dev != self._device:  # unmounted, or something else was mounted: not ours to write to
            raise OSError(errno.ESTALE, "another file system is here than at the start", str(self._work))
        name = job_id()
        lock = _locked_folder(self._work, name)
        if self.lock >= 0:
            os.close(self.lock)
        self.name, self.lock = name, lock

    def end(self) -> None:
        """Let go of the lock. Jobs that are left keep the folder; the next daemon finds it unlocked."""
        with suppress(OSError):
            remove_if_empty(self.folder)
        os.close(self.lock)


def _locked_folder(work: Path, name: str) -> int:
    """Make an instance's folder; it appears under its name with its lock held."""
    temporary = work / f".new-{name}"
    temporary.mkdir(exist_ok=True)
    lock = os.open(temporary / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    rename(temporary, work / name)
    sync_folder(work)
    return lock


def remove_if_empty(instance: Path) -> None:
    """Remove an instance's folder unless it holds jobs, even such as appear just now. Raises OSError."""
    if {entry.name for entry in instance.iterdir()} <= {LOCK}:
        (instance / LOCK).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            instance.rmdir()


def is_alive(instance: Path) -> bool:
    """Whether a daemon holds the lock of its folder. A shared lock is tried, which is let go at once."""
    try:
        lock = os.open(instance / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
