"""Pool of worker processes: deaths, deadlines, limits."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pebble import ProcessExpired
from pebble.pool import process as pool_process

from daemon.policy.failures import ErrorType
from daemon.worker import pool as workers_module
from daemon.worker import process_end, runner
from daemon.worker.pool import IDLE_S, ProcessWorkerPool, result_of
from daemon.worker.task import TaskResult
from tests.waiting import until

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[4]


@pytest.fixture
def workers() -> Iterator[ProcessWorkerPool]:
    work: Any = str  # importable in any process
    pool = ProcessWorkerPool(2, recycle_after=0, memory_limit_mb=0, wake=lambda: None, work=work)
    yield pool
    pool.close()


def test_pool_is_replaced_after_idle_workers_were_killed(workers: ProcessWorkerPool) -> None:
    """For example by the kernel when memory runs out: pebble then gives the pool up."""
    task: Any = 1
    assert str(workers.start(task, PATIENCE_S).result(PATIENCE_S)) == "1"
    pool: Any = workers._pool
    for child in multiprocessing.active_children():
        child.kill()
    until_s = time.monotonic() + PATIENCE_S
    while pool.active and time.monotonic() < until_s:
        time.sleep(0.02)
    assert not pool.active
    task = 2
    assert str(workers.start(task, PATIENCE_S).result(PATIENCE_S)) == "2"


def test_idle_workers_end_and_the_next_task_starts_new_ones(workers: ProcessWorkerPool) -> None:
    def work() -> set[int | None]:
        task: Any = 1
        assert str(workers.start(task, PATIENCE_S).result(PATIENCE_S)) == "1"
        until(lambda: not workers._unfinished)
        return {child.pid for child in multiprocessing.active_children()}

    first = work()
    workers.end_idle(10.0)
    workers.end_idle(9.0 + IDLE_S)
    assert work() == first
    workers.end_idle(11.0 + IDLE_S)
    workers.end_idle(10.0 + 2 * IDLE_S)
    assert {child.pid for child in multiprocessing.active_children()} == first, "the second task was not so long ago"
    workers.end_idle(11.0 + 2 * IDLE_S)
    assert not multiprocessing.active_children()
    assert work().isdisjoint(first)


@pytest.mark.parametrize("made", ["ProcessPool", "multiprocessing.get_context"])
def test_descriptor_limit_while_the_pool_is_made_ends_no_daemon(monkeypatch: pytest.MonkeyPatch, made: str) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    pool = ProcessWorkerPool(1, recycle_after=0, memory_limit_mb=0, wake=lambda: None)
    if made == "ProcessPool":
        monkeypatch.setattr(workers_module, "ProcessPool", refused)
    else:
        monkeypatch.setattr(multiprocessing.context.ForkServerContext, "Event", refused)
    task: Any = 1
    result = result_of(pool.start(task, PATIENCE_S), PATIENCE_S)
    assert not result.was_begun
    assert result.failure is not None
    assert "Too many open files" in result.failure.message
    pool.request_stop()
    pool.close()


def test_clock_jump_ends_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """pebble measures deadlines on the wall clock."""
    wait: Any = time.sleep
    pool, jump_s, now = ProcessWorkerPool(1, recycle_after=0, memory_limit_mb=0, wake=lambda: None, work=wait), 864_000.0, time.time
    try:
        task: Any = 1.0
        future = pool.start(task, PATIENCE_S)
        until_s = time.monotonic() + PATIENCE_S
        while not future.running() and time.monotonic() < until_s:
            time.sleep(0.02)
        monkeypatch.setattr(time, "time", lambda: now() + jump_s)
        assert future.result(PATIENCE_S) is None
    finally:
        pool.close()


def test_broken_pool_means_task_was_not_begun() -> None:
    """For example because the program was removed: that is no evidence about the drawing."""
    future: Future[Any] = Future()
    future.set_exception(BrokenProcessPool("All workers expired"))
    result = result_of(future, 1.0)
    assert result.failure is not None
    assert result.failure.kind is ErrorType.CRASH
    assert not result.was_begun


@pytest.mark.parametrize("error", [BlockingIOError(errno.EAGAIN, "no process left"), RuntimeError("can't start new thread")])
def test_survives_failure_to_start_workers(workers: ProcessWorkerPool, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refused(*_: object) -> None:
        raise error

    task: Any = 1
    monkeypatch.setattr(pool_process, "launch_process" if isinstance(error, OSError) else "launch_thread", refused)
    assert not result_of(workers.start(task, PATIENCE_S), PATIENCE_S).was_begun
    monkeypatch.undo()
    assert str(workers.start(task, PATIENCE_S).result(PATIENCE_S)) == "1"


def test_ends_tasks_that_pebble_forgets(workers: ProcessWorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example when workers that die during their start break the pool before it has seen the task."""
    task: Any = 1
    workers.start(task, PATIENCE_S).result(PATIENCE_S)
    pool: Any = workers._pool
    monkeypatch.setattr(pool._context.task_queue, "put", lambda _: None)
    future = workers.start(task, PATIENCE_S)
    monkeypatch.undo()
    pool._pool_manager.handle_broken_pool(BrokenProcessPool("All workers expired"))
    assert isinstance(future.exception(PATIENCE_S), BrokenProcessPool)


def test_lower_hard_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits()
    limits.hard = 32 << 20
    monkeypatch.setattr(workers_module, "resource", limits)
    workers_module._limit_memory(64)
    assert limits.set == {"data": (32 << 20, 32 << 20)}


def failure_after(error: BaseException) -> tuple[ErrorType, str]:
    """Type and message of a task that ended with an error."""
    future: Future[Any] = Future()
    future.set_exception(error)
    failure = result_of(future, 1.5).failure
    assert failure is not None
    return failure.kind, failure.message


