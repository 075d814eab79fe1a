"""Instance folders and their locks, which show whether their daemon is alive (`daemon.spool.spool`)."""

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
SERVERS: Final = ".servers"
"""What the workers of this instance know about the model servers (`pipeline.adapters.model_server.shared_health`)."""
LOCKS: Final = Path("/proc/locks")
"""All locks of this machine, readable for everybody (proc(5))."""


class Instance:
    """A daemon's own folder in the spool, whose lock it holds.

    Attributes:
        name: name of the folder.
        lock: file descriptor that holds the lock.
    """

    def __init__(self, work: Path) -> None:
        """Create the folder and take its lock. Raises OSError."""
        self._work = work
        self._device = work.stat().st_dev
        self.name, self.lock = "", -1
        self.renew()

    @property
    def folder(self) -> Path:
        return self._work / self.name

    def is_ours(self) -> bool:
        """Whether this daemon still has folder and lock; a lost lock is taken again if it is free."""
        try:
            is_same = os.stat(self.folder / LOCK).st_ino == os.fstat(self.lock).st_ino  # noqa: PTH116 - beside fstat
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return is_same

    def renew(self) -> None:
        """Start a new instance after another daemon took over the jobs of this one. Raises OSError; then nothing has changed."""
        if self._work.stat().st_dev != self._device:  # the file system was unmounted or replaced: don't write to the new one
            raise OSError(errno.ESTALE, "the file system has changed since the start", str(self._work))
        name = job_id()
        lock = _create_locked_folder(self._work, name)
        if self.lock >= 0:
            os.close(self.lock)
        self.name, self.lock = name, lock

    def end(self) -> None:
        """Release the lock. If jobs are left, the folder stays, and the next daemon finds it unlocked."""
        with suppress(OSError):
            remove_if_empty(self.folder)
        os.close(self.lock)


def _create_locked_folder(work: Path, name: str) -> int:
    """Create an instance's folder; it gets its final name with its lock held. Returns the lock's descriptor."""
    temporary = work / f".new-{name}"
    temporary.mkdir(exist_ok=True)
    lock = os.open(temporary / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    rename(temporary, work / name)
    sync_folder(work)
    return lock


def remove_if_empty(instance: Path) -> None:
    """Remove an instance's folder unless it contains jobs, even such as appear meanwhile. Raises OSError."""
    if {entry.name for entry in instance.iterdir()} <= {LOCK, SERVERS}:
        (instance / SERVERS).unlink(missing_ok=True)
        (instance / LOCK).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            instance.rmdir()


def is_alive(instance: Path) -> bool:
    """Whether a daemon holds the lock of an instance folder. A shared lock is tried, and released at once."""
    try:
        lock = os.open(instance / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:  # for a member of the group: only the daemon's user may lock
        return _is_locked(instance / LOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _is_locked(lock: Path) -> bool:
    """Whether any process has locked a file that this one may not open, by the kernel's list; True if that is unknown."""
    try:
        inode, locks = lock.stat().st_ino, LOCKS.read_text(encoding="ascii")
    except PermissionError:
        return True
    except OSError:
        return False
    # "1: FLOCK  ADVISORY  WRITE 708 08:01:13245 0 EOF". The device is another one than stat's on btrfs and overlayfs.
    return any(line.split()[1] == "FLOCK" and line.split()[5].rpartition(":")[2] == str(inode) for line in locks.splitlines())
