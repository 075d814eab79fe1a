"""What a worker and its process print to stderr: it goes on to the worker's own stderr, and what a job prints also to the daemon's log."""

from __future__ import annotations

import fcntl
import itertools
import os
import select
import termios
import threading
from array import array
from collections import deque
from typing import Final

MAX_LINES: Final = 20
MAX_LENGTH: Final = 500
_PATIENCE_S: Final = 1.0
_CHUNK: Final = 65_536
_STDERR: Final = 2


class WorkerOutput:
    """Copies everything that this process and its children write to stderr, on a thread of its own, until the process ends."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._marks = itertools.count(1)
        self._mark, self._is_read = b"", threading.Event()
        self._copying, self._has_rest = threading.Lock(), False
        self._reading, self._writing = os.pipe()
        self._stderr = os.dup(_STDERR)
        os.dup2(self._writing, _STDERR)
        threading.Thread(target=self._copy, name="stderr", daemon=True).start()

    def begin(self) -> None:
        """Forget what was printed before."""
        self._lines.clear()

    def print_own_line(self, line: str) -> None:
        """Print a line of the worker itself, which belongs to no job's output."""
        os.write(self._stderr, f"{line}\n".encode())

    def last_lines(self) -> list[str]:
        """At most MAX_LINES lines that were printed since `begin`, including what is still in the pipe."""
        if self._is_up_to_date():
            return list(self._lines)
        self._is_read.clear()
        self._mark = b"\0%d" % next(self._marks)
        os.write(self._writing, b"\n" + self._mark + b"\n")
        self._is_read.wait(_PATIENCE_S)
        return list(self._lines)

    def _is_up_to_date(self) -> bool:
        """Whether all that was printed is copied. Within the lock, what is no longer in the pipe is."""
        if not self._copying.acquire(timeout=_PATIENCE_S):  # this process's own stderr takes nothing
            return False
        try:
            return not _pending_bytes(self._reading) and not self._has_rest
        finally:
            self._copying.release()

    def _copy(self) -> None:
        rest = b""
        ready = select.poll()
        ready.register(self._reading, select.POLLIN)
        while ready.poll():
            with self._copying:
                chunk = os.read(self._reading, _CHUNK)
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                self._copy_lines(lines)
                self._has_rest = bool(rest)

    def _copy_lines(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.startswith(b"\0"):
                if line == self._mark:
                    self._is_read.set()
            elif line.strip():
                os.write(self._stderr, line + b"\n")
                self._lines.append(line.decode("utf-8", "backslashreplace").rstrip()[:MAX_LENGTH])


def _pending_bytes(pipe: int) -> int:
    """Number of unread bytes in a pipe."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
