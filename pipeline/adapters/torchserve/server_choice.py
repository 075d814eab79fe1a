"""Which of several model servers to ask next: avoid those that failed, prefer those that this call has not tried.

A server that failed is avoided for a while, longer after each failure; the first request after that decides whether it has recovered.
Healthy servers take turns. A process asks one question at a time, so there is no limit on concurrent requests here: the daemon's
`daemon.policy.concurrency_limit` bounds them over all workers.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from enum import Enum

from pipeline.adapters.torchserve.settings import TorchServeEndpoint, TorchServeSettings


class Verdict(Enum):
    """What one request says about its server."""

    HEALTHY = "healthy"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass
class _Server:
    endpoint: TorchServeEndpoint
    failures: int = 0
    avoided_until_s: float = float("-inf")
    turn: int = 0


class ServerChoice:
    """The servers of one model. Thread-safe; `now_s` comes from one monotonic clock."""

    def __init__(self, settings: TorchServeSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._turn = 0
        self._lock = threading.Lock()
        self._servers = [_Server(endpoint) for endpoint in settings.endpoints]

    def choose(self, now_s: float, tried: set[str]) -> TorchServeEndpoint:
        """The server to ask now. `tried` holds the URLs that this call has asked; if all servers are avoided, the one due first."""
        with self._lock:
            ready = [server for server in self._servers if server.avoided_until_s <= now_s]
            if ready:
                # A server that failed comes before a healthy one, or it would never be asked again while others are idle.
                best = min(ready, key=lambda server: (server.endpoint.url in tried, server.failures == 0, server.turn))
            else:
                best = min(self._servers, key=lambda server: (server.endpoint.url in tried, server.avoided_until_s))
            self._turn += 1
            best.turn = self._turn
            return best.endpoint

    def has_other(self, now_s: float, tried: set[str]) -> bool:
        """Whether a healthy server is left that this call has not tried."""
        with self._lock:
            return any(
                server.endpoint.url not in tried and server.failures == 0 and server.avoided_until_s <= now_s for server in self._servers
            )

    def record(self, endpoint: TorchServeEndpoint, verdict: Verdict, now_s: float, *, retry_after_s: float | None = None) -> None:
        """Take one request's verdict into account. `retry_after_s` is how long the server asked to be left alone."""
        if verdict is Verdict.UNKNOWN:
            return
        with self._lock:
            server = next(server for server in self._servers if server.endpoint == endpoint)
            if verdict is Verdict.HEALTHY:
                server.failures = 0
                server.avoided_until_s = float("-inf")
                return
            longest_s = min(self._settings.avoid_first_s * 2.0 ** min(server.failures, 60), self._settings.avoid_max_s)
            server.failures += 1
            wait_s = max(longest_s * self._rng.uniform(0.5, 1.0), retry_after_s or 0.0)
            server.avoided_until_s = max(server.avoided_until_s, now_s + wait_s)
