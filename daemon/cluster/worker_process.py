"""The process of `doodled worker`: one Dask worker with one process for jobs, which stays warm while the scheduler is away.

It joins the cluster, again and again whenever the connection is lost, until a signal stops it; then it finishes its job and leaves. Dask's
nanny is not used: systemd or a container restarts this process, and jobs run in a child of it that may die alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import dask
from distributed import Status, Worker

from daemon.cluster.connection import CONNECT_S, FRUGAL, RETRY_S, tls_security
from daemon.cluster.installation import Installation
from daemon.cluster.jobs import JOB_RESOURCE
from daemon.cluster.members import startup_information
from daemon.cluster.worker_output import WorkerOutput
from daemon.cluster.worker_plugin import JobPlugin, WorkerUnfit, job_process
from daemon.policy.failures import Backoff
from daemon.settings import Settings
from daemon.worker.runner import run_task
from daemon.worker.task import Task, TaskResult

if TYPE_CHECKING:
    from distributed import Security

UNFIT_BACKOFF: Final = Backoff(RETRY_S, 60.0)
"""Pause after this machine could not animate a simple drawing."""

_START_S: Final = 30.0
"""For one try to join the cluster."""

_CLOSE_S: Final = 10.0
"""For closing a worker when this process stops."""

_CHECK_S: Final = 0.1


@dataclass(frozen=True)
class WorkerOptions:
    """Options of `doodled worker`.

    Attributes:
        port: on which the daemon and other workers reach it; 0 is any free one.
        host: address at which they do; "" is that of the interface to the scheduler.
    """

    port: int = 0
    host: str = ""


def run_worker(
    settings: Settings, options: WorkerOptions, installation: Installation, *, work: Callable[[Task], TaskResult] = run_task
) -> None:
    """Work for the scheduler of the settings until SIGTERM or SIGINT.

    Args:
        installation: the one on this machine.
        work: runs a task in the child process; tests replace it.

    Raises:
        ClusterUnusable: a certificate is missing.
    """
    dask.config.set(FRUGAL)
    security = tls_security(settings.dask)
    output = WorkerOutput()
    pool = job_process(settings, work)
    try:
        asyncio.run(_Process(settings, options, installation, security, JobPlugin(pool, output, settings)).run())
    finally:
        pool.close()


class _Process:
    def __init__(
        self, settings: Settings, options: WorkerOptions, installation: Installation, security: Security | None, jobs: JobPlugin
    ) -> None:
        self._settings, self._options, self._installation = settings, options, installation
        self._security, self._jobs = security, jobs
        self._stopping = asyncio.Event()
        self._has_joined = False

    async def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        failures = 0
        while not self._stopping.is_set():
            pause_s = RETRY_S
            try:
                await self._work_until_stopped()
                failures = 0
            except WorkerUnfit as error:
                failures += 1
                pause_s = UNFIT_BACKOFF.wait_s(failures)
                _print(f"{error}; tried again in {pause_s:g} s")
            except (OSError, TimeoutError, RuntimeError) as error:  # Dask wraps whatever keeps a worker from starting
                cause = error.__cause__ or error
                _print(f"can't join the cluster of {self._settings.dask.scheduler}: {type(cause).__name__}: {cause}")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _work_until_stopped(self) -> None:
        """Work; a stop that comes before the cluster is joined ends it at once."""
        work, stop = asyncio.create_task(self._work()), asyncio.create_task(self._stopping.wait())
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not self._has_joined:
            work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    async def _work(self) -> None:
        """Join the cluster and stay until the connection is lost, this machine is unfit, or the process is to stop."""
        self._has_joined = False
        await self._jobs.warm_up()
        installation = self._installation
        worker = Worker(
            self._settings.dask.scheduler,
            nthreads=1,
            name=f"{socket.gethostname()}-{os.getpid()}",
            resources={JOB_RESOURCE: 1, installation.resource: 1},
            memory_limit=0,  # the job's process has its own limit
            host=self._options.host or None,
            port=self._options.port,
            security=self._security,
            plugins=(self._jobs,),
            startup_information=startup_information(installation),
            death_timeout=_START_S,
        )
        try:
            await worker
            self._has_joined = True
            _print(f"joined {self._settings.dask.scheduler} as {worker.address}")
            await self._until_over(worker)
        finally:
            if self._stopping.is_set():
                await self._close(worker)
            elif worker.status not in {Status.closed, Status.failed}:
                await worker.close(reason="the connection is lost")

    async def _until_over(self, worker: Worker) -> None:
        while worker.status in {Status.running, Status.paused} and not self._jobs.unfit:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _CHECK_S)
            if self._stopping.is_set():
                break
        if self._jobs.unfit:
            _print(self._jobs.unfit)
        if worker.status is Status.running:
            await self._leave(worker)

    async def _leave(self, worker: Worker) -> None:
        """Finish the present job, hand its result over, and leave the cluster; jobs that have not begun go to other workers."""
        worker.status = Status.paused
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._settings.jobs.stop_timeout_s
        while (self._jobs.is_busy or worker.data) and loop.time() < until_s and worker.status is Status.paused:  # noqa: ASYNC110 - no event
            await asyncio.sleep(_CHECK_S)
        if self._jobs.is_busy and worker.status is Status.paused:
            _print("the job does not end in time; another worker gets it")
            await self._close(worker)
            return
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(worker.close_gracefully(reason="the worker stops"), CONNECT_S)

    @staticmethod
    async def _close(worker: Worker) -> None:
        """Close a worker for good, without waiting for a job: the scheduler gives it to another one, and the pool kills its process.

        A close that was interrupted never ends, nor does another one, which waits for the first.
        """
        if worker.status not in {Status.closed, Status.failed}:
            with suppress(TimeoutError):
                closing = worker.close(timeout=CONNECT_S, executor_wait=False, reason="the worker stops")
                await asyncio.wait_for(closing, _CLOSE_S)


def _print(line: str) -> None:
    print(f"doodled worker: {line}", file=sys.stderr, flush=True)  # noqa: T201 - output of a command
