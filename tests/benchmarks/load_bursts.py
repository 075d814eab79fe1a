"""Ten thousand files at once, and a daemon that starts beside as many."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from load_daemon import Daemon, counted, drop, logged, started, until

VISIBLE_S = 60.0
GROWTH_BYTES = 100_000_000
SAMPLE_S = 0.25


def burst(root: Path, options: argparse.Namespace) -> bool:
    """Drop files within a second (a process for each 10,000), and report what happens to them."""
    count = options.files or 10_000
    with started(root, intake_rescan_s=5, log_heartbeat_s=5) as daemon:
        before = daemon.rss_bytes()
        start_s = time.monotonic()
        contents = _dropped(root, count)
        dropped_s = time.monotonic() - start_s
        worst = [before]

        def is_visible() -> bool:
            worst.append(daemon.rss_bytes())
            return _known(daemon) >= count

        visible_s = until(is_visible, "not all became visible", patience_s=2 * VISIBLE_S, pause_s=SAMPLE_S)
        beat_s = until(lambda: any(_depth(each) for each in daemon.records("daemon.heartbeat")), "no heartbeat reported them")
        end_s = time.monotonic() + options.seconds_more
        finished_s = None
        while time.monotonic() < end_s and finished_s is None:
            worst.append(daemon.rss_bytes())
            if _done(daemon) >= count:
                finished_s = time.monotonic() - start_s
            time.sleep(SAMPLE_S)
        rate = _done(daemon) / (time.monotonic() - start_s)
        overflows = daemon.records("watch.overflow")
        scans = [record["duration_ms"] for record in daemon.records("scan.done")]
        after = daemon.rss_bytes()
        status = daemon.stop()
    places = counted(root, contents)
    logged(
        {
            "files dropped": f"{count} in {dropped_s:.2f} s",
            f"all claimed or visibly waiting (<= {VISIBLE_S:g} s)": f"{visible_s:.1f} s after the last, next heartbeat {beat_s:.1f} s on",
            "memory before, worst, after": f"{before / 1e6:.0f}, {max(worst) / 1e6:.0f}, {after / 1e6:.0f} MB (growth < 100 MB)",
            "inotify's queue ran over": f"{overflows[-1]['overflows'] if overflows else 0} times, logged in {len(overflows)} records",
            "slowest scan": f"{max(scans, default=0):.0f} ms",
            "worked on": f"all after {finished_s:.0f} s" if finished_s else f"{rate:.1f} a second",
            "exit status": status,
            **places,
        }
    )
    return visible_s <= VISIBLE_S and max(worst) - before < GROWTH_BYTES and not places["lost"] and not places["published more than once"]


def _dropped(root: Path, count: int) -> list[bytes]:
    """Drop files from several processes, because one alone would take longer than a second."""
    parts = [range(start, min(count, start + 10_000)) for start in range(0, count, 10_000)]
    pids = []
    for part in parts:
        pid = os.fork()
        if pid == 0:
            drop(root / "inbox", (_content(number) for number in part), f"drawing{part.start // 10_000}-")
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return [_content(number) for number in range(count)]


def _content(number: int) -> bytes:
    return b"a small drawing, number %d" % number


def _known(daemon: Daemon) -> int:
    """Number of files that the status file accounts for."""
    status = daemon.status()
    return int(status.get("waiting_count", 0)) + len(status.get("running", ())) + len(status.get("deferred", ())) + _done(daemon)


def _done(daemon: Daemon) -> int:
    summary = str(daemon.status().get("summary", "done 0"))
    return int(summary.split("done ")[1].split(",", maxsplit=1)[0])


def _depth(heartbeat: dict[str, object]) -> int:
    return int(str(heartbeat["inbox_depth"]))


def restart(root: Path, options: argparse.Namespace) -> bool:
    """Measure the time from exec to the first claim, three times, with a backlog."""
    count = options.files or 10_000
    drop(root / "inbox", (_content(number) for number in range(count)))
    rows, worst = {}, 0.0
    for attempt in range(5):
        start_s = time.time()
        with started(root, is_ready=False) as daemon:
            until(lambda: daemon.records("job.claimed"), "nothing was claimed")
            first = daemon.records("job.claimed")[0]["timestamp"]
            daemon.process.kill()
        took_s = _epoch_s(first) - start_s
        worst = max(worst, took_s)
        rows[f"start {attempt + 1}, first claim after (<= 2 s)"] = f"{took_s:.2f} s"
    logged(rows)
    return worst <= 2.0


def _epoch_s(timestamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(timestamp).timestamp()
