"""Outage: a resource whose absence shows without a probe, such as workers on other machines that are no longer connected."""

from __future__ import annotations

from daemon.policy.circuit_breaker import CircuitState


class Outage:
    """Whether such a resource is unavailable, and since when. To readers it looks like a circuit breaker that needs no probe.

    Attributes:
        reason: why it is unavailable, or "".
        opened_at_s: since when, on the monotonic clock; None while it is available.
    """

    def __init__(self) -> None:
        self.reason = ""
        self.opened_at_s: float | None = None

    @property
    def state(self) -> CircuitState:
        """The state, as log, metrics and status show it."""
        return CircuitState.CLOSED if self.opened_at_s is None else CircuitState.OPEN

    def note(self, reason: str, now: float) -> bool:
        """Record why the resource is unavailable now, or "". Returns whether an outage began or ended."""
        has_changed = bool(reason) != bool(self.reason)
        self.reason = reason
        if has_changed:
            self.opened_at_s = now if reason else None
        return has_changed
