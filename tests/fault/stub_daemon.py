"""The daemon with workers that only pretend: `python stub_daemon.py ROOT [--drain] [COUNT]`. Everything but the drawing is real.

With `--pool`, real worker processes do the pretending, and "segfault", "hang", "hog" and "devour" do to their worker what they say: one
asks for more memory than it may have, the other takes all there is. "babble" breaks with more words than anybody wants to read.
A drawing's own bytes say what becomes of it: "refuse" fails for good, "break" breaks every time, "outage" can't be done now unless
`networks-are-back` lies in the root, "slow" takes half a second, "stuck" stops the loop unless `stuck-no-more` lies in the root;
anything else is published as it is, as one animation.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future

from daemon.files.durable import sync_folder
from daemon.policy.failures import ErrorType, error_type
from daemon.service.main import WorkerFactory, run
from daemon.spool.spool import RESULT, SOURCE
from daemon.worker.pool import ProcessWorkerPool
from daemon.worker.task import Task, TaskFailure, TaskResult

BACK = "networks-are-back"
FREE = "stuck-no-more"
SLOW_S = 0.5


def endured(order: Task) -> TaskResult:
    """The same in a process that may be lost."""
    content = (order.place / SOURCE).read_bytes()
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
    return pretended(order)


def pretended(order: Task) -> TaskResult:
    """What a worker would have said."""
    source = order.place / SOURCE
    content = source.read_bytes() if source.is_file() else b"character"
    digest = hashlib.sha256(content).hexdigest()
    failure = None
    if content.startswith(b"stuck") and not (order.place.parents[3] / FREE).exists():
        threading.Event().wait(600)
    if content.startswith(b"refuse"):
        failure = TaskFailure(ErrorType.NO_FIGURE, "there is no figure in it")
    elif content.startswith(b"break"):
        failure = TaskFailure(ErrorType.CRASH, "the worker died")
    elif content.startswith(b"outage") and not (order.place.parents[3] / BACK).exists():
        failure = TaskFailure(ErrorType.UPSTREAM, "the model server is down")
    if failure is not None:
        return TaskResult(failure=failure, file_sha256=digest, file_size=len(content))
    result = order.place / RESULT
    result.mkdir(exist_ok=True)
    with (result / "0000.gif").open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(result)
    output = {"result": "0000.gif", "label": [], "format": "gif", "bytes": len(content), "sha256": digest}
    return TaskResult({"source": {"sha256": digest}, "outputs": [output]}, file_sha256=digest, file_size=len(content), models_answered=True)


class Pretenders:
    """Works at once, or half a second later on a thread."""

    def __init__(self, count: int, wake: Callable[[], None]) -> None:
        self.count = count
        self._wake = wake

    @classmethod
    def of(cls, count: int) -> WorkerFactory:
        return lambda wake: cls(count, wake)

    def start(self, order: Task, deadline_s: float) -> Future[TaskResult]:
        del deadline_s
        future: Future[TaskResult] = Future()
        future.set_running_or_notify_cancel()
        source = order.place / SOURCE
        if source.is_file() and source.read_bytes().startswith(b"slow"):
            timer = threading.Timer(SLOW_S, self._finish, (future, order))
            timer.daemon = True
            timer.start()
        else:
            self._finish(future, order)
        return future

    def _finish(self, future: Future[TaskResult], order: Task) -> None:
        try:
            report = pretended(order)
        except OSError as error:
            report = TaskResult(failure=TaskFailure(error_type(error), str(error)))
        future.set_result(report)
        self._wake()

    def request_stop(self) -> None:
        """Nobody waits for a model server."""

    def close(self) -> None:
        """Nobody is there."""


def main(root: str, *arguments: str) -> int:
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    environ = {**os.environ, "DOODLED_ROOT": root, "DOODLED_LOG_FORMAT": "json", "DOODLED_STORAGE_RESERVE_MB": "0"}
    count = (numbers or [2])[0]
    make_workers = Pretenders.of(count) if "--pool" not in arguments else pool_of(count)
    return run(None, environ, drain="--drain" in arguments, make_workers=make_workers)


def pool_of(count: int) -> WorkerFactory:
    return lambda wake: ProcessWorkerPool(count, recycle_after=50, memory_limit_mb=1024, wake=wake, work=endured)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
