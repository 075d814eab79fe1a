"""Commands: run a program with an event's document on its standard input, bounded in time and output.

The program runs without a shell, in a session of its own, in the spool's root, within the daemon's sandbox. Its standard output is
discarded; the end of its error output becomes the reason of a failure. When it exits, or its time is over, its whole process group is
killed. The input is a file in memory, so a program that does not read it blocks nothing.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from daemon.files.filenames import printable
from daemon.hooks.delivery import DeliveryFailure
from daemon.hooks.event_document import EventDocument

GRACE_S: Final = 2.0
"""Between SIGTERM and SIGKILL."""

POLL_S: Final = 0.5
KEPT_BYTES: Final = 2000
BLOCK_BYTES: Final = 64 * 1024
MAX_REASON: Final = 400
_PRIVATE: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})
"""Variables with which systemd addresses the daemon itself."""


class CommandHook:
    """A program that is run for each event."""

    def __init__(
        self, arguments: Sequence[str], *, root: Path, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._arguments, self._root, self._clock = list(arguments), root, clock
        inherited = {name: value for name, value in environ.items() if name not in _PRIVATE}
        self._environ = {**inherited, "DOODLED_ROOT": str(root)}
        self.target = arguments[0]

    def deliver(self, document: EventDocument, until_s: Callable[[], float]) -> DeliveryFailure | None:
        """Run the program once; returns None if it exits with status 0. Raises nothing.

        Args:
            until_s: returns when the program must have ended, on the monotonic clock; asked again and again.
        """
        started_s = self._clock()
        try:
            with os.fdopen(os.memfd_create("event", os.MFD_CLOEXEC), "w+b") as text:
                text.write(document.to_json())
                text.seek(0)
                process = subprocess.Popen(  # noqa: S603 - the program is the administrator's
                    self._arguments,
                    stdin=text,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd=self._root,
                    env={**self._environ, **document.variables()},
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            return DeliveryFailure(f"{self.target} can't be started: {getattr(error, 'strerror', None) or error}")
        said, is_late = self._wait(process, until_s)
        status = process.returncode
        if is_late:
            return DeliveryFailure(f"{self.target} was stopped after {self._clock() - started_s:.0f} s{said}")
        if status < 0:
            return DeliveryFailure(f"{self.target} died of {_signal_name(-status)}{said}")
        return DeliveryFailure(f"{self.target} exited with status {status}{said}", status) if status else None

    def close(self) -> None:
        """Nothing stays open between two events."""

    def _wait(self, process: subprocess.Popen[bytes], until_s: Callable[[], float]) -> tuple[str, bool]:
        """Wait for a program and kill its process group; returns the end of its error output, and whether it was too late."""
        errors = process.stderr
        if errors is None:  # never: it is a pipe
            raise ValueError("a process without error output")
        tail = _Tail(errors)
        handle = os.pidfd_open(process.pid)
        try:
            with errors:
                is_late = not self._wait_for_exit(handle, tail, until_s)
                if is_late:
                    _signal_group(process, signal.SIGTERM)
                    end_s = self._clock() + GRACE_S
                    self._wait_for_exit(handle, tail, lambda: end_s)
                _signal_group(process, signal.SIGKILL)  # also what it left running
                process.wait()
                tail.read_rest()
        finally:
            os.close(handle)
        return tail.last_output(), is_late

    def _wait_for_exit(self, handle: int, tail: _Tail, until_s: Callable[[], float]) -> bool:
        """Read error output until the program exits; False if its time is over."""
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.register(tail.descriptor, select.POLLIN)
        while True:
            left_s = until_s() - self._clock()
            if left_s <= 0:
                return False
            ready = {descriptor for descriptor, _ in poll.poll(1000 * min(left_s, POLL_S))}
            if handle in ready:
                return True
            if tail.descriptor in ready and not tail.read():
                poll.unregister(tail.descriptor)


class _Tail:
    """The last bytes of a pipe."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.descriptor = pipe.fileno()
        os.set_blocking(self.descriptor, False)
        self._kept = b""

    def read(self) -> bool:
        """Read a block; False at the end."""
        with suppress(BlockingIOError):
            block = os.read(self.descriptor, BLOCK_BYTES)
            self._kept = (self._kept + block)[-KEPT_BYTES:]
            return bool(block)
        return True

    def read_rest(self) -> None:
        """Read what is in the pipe without waiting: a process that left the group may still hold it open, or fill it."""
        with suppress(BlockingIOError):
            self._kept = (self._kept + os.read(self.descriptor, BLOCK_BYTES))[-KEPT_BYTES:]

    def last_output(self) -> str:
        """A colon and the last words, or ""."""
        words = " ".join(printable(self._kept.decode("utf-8", "replace")).split())
        return f": {'...' * (len(words) > MAX_REASON)}{words[-MAX_REASON:]}" if words else ""


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a program's process group; before `wait`, its number can't belong to another."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
