"""A daemon on a simulated clock: hours of an outage in seconds. Files, spool and service are real; the work and its duration are fake."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fault.stub_daemon import fake_result

from daemon.inbox.watcher import Watcher
from daemon.log.factory import json_log
from daemon.service.main import build_components
from daemon.service.sd_notify import SdNotifier
from daemon.settings import Settings
from daemon.spool.spool import Spool
from daemon.worker.task import Task, TaskResult

Simulate = Callable[[Task, float, int], tuple[float, TaskResult | None]]
"""Simulates a task, given its start and the number of tasks at work: returns the duration, and the result or None for success."""


@dataclass
class Begun:
    """A task at work."""

    task: Task
    at_s: float
    future: Future[TaskResult]
    ends_at_s: float = 0.0
    result: TaskResult | None = None


@dataclass
class SimulatedWorkers:
    """Workers that run `count` tasks at once, first come, first served."""

    count: int
    simulate: Simulate
    outage: str = ""
    now: float = 0.0
    waiting: list[Begun] = field(default_factory=list)
    busy: list[Begun] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)

    @property
    def capacity(self) -> int:
        return self.count + 1

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        del deadline_s
        future: Future[TaskResult] = Future()
        future.set_running_or_notify_cancel()
        self.waiting.append(Begun(task, self.now, future))
        self.advance(self.now)
        return future

    def advance(self, now: float) -> None:
        """Finish the tasks that end until then, and begin waiting ones."""
        self.now = now
        for each in [each for each in self.busy if each.ends_at_s <= now]:
            self.busy.remove(each)
            each.future.set_result(each.result or fake_result(each.task))
        while self.waiting and len(self.busy) < self.count:
            each = self.waiting.pop(0)
            each.at_s = now
            self.busy.append(each)
            self.begun.append(each)
            took_s, each.result = self.simulate(each.task, now, len(self.busy))
            each.ends_at_s = now + took_s

    def end_idle(self, now: float) -> None:
        """There are no processes."""

    def request_stop(self) -> None:
        """Nothing waits for a model server."""

    def close(self) -> None:
        """There are no processes."""


class Simulation:
    """A daemon, its log, and its notifications to systemd.

    Attributes:
        records: all log records, each with `at_s`.
        done_at_s: when drawings were published.
    """

    def __init__(self, root: Path, simulate: Simulate, *, workers: int, settings: dict[str, Any]) -> None:
        self._stack = ExitStack()
        self.now = 0.0
        self.records: list[dict[str, Any]] = []
        self.status = ""
        self.workers = SimulatedWorkers(workers, simulate)
        self._root = root
        self._settings = Settings.model_validate({"storage": {"reserve_mb": 0}, **settings})

    def __enter__(self) -> Self:
        self.spool = self._stack.enter_context(Spool.open(self._root))
        log = json_log(self._write, instance="simulated")
        watcher = Watcher(self.spool.layout.inbox, lambda: None, is_network=True)
        notifier = SdNotifier(self._notify, None)
        self.components = build_components(
            self._settings, self.spool, log, workers=self.workers, notifier=notifier, watcher=watcher, has_leases=True
        )
        self.scanner, self.scheduler = self.components.scanner, self.components.scheduler
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, until_s: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Run the main loop until then, one iteration whenever something is due."""
        while self.now < until_s and not is_over():
            self.workers.advance(self.now)
            self.components.step(self.now)
            ends = (each.ends_at_s for each in self.workers.busy)
            # A due time must be later than now; a task that ends needs an iteration at once.
            self.now = max(min((self.components.due_s(self.now), *ends)), self.now + 0.001)

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["event"] == event]

    @property
    def done_at_s(self) -> list[float]:
        return [record["at_s"] for record in self.logged("job.done")]

    def _write(self, line: str) -> None:
        self.records.append({**json.loads(line), "at_s": self.now})

    def _notify(self, text: str) -> None:
        self.status = text
