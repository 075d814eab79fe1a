"""Previews in the web application: `python tests/benchmarks/web_preview.py [--drawings 30] [--rounds 4]`.

1. From the moment that a drawing's character is ready to the last byte of its preview, one drawing at a time: a client follows the events
   as the queue page does, and at the event of a new preview it fetches the list and then the GIF.
2. The cost of previews: the same drawings, as many at once as there are workers, in turns with and without a viewer.

Daemon, workers and web application are real. The worker notes when the character is ready.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(Path(__file__).parent)]

from load_daemon import Daemon, logged, machine, percentiles, rename_in, started, until  # noqa: E402 - as above

from daemon.spool.previews import VIEWERS, note_viewers  # noqa: E402
from tests.served_web import served_web  # noqa: E402

DRAWINGS = sorted((REPOSITORY / "etc" / "drawings").glob("*.jpg"))
A_ROUND = DRAWINGS * 4
READY = "ready"
WORKERS = 2


def noting_work(task: Any) -> Any:
    """The worker's work, which also records when the character is ready, in the job's folder, in nanoseconds since 1970."""
    from daemon.worker.runner import run_task
    from daemon.worker.task_run import TaskRun

    figures = TaskRun._figures
    if not hasattr(figures, "notes"):

        def noted(run: Any, *arguments: Any, **options: Any) -> Any:
            found = figures(run, *arguments, **options)
            (run._task.job_folder / READY).write_text(str(time.time_ns()))
            return found

        noted.notes = True  # type: ignore[attr-defined]
        setattr(TaskRun, "_figures", noted)  # noqa: B010 - mypy allows no assignment to a method
    return run_task(task)


def run_daemon() -> int:
    """A daemon whose workers record when the character is ready."""
    from daemon.service.main import run
    from daemon.worker.pool import ProcessWorkerPool

    def workers(wake: Any) -> ProcessWorkerPool:
        return ProcessWorkerPool(WORKERS, recycle_after=1000, memory_limit_mb=2048, wake=wake, work=noting_work)

    return run(None, dict(os.environ), drain=False, make_workers=workers)


class QueuePage:
    """A client that does what the queue page does.

    Attributes:
        seen_ns: when each drawing's preview was there, by its id.
        heard_ns: when the event said so.
    """

    def __init__(self, url: str) -> None:
        self._url, self._stream = url, urllib.request.urlopen(f"{url}/v1/events", timeout=60)
        self.seen_ns: dict[str, int] = {}
        self.heard_ns: dict[str, int] = {}
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        for line in self._stream:
            if line.startswith(b"data: "):
                for drawing in json.loads(line[6:])["previews"]:
                    if drawing not in self.heard_ns:
                        self.heard_ns[drawing] = time.time_ns()
                        self._show(drawing)

    def _show(self, drawing: str) -> None:
        with suppress(OSError):  # the job was faster
            for path in ("watch/list", f"v1/jobs/{drawing}/preview.gif"):
                with urllib.request.urlopen(f"{self._url}/{path}", timeout=20) as answer:
                    answer.read()
            self.seen_ns[drawing] = time.time_ns()


def drop(daemon: Daemon, drawings: Sequence[Path], stem: str) -> dict[str, dict[str, Any]]:
    """Drop drawings, and wait until they are done; their records by job."""
    before = len(daemon.records("job.done"))
    for number, drawing in enumerate(drawings):
        rename_in(daemon.root, f"{stem}n{number}.jpg", drawing.read_bytes())
    until(lambda: len(daemon.records("job.done")) >= before + len(drawings), "the drawings were never done", patience_s=600)
    return {record["job_id"]: record for record in daemon.records("job.done")[before:]}


def latency(daemon: Daemon, url: str, count: int) -> None:
    page = QueuePage(url)
    until((daemon.root / "inbox" / VIEWERS).exists, "no one was noted")
    event_ms, shown_ms, step_ms, job_ms = [], [], [], []
    for number in range(count):
        ((job, record),) = drop(daemon, DRAWINGS[number % len(DRAWINGS) :][:1], f"one{number}").items()
        ready_ns = int((daemon.root / "spool" / "done" / job / READY).read_text())
        job_ms.append(record["work_ms"])
        step_ms.append(record["steps_ms"].get("preview", 0.0))
        if job in page.seen_ns:
            event_ms.append((page.heard_ns[job] - ready_ns) / 1e6)
            shown_ms.append((page.seen_ns[job] - ready_ns) / 1e6)
    print(f"From the character on, ms ({machine()})")
    logged(
        {
            "to the event": percentiles(event_ms),
            "to the last byte of the preview": percentiles(shown_ms),
            "of these, the step `preview` of the worker": percentiles(step_ms),
            "the whole job": percentiles(job_ms),
            "previews that came too late": count - len(shown_ms),
        }
    )


@contextmanager
def viewers(daemon: Daemon, *, are_there: bool) -> Iterator[None]:
    """Run the `with` block with or without a viewer."""
    inbox, ended = daemon.root / "inbox", threading.Event()

    def keep_noting() -> None:
        while not ended.wait(2):
            note_viewers(inbox)

    note_viewers(inbox)
    thread = threading.Thread(target=keep_noting)
    if are_there:
        thread.start()
    else:
        os.utime(inbox / VIEWERS, (1, 1))
    try:
        yield
    finally:
        ended.set()
        if are_there:
            thread.join()


def cost(daemon: Daemon, rounds: int) -> None:
    """Measure rounds in the order with, without, without, with, ..., so that other load on the machine affects both alike."""
    spent_s: dict[bool, list[float]] = {True: [], False: []}
    cpu_s: dict[bool, list[float]] = {True: [], False: []}
    step_ms: list[float] = []
    for turn in range(2 * rounds):
        with_viewers = turn % 4 in {0, 3}
        with viewers(daemon, are_there=with_viewers):
            start_s, start_cpu_s = time.monotonic(), daemon.cpu_s()
            records = drop(daemon, A_ROUND, f"turn{turn}")
            spent_s[with_viewers].append((time.monotonic() - start_s) / len(A_ROUND))
            cpu_s[with_viewers].append((daemon.cpu_s() - start_cpu_s) / len(A_ROUND))
        step_ms += [record["steps_ms"]["preview"] for record in records.values() if "preview" in record["steps_ms"]]
    if not rounds:
        return
    print(f"What previews cost, {rounds} rounds of {len(A_ROUND)} drawings each way, {WORKERS} workers ({machine()})")
    logged(
        {
            "seconds a drawing, with and without": " ".join(f"{statistics.median(spent_s[each]):.3f}" for each in (True, False)),
            "processor seconds a drawing": " ".join(f"{statistics.median(cpu_s[each]):.3f}" for each in (True, False)),
            "the step `preview`, ms": percentiles(step_ms),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drawings", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--daemon", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.daemon:
        sys.exit(run_daemon())
    command = (sys.executable, __file__, "--daemon")
    with tempfile.TemporaryDirectory(prefix="doodled-preview-") as folder, started(Path(folder), command, jobs_workers=WORKERS) as daemon:
        drop(daemon, DRAWINGS * 2, "warm")
        with served_web(daemon.root) as url:
            latency(daemon, url, options.drawings)
        cost(daemon, options.rounds)
        daemon.stop()


if __name__ == "__main__":
    main()
