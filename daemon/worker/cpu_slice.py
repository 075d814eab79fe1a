"""How long the kernel lets us run before somebody else's turn, and so how soon it lets us run once we have something to do.

The daemon sleeps nearly always, and waits for the disk a few times a job. Each time that it wakes up, Linux since 6.6 lets a worker that
has the processor finish its slice first, about 3 ms however nice it is. Since 6.12, whoever asks for short slices comes first instead.
Anybody may ask; older kernels don't listen. Sources: sched_setattr(2); the kernel's Documentation/scheduler/sched-eevdf.rst.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Final

SHORT_NS: Final = 100_000
"""The shortest that the kernel grants."""

_USUAL: Final = 0
_SCHED_OTHER: Final = 0
_CALLS: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
_ATTRIBUTES: Final = "=IIQiIQQQ"
"""struct sched_attr, as first published: size, policy, flags, nice, priority, runtime, deadline, period."""


def ask_for_short_slices() -> bool:
    """For this thread, and those that it starts later; child processes, too, until they say otherwise. Whether the kernel took it."""
    return _asked(SHORT_NS)


def ask_for_usual_slices() -> bool:
    """As for any program."""
    return _asked(_USUAL)


def _asked(slice_ns: int) -> bool:
    number = _CALLS.get(platform.machine())
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:  # an operator has chosen another policy for us
        return False
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    size = struct.calcsize(_ATTRIBUTES)
    attributes = struct.pack(_ATTRIBUTES, size, _SCHED_OTHER, 0, niceness, 0, slice_ns, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, attributes, 0) == 0)
