"""Real drawings through the real daemon: how many a minute, what the daemon adds to each, and whether a backlog makes it slower."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from load_daemon import REAL, REPOSITORY, Daemon, counted, logged, percentiles, started, until

DRAWINGS_A_MINUTE = 50.0
OVERHEAD_MS = 30.0
SLOWER = 1.1
IMAGES = {".jpg", ".jpeg", ".png"}


def drawings(root: Path, options: argparse.Namespace) -> bool:
    """Animate copies of the samples (and of those beside ANIMATED_DRAWINGS_ROOT), each with a few extra bytes at its end.

    With --backlog, a tenth of the count is timed with ten waiting, and again with a backlog; those that wait are left in the inbox.
    """
    if options.backlog:
        return _beside_backlogs(root, options.count, options.backlog)
    contents = _copies(options.count)
    for number, content in enumerate(contents):
        _drop(root, number, content)
    start_s = time.monotonic()
    with started(root, REAL) as daemon:
        worst = [0]

        def is_done() -> bool:
            worst[0] = max(worst[0], daemon.rss_bytes())
            return _ended(daemon) >= options.count

        until(is_done, "not all were done", patience_s=60 + 10 * options.count, pause_s=0.5)
        took_s = time.monotonic() - start_s
        cpu_s = daemon.cpu_s()
        done, failed = daemon.records("job.done"), daemon.records("job.failed")
        daemon.stop()
    places = counted(root, contents)
    warm = done[4:]
    overhead_ms = [record["overhead_ms"] for record in warm if "overhead_ms" in record]
    rate = 60 * len(done) / took_s
    frames, seconds = (statistics.median(record["outputs"][0][name] for record in done) for name in ("frames", "duration_ms"))
    logged(
        {
            f"drawings a minute (>= {DRAWINGS_A_MINUTE:g})": f"{rate:.0f} over {took_s:.0f} s, the start of the workers included",
            "each of them": f"{frames:.0f} frames, {seconds / 1000:.1f} s, GIF",
            "overhead of the daemon, ms (p95 <= 30)": percentiles(overhead_ms),
            "  publishing alone, ms": percentiles([record["publish_ms"] for record in warm]),
            "stages together, ms": percentiles([sum(record["stages_ms"].values()) for record in warm]),
            "processor time, s a drawing": f"{cpu_s / max(1, len(done)):.2f}",
            "memory of the daemon itself": f"{worst[0] / 1e6:.0f} MB",
            "failed": dict(Counter(record["error_type"] for record in failed)) or 0,
            **places,
        }
    )
    _print_stages(warm)
    return rate >= DRAWINGS_A_MINUTE and _p95(overhead_ms) <= OVERHEAD_MS and not places["lost"]


def _beside_backlogs(root: Path, count: int, backlog: int) -> bool:
    """The median time between two completions, by the number of waiting drawings; interleaved, because a shared machine's speed changes."""
    depths = (10, backlog, 10, backlog)
    medians: dict[int, list[float]] = {depth: [] for depth in depths}
    for turn, depth in enumerate(depths):
        place = root / str(turn)
        wanted = max(20, count // 10)
        for number, content in enumerate(_copies(wanted + depth)):
            _drop(place, number, content)
        with started(place, REAL, is_quiet=True) as daemon:
            until(lambda number=wanted, one=daemon: _ended(one) >= number, "too few were done", patience_s=60 + 20 * wanted, pause_s=0.1)
            done = daemon.records("job.done")[4:wanted]
            daemon.process.kill()
        medians[depth].append(statistics.median(sum(record["stages_ms"].values()) + record.get("overhead_ms", 0.0) for record in done))
        logged(
            {
                f"{depth:5} waiting, ms a drawing": percentiles(
                    [sum(record["stages_ms"].values()) + record.get("overhead_ms", 0.0) for record in done]
                )
            }
        )
        logged({f"{depth:5} waiting, overhead of each, ms": percentiles([record.get("overhead_ms", 0.0) for record in done])})
    ratio = min(medians[backlog]) / min(medians[10])
    logged({f"time of each at {backlog} against 10 (<= {SLOWER:g})": f"{ratio:.3f}"})
    return ratio <= SLOWER


def _copies(count: int) -> list[bytes]:
    folders = [REPOSITORY / "etc" / "drawings"]
    reference = os.environ.get("ANIMATED_DRAWINGS_ROOT")
    if reference:
        folders += [Path(reference).parent / "drawings", Path(reference) / "examples"]
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGES and _is_drawing(path)]
    samples = [path.read_bytes() for path in found]
    return [samples[number % len(samples)] + b"\n%d" % number for number in range(count)]


def _is_drawing(path: Path) -> bool:
    """Photographs of whole drawings, not the parts of characters."""
    return path.parent.name == "drawings" or path.name in {"image.png", "image.jpg"}


def _drop(root: Path, number: int, content: bytes) -> None:
    suffix = "png" if content.startswith(b"\x89PNG") else "jpg"
    path = root / "inbox" / f"drawing{number:04d}.{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _ended(daemon: Daemon) -> int:
    return len(daemon.records("job.done", "job.failed"))


def _print_stages(done: list[Mapping[str, Any]]) -> None:
    names = dict.fromkeys(name for record in done for name in record["stages_ms"])
    logged({f"  stage {name}, ms": percentiles([record["stages_ms"].get(name, 0.0) for record in done]) for name in names})


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))] if values else 0.0
