"""Probe of one inbox file: its size, time and inode now, whether a process has it open for writing, whether it may be moved."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Sequence

from daemon.files.filenames import is_ignored
from daemon.inbox.stability import Observation
from daemon.inbox.truncation import looks_truncated


def probe_file(name: str, folder: int, *, has_leases: bool) -> Observation:
    """Observe a file, or all files of a character folder as one.

    Args:
        folder: descriptor of the folder that `name` is in.
        has_leases: whether the file system supports leases (`daemon.inbox.stability`).
    Raises:
        OSError: the file is gone, unreadable, or not a regular file.
    """
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(opened)
        if stat.S_ISDIR(status.st_mode):
            names = [inner for inner in sorted(os.listdir(opened)) if _is_character_file(inner, opened)]  # noqa: PTH208 - by descriptor
            # The size of a folder means nothing, and only its files can have a writer.
            itself = Observation(1, status.st_mtime_ns, status.st_ino, has_writer=False if names else None)
            return combine([itself, *(probe_file(inner, opened, has_leases=has_leases) for inner in names)])
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", name)
        has_writer = _has_writer(opened) if has_leases else None
        is_truncated = has_writer is False and looks_truncated(opened, status.st_size)
        return Observation(status.st_size, status.st_mtime_ns, status.st_ino, has_writer, is_truncated)
    finally:
        os.close(opened)


def is_movable(name: str, folder: int, *, is_folder: bool) -> bool:
    """Whether this process may rename `name` out of its open folder, which writes to both if `name` is a folder (rename(2)).

    In a sticky folder, only the owner of the file or of the folder may (inode(7)).
    """
    around, user = os.stat(".", dir_fd=folder), os.geteuid()
    if around.st_mode & stat.S_ISVTX and user not in {0, around.st_uid, os.lstat(name, dir_fd=folder).st_uid}:
        return False
    return os.access(".", os.W_OK | os.X_OK, dir_fd=folder) and (not is_folder or os.access(name, os.W_OK, dir_fd=folder))


def _is_character_file(name: str, folder: int) -> bool:
    """A character's files are directly in its folder; subfolders are not observed."""
    return not is_ignored(name) and stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode)


def _has_writer(file: int) -> bool | None:
    """Whether any process has an open file open for writing: then the kernel refuses a read lease (fcntl(2)).

    A process that opens the file for writing in the moment that the lease is held is blocked until it is released, and the kernel sends
    us SIGIO, which the daemon ignores.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file of another user, or a file system without leases
        return None
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def combine(observations: Sequence[Observation]) -> Observation:
    """One observation of several files: it differs when any of theirs does."""
    if len(observations) == 1:
        return observations[0]
    writers = {each.has_writer for each in observations}
    has_writer = True if True in writers else None if None in writers else False
    fingerprint = hash(tuple((each.size, each.mtime_ns, each.inode) for each in observations))
    is_truncated = any(each.is_truncated for each in observations)
    size, mtime_ns = min(each.size for each in observations), max(each.mtime_ns for each in observations)
    return Observation(size, mtime_ns, fingerprint, has_writer, is_truncated)
