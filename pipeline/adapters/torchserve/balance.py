"""Which of several servers is asked next, and by how many at once.

A server that failed is left alone for a while, longer each time, and comes back through one single request; the others share the work,
the one with the fewest outstanding requests first, in turn where that is equal. How many requests a server may have outstanding falls by
half when it is overloaded and grows by one after as many successes as it allows (AIMD; Chiu and Jain 1989).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from pipeline.adapters.torchserve.settings import TorchServeEndpoint, TorchServeSettings

_SLICE_S = 0.1
"""How long a thread that waits for a free place sleeps before it looks at the stop event."""


class Verdict(Enum):
    """How a server did."""

    WELL = "well"
    BADLY = "badly"
    OVERLOADED = "overloaded"
    UNKNOWN = "unknown"


@dataclass
class Lease:
    """A place at a server, for one request.

    Attributes:
        verdict: to be set before the place is given back.
        retry_after_s: how long the server asked to be left alone, or None.
    """

    endpoint: TorchServeEndpoint
    verdict: Verdict = Verdict.UNKNOWN
    retry_after_s: float | None = None


@dataclass
class _Server:
    endpoint: TorchServeEndpoint
    window: float
    failures: int = 0
    avoided_until_s: float = float("-inf")
    outstanding: int = 0
    turn: int = 0


class Balancer:
    """The servers of one model. Thread-safe; `now_s` is always the same monotonic clock's."""

    def __init__(self, settings: TorchServeSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._turn = 0
        self._changed = threading.Condition()
        self._servers = [_Server(endpoint, float(settings.max_outstanding)) for endpoint in settings.endpoints]

    @contextmanager
    def place(self, clock: Callable[[], float], until_s: float, tried: set[str], is_stopped: Callable[[], bool]) -> Iterator[Lease | None]:
        """A place at the best server, preferably one whose URL is not among `tried`; None if none became free until `until_s`."""
        server = self._taken(clock, until_s, tried, is_stopped)
        if server is None:
            yield None
            return
        lease = Lease(server.endpoint)
        try:
            yield lease
        finally:
            with self._changed:
                server.outstanding -= 1
                self._judge(server, lease, clock())
                self._changed.notify_all()

    def has_other(self, now_s: float, tried: set[str]) -> bool:
        """A server that is not among `tried`, healthy and with a free place."""
        with self._changed:
            return any(
                server.endpoint.url not in tried and server.failures == 0 and server.avoided_until_s <= now_s and _has_room(server)
                for server in self._servers
            )

    def _taken(self, clock: Callable[[], float], until_s: float, tried: set[str], is_stopped: Callable[[], bool]) -> _Server | None:
        with self._changed:
            while not is_stopped():
                now_s = clock()
                server = self._best(now_s, tried)
                if server is not None:
                    self._turn += 1
                    server.turn = self._turn
                    server.outstanding += 1
                    return server
                if now_s >= until_s:
                    return None
                self._changed.wait(min(_SLICE_S, until_s - now_s))
            return None

    def _best(self, now_s: float, tried: set[str]) -> _Server | None:
        free = [server for server in self._servers if _has_room(server)]
        ready = [server for server in free if server.avoided_until_s <= now_s]
        # One that is to be probed comes first, or it would never come back while others have nothing to do.
        ready.sort(key=lambda server: (server.endpoint.url in tried, server.failures == 0, server.outstanding, server.turn))
        if ready:
            return ready[0]
        if any(server.avoided_until_s <= now_s for server in self._servers):
            return None  # a healthy one is busy: worth waiting for
        # All are being avoided: whoever asks nevertheless gets the one that is due first.
        return min(free, key=lambda server: (server.endpoint.url in tried, server.avoided_until_s), default=None)

    def _judge(self, server: _Server, lease: Lease, now_s: float) -> None:
        match lease.verdict:
            case Verdict.WELL:
                server.failures = 0
                server.avoided_until_s = float("-inf")
                server.window = min(server.window + 1.0 / server.window, float(self._settings.max_outstanding))
            case Verdict.BADLY | Verdict.OVERLOADED:
                if lease.verdict is Verdict.OVERLOADED:
                    server.window = max(server.window / 2.0, 1.0)
                longest_s = min(self._settings.avoid_first_s * 2.0 ** min(server.failures, 60), self._settings.avoid_max_s)
                server.failures += 1
                wait_s = max(longest_s * self._rng.uniform(0.5, 1.0), lease.retry_after_s or 0.0)
                server.avoided_until_s = max(server.avoided_until_s, now_s + wait_s)
            case Verdict.UNKNOWN:
                pass


def _has_room(server: _Server) -> bool:
    """One that failed is probed by one request only."""
    return server.outstanding < (1 if server.failures else int(server.window))
