"""A daemon without processes and without a clock: its own parts, turned by hand at the times that a test says.

Only the work is pretended (fault/stub_daemon.py); inbox, spool, outbox and every system call are real.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fault.stub_daemon import pretended

from daemon.inbox.watcher import Watcher
from daemon.log.factory import json_log
from daemon.policy.failures import error_type
from daemon.service.main import build_components
from daemon.service.sd_notify import SdNotifier
from daemon.settings import Settings
from daemon.spool.spool import Spool
from daemon.worker.task import Task, TaskFailure, TaskResult

LONGEST_S = 5.0
"""Between two turns, as in daemon.service.main."""


class Hands:
    """Workers that are done at once, or when a test says so."""

    def __init__(self, work: Callable[[Task], TaskResult], count: int) -> None:
        self.count = count
        self._work = work
        self.is_slow = False
        self.begun: list[tuple[Task, Future[TaskResult]]] = []
        self.orders = 0

    def start(self, order: Task, deadline_s: float) -> Future[TaskResult]:
        del deadline_s
        self.orders += 1
        future: Future[TaskResult] = Future()
        if not self.is_slow:
            future.set_running_or_notify_cancel()
        self.begun.append((order, future))
        if not self.is_slow:
            self.finish()
        return future

    def finish(self) -> None:
        """Be done with everything that was begun."""
        begun, self.begun = self.begun, []
        for order, future in begun:
            if not future.cancelled():
                future.set_result(self._report(order))

    def _report(self, order: Task) -> TaskResult:
        try:
            return self._work(order)
        except OSError as error:
            return TaskResult(failure=TaskFailure(error_type(error), str(error)))

    def request_stop(self) -> None:
        """Nobody waits for a model server."""

    def close(self) -> None:
        """Nobody is there."""


class HandDriven:
    """One life of a daemon.

    Attributes:
        records: what it has told.
        said: what systemd was told.
    """

    def __init__(
        self, spool: Spool, fields: Mapping[str, Any], *, work: Callable[[Task], TaskResult], count: int, has_leases: bool
    ) -> None:
        quiet = {"log": {"stages": False, **fields.get("log", {})}}
        self.settings = Settings.model_validate({"storage": {"reserve_mb": 0}, **fields, **quiet})
        self._has_begun = False
        self.records: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.spool, self.hands = spool, Hands(work, count)
        self.log = json_log(lambda line: self.records.append(json.loads(line)), instance=spool.instance)
        self.watcher = Watcher(spool.layout.inbox, lambda: None, is_network=True)
        notifier = SdNotifier(self.said.append, 1.0)
        self.components = build_components(
            self.settings, spool, self.log, workers=self.hands, notifier=notifier, watcher=self.watcher, has_leases=has_leases
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
        work: Callable[[Task], TaskResult] = pretended,
        count: int = 2,
        has_leases: bool = True,
    ) -> Iterator[HandDriven]:
        """A daemon at a root, with settings by section."""
        with Spool.opened(root) as spool:
            yield cls(spool, fields or {}, work=work, count=count, has_leases=has_leases)

    def turn(self, now: float) -> None:
        """What the loop does at one time; before its first turn, it looks for what others left."""
        if not self._has_begun:
            self._has_begun = True
            self.scheduler.take_over(now)
        self.components.step(now)

    def turned(self, now: float, until_s: float = math.inf, *, turns: int = 2000) -> float:
        """Turn at every time that the daemon asks for: until nothing is left to do, or until it is `until_s`. Returns the time."""
        for _ in range(turns):
            self.turn(now)
            if not self.left and until_s == math.inf:
                return now
            later = min(self.components.due_s(now), now + LONGEST_S)
            later = max(later, now + 0.001)
            if later > until_s:
                return now
            now = later
        raise AssertionError(f"it is not done after {turns} turns: {self.scheduler.waiting}")

    @property
    def left(self) -> int:
        """How much waits or runs."""
        in_inbox = [each for each in self.scanner.candidates() if not each.rejected]
        return len(in_inbox) + len(self.scheduler.waiting) + len(self.scheduler.running)

    def status(self) -> dict[str, Any]:
        """What it last said of itself to people on the same disk."""
        found: dict[str, Any] = json.loads((self.spool.layout.status / f"{self.spool.instance}.json").read_text())
        return found

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Its records of one event."""
        return [record for record in self.records if record["event"] == event]


def drop(root: Path, name: str = "garlic.png", content: bytes = b"a drawing") -> Path:
    """Lay something into the inbox."""
    path = root / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
