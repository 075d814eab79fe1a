"""Wakes the daemon's loop: signals, which only set flags, and a pipe that any thread may write to."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


class Wakeup:
    """Self-pipe that wakes the loop from signal handlers and other threads, which may not take locks."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(self) -> None:
        """Wake the loop. Safe in a signal handler, on any thread, and after `close`."""
        with suppress(OSError):  # the pipe is full: it wakes the loop already; or closed: the loop has ended
            os.write(self._write, b"!")

    def wait(self, timeout_s: float) -> bool:
        """Wait until the loop is woken; False if that did not happen within the time."""
        ready, _, _ = select.select([self._read], [], [], max(0.0, timeout_s))
        if ready:
            with suppress(BlockingIOError):
                os.read(self._read, 65536)
        return bool(ready)

    def close(self) -> None:
        """Close the pipe."""
        write, self._write = self._write, -1
        os.close(write)
        os.close(self._read)


@dataclass
class SignalFlags:
    """Requests from signals and from the file watcher, which the loop has yet to act on.

    Attributes:
        stops: SIGTERM and SIGINT received so far.
        reload: SIGHUP was received.
        inbox_changed: the watcher reported a change.
    """

    stops: int = 0
    reload: bool = False
    inbox_changed: bool = False


@contextmanager
def handle_signals(flags: SignalFlags, wakeup: Wakeup) -> Iterator[None]:
    """For the length of a `with` block, SIGTERM, SIGINT and SIGHUP set flags and wake the loop; SIGIO, which leases cause, is ignored."""

    def stop(*_: object) -> None:
        flags.stops += 1
        wakeup.wake()

    def reload(*_: object) -> None:
        flags.reload = True
        wakeup.wake()

    wanted: dict[signal.Signals, Any] = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload, signal.SIGIO: signal.SIG_IGN}
    before = {number: signal.signal(number, action) for number, action in wanted.items()}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
