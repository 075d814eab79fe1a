"""Concurrency limit that adapts to overload: additive increase, multiplicative decrease (AIMD).

Halves when a model server is overloaded or memory runs out, and grows by one after as many successes as it allows jobs (Chiu and Jain,
"Analysis of the Increase and Decrease Algorithms for Congestion Avoidance", 1989). Jobs that started before a decrease don't count against
the lower limit, so one burst of failures halves it once.
"""

from __future__ import annotations


class ConcurrencyLimit:
    """AIMD limit without side effects: the caller reports how jobs ended, with start times on the monotonic clock.

    Args:
        maximum: jobs at once while nothing is overloaded, 1 or more.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = float(maximum)
        self._allowed = self._maximum
        self._fell_at_s = float("-inf")

    def set_maximum(self, maximum: int) -> None:
        """Change the maximum, because workers came or went; a limit that was at it, or is above, follows. Less than 1 counts as 1."""
        maximum = max(1, maximum)
        if self._allowed >= self._maximum or self._allowed > maximum:
            self._allowed = float(maximum)
        self._maximum = float(maximum)

    @property
    def limit(self) -> int:
        """Jobs that may run at once, 1 or more."""
        return int(self._allowed)

    def record_overload(self, started_s: float, now: float, concurrent: int) -> None:
        """Record that a job that started at `started_s` failed because `concurrent` jobs, itself included, were too many."""
        if started_s >= self._fell_at_s:
            self._allowed = max(1.0, min(self._allowed, float(concurrent)) / 2.0)
            self._fell_at_s = now

    def record_success(self) -> None:
        """Record that a job ended without a sign of overload."""
        self._allowed = min(self._maximum, self._allowed + 1.0 / self._allowed)
