"""Circuit breaker: after a failure, one job at a time probes a resource while all others wait and lose no attempt.

Pattern: M. Nygard, "Release It!", chapter "Stability Patterns". One breaker guards the model servers, one this machine (OpenGL, the disk,
new processes).
"""

from __future__ import annotations

from enum import StrEnum

from daemon.policy.failures import Backoff


class CircuitState(StrEnum):
    """Whether jobs that need the resource may start: all of them, none, or one that probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Circuit breaker without side effects: the caller reports starts and ends of jobs, with the time on the monotonic clock.

    Attributes:
        failures: failures in a row since the breaker opened.
        opened_at_s: when it opened; None while it is closed.
        reason: why it is open, or "".
    """

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
        """The state, as log, metrics and status show it."""
        if self.opened_at_s is None:
            return CircuitState.CLOSED
        return CircuitState.HALF_OPEN if self._probe is not None else CircuitState.OPEN

    def may_start(self, now: float) -> bool:
        """Whether a job may start. While the breaker is open: only after the backoff, and only if no other job is the probe."""
        return self.opened_at_s is None or (self._probe is None and now >= self._retry_at_s)

    def due_s(self) -> float | None:
        """When the next probe may start; None if the breaker is closed or a probe runs."""
        return self._retry_at_s if self.state is CircuitState.OPEN else None

    def record_start(self, job: str, now: float | None = None) -> bool:
        """Record that a job started. Returns True if it is the probe, as any job is that starts while the breaker is open.

        Args:
            now: the backoff after a failed probe counts from this time; None counts it from the probe's end. Counting from the start keeps
                a probe that times out from adding its timeout to the backoff.
        """
        if self.opened_at_s is None:
            return False
        self._probe, self._probe_started_s = job, now
        return True

    def record_failure(self, now: float, job: str, reason: str, retry_after_s: float | None = None) -> bool:
        """Record that a job ended because the resource is unavailable. Returns True if this opened the breaker.

        While the breaker is open, only the probe counts: jobs that started before it opened add nothing new.
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
        asked_s = min(retry_after_s or 0.0, self._backoff.max_s * 10)
        self._retry_at_s = max(now + asked_s, since_s + self._backoff.wait_s(self.failures))
        return is_new

    def record_success(self, job: str) -> bool:
        """Record that the resource served a job, whatever the job's outcome. Returns True if this closed the breaker."""
        was_open = self.opened_at_s is not None
        if was_open and self._probe != job:
            return False
        self._probe = self.opened_at_s = None
        self.failures = 0
        self.reason = ""
        return was_open

    def forget(self, job: str) -> None:
        """Drop a job that ended without any evidence about the resource; another job may probe."""
        if self._probe == job:
            self._probe = None
