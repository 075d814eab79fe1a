"""Number of usable processors: the CPU affinity of the process, limited by the CPU quota of its control groups.

A container started with `--cpus 2` on a machine of 64 cores sees all 64; 64 workers would share the time of two, and fill the memory.
Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst (cpu.max) and Documentation/scheduler/sched-bwc.rst (cpu.cfs_quota_us).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
OWN_CGROUPS: Final = Path("/proc/self/cgroup")


def processor_count(root: Path = CGROUP_ROOT, own: Path = OWN_CGROUPS) -> int:
    """The number of usable processors, 1 or more."""
    allowed = len(os.sched_getaffinity(0))
    quota = min(_quotas(root, own), default=math.inf)
    return max(1, allowed if quota >= allowed else math.ceil(quota))


def _quotas(root: Path, own: Path) -> Iterator[float]:
    """Quotas of this process's control group and of its ancestors, in processors; only groups that have one.

    Inside a container, paths may be those of the host; the topmost folder is the container's own then.
    """
    with suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            top = root / "cpu" if controllers else root
            inner = top / path.lstrip("/")
            for folder in (inner, *inner.parents):
                with suppress(OSError, ValueError):
                    yield _quota(folder)
                if folder == top:
                    break


def _quota(folder: Path) -> float:
    """The quota of one control group, in processors. Raises OSError or ValueError if it has none."""
    if (folder / "cpu.max").exists():
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    else:
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period"))
    processors = int(quota) / int(period)
    if processors <= 0:
        raise ValueError("no limit")
    return processors
