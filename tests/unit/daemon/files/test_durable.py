"""Durable file operations, with lost replies, missing system calls and hostile links."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from daemon.files import durable
from daemon.files.durable import (
    create_durably,
    exists,
    is_same_file,
    link,
    open_folder,
    rename,
    rename_without_replacing,
    unlink_own_links,
    write_durably,
)


def test_creates_missing_folders_on_request(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_folder(tmp_path, ("dab", "inner")):
        pass
    with open_folder(tmp_path, ("dab", "inner"), make=True) as folder:
        assert os.path.samestat(os.fstat(folder), (tmp_path / "dab" / "inner").stat())
    with pytest.raises(OSError, match="Bad file descriptor"):  # it is closed at the end of the block
        os.fstat(folder)


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "/"])
def test_refuses_parts_that_are_paths(tmp_path: Path, part: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(NotADirectoryError), open_folder(tmp_path / "a", (part,), make=True):
        pass


def test_refuses_links_and_files_as_parts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/etc")
    for part in ("file", "link"):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"), open_folder(tmp_path, (part,), make=True):
            pass


def test_opens_folder_that_another_process_creates_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = os.mkdir

    def late(*arguments: Any, **more: Any) -> None:
        mkdir(tmp_path / "dab")
        mkdir(*arguments, **more)

    monkeypatch.setattr(os, "mkdir", late)
    with open_folder(tmp_path, ("dab",), make=True):
        pass


def test_write_replaces_whole_file_and_create_refuses_existing_one(tmp_path: Path) -> None:
    write_durably(tmp_path, "job.json", b"first")
    write_durably(tmp_path, "job.json", b"second")
    with pytest.raises(FileExistsError):
        create_durably(tmp_path, "job.json", b"third")
    create_durably(tmp_path, "other.json", b"")
    assert (tmp_path / "job.json").read_bytes() == b"second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.json", "other.json"]
    assert (tmp_path / "job.json").stat().st_mode & 0o777 & ~0o640 == 0


def test_handles_partial_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:3]))
    write_durably(tmp_path, "job.json", b"0123456789")
    assert (tmp_path / "job.json").read_bytes() == b"0123456789"


def test_syncs_content_before_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    fsync, moved = os.fsync, os.rename

    def synced(file: int) -> None:
        happened.append("folder" if os.path.samestat(os.fstat(file), tmp_path.stat()) else "file")
        fsync(file)

    def renamed(*arguments: Any, **more: Any) -> None:
        happened.append("rename")
        moved(*arguments, **more)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    write_durably(tmp_path, "job.json", b"{}")
    assert happened == ["file", "rename", "folder"]


# --- lost answers ----------------------------------------------------------------------------------------------------


def test_ignores_error_of_rename_that_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = os.rename

    def answer_lost(*arguments: Any, **more: Any) -> None:
        moved(*arguments, **more)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "one").touch()
    monkeypatch.setattr(os, "rename", answer_lost)
    rename(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two").exists()


def test_reports_failed_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        rename(tmp_path / "one", tmp_path / "two")
    (tmp_path / "one").touch()

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "rename", refused)
    (tmp_path / "two").touch()
    with pytest.raises(OSError, match="Input/output"):  # both are there: it has not happened
        rename(tmp_path / "one", tmp_path / "two")
    monkeypatch.setattr(os, "lstat", refused)
    with pytest.raises(OSError, match="Input/output"):  # nobody can say
        rename(tmp_path / "one", tmp_path / "two")


class Libc:
    """A C library whose renameat2 returns this error, after renaming or not."""

    def __init__(self, code: int, *, happens: bool = False) -> None:
        self._code, self._happens = code, happens

    def __call__(self, *_: object, **__: object) -> Libc:
        return self

    def renameat2(self, _: int, source: bytes, __: int, target: bytes, ___: int) -> int:
        if self._happens:
            os.rename(source, target)  # noqa: PTH104 - names are bytes
        ctypes.set_errno(self._code)
        return -1


def replaced(monkeypatch: pytest.MonkeyPatch, libc: Libc) -> None:
    class Module:
        CDLL = libc
        get_errno = staticmethod(ctypes.get_errno)

    monkeypatch.setattr(durable, "ctypes", Module)


@pytest.mark.parametrize("code", [None, errno.EINVAL, errno.ENOSYS])
def test_rename_without_replacing_works_on_any_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None) -> None:
    if code is not None:
        replaced(monkeypatch, Libc(code))
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError, match="two"):
        rename_without_replacing(tmp_path / "one", None, tmp_path / "two", None)
    with open_folder(tmp_path) as folder:
        with pytest.raises(FileExistsError):
            rename_without_replacing("one", folder, "two", folder)
        rename_without_replacing("one", folder, "three", folder)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"two": "two", "three": "one"}
    with pytest.raises(FileNotFoundError):
        rename_without_replacing(tmp_path / "one", None, tmp_path / "four", None)


def test_handles_lost_reply_of_rename_without_replacing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").touch()
    replaced(monkeypatch, Libc(errno.ENOENT, happens=True))
    rename_without_replacing(tmp_path / "one", None, tmp_path / "two", None)
    replaced(monkeypatch, Libc(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        rename_without_replacing(tmp_path / "two", None, tmp_path / "three", None)


# --- links -----------------------------------------------------------------------------------------------------------


def test_link_succeeds_only_for_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("ours")
    (tmp_path / "taken").write_text("theirs")
    with open_folder(tmp_path) as folder:
        assert link(tmp_path / "source", "ours", folder)
        assert link(tmp_path / "source", "ours", folder)  # an answer was lost
        assert not link(tmp_path / "source", "taken", folder)
        with pytest.raises(FileNotFoundError):
            link(tmp_path / "nothing", "new", folder)
        unlink_own_links([(tmp_path / "source", "ours"), (tmp_path / "source", "taken"), (tmp_path / "nothing", "taken")], folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "taken"]


def test_only_regular_files_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    with open_folder(tmp_path) as folder:
        assert is_same_file("file", folder, tmp_path / "file")
        assert not is_same_file("link", folder, tmp_path / "file")
        assert not is_same_file("link", folder, tmp_path / "link")
        assert not is_same_file("folder", folder, tmp_path / "folder")
        assert not is_same_file("nothing", folder, tmp_path / "file")
        assert exists("link", folder)
        (tmp_path / "file").unlink()
        assert exists(tmp_path / "link")
        assert not exists(tmp_path / "file")


def test_undo_ignores_links_that_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").touch()
    unlink = os.unlink

    def late(*arguments: Any, **more: Any) -> None:
        (tmp_path / "ours").rename(tmp_path / "elsewhere")
        unlink(*arguments, **more)

    with open_folder(tmp_path) as folder:
        link(tmp_path / "source", "ours", folder)
        monkeypatch.setattr(os, "unlink", late)
        unlink_own_links([(tmp_path / "source", "ours")], folder)


def test_reads_only_regular_files_and_leaks_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert durable.read_content(tmp_path / "file", 3) == b"cont"  # one more, so that the reader sees that there is more
    with durable.open_folder(tmp_path) as folder:
        assert durable.read_content("file", 100, folder) == b"content"
    for name, code in (("folder", errno.EINVAL), ("pipe", errno.EINVAL), ("link", errno.ELOOP), ("nothing", errno.ENOENT)):
        with pytest.raises(OSError, match=name) as raised:
            durable.read_content(tmp_path / name, 100)
        assert raised.value.errno == code
    assert len(list(Path("/proc/self/fd").iterdir())) == before
