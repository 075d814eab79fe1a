"""How many jobs may be under way at once: fewer after they proved too many, more again step by step.

Falls by half when a model server is overloaded or the memory runs out, and grows by one after as many good ends as it allows (AIMD; Chiu
and Jain 1989). Jobs that started before a fall say nothing about the number that it left, so one storm halves it once.
"""

from __future__ import annotations


class ConcurrencyLimit:
    """Pure: told of every end, with the time of its start on the monotonic clock.

    Args:
        most: jobs at once while all is well, 1 or more.
    """

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._allowed = self._most
        self._fell_at_s = float("-inf")

    @property
    def limit(self) -> int:
        """Jobs at once, 1 or more."""
        return int(self._allowed)

    def overloaded(self, started_s: float, now: float, at_once: int) -> None:
        """A job that started at `started_s` ended because `at_once` of them, itself included, were too many."""
        if started_s >= self._fell_at_s:
            self._allowed = max(1.0, min(self._allowed, float(at_once)) / 2.0)
            self._fell_at_s = now

    def went_well(self) -> None:
        """A job ended, and nothing spoke of an overload."""
        self._allowed = min(self._most, self._allowed + 1.0 / self._allowed)
