"""Decides when an inbox file is complete: a pure state machine over observations of the file and their times.

A file is complete when it is not empty and
- no process has it open for writing, by the kernel's answer to a lease request (F_SETLEASE, fcntl(2)), and it has not changed for
  `debounce_s`, which covers programs that open a file several times, or for `stable_s` if it is an image without an end; or,
- where the kernel gives no answer (network file systems, files of other users), it has not changed for `stable_s` in at least
  `stable_samples` observations.

A file that is not complete is observed again without a time limit; operators see its age. etc/doc/spool.md ("Stability").
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

MAX_PAUSE_S = 1.0
"""Longest time between two probes of a file, whatever the settings, so that a file is taken soon after it is complete."""

SAMPLE_TOLERANCE = 0.9
"""A probe counts as a further sample after this share of the interval between two, because the loop may run a little early."""


class WaitReason(StrEnum):
    """Why a file is not complete; operators see these values."""

    NEW = "new"
    EMPTY = "empty"
    CHANGING = "changing"
    WRITER = "writer"
    DEBOUNCE = "debounce"
    TRUNCATED = "truncated"


@dataclass(frozen=True)
class StabilityRules:
    """When a file counts as complete.

    Attributes:
        debounce_s: time without change after which a file without writers is complete.
        stable_s, samples: time without change, and number of equal observations, where writers are unknown.
    """

    debounce_s: float = 0.1
    stable_s: float = 5.0
    samples: int = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """State of a file at one time.

    Attributes:
        has_writer: a process has it open for writing; None if the kernel gives no answer.
        is_truncated: it is an image without an end (`daemon.inbox.truncation`).
    """

    size: int
    mtime_ns: int
    inode: int
    has_writer: bool | None = None
    is_truncated: bool = False

    @classmethod
    def of_stat(cls, status: os.stat_result) -> Observation:
        """An observation without an answer about writers."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)

    def differs_from(self, other: Observation) -> bool:
        """Whether the file changed between two observations."""
        return (self.size, self.mtime_ns, self.inode) != (other.size, other.mtime_ns, other.inode)


class StabilityTracker:
    """The observations of one file until it is complete. Times are on the monotonic clock.

    Attributes:
        first_seen_s: time of the first observation.
        last: the last observation.
        wait_reason: why the file is not complete, or None.
        due_s: when the file is worth the next observation.
    """

    __slots__ = ("_empty_since_s", "_rules", "_sampled_s", "_samples", "_unchanged_since_s", "due_s", "first_seen_s", "last", "wait_reason")

    def __init__(self, now: float, first: Observation, rules: StabilityRules) -> None:
        self.first_seen_s = now
        self.wait_reason: WaitReason | None = WaitReason.NEW
        self.due_s = now + rules.debounce_s
        self.last = first
        self._rules = rules
        self._unchanged_since_s = now
        self._sampled_s = now
        self._samples = 1
        self._empty_since_s: float | None = None

    def is_left_empty(self, now: float, patience_s: float) -> bool:
        """Whether the file has been empty for `patience_s`, without a process that has it open for writing."""
        return self._empty_since_s is not None and now - self._empty_since_s >= patience_s and not self.last.has_writer

    def update(self, now: float, observation: Observation) -> bool:
        """Record an observation; returns whether the file is complete."""
        self.wait_reason = self._evaluate(now, observation)
        self.last = observation
        if self.wait_reason is not WaitReason.EMPTY:
            self._empty_since_s = None
        elif self._empty_since_s is None:
            self._empty_since_s = now
        pause_s = self._rules.debounce_s if observation.has_writer is False else self._rules.stable_s / self._rules.samples
        self.due_s = now + min(MAX_PAUSE_S, max(self._rules.debounce_s, pause_s))
        return self.wait_reason is None

    def _evaluate(self, now: float, observation: Observation) -> WaitReason | None:
        if observation.differs_from(self.last):
            self._restart(now)
            return WaitReason.CHANGING if observation.size else WaitReason.EMPTY
        if observation.size == 0:
            self._restart(now)
            return WaitReason.EMPTY
        if observation.has_writer:
            self._restart(now)
            return WaitReason.WRITER
        if observation.has_writer is False:
            if observation.is_truncated and now < self._unchanged_since_s + self._rules.stable_s:
                return WaitReason.TRUNCATED
            return None if now >= self._unchanged_since_s + self._rules.debounce_s else WaitReason.DEBOUNCE
        if now - self._sampled_s >= SAMPLE_TOLERANCE * self._rules.stable_s / self._rules.samples:
            self._samples += 1
            self._sampled_s = now
        is_stable = now >= self._unchanged_since_s + self._rules.stable_s and self._samples >= self._rules.samples
        return None if is_stable else WaitReason.DEBOUNCE

    def _restart(self, now: float) -> None:
        self._unchanged_since_s = self._sampled_s = now
        self._samples = 1
