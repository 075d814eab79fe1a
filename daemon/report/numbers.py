"""What `doodled report` tells, as numbers: counted by `counting`, shown by `tables` and `page`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Spread:
    """How long something took, ms; percentiles are interpolated."""

    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float


@dataclass(frozen=True)
class StageTimes:
    """One stage in all jobs that came to it.

    Attributes:
        share: of the time that all stages took together, 0..1.
        parts_ms: what it is made of, in all jobs together.
    """

    stage: str
    spread: Spread
    total_ms: float
    share: float
    parts_ms: dict[str, float]


@dataclass(frozen=True)
class Bucket:
    """What ended within one step of time, which begins at `start`."""

    start: datetime
    done: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    waited_p95_ms: float | None


@dataclass(frozen=True)
class Failures:
    """Jobs that failed for one reason; `files` names the last of them."""

    error_type: str
    count: int
    message: str
    last: datetime
    files: list[str]


@dataclass(frozen=True)
class Retries:
    """Questions that one model server had to be asked again, for one reason."""

    upstream: str
    reason: str
    count: int
    jobs: int


@dataclass(frozen=True)
class SlowJob:
    """A drawing that took long; `stage` is the one that took most of it."""

    job_id: str
    file_name: str
    ended: datetime
    duration_ms: float
    work_ms: float
    stage: str


@dataclass(frozen=True)
class Life:
    """One daemon from start to stop; `reason` is why it stopped, or "" if the log does not tell."""

    instance: str
    version: str
    started: datetime
    ended: datetime | None
    reason: str


@dataclass(frozen=True)
class Incident:
    """Something that operators should know of, and how often it happened."""

    event: str
    count: int
    last: datetime


@dataclass(frozen=True)
class LogSummary:
    """What was read.

    Attributes:
        records: of ours, within the time asked for; without `stage.done`, which repeat what canonical lines say.
        unreadable: lines that are no JSON objects, or have no time or event.
        foreign: records of other programs or of another schema.
    """

    files: int
    records: int
    unreadable: int
    foreign: int


@dataclass(frozen=True)
class Report:
    """All numbers. Times are UTC.

    Attributes:
        duration: from claim to end.
        queue_wait: from being seen in the inbox to the claim.
        worker_wait: of jobs that were done at the first attempt, what was no stage: mostly waiting for a worker.
        unfinished: claimed jobs of which no end is told.
        step_s: length of a bucket.
    """

    log: LogSummary
    first: datetime | None
    last: datetime | None
    done: int
    failed: int
    deferred: int
    retried: int
    duplicates: int
    duration: Spread
    queue_wait: Spread
    worker_wait: Spread
    stages: list[StageTimes]
    step_s: int
    buckets: list[Bucket]
    failures: list[Failures]
    retries: list[Retries]
    inferences: int
    slowest: list[SlowJob]
    lives: list[Life]
    incidents: list[Incident]
    unfinished: list[str] = field(default_factory=list)

    @property
    def per_hour(self) -> float:
        """Jobs that ended in an hour, over the whole time."""
        if self.first is None or self.last is None or self.last == self.first:
            return 0.0
        return (self.done + self.failed) / ((self.last - self.first).total_seconds() / 3600)

    @property
    def restarts(self) -> int:
        """Starts after the first."""
        return max(0, len(self.lives) - 1)

    @property
    def retry_rate(self) -> float:
        """Questions that were asked again, of all that were asked."""
        again = sum(each.count for each in self.retries)
        return again / (again + self.inferences) if again else 0.0
