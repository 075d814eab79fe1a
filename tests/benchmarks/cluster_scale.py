"""Discrete-event simulation of clusters: at which size throughput stops growing, and what several clusters gain.

    python tests/benchmarks/cluster_scale.py [DRAWINGS]

Jobs pass through stations, each of which serves one after the other: the daemon's loop, the scheduler, the network of both, and as many
workers as there are. The daemon keeps twice as many jobs under way as there are workers. Times are measured ones
(tests/benchmarks/cluster.py), see etc/doc/scaling.md; work is log-normal, like that of real drawings. With SHARDS, as many clusters of
this kind work side by side.
"""

from __future__ import annotations

import heapq
import math
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WORK_S = 1.0
SPREAD = 0.5
"""Standard deviation of the logarithm of the work."""

LATENCY_S = 0.0005
OUT_MB = 0.1
BACK_MB = 3.7
WORKERS = (1, 10, 30, 50, 100, 200, 300, 1000)
SHARDS = (1, 10, 20, 40)


@dataclass(frozen=True)
class Costs:
    """Costs of one job: seconds of the one processor that does the work."""

    claim_s: float = 0.008
    publish_s: float = 0.012
    schedule_s: float = 0.009
    mb_per_s: float = 1100.0


@dataclass
class Station:
    """Serves one job after the other.

    Attributes:
        busy_s: how long it has worked.
    """

    busy_s: float = 0.0
    is_busy: bool = False
    queue: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)


class Simulation:
    """One daemon with its scheduler and workers, and a backlog that does not end before `drawings`."""

    def __init__(self, workers: int, drawings: int, costs: Costs, seed: int = 1) -> None:
        self._costs, self._random = costs, random.Random(seed)
        self._workers, self._drawings = workers, drawings
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = self._started = self.done = 0
        self.now = 0.0
        self.daemon, self.scheduler, self.daemon_net, self.scheduler_net = Station(), Station(), Station(), Station()
        self._free, self._waiting = workers, 0
        self.worked_s = 0.0

    def run(self) -> None:
        """Run until all drawings are published."""
        for _ in range(2 * self._workers):
            self._start()
        while self._events:
            self.now, _, happen = heapq.heappop(self._events)
            happen()

    def _start(self) -> None:
        if self._started == self._drawings:
            return
        self._started += 1
        costs = self._costs
        self._serve(self.daemon, costs.claim_s, lambda: self._serve(self.daemon_net, OUT_MB / costs.mb_per_s, self._schedule))

    def _schedule(self) -> None:
        through_s = 2 * OUT_MB / self._costs.mb_per_s  # in and out again
        self._serve(self.scheduler_net, through_s, lambda: self._serve(self.scheduler, self._costs.schedule_s / 2, self._give))

    def _give(self) -> None:
        if self._free:
            self._free -= 1
            self._work()
        else:
            self._waiting += 1

    def _work(self) -> None:
        work_s = self._random.lognormvariate(math.log(WORK_S) - SPREAD**2 / 2, SPREAD)
        self.worked_s += work_s
        self._later(2 * LATENCY_S + work_s, self._worked)

    def _worked(self) -> None:
        if self._waiting:
            self._waiting -= 1
            self._work()
        else:
            self._free += 1
        self._serve(self.scheduler, self._costs.schedule_s / 2, self._fetch)

    def _fetch(self) -> None:
        costs = self._costs
        self._serve(self.daemon_net, BACK_MB / costs.mb_per_s, lambda: self._serve(self.daemon, costs.publish_s, self._published))

    def _published(self) -> None:
        self.done += 1
        self._start()

    def _serve(self, station: Station, takes_s: float, then: Callable[[], None]) -> None:
        station.queue.append((takes_s, then))
        if not station.is_busy:
            self._next(station)

    def _next(self, station: Station) -> None:
        if not station.queue:
            station.is_busy = False
            return
        station.is_busy = True
        takes_s, then = station.queue.popleft()
        station.busy_s += takes_s

        def end() -> None:
            then()
            self._next(station)

        self._later(takes_s, end)

    def _later(self, wait_s: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + wait_s, self._count, happen))


def row(workers: int, shards: int, drawings: int, costs: Costs) -> str:
    """Print one line of the table: all shards are the same, and independent of each other."""
    ran = Simulation(workers // shards, drawings // shards, costs)
    ran.run()
    busy = (ran.daemon.busy_s, ran.scheduler.busy_s, ran.daemon_net.busy_s, ran.scheduler_net.busy_s, ran.worked_s / (workers // shards))
    shares = " | ".join(f"{100 * each / ran.now:.0f} %" for each in busy)
    return f"| {workers} | {shards} | {shards * ran.done / ran.now:.1f} | {shares} |"


def main(drawings: int) -> None:
    costs = Costs()
    print("| Workers | Daemons | Drawings a second | Daemon busy | Scheduler | Daemon's network | Scheduler's network | Workers |")
    print("|---|---|---|---|---|---|---|---|")
    for workers in WORKERS:
        print(row(workers, 1, max(2000, 20 * workers), costs), flush=True)
    for shards in SHARDS[1:]:
        print(row(max(WORKERS), shards, drawings, costs), flush=True)


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:] or ["1000000"]))
