"""Data of a report: computed by `counting`, shown by `tables` and `page`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Spread:
    """Distribution of a duration, ms; percentiles are interpolated."""

    count: int
    p50_ms: float
    p95_ms: float
    max_ms: float


@dataclass(frozen=True)
class StageTimes:
    """Durations of one stage over all jobs that reached it.

    Attributes:
        share: share of the total time of all stages, 0..1.
        steps_ms: total time of each step of the stage.
    """

    stage: str
    spread: Spread
    total_ms: float
    share: float
    steps_ms: dict[str, float]


@dataclass(frozen=True)
class Bucket:
    """Jobs that completed within one interval, which begins at `start`."""

    start: datetime
    done: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    waited_p95_ms: float | None


@dataclass(frozen=True)
class FailureGroup:
    """Jobs that failed with one error type; `files` names the most recent ones."""

    error_type: str
    count: int
    message: str
    last: datetime
    files: list[str]


@dataclass(frozen=True)
class RetriedRequests:
    """Requests to one model server that were retried for one reason."""

    server: str
    reason: str
    count: int
    jobs: int


@dataclass(frozen=True)
class HostTimes:
    """Jobs that a machine of a cluster completed, and the time of their stages."""

    host: str
    done: int
    failed: int
    work: Spread


@dataclass(frozen=True)
class SlowJob:
    """A slow drawing; `stage` is its longest stage."""

    job_id: str
    file_name: str
    ended: datetime
    duration_ms: float
    work_ms: float
    stage: str


@dataclass(frozen=True)
class Run:
    """One run of the daemon from start to stop; `reason` is why it stopped, "" if the log does not say."""

    instance: str
    version: str
    started: datetime
    ended: datetime | None
    reason: str


@dataclass(frozen=True)
class Incident:
    """A warning and how often it was logged."""

    event: str
    count: int
    last: datetime


@dataclass(frozen=True)
class LogSummary:
    """What was read.

    Attributes:
        records: records of the daemon within the requested time; without `stage.done`, whose times the canonical records repeat.
        unreadable: lines that are not JSON objects, or have no time or event.
        foreign: records of other programs or of another schema.
    """

    files: int
    records: int
    unreadable: int
    foreign: int


@dataclass(frozen=True)
class Report:
    """Statistics of a log. Times are UTC.

    Attributes:
        duration: from claim to completion.
        queue_wait: from a file's first scan to its claim.
        worker_wait: time outside all stages of jobs that succeeded at the first attempt: mostly waiting for a worker.
        unfinished: claimed jobs without a record of their end.
        bucket_s: length of a bucket.
        hosts: empty if no job ran on a cluster.
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
    bucket_s: int
    buckets: list[Bucket]
    failures: list[FailureGroup]
    retried_requests: list[RetriedRequests]
    inferences: int
    hosts: list[HostTimes]
    slowest: list[SlowJob]
    runs: list[Run]
    incidents: list[Incident]
    unfinished: list[str] = field(default_factory=list)

    @property
    def per_hour(self) -> float:
        """Completed jobs per hour over the whole time."""
        if self.first is None or self.last is None or self.last == self.first:
            return 0.0
        return (self.done + self.failed) / ((self.last - self.first).total_seconds() / 3600)

    @property
    def restarts(self) -> int:
        """Starts after the first."""
        return max(0, len(self.runs) - 1)

    @property
    def retry_rate(self) -> float:
        """Share of requests to model servers that were retried, 0..1."""
        retried = sum(each.count for each in self.retried_requests)
        return retried / (retried + self.inferences) if retried else 0.0
