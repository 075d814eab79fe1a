"""The breaker before the networks: while they can't be asked, one job in a while tries, and all others wait without harm."""

from __future__ import annotations

from enum import StrEnum

from daemon.policy.failures import Backoff


class CircuitState(StrEnum):
    """Whether jobs that need the networks may start."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Pure: told of every end and asked before every start, with the time on the monotonic clock."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._probe: str | None = None
        self._probe_started_s: float | None = None
        self._retry_at_s = 0.0
        self.failures = 0
        self.opened_at_s: float | None = None
        self.reason = ""

    @property
    def state(self) -> CircuitState:
        """As logs and STATUS= call it."""
        if self.opened_at_s is None:
            return CircuitState.CLOSED
        return CircuitState.HALF_OPEN if self._probe is not None else CircuitState.OPEN

    def may_start(self, now: float) -> bool:
        """Whether a job that needs the networks may start; while open, one at a time, when its time has come."""
        return self.opened_at_s is None or (self._probe is None and now >= self._retry_at_s)

    def due_s(self) -> float | None:
        """When the next probe may start, if one is waited for."""
        return self._retry_at_s if self.state is CircuitState.OPEN else None

    def started(self, job: str, now: float | None = None) -> bool:
        """A job that needs the networks has started; True if it is the probe, as it is while open.

        Args:
            now: to count the wait for the next probe from, or None to count it from this one's end: a probe that hangs takes long enough.
        """
        if self.opened_at_s is None:
            return False
        self._probe, self._probe_started_s = job, now
        return True

    def failed(self, now: float, job: str, reason: str, retry_after_s: float | None = None) -> bool:
        """A job ended because the networks can't be asked; True if this opened the breaker.

        Jobs that had started before it opened don't count again.
        """
        is_new = self.opened_at_s is None
        if not is_new and self._probe != job:
            return False
        self._probe = None
        self.failures += 1
        self.reason = reason
        if is_new:
            self.opened_at_s = now
        since_s = now if is_new or self._probe_started_s is None else self._probe_started_s
        asked_s = min(retry_after_s or 0.0, self._backoff.most_s * 10)
        self._retry_at_s = max(now + asked_s, since_s + self._backoff.wait_s(self.failures))
        return is_new

    def succeeded(self, job: str) -> bool:
        """The networks answered a job, whatever became of it; True if this closed the breaker."""
        was_open = self.opened_at_s is not None
        if was_open and self._probe != job:
            return False
        self._probe = self.opened_at_s = None
        self.failures = 0
        self.reason = ""
        return was_open

    def forgotten(self, job: str) -> None:
        """A job ended without saying anything about the networks."""
        if self._probe == job:
            self._probe = None
