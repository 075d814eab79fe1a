"""Durable file operations: writes, renames and links that survive a power cut, in folders that may contain hostile symbolic links.

A file is durable once its content is (fsync of the file) and its name is (fsync of the folder). A failed fsync is never repeated on the
same file: the kernel may have dropped the pages that it could not write, and the second call would report success.

Folders that other users can write to are opened component by component with O_NOFOLLOW, and names in them are relative to the open folder,
so that no symbolic link is followed. A job's own folder is named by its full path in every call: if another daemon has taken over the job,
that path no longer exists, and this process can't change the job any more (`daemon.spool.spool`).

On a network file system, a call may succeed and still report an error, because its reply was lost and the call was sent again. Renames
and links therefore check the outcome.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FULL_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
MACHINE_ERRORS: Final = FULL_DISK | {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}
"""Errors of a disk or a limit, and not of the path that was named: the same call may succeed later."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


@contextmanager
def open_folder(path: str | os.PathLike[str], parts: Sequence[str] = (), *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder `path`/parts..., open during the `with` block. No component of `parts` may be a link.

    Args:
        make: create missing folders of `parts`, durably.
    Raises:
        OSError: ELOOP or ENOTDIR if a component is a link or a file.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = _open_inner(folder, part, make=make)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _open_inner(folder: int, part: str, *, make: bool) -> int:
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
    """Make the names in a folder durable. Raises OSError."""
    with open_folder(path) as folder:
        os.fsync(folder)


def sync_tree(folder: Path) -> None:
    """Make the files and names of a folder of our own durable, and those of its subfolders. Raises OSError."""
    for path in folder.iterdir():
        if path.is_dir():
            sync_tree(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def write_durably(folder: Path, name: str, content: bytes) -> None:
    """Write the file `name` in a folder, atomically: after a power cut it has the old content or the new. Raises OSError."""
    temporary = folder / f".{name}.tmp"
    _write(temporary, os.O_TRUNC, content)
    rename(temporary, folder / name)
    sync_folder(folder)


def create_durably(folder: Path, name: str, content: bytes) -> None:
    """Create the file `name` in `folder`, with one fsync less than `write_durably`. Readers must treat a partial file as missing.

    Raises:
        FileExistsError: the file exists.
        OSError: the disk refused.
    """
    _write(folder / name, os.O_EXCL, content)
    sync_folder(folder)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist, without making it durable. Raises OSError, FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640), "wb") as file:
        file.write(content)


def _write(path: Path, how: int, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | how | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640)
    try:
        written = 0
        while written < len(content):
            written += os.write(file, content[written:])
        os.fsync(file)
    finally:
        os.close(file)


def read_content(name: str | os.PathLike[str], max_bytes: int, folder: int | None = None) -> bytes:
    """At most `max_bytes` + 1 bytes of a regular file; never follows a link nor blocks on a pipe.

    Args:
        name: a path, or a name in the open folder `folder`.
    Raises:
        OSError: ELOOP for a link, ENXIO for a socket, EINVAL for any other file that is not regular.
    """
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(opened).st_mode):  # before fdopen, which fails on a folder and would leave it open
        os.close(opened)
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(name))
    with os.fdopen(opened, "rb") as file:
        return file.read(max_bytes + 1)


def rename(source: Path | str, target: Path | str, *, source_folder: int | None = None, target_folder: int | None = None) -> None:
    """Rename a file; names are relative to the open folders, if given. An error is ignored if the rename has happened.

    Raises:
        OSError: the rename failed and has changed nothing.
    """
    try:
        os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder)
    except OSError:
        if not _has_moved(source, source_folder, target, target_folder):
            raise


def rename_without_replacing(source: Path | str, source_folder: int | None, target: Path | str, target_folder: int | None) -> None:
    """Rename a file unless the target exists.

    Raises:
        FileExistsError: the target exists.
        OSError: as `rename`.
    """
    code = _renameat2(source, source_folder, target, target_folder, _RENAME_NOREPLACE)
    if code == 0:
        return
    if code not in {errno.EINVAL, errno.ENOSYS}:
        if _has_moved(source, source_folder, target, target_folder):
            return
        raise OSError(code, os.strerror(code), os.fspath(target))
    # The file system does not support the flag: check first, and accept the small race between check and rename.
    if exists(target, target_folder):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(target))
    rename(source, target, source_folder=source_folder, target_folder=target_folder)


def exchange(source: Path | str, target: Path | str, target_folder: int | None = None) -> None:
    """Exchange two files, atomically: each name keeps a file at any time. Raises OSError, also where the file system can't do it."""
    code = _renameat2(source, None, target, target_folder, _RENAME_EXCHANGE)
    if code != 0:
        raise OSError(code, os.strerror(code), os.fspath(target))


def _renameat2(source: Path | str, source_folder: int | None, target: Path | str, target_folder: int | None, flags: int) -> int:
    """renameat2(2), which Python has no function for; returns errno, or 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    folders = [_AT_FDCWD if folder is None else folder for folder in (source_folder, target_folder)]
    is_refused = libc.renameat2(folders[0], os.fsencode(source), folders[1], os.fsencode(target), flags) != 0
    return ctypes.get_errno() if is_refused else 0


def _has_moved(source: Path | str, source_folder: int | None, target: Path | str, target_folder: int | None) -> bool:
    """Whether a rename that reported an error has happened: the source is gone and the target, a name of our own, exists."""
    try:
        return not exists(source, source_folder) and exists(target, target_folder)
    except OSError:
        return False


def exists(name: Path | str, folder: int | None = None) -> bool:
    """Whether a path, or a name in an open folder, exists; a dangling link does. Raises OSError."""
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def is_same_file(name: str, folder: int, other: Path) -> bool:
    """Whether a name in an open folder and a path are links to the same regular file."""
    try:
        one, two = os.lstat(name, dir_fd=folder), other.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(one.st_mode) and (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)


def link(source: Path, name: str, folder: int) -> bool:
    """Hard-link a file into an open folder; returns False if the name belongs to another file. Raises OSError."""
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return is_same_file(name, folder, source)
    return True


def unlink_own_links(pairs: Iterable[tuple[Path, str]], folder: int) -> None:
    """Undo `link`: remove names from an open folder, each only if it is a link to its source."""
    for source, name in pairs:
        if is_same_file(name, folder, source):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


def link_or_copy(source: Path, name: str, folder: int) -> bool:
    """Link a file into a folder, or a copy of it where the kernel forbids links to files of other users (fs.protected_hardlinks).

    A folder, or anything else that is no regular file, is moved unread, so that it does not block the drawing that it belongs to.
    Returns False if the name is taken. Raises OSError.
    """
    try:
        return link(source, name, folder)
    except PermissionError:
        if not stat.S_ISREG(source.lstat().st_mode):
            rename_without_replacing(source, None, name, folder)
            return True
        opened = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise
            draft = source.with_name(f".{source.name}.copy")
            with draft.open("wb") as copy:
                shutil.copyfileobj(file, copy)
                copy.flush()
                os.fsync(copy.fileno())
        rename(draft, source)
        return link(source, name, folder)


def move_together(moves: Sequence[tuple[str, str]], source: int, target: int) -> str | None:
    """Move files between two open folders, all or none. Returns the name that is taken in the target, or None. Raises OSError."""
    for number, (name, new_name) in enumerate(moves):
        try:
            rename_without_replacing(name, source, new_name, target)
        except OSError as error:
            for back, there in moves[:number]:
                with suppress(OSError):  # another process has taken it
                    rename_without_replacing(there, target, back, source)
            if isinstance(error, FileExistsError):
                return new_name
            raise
    return None
