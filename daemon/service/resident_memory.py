"""Resident memory of the daemon's main process."""

from __future__ import annotations

import resource
from contextlib import suppress


def resident_bytes() -> int:
    """Resident memory of this process in bytes, without its workers; 0 if the kernel does not report it."""
    with suppress(OSError, ValueError, IndexError), open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - not a regular file
        return int(file.read().split()[1]) * resource.getpagesize()
    return 0
