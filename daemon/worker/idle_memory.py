"""Memory of an idle worker: what was freed goes back to the kernel once no task has come for a while.

glibc keeps freed memory for the next allocation, some 40 MB after a drawing (malloc_trim(3)). A busy worker needs it again at once, so it
is left alone.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

IDLE_S: Final = 5.0


def release_memory() -> None:
    """Give freed memory back to the kernel. Without glibc, nothing happens."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class IdleMemory:
    """Calls `release` when a worker has had no task for `idle_s` seconds, on a thread of its own."""

    def __init__(self, release: Callable[[], None] = release_memory, *, idle_s: float = IDLE_S) -> None:
        self._release, self._idle_s = release, idle_s
        self._timer: threading.Timer | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A task runs in the `with` block."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            yield
        finally:
            self._timer = threading.Timer(self._idle_s, self._release)
            self._timer.daemon = True
            self._timer.start()
