"""Worker pool of a Dask cluster: the same port as the pool of local processes (`daemon.worker.pool.WorkerPool`).

One thread runs Dask's client, which is asyncio. It connects to the scheduler and again whenever the connection is lost; until then,
`outage` says why no job may start, and jobs that ran come back as `no_worker`, which counts no attempt. It sends a job as a parcel, waits
for the parcel of its result, and writes its files into the job's folder. Nothing here decides about a job: that is left to the main loop.

What Dask does by itself: it gives a job to a free worker of the same installation, and gives it to another one if that worker is lost. A
late result of the lost one is dropped. What a result is called does not matter: the daemon publishes a job once, from its own folder.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from distributed import Client, KilledWorker
from distributed.client import FutureCancelledError

from daemon.cluster.connection import CONNECT_S, RETRY_S, silence_dask, tls_security
from daemon.cluster.installation import Installation
from daemon.cluster.jobs import JOB_RESOURCE, run_parcel
from daemon.cluster.members import Members
from daemon.cluster.parcels import pack_task, unpack_result
from daemon.log.events import EventLog
from daemon.options.motions import motion_library
from daemon.policy.failures import ErrorType, error_type
from daemon.settings import DaskSettings
from daemon.worker.duplicates import repeated_result
from daemon.worker.task import Task, TaskFailure, TaskResult
from pipeline.errors import DoodledError

POLL_S: Final = 1.0
"""From one look at the scheduler's workers to the next."""

SILENCE_S: Final = 15.0
"""A scheduler that does not answer for so long is lost: its machine may have vanished without closing a connection."""

_CLOSE_S: Final = 5.0


