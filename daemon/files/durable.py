"""What the spool asks of the file system: things that survive a power cut, and folders that are no traps.

A file is durable once its bytes are (fsync of the file) and its name is (fsync of the folder). An fsync that failed is never tried again
on the same file: the kernel may have dropped the pages it could not write, and the second call would say that all is well.

Folders that strangers can write to are opened component by component with O_NOFOLLOW, and everything in them is named relative to the
open folder, so that no symbolic link leads elsewhere. A job's own folder is named by its whole path in every call: should somebody else
have taken the job over, that path is gone, and nothing more can be done to the job (`daemon.spool.spool`).

On a network file system, a call that has happened may report an error, as its answer was lost and the call was sent again. Renames
and links are therefore judged by what they left.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100


@contextmanager
def open_folder(path: str | os.PathLike[str], parts: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
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
    with open_folder(path) as folder:
        os.fsync(folder)


def write_durably(place: Path, name: str, content: bytes) -> None:
    """Replace the file `name` in a folder: all of `content` or what was there before, also after a power cut."""
    temporary = place / f".{name}.tmp"
    _write(temporary, os.O_TRUNC, content)
    rename(temporary, place / name)
    sync_folder(place)


def create_durably(place: Path, name: str, content: bytes) -> None:
    """Make the file `name`, for readers who take half a file for none: one wait for the disk less than to write it elsewhere first.

    Raises:
        FileExistsError: there is one.
    """
    _write(place / name, os.O_EXCL, content)
    sync_folder(place)


def _write(path: Path, how: int, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | how | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        written = 0
        while written < len(content):
            written += os.write(file, content[written:])
        os.fsync(file)
    finally:
        os.close(file)


def content_of(name: str | os.PathLike[str], most: int, folder: int | None = None) -> bytes:
    """At most `most` + 1 bytes of a regular file of this path, or of this name in an open folder; never waits for whoever writes to a pipe.

    Raises:
        OSError: ELOOP for a link, ENXIO for a socket, EINVAL for anything else that is no regular file.
    """
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(opened).st_mode):  # asked first: a folder can't be made a file object, and would stay open
        os.close(opened)
        raise OSError(errno.EINVAL, "no regular file", os.fspath(name))
    with os.fdopen(opened, "rb") as file:
        return file.read(most + 1)


def rename(source: Path | str, target: Path | str, *, source_folder: int | None = None, target_folder: int | None = None) -> None:
    """Rename, each name relative to an open folder if one is given. An error of a rename that has happened is none.

    Raises:
        OSError: as rename does; nothing has changed.
    """
    try:
        os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)
    except OSError:
        if not _has_moved(source, source_folder, target, target_folder):
            raise


def rename_without_replacing(source: Path | str, source_folder: int | None, target: Path | str, target_folder: int | None) -> None:
    """Rename, unless the target's name is taken.

    Raises:
        FileExistsError: it is.
        OSError: as `rename`.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    folders = [_AT_FDCWD if folder is None else folder for folder in (source_folder, target_folder)]
    if libc.renameat2(folders[0], os.fsencode(source), folders[1], os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return
    code = ctypes.get_errno()
    if code not in {errno.EINVAL, errno.ENOSYS}:
        if _has_moved(source, source_folder, target, target_folder):
            return
        raise OSError(code, os.strerror(code), os.fspath(target))
    # This file system knows no such flag. The gap between the look and the rename is as small as it gets.
    if exists(target, target_folder):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    rename(source, target, source_folder=source_folder, target_folder=target_folder)


def _has_moved(source: Path | str, source_folder: int | None, target: Path | str, target_folder: int | None) -> bool:
    """Whether a rename that reported an error has happened: of names that only we use, one is gone and the other there."""
    try:
        return not exists(source, source_folder) and exists(target, target_folder)
    except OSError:
        return False


def exists(name: Path | str, folder: int | None = None) -> bool:
    """Whether something has this name in an open folder, or this path, be it a dangling link."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def is_same_file(name: str, folder: int, other: Path) -> bool:
    """Whether a name in an open folder and a path stand for one regular file."""
    try:
        one, two = os.lstat(name, dir_fd=folder), other.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(one.st_mode) and (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)


def link(source: Path, name: str, folder: int) -> bool:
    """Give a file a further name in an open folder; False if that is somebody else's. Raises OSError as link does."""
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return is_same_file(name, folder, source)
    return True


def unlink_ours(pairs: Iterable[tuple[Path, str]], folder: int) -> None:
    """Take back links: the names in an open folder that stand for the files that they were made of."""
    for source, name in pairs:
        if is_same_file(name, folder, source):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
