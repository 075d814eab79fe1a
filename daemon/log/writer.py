"""Writes log records on a thread of its own, so that a reader that has stopped never stops the work (OPERATIONS.md, facts 6 and 8).

Records that find the queue full, or nobody to take them, are counted and left out: state never depends on logs.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

_QUEUE_LENGTH: Final = 10_000


class BackgroundWriter:
    """Hands records to whoever takes them; never blocks who brings them.

    Args:
        put: takes a record, may block, and raises OSError if it can't be taken.

    Attributes:
        dropped: records that nobody will read.
    """

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self._records: queue.Queue[bytes | None] = queue.Queue(_QUEUE_LENGTH)
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def send(self, record: bytes) -> None:
        """Take a record."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is outstanding, for as long as the reader lets us, but not longer than `timeout_s`."""
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
    """Lines into an open file, such as stdout."""

    def __init__(self, file: int) -> None:
        super().__init__(partial(_write_all, file))

    def write(self, line: str) -> None:
        """Take a line, without its end."""
        self.send(line.encode("utf-8", "backslashreplace") + b"\n")


class JournalWriter(BackgroundWriter):
    """Datagrams to systemd's journal. A journal that has stopped blocks our thread alone: Python's sockets let go of the GIL."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises OSError if nobody listens at `path`."""
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.connect(self._path)
        except OSError:
            self._socket.close()
            raise
        super().__init__(self._sent)

    def close(self, timeout_s: float = 2.0) -> None:
        """As above, and let go of the socket."""
        super().close(timeout_s)
        if not self._thread.is_alive():
            self._socket.close()

    def _sent(self, record: bytes) -> None:
        try:
            self._socket.send(record)
        except (ConnectionError, FileNotFoundError):  # the journal was started anew, with another socket under the name
            self._socket.connect(self._path)
            self._socket.send(record)


def _write_all(file: int, line: bytes) -> None:
    while line:
        line = line[os.write(file, line) :]
