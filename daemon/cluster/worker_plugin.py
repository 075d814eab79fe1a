"""Dask worker plugin: keeps a warm process of doodled's own pool, and runs each job in it.

The job does not run in the Dask worker's process but in a child of it, by the same pool as on the daemon's machine: a job that crashes,
hangs or takes too much memory ends alone at its deadline or limit, and neither the worker nor the scheduler notices more than its result.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path
from typing import Final

from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin

from daemon.cluster.jobs import PLUGIN
from daemon.cluster.parcels import pack_bare_result, pack_result, unpack_task
from daemon.cluster.worker_output import WorkerOutput
from daemon.policy.failures import ErrorType, error_type
from daemon.settings import Settings
from daemon.worker.pool import ProcessWorkerPool, result_of
from daemon.worker.runner import run_task
from daemon.worker.task import Task, TaskFailure, TaskResult, self_test_task
from pipeline.errors import TransientError

SELF_TEST_DEADLINE_S: Final = 120.0
"""For the first drawing, with which a worker loads everything: a few seconds, and more on a slow disk."""

_HOST_TYPES: Final = frozenset({ErrorType.NO_OPENGL, ErrorType.DISK_FULL, ErrorType.NO_MODEL})
"""Failures that say something about this machine, not about the drawing or the cluster."""


def job_process(settings: Settings, work: Callable[[Task], TaskResult] = run_task) -> ProcessWorkerPool:
    """The pool of one process, with the limits of the settings; tests replace `work`."""
    jobs = settings.jobs
    return ProcessWorkerPool(1, recycle_after=jobs.recycle_after, memory_limit_mb=jobs.memory_limit_mb, wake=lambda: None, work=work)


class WorkerUnfit(TransientError):
    """A machine that can't animate even a simple drawing."""

    exit_status = 75


class JobPlugin(WorkerPlugin):
    """Runs jobs, one at a time.

    Args:
        workers: the pool of one process; it outlives a lost connection to the scheduler, and so stays warm.
        output: what the process prints.

    Attributes:
        unfit: why this machine can't run jobs at present, or "". The worker leaves the cluster then.
        is_busy: a job runs.
    """

    name = PLUGIN

    def __init__(self, workers: ProcessWorkerPool, output: WorkerOutput, settings: Settings) -> None:
        self._workers, self._output, self._settings = workers, output, settings
        self._host = socket.gethostname()
        self.unfit = ""
        self.is_busy = self._is_warm = False

    async def setup(self, worker: Worker) -> None:
        """See `warm_up`."""
        del worker
        await self.warm_up()

    async def warm_up(self) -> None:
        """Animate a simple drawing, so that OpenGL, models and motions are loaded before the first job. Raises WorkerUnfit."""
        if self._is_warm and not self.unfit:
            return
        task = self_test_task(Path(), self._settings, self._settings.inference_request())
        future = self._workers.start(task, SELF_TEST_DEADLINE_S)
        await asyncio.wait([asyncio.wrap_future(future)])
        result = result_of(future, SELF_TEST_DEADLINE_S)
        if result.failure is not None:
            raise WorkerUnfit(f"this machine can't animate even a simple drawing: {result.failure.message}", hint=result.failure.hint)
        self.unfit, self._is_warm = "", True

    def run(self, parcel: bytes) -> bytes:
        """Run the task in a parcel; returns the parcel of its result. Called on Dask's one thread for tasks."""
        self.is_busy = True
        try:
            self._output.begin()
            with tempfile.TemporaryDirectory(prefix="doodled-job-") as folder:
                result = self._run_in(Path(folder), parcel)
                result.host, result.worker_output = self._host, self._output.last_lines()
                return pack_result(result, Path(folder))
        except OSError as error:  # of this machine's disk; Dask would raise it in the daemon, where a lost connection raises the same
            message = f"the files of a job, or its output, can't be written: {error.strerror or error}"
            failure = self._leave_cluster(TaskFailure(error_type(error), message))
            return pack_bare_result(TaskResult(failure=failure, host=self._host))
        finally:
            self.is_busy = False

    def _run_in(self, job_folder: Path, parcel: bytes) -> TaskResult:
        """The result of a task that runs in the empty folder `job_folder`. Raises OSError."""
        task = unpack_task(parcel, job_folder)
        started_s = time.monotonic()
        future = self._workers.start(task, task.deadline_s)
        wait([future])
        result = result_of(future, task.deadline_s)
        took_s = time.monotonic() - started_s
        self._output.print_own_line(f"doodled worker: job {task.job_id} {_outcome(result)} in {took_s:.1f} s")
        failure = result.failure
        if failure is not None and (failure.kind in _HOST_TYPES or not result.was_begun):
            result.failure = self._leave_cluster(failure)
            result.was_begun = True  # so that only this worker pauses
        return result

    def _leave_cluster(self, failure: TaskFailure) -> TaskFailure:
        """Make the worker leave the cluster for a failure that says nothing about its drawing; returns the failure that the daemon gets."""
        self.unfit = failure.message
        message = f"the worker on {self._host} can't animate at present: {failure.message}"
        return TaskFailure(ErrorType.NO_WORKER, message, failure.hint, failure.stage)


def _outcome(result: TaskResult) -> str:
    """How a job ended, for the journal of this machine."""
    if result.failure is not None:
        return f"failed ({result.failure.kind})"
    return "waits for review" if result.review is not None else "animated"
