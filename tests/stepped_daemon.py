"""A daemon without processes and without a clock: its own components, stepped at the times that a test chooses.

Only the work is fake (fault/stub_daemon.py); inbox, spool, outbox and every system call are real.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fault.stub_daemon import fake_result

from daemon.inbox.watcher import Watcher
from daemon.log.factory import json_log
from daemon.policy.failures import error_type
from daemon.service.main import build_components
from daemon.service.sd_notify import SdNotifier
from daemon.settings import Settings
from daemon.spool.spool import Spool
from daemon.worker.task import Task, TaskFailure, TaskResult

MAX_WAIT_S = 5.0
"""Longest time between two steps, as in daemon.service.main."""


class ManualWorkers:
    """Workers that finish at once, or when a test calls `finish`.

    Attributes:
        is_slow: tasks finish only in `finish`.
        begun: tasks that are not finished.
        started: number of tasks so far.
    """

    def __init__(self, work: Callable[[Task], TaskResult], count: int) -> None:
        self.count, self.capacity, self.outage = count, count + 1, ""
        self._work = work
        self.is_slow = False
        self.begun: list[tuple[Task, Future[TaskResult]]] = []
        self.started = 0

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        del deadline_s
        self.started += 1
        future: Future[TaskResult] = Future()
        if not self.is_slow:
            future.set_running_or_notify_cancel()
        self.begun.append((task, future))
        if not self.is_slow:
            self.finish()
        return future

    def finish(self) -> None:
        """Finish everything that was begun."""
        begun, self.begun = self.begun, []
        for task, future in begun:
            if not future.cancelled():
                future.set_result(self._result(task))

    def _result(self, task: Task) -> TaskResult:
        try:
            return self._work(task)
        except OSError as error:
            return TaskResult(failure=TaskFailure(error_type(error), str(error)))

    def end_idle(self, now: float) -> None:
        """There are no processes."""

    def request_stop(self) -> None:
        """Nothing waits for a model server."""

    def close(self) -> None:
        """There are no processes."""


class SteppedDaemon:
    """One run of a daemon.

    Attributes:
        records: its log records.
        notifications: its notifications to systemd.
    """

    def __init__(
        self, spool: Spool, fields: Mapping[str, Any], *, work: Callable[[Task], TaskResult], count: int, has_leases: bool
    ) -> None:
        quiet = {"log": {"stages": False, **fields.get("log", {})}}
        self.settings = Settings.model_validate({"storage": {"reserve_mb": 0}, **fields, **quiet})
        self._has_started = False
        self.records: list[dict[str, Any]] = []
        self.notifications: list[str] = []
        self.spool, self.workers = spool, ManualWorkers(work, count)
        self.log = json_log(lambda line: self.records.append(json.loads(line)), instance=spool.instance)
        self.watcher = Watcher(spool.layout.inbox, lambda: None, is_network=True)
        notifier = SdNotifier(self.notifications.append, 1.0)
        self.components = build_components(
            self.settings, spool, self.log, workers=self.workers, notifier=notifier, watcher=self.watcher, has_leases=has_leases
        )
        self.scanner, self.completion, self.scheduler = self.components.scanner, self.components.completion, self.components.scheduler
        self.scan_loop, self.disk_guard = self.components.scan_loop, self.components.disk_guard
        self.housekeeping = self.components.housekeeping

    @classmethod
    @contextmanager
    def opened(
        cls,
        root: Path,
        fields: Mapping[str, Any] | None = None,
        *,
        work: Callable[[Task], TaskResult] = fake_result,
        count: int = 2,
        has_leases: bool = True,
    ) -> Iterator[SteppedDaemon]:
        """Open a daemon on a root, with settings by section."""
        with Spool.open(root) as spool:
            yield cls(spool, fields or {}, work=work, count=count, has_leases=has_leases)

    def step(self, now: float) -> None:
        """One iteration of the main loop; the first one takes over orphaned jobs before."""
        if not self._has_started:
            self._has_started = True
            self.scheduler.take_over(now)
        self.components.step(now)

    def run(self, now: float, until_s: float = math.inf, *, steps: int = 2000) -> float:
        """Step whenever something is due, until no work is left or until `until_s`. Returns the time."""
        for _ in range(steps):
            self.step(now)
            if not self.left and until_s == math.inf:
                return now
            later = min(self.components.due_s(now), now + MAX_WAIT_S)
            later = max(later, now + 0.001)
            if later > until_s:
                return now
            now = later
        raise AssertionError(f"work is left after {steps} steps: {self.scheduler.waiting}")

    @property
    def left(self) -> int:
        """Number of files and jobs that wait or run."""
        in_inbox = [each for each in self.scanner.candidates() if not each.rejected]
        return len(in_inbox) + len(self.scheduler.waiting) + len(self.scheduler.running)

    def status(self) -> dict[str, Any]:
        """Content of the status file."""
        found: dict[str, Any] = json.loads((self.spool.layout.status / f"{self.spool.instance}.json").read_text())
        return found

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The records of one event."""
        return [record for record in self.records if record["event"] == event]


def drop(root: Path, name: str = "garlic.png", content: bytes = b"a drawing") -> Path:
    """Drop a file into the inbox."""
    path = root / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
