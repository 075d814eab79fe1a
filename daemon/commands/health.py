"""`doodled health`: whether the daemons of this host are alive, for a container's HEALTHCHECK and for operators.

A daemon's pulse is the age of its status file, which its main loop touches at every turn, where it also pings systemd's watchdog: no thread
of its own does, so a loop that hangs has no pulse. Waiting for a model server, or for room on the disk, is no illness: a restart would heal
neither. Touching needs no room on the disk either.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from daemon.spool.instances import is_alive
from daemon.spool.layout import Layout
from daemon.spool.spool import read_json


@dataclass(frozen=True)
class Health:
    """What there is to say.

    Attributes:
        is_good: at least one daemon runs on this host, and the loop of each turns.
        text: one line for people.
    """

    is_good: bool
    text: str


def health(layout: Layout, *, patience_s: float) -> Health:
    """The health of the daemons below a root, those on other hosts (or in other containers) left out.

    Args:
        patience_s: how old a pulse may be, seconds of the wall clock; after a step of the clock the next turn puts it right.
    """
    beats = [beat for path in sorted(layout.status.glob("*.json")) if (beat := _beat(layout, path)) is not None]
    if not beats:
        return Health(is_good=False, text=f"unhealthy: no daemon of this host is at work in {layout.root}")
    stuck = [each for each in beats if abs(each.age_s) > patience_s]
    if stuck:
        said = "; ".join(
            f"the loop of process {each.pid} has not turned for {each.age_s:.0f} s; it last said: {each.said}" for each in stuck
        )
        return Health(is_good=False, text=f"unhealthy: {said}")
    return Health(is_good=True, text="healthy: " + "; ".join(each.said for each in beats))


@dataclass(frozen=True)
class _Beat:
    """One daemon's last turn."""

    pid: int
    age_s: float
    said: str


def _beat(layout: Layout, path: Path) -> _Beat | None:
    """Of the daemon whose status file this is; None if it is dead, or lives on another host."""
    try:
        status, touched_s = read_json(path), path.stat().st_mtime
    except (OSError, ValueError):  # it has just stopped, or the file is not ours
        return None
    if status.get("host") != socket.gethostname() or not is_alive(layout.work / path.stem):
        return None
    return _Beat(int(status.get("pid", 0)), time.time() - touched_s, str(status.get("summary", "")))
