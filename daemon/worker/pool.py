"""Worker processes: spawned, warm, with a deadline and a memory limit for each job; whatever dies there dies alone.

pebble's pool kills a worker at its job's deadline, notices one that died, and replaces workers after a number of jobs. A worker dies with
its daemon (PR_SET_PDEATHSIG, prctl(2)), so that nothing goes on writing into a folder that the next daemon takes over.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as DeadlineError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.synchronize import Event
from types import SimpleNamespace
from typing import Protocol, cast

from pebble import ProcessExpired, ProcessPool

from daemon.policy.failures import ErrorType
from daemon.worker.cpu_slice import ask_for_usual_slices
from daemon.worker.runner import hurried_by, perform
from daemon.worker.task import Task, TaskFailure, TaskResult

_PR_SET_PDEATHSIG = 1
_CHECK_S = 0.5
NICENESS = 10
"""Of workers, who keep every core busy, as nice(1) has it: neither the daemon's own few milliseconds a job nor the kernel's thread that
writes the journal must queue behind them at each wait for the disk."""
_FIRST_TO_GO = 500
"""When memory runs out, the kernel is to take a worker, not the daemon (proc(5), oom_score_adj)."""


class WorkerPool(Protocol):
    """Whoever does the work: processes here, anything else in tests."""

    @property
    def count(self) -> int:
        """How many jobs are done at the same time."""
        ...

    def start(self, order: Task, deadline_s: float) -> Future[TaskResult]:
        """Begin a job."""
        ...

    def hurry(self) -> None:
        """The daemon stops: nothing is asked of a model server any more, and who waits for one gives up."""
        ...

    def close(self) -> None:
        """End whatever is still being done."""
        ...


class ProcessWorkerPool:
    """A pool for the life of a daemon.

    Args:
        count: processes.
        recycle_after: jobs after which a process is replaced; 0 is never.
        memory_limit_mb: of private memory a process; 0 is none.
        wake: called, on some thread, whenever a job has ended.
        work: what is done, replaced in tests.
    """

    def __init__(
        self,
        count: int,
        *,
        recycle_after: int,
        memory_limit_mb: int,
        wake: Callable[[], None],
        work: Callable[[Task], TaskResult] = perform,
    ) -> None:
        self.count = count
        self._wake = wake
        self._work = work
        spawn = multiprocessing.get_context("spawn")
        self._stopping = spawn.Event()
        _steadied()
        self._make = lambda: ProcessPool(
            max_workers=count,
            max_tasks=recycle_after,
            initializer=_start_worker,
            initargs=(os.getpid(), memory_limit_mb, self._stopping),
            context=spawn,
        )
        self._pool: ProcessPool | None = None
        self._unfinished: set[Future[TaskResult]] = set()

    def start(self, order: Task, deadline_s: float) -> Future[TaskResult]:
        """Begin a job; processes are started with the first. Where none can be, the job ends as one that was not begun."""
        try:
            future = self._scheduled(order, deadline_s)
        except RuntimeError:  # pebble gives a pool up when a worker dies that had nothing to do (the kernel took its memory, say)
            self.close()
            try:
                future = self._scheduled(order, deadline_s)
            except RuntimeError as error:
                self.close()
                future = Future()
                future.set_exception(BrokenProcessPool(str(error.__cause__ or error)))
        future.add_done_callback(lambda _: self._wake())
        return future

    def _scheduled(self, order: Task, deadline_s: float) -> Future[TaskResult]:
        is_new = self._pool is None
        if self._pool is None:
            self._pool, self._unfinished = self._make(), set()  # type: ignore[no-untyped-call]  # pebble is typed in parts
        future: Future[TaskResult] = self._pool.schedule(self._work, args=(order,), timeout=deadline_s)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        if is_new:
            threading.Thread(target=_minded, args=(self._pool, self._unfinished), name="workers", daemon=True).start()
        return future

    def hurry(self) -> None:
        """See `WorkerPool`."""
        self._stopping.set()

    def close(self) -> None:
        """Kill what runs, wait for it to be gone."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # as above
            self._pool.join()
            self._pool = None


def _minded(pool: ProcessPool, unfinished: set[Future[TaskResult]]) -> None:
    """End the jobs that pebble forgets, those that come just as it gives a pool up; on a thread, for the life of the pool."""
    while pool.active:
        time.sleep(_CHECK_S)
    time.sleep(_CHECK_S)  # the others have ended by then
    for future in tuple(unfinished):
        with suppress(InvalidStateError):
            future.set_exception(BrokenProcessPool("the workers died"))


def _steadied() -> None:
    """Put pebble's deadlines on the monotonic clock: one that jumps would end every job, or let one that hangs live on for as long."""
    importlib.import_module("pebble.pool.process").time = SimpleNamespace(time=time.monotonic, sleep=time.sleep)  # type: ignore[attr-defined]


def result_of(future: Future[TaskResult], deadline_s: float) -> TaskResult:
    """What came of a job that has ended, whichever way."""
    try:
        return future.result(timeout=0)
    except DeadlineError:
        return _failed(ErrorType.DEADLINE, f"it was not done within {deadline_s:g} s")
    except ProcessExpired as error:
        return _died(error)
    except BrokenProcessPool as error:  # of workers that died idle, or as they started: one that had a job would have expired
        return TaskResult(failure=TaskFailure(ErrorType.CRASH, f"no worker could begin it: {error}"), was_begun=False)
    except MemoryError:
        return _failed(ErrorType.OUT_OF_MEMORY, "it needs more memory than a job may have")
    except Exception as error:  # noqa: BLE001 - of pebble, pickle or the worker's start: the daemon goes on
        return _failed(ErrorType.INTERNAL, f"{type(error).__name__}: {error}"[:500])


def _died(error: ProcessExpired) -> TaskResult:
    if -error.exitcode == signal.SIGKILL:
        return _failed(ErrorType.OUT_OF_MEMORY, "the worker was killed, as the kernel does when memory runs out")
    return _failed(ErrorType.CRASH, f"the worker died with {_death(error.exitcode)}")


def _failed(kind: ErrorType, message: str) -> TaskResult:
    return TaskResult(failure=TaskFailure(kind, message))


def _death(exitcode: int) -> str:
    if exitcode >= 0:
        return f"exit status {exitcode}"
    try:
        return f"signal {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"signal {-exitcode}"


def _start_worker(parent: int, memory_limit_mb: int, stopping: Event) -> None:
    """What every worker process does first."""
    hurried_by(cast("threading.Event", stopping))  # of another module, but with the same methods
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - of /proc
        file.write(str(_FIRST_TO_GO))
    if os.getppid() != parent:  # the daemon died in between
        os._exit(1)
    os.nice(NICENESS)
    ask_for_usual_slices()
    if memory_limit_mb:
        _limit_memory(memory_limit_mb)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_memory(limit_mb: int) -> None:
    """Of private memory; a limit that others have set, and nobody may raise, is kept where it is lower (setrlimit(2))."""
    hard, limit = resource.getrlimit(resource.RLIMIT_DATA)[1], limit_mb << 20
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
