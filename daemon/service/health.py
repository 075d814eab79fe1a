"""How the daemon fares at one time: what the heartbeat tells once a minute, and metrics whenever they are asked."""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class HealthSnapshot:
    """One look at everything, taken by the main loop; others may read it from any thread.

    Attributes:
        at_s: when, on the monotonic clock.
        inbox_depth: what waits in the inbox.
        deferred: claimed jobs that no worker has: they wait for another attempt, or for something that is out.
        oldest_pending_s: how long the oldest in the inbox has been waiting.
        breaker, machine: states of the breakers before the networks, and before OpenGL and the disk.
        disk_free_bytes, disk_reserve_bytes: below the reserve nothing new is started.
        log_dropped: records that no reader took in time.
    """

    at_s: float
    inbox_depth: int
    deferred: int
    in_flight: int
    workers: int
    oldest_pending_s: float
    breaker: str
    machine: str
    disk_free_bytes: int
    disk_reserve_bytes: int
    is_degraded: bool
    overflows: int
    log_dropped: int


def resident_bytes() -> int:
    """Of this process; the workers have their own limits."""
    with suppress(OSError, ValueError, IndexError), open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - of /proc
        return int(file.read().split()[1]) * resource.getpagesize()
    return 0