class DaskWorkerPool:
    """Runs tasks on the workers of a Dask cluster.

    Args:
        max_jobs: jobs at work at once; 0 is one for each connected worker. An adaptive cluster starts workers for jobs that wait, so it
            needs a number.
        wake: called on another thread when a task has ended, or when the scheduler or workers came or went.

    Attributes:
        outage: why no task can start at present, or "". Empty until the first try to connect has ended, but there is no capacity, either.
    """

    def __init__(
        self, settings: DaskSettings, installation: Installation, *, max_jobs: int, wake: Callable[[], None], log: EventLog
    ) -> None:
        """Start to connect; returns at once. Raises ClusterUnusable if a certificate is missing."""
        silence_dask()
        self._settings, self._installation, self._max_jobs, self._wake = settings, installation, max_jobs, wake
        self._security = tls_security(settings)
        self._members = Members(installation, log)
        self._numbers = itertools.count()
        self._motions = motion_library({}).names()
        self.outage = ""
        self._client: Client | None = None
        self._client_name = ""
        self._running: dict[Future[TaskResult], asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._is_stopping, self._nudge = False, asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._stay_connected(),), name="dask", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """Tasks that run at the same time."""
        return self._max_jobs or self._members.count

    @property
    def capacity(self) -> int:
        """Tasks that may be started and not ended: each worker has the next one before it is free."""
        return max(1, 2 * self.count) if self._client is not None else 0

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        """Start a task. It can't be cancelled: it ends at its deadline, or when the pool is closed."""
        future: Future[TaskResult] = Future()
        future.set_running_or_notify_cancel()
        future.add_done_callback(lambda _: self._wake())
        self._loop.call_soon_threadsafe(self._begin, replace(task, deadline_s=deadline_s), future)
        return future

    def end_idle(self, now: float) -> None:
        """Nothing to do: the workers belong to other daemons, too."""

    def request_stop(self) -> None:
        """Nothing to do: the workers belong to other daemons, too."""

    def close(self) -> None:
        """Give up the tasks that run, and disconnect."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop)
            self._thread.join(2 * _CLOSE_S)

    # --- on the thread of the event loop --------------------------------------------------------------------------------

    def _stop(self) -> None:
        self._is_stopping = True
        self._nudge.set()

    async def _pause(self, pause_s: float) -> None:
        """Wait, but not if the daemon stops or the connection is lost."""
        if not self._is_stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), pause_s)
            self._nudge.clear()

    def _begin(self, task: Task, future: Future[TaskResult]) -> None:
        running = self._loop.create_task(self._run(task, future))
        self._running[future] = running
        running.add_done_callback(lambda _: self._running.pop(future, None))

    async def _run(self, task: Task, future: Future[TaskResult]) -> None:
        """Run a task, and set its result. However it ends, it has one."""
        try:
            result = await self._result(task, future)
        except asyncio.CancelledError:
            result = _lost_result(self.outage)
        except Exception as error:  # noqa: BLE001 - of Dask or of pickle: the daemon continues
            result = TaskResult(failure=TaskFailure(ErrorType.INTERNAL, f"{type(error).__name__}: {error}"[:500]))
        with suppress(InvalidStateError):
            future.set_result(result)

    async def _result(self, task: Task, future: Future[TaskResult]) -> TaskResult:
        started_s = time.monotonic()
        client = self._client
        if client is None:
            return _lost_result(self.outage)
        try:
            if task.originals is not None:
                repeated = await asyncio.to_thread(repeated_result, task, self._motions)
                if repeated is not None:
                    return repeated
            parcel = pack_task(task)  # here, because another thread would cost more than a file of this size
        except (DoodledError, OSError) as error:
            hint = error.hint if isinstance(error, DoodledError) else ""
            return TaskResult(failure=TaskFailure(error_type(error), str(getattr(error, "summary", error)), hint, "decode"))
        packed_s = time.monotonic() - started_s
        key = f"doodled-{task.job_folder.name}-{self._client_name}-{next(self._numbers)}"
        resources = {JOB_RESOURCE: 1, self._installation.resource: 1}
        try:
            parcel = await client.submit(run_parcel, parcel, key=key, pure=False, retries=0, resources=resources)
        except KilledWorker as error:
            return TaskResult(
                failure=TaskFailure(ErrorType.CRASH, f"the workers that had it were lost, one after the other: {error}"[:500])
            )
        except (FutureCancelledError, OSError, TimeoutError) as error:
            if self._client is client:  # at once, so that no other job starts before `_serve` notices it
                self._client = None
                self._set_outage(f"the connection to the scheduler {self._settings.scheduler} was lost")
                self._nudge.set()
            return _lost_result(f"the connection to the cluster was lost: {error}"[:500])
        return await asyncio.to_thread(_write_result, parcel, task, future, packed_s)

    async def _stay_connected(self) -> None:
        while not self._is_stopping:
            try:
                client = await Client(  # type: ignore[no-untyped-call]  # Dask has types only in part
                    self._settings.scheduler,
                    asynchronous=True,
                    security=self._security,
                    timeout=CONNECT_S,
                    direct_to_workers=True,
                    set_as_default=False,
                    name="doodled",
                )
            except Exception as error:  # noqa: BLE001 - Dask wraps errors of the network, and raises others for its own settings
                self._set_outage(f"the scheduler {self._settings.scheduler} can't be reached: {type(error).__name__}: {error}"[:300])
            else:
                await self._serve(client)
            await self._pause(RETRY_S)

    async def _serve(self, client: Client) -> None:
        """Follow the cluster until it or the daemon goes; then end all tasks."""
        self._client, self._client_name = client, client.id[-8:]
        self._wake()  # there is capacity now, even before the first worker, if the settings say how many there will be
        try:
            while not self._is_stopping and self._client is client:
                if client.status != "running" or client.scheduler is None:
                    break
                found: Mapping[str, Any] = await asyncio.wait_for(client.scheduler.identity(), SILENCE_S)
                if self._client is client:
                    self._note_workers(found["workers"])
                await self._pause(POLL_S)
        except Exception as error:  # noqa: BLE001 - as above
            self._set_outage(f"the scheduler {self._settings.scheduler} was lost: {error or 'no answer'}"[:300])
        else:
            self._set_outage(f"the scheduler {self._settings.scheduler} was lost")
        self._client = None
        self._members.forget()
        with suppress(Exception):
            await asyncio.wait_for(client._close(fast=True), _CLOSE_S)  # noqa: SLF001 - the public one takes its time
        running = list(self._running.values())
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _note_workers(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        before = self._members.count
        self._members.note(workers)
        self._set_outage(self._members.reason if not self.count else "", is_news=self._members.count != before)

    def _set_outage(self, reason: str, *, is_news: bool = False) -> None:
        is_news = is_news or bool(reason) != bool(self.outage)
        self.outage = reason
        if is_news:
            self._wake()


def _write_result(parcel: bytes, task: Task, future: Future[TaskResult], packed_s: float) -> TaskResult:
    """Write a result into the job's folder, and end its task from this very thread: the way over the event loop's would cost a switch."""
    arrived_s = time.monotonic()
    try:
        result = unpack_result(parcel, task.job_folder)
    except (DoodledError, OSError) as error:
        result = TaskResult(failure=TaskFailure(error_type(error), f"the result can't be written: {error}", stage="write"))
    result.ended_s = time.monotonic()
    result.waited_s += packed_s + result.ended_s - arrived_s
    with suppress(InvalidStateError):
        future.set_result(result)
    return result


def _lost_result(reason: str) -> TaskResult:
    return TaskResult(failure=TaskFailure(ErrorType.NO_WORKER, reason))
