"""The daemon's numbers for Prometheus: counted from the events that it tells, and read off its health when somebody asks.

An observer of `daemon.log.events`, so that nothing else knows of metrics: what is told is counted, and what is not told has no number.
Names end in their unit; labels are closed sets, so the number of series is known beforehand (`other` takes what nobody foresaw).
Everything lives in a registry of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.log.events import Event
from daemon.log.health_snapshot import HealthSnapshot
from daemon.log.stages import PUBLISH, STAGES
from daemon.policy.circuit_breaker import CircuitState
from daemon.policy.failures import ErrorType
from daemon.worker.resources import ANSWERED
from pipeline.types import Format

STAGE_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""A stage takes 5 ms (a retarget) to some seconds (llvmpipe drawing 1000 frames)."""

JOB_BUCKETS_S: Final = (0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
"""Up to the default deadline."""

WAIT_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400)
OTHER: Final = "other"


class Metrics:
    """Counts what is told. `observe` may be called from any thread, and never raises because of what a record holds.

    Attributes:
        registry: what is exported.
    """

    def __init__(self, health: Callable[[], HealthSnapshot | None], *, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which only OpenMetrics wants
        self.registry = CollectorRegistry()
        self.registry.register(_VitalsCollector(health))
        ProcessCollector(namespace="doodled", registry=self.registry)  # node_exporter has process_* of its own
        self._events = self._counter("doodled_events", "Records told, by event.", ["event"])
        self._jobs = self._counter("doodled_jobs", "Jobs that ended, by outcome, failures by their error type.", ["outcome", "error_type"])
        self._put_off = self._counter(
            "doodled_jobs_put_off",
            "Attempts that ended in another one later: retried (counts) or deferred (does not).",
            ["how", "error_type"],
        )
        self._animations = self._counter("doodled_animations", "Animations published, by format.", ["format"])
        self._attempts = self._counter("doodled_torchserve_attempts", "Requests to TorchServe, probes left out, by outcome.", ["outcome"])
        self._retries = self._counter(
            "doodled_torchserve_retries", "Requests to TorchServe that were made again, by what was wrong.", ["outcome"]
        )
        self._stages = self._histogram("doodled_stage_duration_seconds", "Time in each stage of a job.", STAGE_BUCKETS_S, ["stage"])
        self._durations = self._histogram(
            "doodled_job_duration_seconds", "From claim to the end, retries included.", JOB_BUCKETS_S, ["outcome"]
        )
        self._waits = self._histogram("doodled_queue_wait_seconds", "From the first sight in the inbox to the claim.", WAIT_BUCKETS_S)
        Gauge("doodled_build_info", "1, for the version that runs.", ["version"], registry=self.registry).labels(version).set(1)
        self._count: dict[Event, Callable[[Mapping[str, Any]], None]] = {
            Event.JOB_CLAIMED: self._claimed,
            Event.JOB_DONE: self._done,
            Event.JOB_FAILED: self._failed,
            Event.JOB_RETRIED: lambda fields: self._later("retried", fields),
            Event.JOB_DEFERRED: lambda fields: self._later("deferred", fields),
            Event.UPSTREAM_RETRY: lambda fields: self._retries.labels(_outcome(fields.get("error_type"))).inc(),
        }
        self._begin_at_nought()

    def observe(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Count a record."""
        self._events.labels(event.value).inc()
        count = self._count.get(event)
        if count is not None:
            count(fields)

    def _counter(self, name: str, what: str, labels: Iterable[str]) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], labels: Iterable[str] = ()) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)

    def _begin_at_nought(self) -> None:
        """Series that an alert may ask for are there from the start: `rate` sees no rise where a series begins with 1."""
        for event in Event:
            self._events.labels(event.value)
        self._jobs.labels("done", "")
        for kind in ErrorType:
            self._jobs.labels("failed", kind.value)
        for stage in (*STAGES, PUBLISH):
            self._stages.labels(stage)
        for format_ in Format:
            self._animations.labels(format_.value)
        self._attempts.labels(ANSWERED)

    # --- records -----------------------------------------------------------------------------------------------------

    def _claimed(self, fields: Mapping[str, Any]) -> None:
        self._waits.observe(_seconds(fields.get("queue_wait_ms")))

    def _done(self, fields: Mapping[str, Any]) -> None:
        self._jobs.labels("done", "").inc()
        self._note_time("done", fields)
        for output in _mappings(fields.get("outputs")):
            kind = str(output.get("kind"))
            self._animations.labels(kind if kind in _FORMATS else OTHER).inc()

    def _failed(self, fields: Mapping[str, Any]) -> None:
        self._jobs.labels("failed", _error_type(fields.get("error_type"))).inc()
        self._note_time("failed", fields)

    def _later(self, how: str, fields: Mapping[str, Any]) -> None:
        self._put_off.labels(how, _error_type(fields.get("reason"))).inc()
        self._note_attempts(fields)

    def _note_time(self, outcome: str, fields: Mapping[str, Any]) -> None:
        if fields.get("duration_ms") is not None:  # else its end was only made up for, after a crash
            self._durations.labels(outcome).observe(_seconds(fields["duration_ms"]))
        spent_ms = fields.get("stages_ms") or {}
        for stage, parts in STAGES.items():
            took_ms = sum(spent_ms.get(part, 0.0) for part in parts)
            if took_ms:
                self._stages.labels(stage).observe(took_ms / 1000)
        if fields.get("publish_ms") is not None:
            self._stages.labels(PUBLISH).observe(_seconds(fields["publish_ms"]))
        self._note_attempts(fields)

    def _note_attempts(self, fields: Mapping[str, Any]) -> None:
        for outcome, count in (fields.get("upstream_attempts") or {}).items():
            self._attempts.labels(_outcome(outcome)).inc(count)


class _VitalsCollector(Collector):
    """What can't be counted, as the main loop saw it last."""

    def __init__(self, health: Callable[[], HealthSnapshot | None]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        health = self._health()
        if health is None:  # not ready yet
            return
        gauges = {
            "doodled_loop_age_seconds": ("Since the main loop turned last; seconds are normal.", time.monotonic() - health.at_s),
            "doodled_inbox_files": ("Drawings that wait in the inbox.", health.inbox_depth),
            "doodled_inbox_oldest_age_seconds": ("How long the oldest of them has been waiting.", health.oldest_pending_s),
            "doodled_inbox_degraded": ("1 while the inbox can't be read.", float(health.is_degraded)),
            "doodled_jobs_in_flight": ("Jobs that were handed to workers.", health.in_flight),
            "doodled_jobs_deferred": ("Claimed jobs that wait for another attempt, or for something that is out.", health.deferred),
            "doodled_workers": ("Worker processes.", health.workers),
            "doodled_disk_free_bytes": ("Free on the spool's disk.", health.disk_free_bytes),
            "doodled_disk_reserve_bytes": ("Below this much free, nothing new is started.", health.disk_reserve_bytes),
        }
        for name, (what, value) in gauges.items():
            yield GaugeMetricFamily(name, what, value=value)
        yield CounterMetricFamily("doodled_log_records_dropped", "Log records that no reader took in time.", value=health.log_dropped)
        yield CounterMetricFamily("doodled_watch_overflows", "Times that the kernel lost events of the inbox.", value=health.overflows)
        states = GaugeMetricFamily("doodled_breaker_state", "1 for the state that a breaker is in.", labels=["breaker", "state"])
        for breaker, now_in in (("networks", health.breaker), ("machine", health.machine)):
            for state in CircuitState:
                states.add_metric([breaker, state.value], float(state.value == now_in))
        yield states


_FORMATS = frozenset(kind.value for kind in Format)
_ERROR_TYPES = frozenset(kind.value for kind in ErrorType) | {"changed"}
_OUTCOMES = frozenset(
    {ANSWERED, "connect", "connect_timeout", "reset", "read_timeout", "deadline", "truncated", "too_big", "overloaded", "server_error"}
    | {"worker_died", "handler_failed", "refused", "nothing_seen", "garbage", "unauthorised", "no_such_model", "no_model_server"}
)
"""`pipeline.adapters.torchserve.failures.Fault`, and a good answer; a test compares them. That module loads the HTTP client."""


def _error_type(value: object) -> str:
    text = str(value)
    return text if text in _ERROR_TYPES else OTHER


def _outcome(value: object) -> str:
    text = str(value)
    return text if text in _OUTCOMES else OTHER


def _seconds(milliseconds: object) -> float:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping):
            yield each
