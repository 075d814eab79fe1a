"""Pool of worker processes: each task has a deadline and a memory limit, and a crash affects no other task.

pebble's pool kills a worker at its task's deadline, detects dead workers, and replaces workers after a number of tasks. Workers are forked
by a fork server, which has imported what they need (`daemon.worker.preload`): they start at once and share that memory. The fork server
dies with its daemon and a worker with the fork server (PR_SET_PDEATHSIG, prctl(2)), so that no worker writes into a folder that the next
daemon takes over.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as DeadlineError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.synchronize import Event
from typing import Final, Protocol, cast

from pebble import ProcessExpired, ProcessPool

from daemon.policy.failures import ErrorType
from daemon.worker.cpu_slice import request_default_slices
from daemon.worker.pebble_internals import use_monotonic_clock
from daemon.worker.process_end import die_with_parent
from daemon.worker.task import Task, TaskFailure, TaskResult

PRELOAD: Final = "daemon.worker.preload"
_CHECK_S = 0.5
IDLE_S: Final = 60.0
"""Processes that have had no task for this long end: each holds 120 to 180 MB, and a drawing takes 0.3 to 0.5 s longer in a new one.
Only the daemon ends them (`end_idle`): the process of a cluster's worker stays (`daemon.cluster.worker_plugin`)."""
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - only root and we can use what multiprocessing makes in it
NICENESS = 10
"""nice(1) value of workers, which keep every core busy: neither the daemon's few milliseconds per job nor the kernel's journal thread
must queue behind them at each wait for the disk."""
_OOM_SCORE_ADJ = 500
"""When memory runs out, the kernel must kill a worker, not the daemon (proc(5), oom_score_adj)."""


def _run_task(task: Task) -> TaskResult:
    """Run a task in a worker. Only workers import the pipeline: the daemon itself does without that memory."""
    from daemon.worker.runner import run_task

    return run_task(task)


_REFUSED = (RuntimeError, OSError)
"""What pebble raises if it has given the pool up, or if the kernel refuses a process, a thread, a pipe or a semaphore."""


class WorkerPool(Protocol):
    """Runs tasks: in processes here, on other machines in `daemon.cluster.pool`, in the test's own process in tests."""

    @property
    def count(self) -> int:
        """Tasks that run at the same time. May change where the workers are on other machines."""
        ...

    @property
    def capacity(self) -> int:
        """Tasks that may be started and not ended: more than `count`, so that no worker idles between two tasks."""
        ...

    @property
    def outage(self) -> str:
        """Why no task can start at present, because the workers can't be reached; or ""."""
        ...

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        """Start a task."""
        ...

    def end_idle(self, now: float) -> None:
        """Give up what the workers hold if they have had no task for a while. `now`: seconds of the monotonic clock."""
        ...

    def request_stop(self) -> None:
        """Let running tasks give up waiting for model servers and send no more requests, because the daemon stops."""
        ...

    def close(self) -> None:
        """End the tasks that still run."""
        ...


