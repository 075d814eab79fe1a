"""One look at a file of the inbox: what it is like now, whether somebody writes to it, and whether it may be taken."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Sequence

from daemon.files.filenames import is_ignored
from daemon.inbox.stability import Observation


def observed(name: str, folder: int, *, has_leases: bool) -> Observation:
    """One look at a file, or at all files of a character folder.

    Raises:
        OSError: it is gone, not ours to read, or no regular file.
    """
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(opened)
        if stat.S_ISDIR(status.st_mode):
            # Not what lies in folders within: a character's files lie side by side.
            inside = [observed(inner, opened, has_leases=has_leases) for inner in sorted(os.listdir(opened)) if _counts(inner, opened)]  # noqa: PTH208 - by descriptor
            itself = Observation(1, status.st_mtime_ns, status.st_ino)  # its own size says nothing
            return together([itself, *inside])
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "no regular file", name)
        return Observation(status.st_size, status.st_mtime_ns, status.st_ino, _has_writer(opened) if has_leases else None)
    finally:
        os.close(opened)


def is_movable(name: str, folder: int, *, is_folder: bool) -> bool:
    """Whether something may be renamed out of its open folder: that changes the folder, and a moved folder itself (rename(2)).

    Out of a sticky folder, only owners take things (inode(7)).
    """
    around, user = os.stat(".", dir_fd=folder), os.geteuid()
    if around.st_mode & stat.S_ISVTX and user not in {0, around.st_uid, os.lstat(name, dir_fd=folder).st_uid}:
        return False
    return os.access(".", os.W_OK | os.X_OK, dir_fd=folder) and (not is_folder or os.access(name, os.W_OK, dir_fd=folder))


def _counts(name: str, folder: int) -> bool:
    return not is_ignored(name) and stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode)


def _has_writer(file: int) -> bool | None:
    """Whether anybody has an open file open for writing: then the kernel refuses a read lease (fcntl(2)).

    Whoever wants to write meanwhile waits for the instant that the lease is held; the kernel tells us by SIGIO, which the daemon ignores.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file of somebody else's, or a file system without leases
        return None
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def plain_observation(status: os.stat_result) -> Observation:
    return Observation(status.st_size, status.st_mtime_ns, status.st_ino)


def together(looks: Sequence[Observation]) -> Observation:
    """Several files as one: it changes when any of them does."""
    if len(looks) == 1:
        return looks[0]
    writers = {look.has_writer for look in looks[0 if looks[0].has_writer is not None else 1 :]}
    has_writer = True if True in writers else None if None in writers or not writers else False
    marks = hash(tuple((look.size, look.mtime_ns, look.inode) for look in looks))
    return Observation(min(look.size for look in looks), max(look.mtime_ns for look in looks), marks, has_writer)
