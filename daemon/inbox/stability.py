"""Whether a file in the inbox is complete: a pure state machine, fed with what was seen and when.

On a local file system the kernel answers exactly whether anybody has a file open for writing (fcntl's F_SETLEASE, fcntl(2)); a short
quiet time after that answer leaves room for programs that open a file several times. Where the kernel does not answer (network file
systems, files of others), several equal looks over a longer time have to do. There is no last word: a file that is not complete is waited
for, and its age is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Waiting(StrEnum):
    """Why a file is not complete; a closed set, it is shown to operators."""

    NEW = "new"
    EMPTY = "empty"
    CHANGING = "changing"
    WRITER = "writer"
    QUIET_TIME = "quiet_time"


@dataclass(frozen=True)
class StabilityRules:
    """When a file counts as complete.

    Attributes:
        debounce_s: unchanged for so long, once the kernel says that nobody writes to it.
        stable_s, samples: unchanged for so long and in so many looks, where the kernel can't say.
    """

    debounce_s: float = 0.1
    stable_s: float = 5.0
    samples: int = 3


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a file.

    Attributes:
        has_writer: somebody has it open for writing; None where that can't be known.
    """

    size: int
    mtime_ns: int
    inode: int
    has_writer: bool | None = None

    def is_unlike(self, other: Observation) -> bool:
        """Whether the file changed between two looks."""
        return (self.size, self.mtime_ns, self.inode) != (other.size, other.mtime_ns, other.inode)


class StabilityTracker:
    """One file on its way to being complete.

    Attributes:
        first_seen_s: on the monotonic clock.
        waiting: why it is not complete, or None.
        due_s: when it is worth another look.
    """

    __slots__ = ("_rules", "_sampled_s", "_samples", "_since_s", "due_s", "first_seen_s", "seen", "waiting")

    def __init__(self, now: float, seen: Observation, rules: StabilityRules) -> None:
        self.first_seen_s = now
        self.waiting: Waiting | None = Waiting.NEW
        self.due_s = now + rules.debounce_s
        self.seen = seen
        self._rules = rules
        self._since_s = now
        self._sampled_s = now
        self._samples = 1

    def step(self, now: float, seen: Observation) -> bool:
        """Take another look into account; True once the file is complete."""
        self.waiting = self._state(now, seen)
        self.seen = seen
        pause_s = self._rules.debounce_s if seen.has_writer is False else self._rules.stable_s / self._rules.samples
        # A writer that has taken long may take long again: up to a second is waited, no more.
        self.due_s = now + (min(1.0, max(self._rules.debounce_s, pause_s)))
        return self.waiting is None

    def _state(self, now: float, seen: Observation) -> Waiting | None:
        if seen.is_unlike(self.seen):
            self._start_again(now)
            return Waiting.CHANGING if seen.size else Waiting.EMPTY
        if seen.size == 0:
            self._start_again(now)
            return Waiting.EMPTY
        if seen.has_writer:
            self._start_again(now)
            return Waiting.WRITER
        if seen.has_writer is False:
            return None if now >= self._since_s + self._rules.debounce_s else Waiting.QUIET_TIME
        if now - self._sampled_s >= self._rules.stable_s / self._rules.samples * 0.9:
            self._samples += 1
            self._sampled_s = now
        is_stable = now >= self._since_s + self._rules.stable_s and self._samples >= self._rules.samples
        return None if is_stable else Waiting.QUIET_TIME

    def _start_again(self, now: float) -> None:
        self._since_s = self._sampled_s = now
        self._samples = 1
