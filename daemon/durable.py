"""What the spool asks of the file system: things that survive a power cut, and folders that are no traps.

A file is durable once its bytes are (fsync of the file) and its name is (fsync of the folder). An fsync that failed is never tried again
on the same file: the kernel may have dropped the pages it could not write, and the second call would say that all is well.

Folders that strangers can write to are opened component by component with O_NOFOLLOW, and everything in them is named relative to the
open folder, so that no symbolic link leads elsewhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1


@contextmanager
def opened_folder(path: str | os.PathLike[str], parts: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder `path`/parts..., for the length of a `with` block; no component of `parts` may be a link.

    Args:
        make: folders of `parts` that are missing are made, durably.
    Raises:
        OSError: ELOOP or ENOTDIR where something else is in a folder's place.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = _entered(folder, part, make=make)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _entered(folder: int, part: str, *, make: bool) -> int:
    if part in {"", ".", ".."} or "/" in part:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=folder)
        os.fsync(folder)
    return os.open(part, _FOLDER, dir_fd=folder)


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make the names in a folder durable."""
    with opened_folder(path) as folder:
        os.fsync(folder)


def write_durably(folder: int, name: str, content: bytes) -> None:
    """Replace the file `name` in an open folder: all of `content` or what was there before, also after a power cut."""
    temporary = f".{name}.tmp"
    _write(folder, temporary, os.O_TRUNC, content)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def create_durably(folder: int, name: str, content: bytes) -> None:
    """Make the file `name`, for readers who take half a file for none: one wait for the disk less than to write it elsewhere first.

    Raises:
        FileExistsError: there is one.
    """
    _write(folder, name, os.O_EXCL, content)
    os.fsync(folder)


def _write(folder: int, name: str, how: int, content: bytes) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | how | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640, dir_fd=folder)
    try:
        written = 0
        while written < len(content):
            written += os.write(file, content[written:])
        os.fsync(file)
    finally:
        os.close(file)


def rename_without_replacing(source: str, source_folder: int, target: str, target_folder: int) -> None:
    """Rename, unless the target's name is taken.

    Raises:
        FileExistsError: it is.
        OSError: as rename does.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    old, new = os.fsencode(source), os.fsencode(target)
    if libc.renameat2(source_folder, old, target_folder, new, _RENAME_NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in {errno.EINVAL, errno.ENOSYS}:
        raise OSError(code, os.strerror(code), target)
    # This file system knows no such flag. The gap between the look and the rename is as small as it gets.
    if exists(target, target_folder):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)


def exists(name: str, folder: int) -> bool:
    """Whether something has this name in an open folder, be it a dangling link."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def is_same_file(name: str, folder: int, other: str, other_folder: int) -> bool:
    """Whether two names stand for one regular file."""
    try:
        one, two = os.lstat(name, dir_fd=folder), os.lstat(other, dir_fd=other_folder)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(one.st_mode) and (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)
