"""Daemon with fake workers: `python stub_daemon.py ROOT [--drain] [COUNT]`. Everything but the rendering is real.

The content of a drawing selects its outcome: "refuse", at its beginning or end, fails for good, "break" fails each time, "outage" is
deferred unless the root contains `models-are-back`, "doubt" waits for review unless its sidecar says otherwise, "slow" takes half a second,
"stuck" stops the loop unless the root contains `stuck-no-more`; any other content is published as one animation. With `--pool`, the fakes
run in real worker processes, and more contents harm these: "segfault", "hang", "freeze" (SIGSTOP), "hog" (allocates more than its limit),
"devour" (takes all memory), "babble" (a huge error message).
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future

from daemon.files.durable import sync_folder, sync_tree
from daemon.files.filenames import shown_name
from daemon.policy.failures import ErrorType, error_type
from daemon.service.main import WorkerFactory, run
from daemon.spool.job_folder import ANNOTATIONS, RESULT, SIDECAR, SOURCE
from daemon.worker.duplicates import duplicate_manifest
from daemon.worker.pool import ProcessWorkerPool
from daemon.worker.task import Task, TaskFailure, TaskResult
from pipeline.files.character_names import figure_folder

BACK = "models-are-back"
FREE = "stuck-no-more"
SLOW_S = 0.5
FIGURE = b"width: 9"


def harmful_result(task: Task) -> TaskResult:
    """The fake result, in a worker process that may be harmed."""
    content = (task.job_folder / SOURCE).read_bytes() if not task.is_self_test and (task.job_folder / SOURCE).is_file() else b""
    if content.startswith(b"segfault"):
        ctypes.string_at(0)
    if content.startswith(b"hang"):
        threading.Event().wait(600)
    if content.startswith(b"freeze"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if content.startswith(b"hog"):
        bytearray(64 << 30)
    if content.startswith(b"devour"):
        devoured = []
        while True:
            devoured.append(b"x" * (16 << 20))
    if content.startswith(b"babble"):
        return TaskResult(failure=TaskFailure(ErrorType.NO_FIGURE, "words \x1b[31m\n" * 100_000, trace="more words\n" * 100_000))
    return fake_result(task)


def fake_result(task: Task) -> TaskResult:
    """The result that the content of a drawing selects."""
    if task.is_self_test:
        return TaskResult()  # as a real worker answers: a manifest would make a folder of results where there is no job
    source = task.job_folder / SOURCE
    content = source.read_bytes() if source.is_file() else b"character"
    digest = hashlib.sha256(content).hexdigest()
    failure = None
    if content.startswith(b"stuck") and not (task.job_folder.parents[3] / FREE).exists():
        threading.Event().wait(600)
    if content.startswith(b"refuse") or content.endswith(b"refuse"):
        failure = TaskFailure(ErrorType.NO_FIGURE, "there is no figure in it")
    elif content.startswith(b"break"):
        failure = TaskFailure(ErrorType.CRASH, "the worker died")
    elif content.startswith(b"outage") and not (task.job_folder.parents[3] / BACK).exists():
        failure = TaskFailure(ErrorType.UPSTREAM, "the model server is down")
    if failure is not None:
        return TaskResult(failure=failure, file_sha256=digest, file_size=len(content))
    if content.startswith(b"doubt") and not _is_approved(task):
        return doubtful_result(task)
    result = task.job_folder / RESULT
    result.mkdir(exist_ok=True)
    repeated = duplicate_manifest(task, TaskResult(file_sha256=digest), None)
    if repeated is not None:
        return TaskResult(repeated, file_sha256=digest, file_size=len(content))
    with (result / "0000.gif").open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(result)
    output = {"result": "0000.gif", "label": [], "format": "gif", "bytes": len(content), "sha256": digest}
    return TaskResult(
        {"source": {"name": shown_name(task.name), "sha256": digest}, "outputs": [output]},
        file_sha256=digest,
        file_size=len(content),
        models_answered=True,
    )


def doubtful_result(task: Task) -> TaskResult:
    """The result of a drawing whose figure is probably not fully correct."""
    figure = task.job_folder / ANNOTATIONS / figure_folder(1)
    figure.mkdir(parents=True, exist_ok=True)
    (figure / "char_cfg.yaml").write_bytes(FIGURE)
    sync_tree(task.job_folder / ANNOTATIONS)
    review = {"message": "quality 0.20", "figures": [{"folder": figure.name, "quality": 0.2, "reasons": []}]}
    return TaskResult(review=review, models_answered=True)


def _is_approved(task: Task) -> bool:
    sidecar = task.job_folder / SIDECAR
    return sidecar.exists() and json.loads(sidecar.read_bytes()).get("review") is False


class FakeWorkers:
    """Workers that finish at once, or half a second later on a thread."""

    def __init__(self, count: int, wake: Callable[[], None]) -> None:
        self.count, self.capacity, self.outage = count, count + 1, ""
        self._wake = wake

    @classmethod
    def factory(cls, count: int) -> WorkerFactory:
        return lambda wake: cls(count, wake)

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        del deadline_s
        future: Future[TaskResult] = Future()
        future.set_running_or_notify_cancel()
        source = task.job_folder / SOURCE
        if source.is_file() and source.read_bytes().startswith(b"slow"):
            timer = threading.Timer(SLOW_S, self._finish, (future, task))
            timer.daemon = True
            timer.start()
        else:
            self._finish(future, task)
        return future

    def _finish(self, future: Future[TaskResult], task: Task) -> None:
        try:
            result = fake_result(task)
        except OSError as error:
            result = TaskResult(failure=TaskFailure(error_type(error), str(error)))
        future.set_result(result)
        self._wake()

    def end_idle(self, now: float) -> None:
        """There are no processes."""

    def request_stop(self) -> None:
        """Nothing waits for a model server."""

    def close(self) -> None:
        """There are no processes."""


def main(root: str, *arguments: str) -> int:
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    environ = {**os.environ, "DOODLED_ROOT": root, "DOODLED_LOG_FORMAT": "json", "DOODLED_STORAGE_RESERVE_MB": "0"}
    count = (numbers or [2])[0]
    make_workers = FakeWorkers.factory(count) if "--pool" not in arguments else pool_of(count)
    return run(None, environ, drain="--drain" in arguments, make_workers=make_workers)


def pool_of(count: int) -> WorkerFactory:
    return lambda wake: ProcessWorkerPool(count, recycle_after=50, memory_limit_mb=1024, wake=wake, work=harmful_result)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
