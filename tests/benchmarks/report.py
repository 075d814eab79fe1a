"""Time and memory of `doodled report` for a million log lines: `python tests/benchmarks/report.py [LINES]`.

The lines simulate a daemon that animates a drawing every six seconds, with failures, retries, outages and restarts: nine lines per job.
"""

from __future__ import annotations

import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 1, tzinfo=UTC)
STAGES = {"decode": 25.0, "infer": 80.0, "segment": 400.0, "scene": 170.0, "retarget": 25.0, "render": 260.0, "encode": 50.0}
FAILURES = {"no_figure": "there is no figure in it", "unsupported": "the file is text", "deadline": "not finished within 300 s"}
MAX_S = 10.0
MAX_MB = 500.0


def rush(at: datetime) -> float:
    """Load by time of day, 0 at midnight to 1 at noon."""
    return math.sin(math.pi * (at.hour + at.minute / 60) / 24) ** 2


def record(at: datetime, event: str, level: str = "info", /, run: int = 0, **fields: Any) -> str:
    core = {
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": event,
        "schema": 1,
        "service": "doodled",
        "version": "0.1.0",
        "instance": f"01M81MF4T6{run:016d}",
        "boot_id": "03429d4c9c184387b27f414a0e1fe7c8",
        "pid": 4334,
    }
    return json.dumps(core | fields)


def job(number: int, at: datetime, chance: random.Random) -> Iterator[str]:
    """The records of one job."""
    name: dict[str, Any] = {"job_id": f"01M81MF4XT{number:016d}", "file_name": f"drawing {number}.jpg"}
    waited_ms = 100 + round(chance.expovariate(1 / (200 + 2000 * rush(at) ** 4)))
    yield record(at, "job.claimed", **name, queue_wait_ms=waited_ms)
    spent = {stage: round(typical_ms * chance.lognormvariate(0, 0.35), 2) for stage, typical_ms in STAGES.items()}
    ended = at + timedelta(milliseconds=sum(spent.values()))
    digest: dict[str, Any] = {"attempt": 1, **name, "file_sha256": f"{number % 90_000:064x}", "file_size": 110_000}
    if chance.random() < 0.03:
        reason = chance.choice(list(FAILURES))
        yield record(
            ended, "stage.failed", "warning", **name, stage="infer", duration_ms=spent["infer"], outcome="failure", error_type=reason
        )
        why: dict[str, Any] = {"error_type": reason, "error_message": FAILURES[reason], "stage": "infer", "permanent": True}
        times: dict[str, Any] = {
            "duration_ms": round(sum(spent.values())),
            "steps_ms": {"decode": spent["decode"], "detect": spent["infer"]},
        }
        yield record(ended, "job.failed", "error", **digest, outcome="failure", **why, **times, failed_path=name["file_name"])
        return
    if chance.random() < 0.02:
        fields: dict[str, Any] = {"model": "detector", "status_code": 503, "error_type": "busy", "request_attempt": 1, "wait_ms": 200.0}
        yield record(at, "inference.retried", "warning", **name, server_address="127.0.0.1", server_port=8080, **fields)
    for stage, spent_ms in spent.items():
        yield record(ended, "stage.done", **name, stage=stage, duration_ms=spent_ms, outcome="success")
    steps = {"models": 0.02, "detect": spent["infer"] / 2, "pose": spent["infer"] / 2} | {k: v for k, v in spent.items() if k != "infer"}
    times = {"duration_ms": round(sum(spent.values())), "queue_wait_ms": waited_ms, "work_ms": sum(spent.values()), "publish_ms": 12.5}
    outputs = [{"kind": "gif", "file": f"drawing {number}.gif", "bytes": 1_878_772, "frames": 100, "duration_ms": 4000.0}]
    yield record(ended, "job.done", **digest, outcome="success", **times, steps_ms=steps, retries=0, outputs=outputs)


def lines(count: int, seed: int = 1) -> Iterator[str]:
    """`count` lines of a daemon's log."""
    chance, at, number, written = random.Random(seed), START, 0, 0
    while True:
        at += timedelta(seconds=chance.expovariate((0.2 + rush(at)) / 6))
        number += 1
        new_lines = list(job(number, at, chance))
        if number % 20 == 0:
            new_lines.append(
                record(at, "daemon.heartbeat", inbox_depth=number % 7, oldest_pending_s=1.5, jobs_waiting=0, in_flight=2, log_dropped=0)
            )
        if number % 500 == 1:
            new_lines.append(record(at, "daemon.start", run=number, config="defaults", config_digest="7669ad42dabd", drain=False))
        for line in new_lines:
            if written == count:
                return
            written += 1
            yield line


def main(count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        log, page = Path(folder) / "doodled.log", Path(folder) / "report.html"
        with log.open("w") as file:
            file.writelines(f"{line}\n" for line in lines(count))
        print(f"{count:,} lines, {log.stat().st_size / 1e6:.0f} MB")
        slowest_s = worked_s = 0.0
        for arguments in (["--json"], [], ["--html", str(page)]):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "daemon", "report", str(log), *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )
            took_s = time.perf_counter() - started
            slowest_s = max(slowest_s, took_s)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            worked_s, worked_before_s = used.ru_utime + used.ru_stime, worked_s
            peak_mb = used.ru_maxrss / 1024
            of_processor = f"{worked_s - worked_before_s:6.1f} s of processor time"
            print(f"{' '.join(arguments[:1]) or 'table':8} {took_s:6.1f} s  {of_processor}  {peak_mb:6.0f} MB peak")
    return 0 if slowest_s <= MAX_S and peak_mb <= MAX_MB else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
