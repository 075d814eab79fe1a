"""Which of several model servers to ask next, and how long to wait for it before another one is asked the same.

A server that failed gets no images while another one answers. After a while, longer after each failure, it is sent a tiny prediction; an
answer in time brings it back. If all servers failed, the one whose time comes first is asked. Healthy servers take turns.

One that takes a request and does not answer costs far more than one that refuses it, so it is avoided for as long as the read timeout at
least. It is recognized early by its competitor: "hedged requests" (J. Dean and L. A. Barroso, "The Tail at Scale", 2013, section "Within
Request Short-Term Adaptations").

A process asks one question at a time, so there is no limit on concurrent requests here: the daemon's `daemon.policy.concurrency_limit`
bounds them over all workers.
"""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from enum import Enum
from typing import Final

from pipeline.adapters.model_server.settings import ServerEndpoint, ServerSettings
from pipeline.adapters.model_server.shared_health import HEALTHY, ServerHealth, SharedHealth

_HEDGE_FACTOR: Final = 4.0
"""A request that takes more than this many times the usual is asked of another server, too: rare enough to add no load worth naming."""
_MIN_HEDGE_S: Final = 0.25
"""Noise of a busy machine, which must not look like a slow server."""
_MAX_HEDGE_SHARE: Final = 0.25
"""Of the read timeout."""
_NEWEST_WEIGHT: Final = 0.2
_FORGIVEN_AFTER: Final = 2.0
"""Times the avoidance: one good answer of a server that comes and goes must not make up for its failures."""
_PROBE_SLACK_S: Final = 1.0


class Verdict(Enum):
    """What one request says about its server."""

    HEALTHY = "healthy"
    FAILING = "failing"
    SILENT = "silent"
    OVERTAKEN = "overtaken"
    UNKNOWN = "unknown"


class ServerChoice:
    """The servers of one model. Thread-safe; `now_s` comes from one monotonic clock."""

    def __init__(self, model: str, settings: ServerSettings, rng: random.Random, shared: SharedHealth) -> None:
        self._model = model
        self._settings = settings
        self._rng = rng
        self._shared = shared
        self._turn = 0
        self._turns = dict.fromkeys(settings.endpoints, 0)
        self._usual_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def choose(self, now_s: float, tried: set[str]) -> ServerEndpoint:
        """The server to ask now. `tried` holds the URLs that this call has asked."""
        with self._lock:
            healthy = [endpoint for endpoint in self._turns if not self._health(endpoint).is_failing]
            if healthy:
                best = min(healthy, key=lambda endpoint: (endpoint.url in tried, self._turns[endpoint]))
            else:
                best = min(self._turns, key=lambda endpoint: self._order_of_failing(endpoint, now_s, tried))
            self._turn += 1
            self._turns[best] = self._turn
            return best

    def has_other(self, tried: set[str]) -> bool:
        """Whether a healthy server is left that this call has not tried."""
        return any(endpoint.url not in tried and not self._health(endpoint).is_failing for endpoint in self._turns)

    def can_hedge(self, tried: set[str]) -> bool:
        """Whether `choose` has a server left that this call has not tried."""
        are_all_failing = all(self._health(endpoint).is_failing for endpoint in self._turns)
        return any(endpoint.url not in tried for endpoint in self._turns) if are_all_failing else self.has_other(tried)

    def hedge_after_s(self) -> float:
        """How long to wait for an answer before another server is asked the same: a multiple of what the fastest server usually takes."""
        with self._lock:
            usual_s = min(self._usual_s.values(), default=None)
        if usual_s is None:
            return self._settings.hedge_first_s
        return min(max(_HEDGE_FACTOR * usual_s, _MIN_HEDGE_S), _MAX_HEDGE_SHARE * self._settings.read_timeout_s)

    def take_probe(self, now_s: float) -> ServerEndpoint | None:
        """Take a failing server that is due for a tiny prediction while another one answers; until that has ended, no other caller
        gets it. None if there is none.
        """
        if all(self._health(endpoint).is_failing for endpoint in self._turns):
            return None  # the next image is the probe
        until_s = now_s + self._settings.hedge_first_s + _PROBE_SLACK_S

        def taken(health: ServerHealth) -> ServerHealth:
            is_due = health.is_failing and health.avoided_until_s <= now_s
            return replace(health, avoided_until_s=until_s) if is_due else health

        due = (endpoint for endpoint in self._turns if taken(self._health(endpoint)) != self._health(endpoint))
        return next((endpoint for endpoint in due if self._shared.update(self._key(endpoint), taken)), None)

    def record(
        self, endpoint: ServerEndpoint, verdict: Verdict, now_s: float, *, duration_s: float = 0.0, retry_after_s: float | None = None
    ) -> None:
        """Take one request's verdict into account.

        Args:
            duration_s: of a request that was answered.
            retry_after_s: how long the server asked to be left alone.
        """
        match verdict:
            case Verdict.UNKNOWN:
                return
            case Verdict.HEALTHY:
                self._record_answer(endpoint, now_s, duration_s)
            case _:
                spread = self._rng.uniform(0.5, 1.0)

                def failed(before: ServerHealth) -> ServerHealth:
                    return self._after_failure(before, verdict, now_s, spread, retry_after_s or 0.0)

                self._shared.update(self._key(endpoint), failed)

    def _record_answer(self, endpoint: ServerEndpoint, now_s: float, duration_s: float) -> None:
        with self._lock:
            usual_s = self._usual_s.get(endpoint.url, duration_s)
            self._usual_s[endpoint.url] = usual_s + _NEWEST_WEIGHT * (duration_s - usual_s)

        def answered(before: ServerHealth) -> ServerHealth:
            return HEALTHY if now_s >= before.forgiven_from_s else replace(before, is_failing=False, avoided_until_s=0.0)

        before = self._health(endpoint)
        if answered(before) != before:
            self._shared.update(self._key(endpoint), answered)

    def _after_failure(self, before: ServerHealth, verdict: Verdict, now_s: float, spread: float, retry_after_s: float) -> ServerHealth:
        longest_s = min(self._settings.avoid_first_s * 2.0 ** min(before.failures, 60), self._settings.avoid_max_s)
        wait_s = max(longest_s * spread, retry_after_s)
        if verdict in {Verdict.SILENT, Verdict.OVERTAKEN}:
            wait_s = max(wait_s, self._settings.read_timeout_s * (0.5 + spread))
        # The first request that another server overtook may have met a moment's load; a tiny prediction shows whether it did.
        is_left_alone = verdict is not Verdict.OVERTAKEN or before.failures > 0
        until_s = max(before.avoided_until_s, now_s + wait_s) if is_left_alone else now_s
        return ServerHealth(before.failures + 1, True, until_s, max(before.forgiven_from_s, now_s + _FORGIVEN_AFTER * wait_s))  # noqa: FBT003

    def _order_of_failing(self, endpoint: ServerEndpoint, now_s: float, tried: set[str]) -> tuple[bool, float, int]:
        return endpoint.url in tried, max(self._health(endpoint).avoided_until_s, now_s), self._turns[endpoint]

    def _health(self, endpoint: ServerEndpoint) -> ServerHealth:
        return self._shared.get(self._key(endpoint))

    def _key(self, endpoint: ServerEndpoint) -> str:
        return f"{self._model} {endpoint.url}"
