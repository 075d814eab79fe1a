"""Health of the daemon at one moment, as the heartbeat record and the metrics report it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class HealthSnapshot:
    """State of the daemon at one moment, taken by the main loop; any thread may read it.

    Attributes:
        at_s: when it was taken, on the monotonic clock.
        inbox_depth: drawings that wait in the inbox.
        jobs_waiting: claimed jobs that no worker has: they wait for another attempt, or for something that is unavailable.
        oldest_pending_s: how long the oldest drawing has been in the inbox.
        models_breaker, machine_breaker, workers_breaker: states of the circuit breakers for the models, for OpenGL and the disk, and for
            workers on other machines.
        disk_free_bytes, disk_reserve_bytes: with less free space than the reserve, no job is started.
        is_degraded: the inbox can't be read.
        overflows: how often the kernel lost events of the inbox.
        log_dropped: log records that could not be written.
        inbox_rejected: number of entries of the inbox that will not be taken, by `daemon.inbox.rejections.Rejection`.
    """

    at_s: float
    inbox_depth: int
    jobs_waiting: int
    in_flight: int
    workers: int
    oldest_pending_s: float
    models_breaker: str
    machine_breaker: str
    disk_free_bytes: int
    disk_reserve_bytes: int
    is_degraded: bool
    overflows: int
    log_dropped: int
    inbox_rejected: Mapping[str, int] = field(default_factory=dict)
    workers_breaker: str = "closed"
