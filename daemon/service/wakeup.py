"""What wakes the daemon's loop: signals, which only set flags, and a bell that any thread may ring."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


class Wakeup:
    """Wakes the loop from signal handlers and other threads: a pipe, as those may not take locks."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """May be called from anywhere."""
        with suppress(OSError):  # full: it rings already; closed: nobody is there any more
            os.write(self._write, b"!")

    def wait(self, timeout_s: float) -> bool:
        """Whether it rang within the time."""
        ready, _, _ = select.select([self._read], [], [], max(0.0, timeout_s))
        if ready:
            with suppress(BlockingIOError):
                os.read(self._read, 65536)
        return bool(ready)

    def close(self) -> None:
        """Let go of the pipe."""
        write, self._write = self._write, -1
        os.close(write)
        os.close(self._read)


@dataclass
class SignalFlags:
    """What signals have asked for."""

    stops: int = 0
    reload: bool = False
    hinted: bool = False


@contextmanager
def handle_signals(flags: SignalFlags, bell: Wakeup) -> Iterator[None]:
    """For the length of a `with` block, SIGTERM and SIGINT, SIGHUP and SIGIO only set flags and ring."""

    def stop(*_: object) -> None:
        flags.stops += 1
        bell.ring()

    def reload(*_: object) -> None:
        flags.reload = True
        bell.ring()

    wanted: dict[signal.Signals, Any] = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload, signal.SIGIO: signal.SIG_IGN}
    before = {number: signal.signal(number, action) for number, action in wanted.items()}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
