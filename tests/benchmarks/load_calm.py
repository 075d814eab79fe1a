"""A daemon with little to do: how soon it takes a file, what waiting costs, and which disk calls one job causes."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from load_daemon import PRETENDING, REPOSITORY, logged, percentiles, rename_in, started, until

LATENCY_MS = 300.0
IDLE_PERCENT = 0.5
CALLS = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,syncfs"


def latency(root: Path, options: argparse.Namespace) -> bool:
    """Rename files into the inbox, one after the other, at irregular times; the record of each claim has its time."""
    waits_ms = []
    with started(root) as daemon:
        for number in range(options.drops):
            name = f"drawing{number}.png"
            rename_in(root, name, b"a drawing, number %d" % number)
            dropped_s = time.time()
            until(lambda count=number: len(daemon.records("job.done")) > count, "it was not done")
            record = next(each for each in daemon.records("job.claimed") if each["file_name"] == name)
            waits_ms.append(1000 * (datetime.fromisoformat(record["timestamp"]).timestamp() - dropped_s))
            time.sleep(0.05 + 0.013 * (number % 7))
        done = daemon.records("job.done")
        daemon.stop()
    logged(
        {
            f"drop to claim, ms (p95 <= {LATENCY_MS:g})": percentiles(waits_ms),
            "overhead of each, ms": percentiles([record["overhead_ms"] for record in done if "overhead_ms" in record]),
        }
    )
    return sorted(waits_ms)[int(0.95 * len(waits_ms))] <= LATENCY_MS


def idle(root: Path, options: argparse.Namespace) -> bool:
    """Measure with a pool of real processes that have worked once."""
    with started(root, (*PRETENDING, "--pool")) as daemon:
        for number in range(4):
            rename_in(root, f"drawing{number}.png", b"a drawing, number %d" % number)
        until(lambda: len(daemon.records("job.done")) == 4, "the workers never warmed up")
        time.sleep(2.0)
        cpu_s, wakeups, start_s = daemon.cpu_s(), daemon.wakeups(), time.monotonic()
        time.sleep(options.seconds)
        spent_s = time.monotonic() - start_s
        percent = 100 * (daemon.cpu_s() - cpu_s) / spent_s
        logged(
            {
                f"processor time, % of a core (< {IDLE_PERCENT:g})": f"{percent:.2f} over {spent_s:.0f} s, workers included",
                "wakeups a second, all threads": f"{(daemon.wakeups() - wakeups) / spent_s:.1f}",
                "processes": len(daemon.family()),
            }
        )
        daemon.stop()
    return percent < IDLE_PERCENT


def syncs(root: Path, options: argparse.Namespace) -> bool:
    """Run with two jobs more or less: the difference is the cost of one job."""
    del options
    if shutil.which("strace") is None:
        logged({"strace": "is not here"})
        return False
    counts = []
    for jobs in (2, 12):
        place = root / str(jobs)
        (place / "inbox").mkdir(parents=True)
        for number in range(jobs):
            (place / "inbox" / f"drawing{number}.png").write_bytes(b"a drawing, number %d" % number)
        trace = root / f"{jobs}.trace"
        command = ["strace", "-f", "-qq", "-y", "-o", str(trace), "-e", f"trace={CALLS}", *PRETENDING, str(place), "--drain"]
        environ = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DOODLED_STORAGE_RESERVE_MB": "0"}
        subprocess.run(command, env=environ, check=True, capture_output=True)
        counts.append(Counter(re.findall(r"^\d+ +([a-z0-9]+)\(", trace.read_text(errors="replace"), re.MULTILINE)))
    each = {call: (counts[1][call] - counts[0][call]) / 10 for call in sorted(counts[1]) if counts[1][call] > counts[0][call]}
    logged({f"{call} a job": f"{count:.1f}" for call, count in each.items()})
    return True
