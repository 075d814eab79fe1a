"""Log writers: each writes on a thread of its own, so that a stalled reader never stops the work (etc/doc/faults.md).

Records that find the queue full, or no reader, are dropped and counted: state never depends on logs.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

_QUEUE_LENGTH: Final = 10_000


class BackgroundWriter:
    """A queue of records and the thread that writes them; `send` never blocks.

    Args:
        put: writes a record; may block, and raises OSError if the record can't be written.

    Attributes:
        dropped: number of records that were not written.
    """

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self._records: queue.Queue[bytes | None] = queue.Queue(_QUEUE_LENGTH)
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def send(self, record: bytes) -> None:
        """Queue a record."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is queued, for at most `timeout_s`."""
        try:
            self._records.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (record := self._records.get()) is not None:
            try:
                self._put(record)
            except OSError:
                self.dropped += 1


class LineWriter(BackgroundWriter):
    """Writes lines to an open file descriptor, such as stdout."""

    def __init__(self, file: int) -> None:
        self._file, self._is_torn = file, False
        super().__init__(self._write_whole)

    def write(self, line: str) -> None:
        """Queue a line, given without its end."""
        self.send(line.encode("utf-8", "backslashreplace") + b"\n")

    def _write_whole(self, line: bytes) -> None:
        """Write a line. Raises OSError, perhaps in the middle of it: the next line then ends it first, or both would be unreadable."""
        content, written = b"\n" + line if self._is_torn else line, 0
        try:
            while written < len(content):
                written += os.write(self._file, content[written:])
        finally:
            if written:
                self._is_torn = not content[:written].endswith(b"\n")


class JournalWriter(BackgroundWriter):
    """Sends datagrams to systemd's journal. A stalled journald blocks only the writer's thread: Python's sockets release the GIL."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises OSError if no journal listens at `path`."""
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(self._path)
        except OSError:
            self._socket.close()
            raise
        super().__init__(self._send)

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is queued, for at most `timeout_s`, and close the socket."""
        super().close(timeout_s)
        if not self._thread.is_alive():
            self._socket.close()

    def _send(self, record: bytes) -> None:
        try:
            self._socket.send(record)
        except (ConnectionError, FileNotFoundError):  # journald restarted with a new socket
            self._socket.connect(self._path)
            self._socket.send(record)


def is_journal(environ: Mapping[str, str], file: int = 1) -> bool:
    """Whether systemd connected this file descriptor to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    status = os.fstat(file)
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
