"""Worker of a Dask cluster with fake work: `python stub_worker.py URL [--host ADDRESS] [--motions DIGEST]`. The cluster is real.

The contents of drawings are those of stub_daemon.py with `--pool`, and two more: "slow" takes half a second, "print" prints a line to
stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fault.stub_daemon import SLOW_S, harmful_result

from daemon.cluster.installation import Installation
from daemon.cluster.worker_process import WorkerOptions, run_worker
from daemon.settings import read_settings
from daemon.spool.job_folder import SOURCE
from daemon.worker.task import Task, TaskResult


def remote_result(task: Task) -> TaskResult:
    """The fake result, after what only a worker of a cluster does."""
    source = task.job_folder / SOURCE
    content = source.read_bytes() if source.is_file() else b""
    if content.startswith(b"slow"):
        threading.Event().wait(SLOW_S)
    if content.startswith(b"print"):
        print("these words are for the operator", file=sys.stderr, flush=True)
    return harmful_result(task)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler")
    parser.add_argument("--host", default="")
    parser.add_argument("--motions")
    options = parser.parse_args()
    environ = {**os.environ, "DOODLED_DASK_SCHEDULER": options.scheduler}
    installation = Installation.local()
    if options.motions:
        installation = replace(installation, motions=options.motions)
    run_worker(read_settings(None, environ), WorkerOptions(host=options.host), installation, work=remote_result)


if __name__ == "__main__":
    main()
