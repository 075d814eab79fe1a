"""`doodled health`: whether the daemons of this host work, for operators and a container's HEALTHCHECK.

A daemon's heartbeat is the modification time of its status file, which its main loop updates in every iteration, where it also pings
systemd's watchdog. No other thread does, so a loop that hangs has no heartbeat. A daemon that waits for a model server or for disk space is
healthy: a restart would help with neither. The update needs no disk space. On a disk that has become read-only there is no update, and a
daemon that holds its lock is healthy, too.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from daemon.spool.instances import is_alive
from daemon.spool.job_folder import read_json
from daemon.spool.layout import Layout


@dataclass(frozen=True)
class Health:
    """Health of the daemons of this host.

    Attributes:
        is_good: at least one daemon runs here, and the heartbeat of each is recent.
        text: one line for the operator.
    """

    is_good: bool
    text: str


def check_health(layout: Layout, *, patience_s: float) -> Health:
    """Check the daemons of a root folder, except those on other hosts or in other containers.

    Args:
        patience_s: greatest age of a heartbeat by the wall clock; after a clock step, the next iteration corrects it.
    """
    beats = [beat for path in sorted(layout.status.glob("*.json")) if (beat := _heartbeat(layout, path)) is not None]
    if not beats:
        return Health(is_good=False, text=f"unhealthy: no daemon runs on this host in {layout.root}")
    stuck = [beat for beat in beats if abs(beat.age_s) > patience_s]
    if stuck and _is_read_only(layout):
        pids = ", ".join(str(beat.pid) for beat in stuck)
        text = (
            f"the disk of {layout.root} is read-only, so process {pids} can't show its heartbeat; mount it writable, a restart doesn't help"
        )
        return Health(is_good=True, text=f"healthy: {text}")
    if stuck:
        problems = (f"process {beat.pid} has had no heartbeat for {beat.age_s:.0f} s; its last status: {beat.summary}" for beat in stuck)
        return Health(is_good=False, text=f"unhealthy: {'; '.join(problems)}")
    return Health(is_good=True, text="healthy: " + "; ".join(beat.summary for beat in beats))


def _is_read_only(layout: Layout) -> bool:
    try:
        return bool(os.statvfs(layout.status).f_flag & os.ST_RDONLY)
    except OSError:
        return False


@dataclass(frozen=True)
class _Heartbeat:
    """The last heartbeat of one daemon, and its status at that time."""

    pid: int
    age_s: float
    summary: str


def _heartbeat(layout: Layout, path: Path) -> _Heartbeat | None:
    """The heartbeat in a status file; None if its daemon is dead or runs on another host."""
    try:
        status, modified_s = read_json(path), path.stat().st_mtime
    except (OSError, ValueError):  # the daemon has just stopped, or this is another program's file
        return None
    if status.get("host") != socket.gethostname() or not is_alive(layout.work / path.stem):
        return None
    return _Heartbeat(int(status.get("pid", 0)), time.time() - modified_s, str(status.get("summary", "")))
