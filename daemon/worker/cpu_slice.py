"""CPU time slices: requests short ones, so that the kernel runs the daemon soon after it wakes up.

The daemon sleeps most of the time and waits for the disk a few times per job. When it wakes up, Linux since 6.6 lets a busy worker finish
its slice first, about 3 ms whatever its niceness. Since 6.12, a process with short slices runs first instead. This needs no privilege;
older kernels ignore it. Sources: sched_setattr(2); the kernel's Documentation/scheduler/sched-eevdf.rst.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Final

SHORT_NS: Final = 100_000
"""The shortest slice that the kernel grants."""

_DEFAULT_NS: Final = 0
_SCHED_OTHER: Final = 0
_CALLS: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
_ATTRIBUTES: Final = "=IIQiIQQQ"
"""First version of struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period."""


def request_short_slices() -> bool:
    """Request short slices for this thread, and the threads and processes that it starts. Returns whether the kernel accepted that."""
    return _request_slice(SHORT_NS)


def request_default_slices() -> bool:
    """Request the kernel's default slices again."""
    return _request_slice(_DEFAULT_NS)


def _request_slice(slice_ns: int) -> bool:
    number = _CALLS.get(platform.machine())
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:  # the operator has chosen another policy
        return False
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    size = struct.calcsize(_ATTRIBUTES)
    attributes = struct.pack(_ATTRIBUTES, size, _SCHED_OTHER, 0, niceness, 0, slice_ns, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, attributes, 0) == 0)
