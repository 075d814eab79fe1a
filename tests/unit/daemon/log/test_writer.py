"""Writer threads: nothing is lost while the reader reads, and no caller waits for a stalled or closed one."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from daemon.log.writer import JournalWriter, LineWriter, is_journal


def test_writer_writes_all_queued_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        writer = LineWriter(file.fileno())
        for number in range(500):
            writer.write(f"line {number}")
        writer.close()
    assert path.read_text().splitlines() == [f"line {number}" for number in range(500)]
    assert writer.dropped == 0


def test_line_after_a_torn_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that is full in the middle of a record, and has room again later."""
    write, sizes = os.write, iter([5, 0, 0])

    def on_full_disk(file: int, content: bytes) -> int:
        if not content.lstrip(b"\n").startswith((b"torn", b"lost")):
            return write(file, content)
        room = next(sizes)
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[:room])

    path = tmp_path / "log"
    with path.open("wb") as file:
        monkeypatch.setattr(os, "write", on_full_disk)
        writer = LineWriter(file.fileno())
        for line in ("first", "torn torn", "lost", "next", "last"):
            writer.write(line)
        writer.close()
        monkeypatch.undo()
    assert path.read_text().splitlines() == ["first", "torn ", "next", "last"]
    assert writer.dropped == 2


def test_stalled_or_closed_reader_blocks_no_caller() -> None:
    read, write = os.pipe()
    stopped = LineWriter(write)
    for _ in range(20_000):
        stopped.write("x" * 100)
    assert stopped.dropped > 0
    os.close(read)  # the writer's thread gets EPIPE and continues
    stopped.close()
    os.close(write)


def test_stalled_journal_blocks_no_caller(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        writer = JournalWriter(tmp_path / "socket")
        for _ in range(20_000):
            writer.send(b"EVENT=job.done\n" * 10)
        assert writer.dropped > 0
        assert journal.recv(1 << 16) == b"EVENT=job.done\n" * 10
    writer.close()  # the journal is gone: queued records are counted, not waited for


def test_reconnects_to_restarted_journal(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as old:
        old.bind(str(path))
        writer = JournalWriter(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as new:
        new.bind(str(path))
        writer.send(b"EVENT=job.done\n")
        writer.close()
        assert new.recv(100) == b"EVENT=job.done\n"
    assert writer.dropped == 0


def test_missing_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        JournalWriter(tmp_path / "none")


def test_recognizes_journal_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("wb") as file:
        status = os.fstat(file.fileno())
        assert is_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, file.fileno())
        assert not is_journal({"JOURNAL_STREAM": f"{status.st_dev}:1"}, file.fileno())
        assert not is_journal({}, file.fileno())