class ProcessWorkerPool:
    """Pool of worker processes.

    Args:
        count: number of processes.
        recycle_after: tasks after which a process is replaced; 0 means never.
        memory_limit_mb: limit of private memory of each process; 0 means none.
        wake: called on another thread when a task has ended.
        work: runs a task in the process; tests replace it.
    """

    def __init__(
        self,
        count: int,
        *,
        recycle_after: int,
        memory_limit_mb: int,
        wake: Callable[[], None],
        work: Callable[[Task], TaskResult] = _run_task,
    ) -> None:
        self.count, self.capacity = count, count + 1
        self.outage = ""  # a process that can't be started ends its task as one that was not begun
        self._wake = wake
        self._work = work
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOAD])
        self._stopping: Event | None = None
        use_monotonic_clock()

        def make() -> ProcessPool:
            self._stopping = self._stopping or context.Event()
            _ensure_temporary_folder()
            multiprocessing.forkserver.ensure_running()  # here, because it dies with the thread that starts it
            initargs = (memory_limit_mb, self._stopping)
            return ProcessPool(max_workers=count, max_tasks=recycle_after, initializer=_start_worker, initargs=initargs, context=context)

        self._make = make
        self._pool: ProcessPool | None = None
        self._unfinished: set[Future[TaskResult]] = set()
        self._idle_since_s: float | None = None

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        """Start a task, and the processes with the first one. If no process can be started, the task ends as one that was not begun."""
        try:
            future = self._schedule(task, deadline_s)
        except _REFUSED:  # pebble gives a pool up when an idle worker dies, for example killed for its memory
            self.close()
            try:
                future = self._schedule(task, deadline_s)
            except _REFUSED as error:
                self.close()
                future = Future()
                future.set_exception(BrokenProcessPool(str(error.__cause__ or error)))
        future.add_done_callback(lambda _: self._wake())
        return future

    def _schedule(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        self._idle_since_s = None
        is_new = self._pool is None
        if self._pool is None:
            self._pool, self._unfinished = self._make(), set()
        future: Future[TaskResult] = self._pool.schedule(self._work, args=(task,), timeout=deadline_s)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        if is_new:
            threading.Thread(target=_end_forgotten, args=(self._pool, self._unfinished), name="workers", daemon=True).start()
        return future

    def end_idle(self, now: float) -> None:
        """See `WorkerPool`. The next task starts new processes."""
        if self._pool is None or self._unfinished:
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = now
        elif now - self._idle_since_s >= IDLE_S:
            self.close()

    def request_stop(self) -> None:
        """See `WorkerPool`."""
        if self._stopping is not None:
            self._stopping.set()

    def close(self) -> None:
        """Kill the processes and wait until they are gone."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # as above
            self._pool.join()
            self._pool = None


def _end_forgotten(pool: ProcessPool, unfinished: set[Future[TaskResult]]) -> None:
    """End the tasks that pebble forgets: those that arrive just as it gives the pool up. Runs on a thread as long as the pool.

    A comment of https://github.com/noxdafox/pebble/issues/163 has the same remedy.
    """
    while pool.active:
        time.sleep(_CHECK_S)
    time.sleep(_CHECK_S)  # by then pebble has ended the others
    for future in tuple(unfinished):
        with suppress(InvalidStateError):
            future.set_exception(BrokenProcessPool("the workers died"))


def result_of(future: Future[TaskResult], deadline_s: float) -> TaskResult:
    """The result of a task that has ended, in whatever way."""
    try:
        return future.result(timeout=0)
    except DeadlineError:
        return _failure_result(ErrorType.DEADLINE, f"not finished within {deadline_s:g} s", exceeds_limit=True)
    except ProcessExpired as error:
        return _crash_result(error)
    except BrokenProcessPool as error:  # workers died idle or while they started; with a task, they would have expired
        return TaskResult(failure=TaskFailure(ErrorType.CRASH, f"no worker could start: {error}"), was_begun=False)
    except MemoryError:
        return _failure_result(ErrorType.OUT_OF_MEMORY, "the job needs more memory than jobs.memory_limit_mb allows", exceeds_limit=True)
    except Exception as error:  # noqa: BLE001 - raised by pebble, pickle or the worker's start: the daemon continues
        return _failure_result(ErrorType.INTERNAL, f"{type(error).__name__}: {error}"[:500])


def _crash_result(error: ProcessExpired) -> TaskResult:
    if -error.exitcode == signal.SIGKILL:
        return _failure_result(ErrorType.OUT_OF_MEMORY, "the worker was killed (SIGKILL), as the kernel does when memory runs out")
    return _failure_result(ErrorType.CRASH, f"the worker died with {_death(error.exitcode)}")


def _failure_result(kind: ErrorType, message: str, *, exceeds_limit: bool = False) -> TaskResult:
    return TaskResult(failure=TaskFailure(kind, message, exceeds_limit=exceeds_limit))


def _death(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit status {exitcode}"
    try:
        return f"signal {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"signal {-exitcode}"


def _ensure_temporary_folder() -> None:
    """Let multiprocessing have a folder for the fork server's socket where nothing is writable, as in a hardened container.

    The memory of semaphores always is.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = _SHARED_MEMORY


def _start_worker(memory_limit_mb: int, stopping: Event) -> None:
    """Initialize a worker process."""
    if PRELOAD not in sys.modules:  # multiprocessing ignores that; the worker might outlive its daemon
        raise ImportError(f"the fork server can't import {PRELOAD}")
    from daemon.worker.runner import set_stop_event

    server = os.getppid()
    die_with_parent()
    daemon = multiprocessing.parent_process()
    if os.getppid() != server or daemon is None or not daemon.is_alive():  # one of them died in between
        os._exit(1)
    set_stop_event(cast("threading.Event", stopping))  # another class, with the same methods
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - not a regular file
        file.write(str(_OOM_SCORE_ADJ))
    os.nice(NICENESS)
    request_default_slices()
    if memory_limit_mb:
        _limit_memory(memory_limit_mb)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_memory(limit_mb: int) -> None:
    """Limit the private memory of this process; a lower hard limit, which can't be raised, stays (setrlimit(2))."""
    hard, limit = resource.getrlimit(resource.RLIMIT_DATA)[1], limit_mb << 20
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