@pytest.mark.parametrize(
    ("exitcode", "kind", "message"),
    [
        (-9, ErrorType.OUT_OF_MEMORY, "the worker was killed (SIGKILL), as the kernel does when memory runs out"),
        (-11, ErrorType.CRASH, "the worker died with signal SIGSEGV"),
        (-99, ErrorType.CRASH, "the worker died with signal 99"),
        (3, ErrorType.CRASH, "the worker died with exit status 3"),
    ],
)
def test_death_of_worker_is_classified(exitcode: int, kind: ErrorType, message: str) -> None:
    assert failure_after(ProcessExpired("it died", code=exitcode)) == (kind, message)


def test_deadline_memory_and_other_errors_are_failures() -> None:
    assert failure_after(TimeoutError()) == (ErrorType.DEADLINE, "not finished within 1.5 s")
    assert failure_after(MemoryError()) == (ErrorType.OUT_OF_MEMORY, "the job needs more memory than jobs.memory_limit_mb allows")
    kind, message = failure_after(RuntimeError("words " * 1000))
    assert (kind, len(message)) == (ErrorType.INTERNAL, 500)
    assert message.startswith("RuntimeError: words")


def test_result_is_passed_on() -> None:
    future: Future[TaskResult] = Future()
    future.set_result(result := TaskResult({}))
    assert result_of(future, 1.0) is result


class Limits:
    """Records the limits that a process sets itself."""

    RLIMIT_DATA, RLIMIT_CORE, RLIM_INFINITY = "data", "core", -1
    hard = -1

    def __init__(self) -> None:
        self.set: dict[str, tuple[int, int]] = {}

    def getrlimit(self, _: str) -> tuple[int, int]:
        return (self.hard, self.hard)

    def setrlimit(self, which: str, limits: tuple[int, int]) -> None:
        self.set[which] = limits


@pytest.mark.parametrize(("limit_mb", "data"), [(64, {"data": (64 << 20, 64 << 20)}), (0, {})])
def test_worker_starts_with_limits_and_dies_with_daemon(
    monkeypatch: pytest.MonkeyPatch, limit_mb: int, data: dict[str, tuple[int, int]]
) -> None:
    limits, asked, ended, niced = Limits(), [], [], []
    library = SimpleNamespace(prctl=lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(workers_module, "resource", limits)
    monkeypatch.setattr(process_end, "ctypes", SimpleNamespace(CDLL=lambda _: library))
    monkeypatch.setattr(workers_module, "open", lambda *_, **__: io.StringIO(), raising=False)
    monkeypatch.setattr(runner, "set_stop_event", lambda _: None)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(os, "nice", niced.append)
    monkeypatch.setitem(sys.modules, workers_module.PRELOAD, SimpleNamespace())
    stopping: Any = None
    is_alive = True
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(is_alive=lambda: is_alive))
    workers_module._start_worker(limit_mb, stopping)
    assert limits.set == {**data, "core": (0, 0)}
    assert asked == [(1, signal.SIGKILL)]  # PR_SET_PDEATHSIG
    assert not ended
    assert niced[0] > 0  # the daemon has precedence
    is_alive = False
    workers_module._start_worker(limit_mb, stopping)
    assert ended == [1]
    servers = iter([100, 1])
    is_alive = True
    monkeypatch.setattr(os, "getppid", lambda: next(servers))
    workers_module._start_worker(limit_mb, stopping)
    assert ended == [1, 1]


def test_worker_refuses_to_outlive_its_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """multiprocessing ignores what the fork server can't import, and then nothing would end it with its daemon."""
    monkeypatch.delitem(sys.modules, workers_module.PRELOAD, raising=False)
    stopping: Any = None
    with pytest.raises(ImportError, match=r"fork server can't import daemon\.worker\.preload"):
        workers_module._start_worker(0, stopping)


def test_workers_share_what_the_fork_server_has_imported() -> None:
    """By a process of one thread: another one's locks might be held at the fork, for ever in the worker."""
    work: Any = eval  # importable in any process
    pool = ProcessWorkerPool(1, recycle_after=0, memory_limit_mb=0, wake=lambda: None, work=work)
    try:
        task: Any = "{'pipeline.annotate', 'onnxruntime', 'cv2'} <= set(__import__('sys').modules)"
        assert pool.start(task, PATIENCE_S).result(PATIENCE_S) is True
        task = "[len(os.listdir(f'/proc/{os.getppid()}/task')) for os in [__import__('os')]]"
        assert pool.start(task, PATIENCE_S).result(PATIENCE_S) == [1]
    finally:
        pool.close()


def test_works_without_a_temporary_folder(workers: ProcessWorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with nothing to write to but its volume."""

    def refuse() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", refuse)
    monkeypatch.setattr(tempfile, "tempdir", None)
    task: Any = 1
    assert str(workers.start(task, PATIENCE_S).result(PATIENCE_S)) == "1"
    assert tempfile.tempdir == "/dev/shm"


def test_kill_of_the_daemon_kills_fork_server_and_workers(tmp_path: Path) -> None:
    script = f"""
import multiprocessing.forkserver as server, os, time
from daemon.worker.pool import ProcessWorkerPool
pool = ProcessWorkerPool(1, recycle_after=0, memory_limit_mb=0, wake=lambda: None, work=eval)
ids = pool.start("[__import__('os').getpid(), __import__('os').getppid()]", {PATIENCE_S}).result({PATIENCE_S})
print(*ids, flush=True)
time.sleep({PATIENCE_S})
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        processes = [os.pidfd_open(int(each)) for each in daemon.stdout.readline().split()]
        daemon.kill()
    for process in processes:
        ended, _, _ = select.select([process], [], [], PATIENCE_S)
        os.close(process)
        assert ended
