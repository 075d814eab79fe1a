"""How many processors there are for us: those that we may run on, and no more than our control groups pay for.

A container of `--cpus 2` on a machine of 64 cores sees all 64; a worker on each would share the time of two, and fill the memory. Sources:
the kernel's Documentation/admin-guide/cgroup-v2.rst (cpu.max) and Documentation/scheduler/sched-bwc.rst (cpu.cfs_quota_us).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

GROUPS: Final = Path("/sys/fs/cgroup")
OURS: Final = Path("/proc/self/cgroup")


def processor_count(groups: Path = GROUPS, ours: Path = OURS) -> int:
    """One or more."""
    allowed = len(os.sched_getaffinity(0))
    paid = min(_shares(groups, ours), default=math.inf)
    return max(1, allowed if paid >= allowed else math.ceil(paid))


def _shares(groups: Path, ours: Path) -> Iterator[float]:
    """Processors' worth of time that our group and those around it may use, where they are limited. Inside a container, where paths may
    be those of the host, the topmost folder is our own.
    """
    with suppress(OSError, ValueError):
        for line in ours.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            top = groups / "cpu" if controllers else groups
            inner = top / path.lstrip("/")
            for folder in (inner, *inner.parents):
                with suppress(OSError, ValueError):
                    yield _share_of(folder)
                if folder == top:
                    break


def _share_of(folder: Path) -> float:
    """Raises OSError or ValueError where nothing is limited."""
    if (folder / "cpu.max").exists():
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    else:
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period"))
    share = int(quota) / int(period)
    if share <= 0:
        raise ValueError("no limit")
    return share
