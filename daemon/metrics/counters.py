"""Prometheus metrics: counters and histograms fed by log events, gauges read from the health snapshot at each scrape.

`Metrics` observes the log, so that no other code knows about metrics. Names end in their unit. Labels are closed sets, apart from
`host`, which is bounded; unknown values are counted as `other`. etc/doc/metrics.md describes every metric.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.inbox.rejections import Rejection
from daemon.log.events import Event
from daemon.log.health_snapshot import HealthSnapshot
from daemon.log.stages import PUBLISH, STAGES
from daemon.policy.circuit_breaker import CircuitState
from daemon.policy.failures import Deferral, ErrorType
from daemon.spool.events import EventKind
from daemon.worker.resources import ANSWERED
from pipeline.types import Format

STAGE_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""A stage takes 5 ms (retarget) to several seconds (llvmpipe rendering 1000 frames)."""

JOB_BUCKETS_S: Final = (0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
"""Up to the default of `jobs.deadline_s`."""

WAIT_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14400)
OTHER: Final = "other"
SUCCESS: Final = "success"
FAILURE: Final = "failure"
REVIEW: Final = "review"
DELIVERED: Final = "delivered"
RETRIED: Final = "retried"
GIVEN_UP: Final = "given_up"
MAX_HOSTS: Final = 200
"""Most machines with series of their own; the rest counts as `other`: a cluster of short-lived machines would add series without end."""

HOOKS: Final = tuple(f"on_{kind}" for kind in EventKind)


class Metrics:
    """Counts log events. `observe` may be called from any thread, and never raises because of a field's value.

    Attributes:
        registry: holds every metric; the exporters read it.
    """

    def __init__(self, health: Callable[[], HealthSnapshot | None], *, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which only OpenMetrics uses
        self.registry = CollectorRegistry()
        self.registry.register(_HealthCollector(health))
        ProcessCollector(namespace="doodled", registry=self.registry)  # node_exporter has process_* of its own
        self._events = self._counter("doodled_events", "Log events, by name, at every level.", ["event"])
        self._jobs = self._counter("doodled_jobs", "Completed jobs, by outcome; failures by error type.", ["outcome", "error_type"])
        self._retried = self._counter("doodled_jobs_retried", "Attempts that failed and are repeated, by error type.", ["error_type"])
        self._deferred = self._counter(
            "doodled_jobs_deferred", "Attempts that are deferred and don't count, by error type or the daemon's reason.", ["error_type"]
        )
        self._animations = self._counter("doodled_animations", "Published animations, by format.", ["format"])
        self._requests = self._counter("doodled_inference_attempts", "Requests to model servers without probes, by outcome.", ["outcome"])
        self._requests_retried = self._counter(
            "doodled_inference_retried", "Requests to model servers that were sent again, by the outcome of the first.", ["outcome"]
        )
        self._hooks = self._counter("doodled_hook_tries", "Tries to deliver an event to a hook, by outcome.", ["hook", "outcome"])
        self._stages = self._histogram("doodled_stage_duration_seconds", "Duration of a job's stages.", STAGE_BUCKETS_S, ["stage"])
        self._hosts: set[str] = set()
        self._host_jobs = self._counter("doodled_host_jobs", "Completed jobs of a cluster, by machine and outcome.", ["host", "outcome"])
        self._host_work = self._counter("doodled_host_work_seconds", "Time that the stages of these jobs took, by machine.", ["host"])
        self._durations = self._histogram(
            "doodled_job_duration_seconds", "Time from claim to completion, retries included.", JOB_BUCKETS_S, ["outcome"]
        )
        self._waits = self._histogram("doodled_queue_wait_seconds", "Time from a file's first scan to its claim.", WAIT_BUCKETS_S)
        Gauge("doodled_build_info", "1 for the running version.", ["version"], registry=self.registry).labels(version).set(1)
        self._count: dict[Event, Callable[[Mapping[str, Any]], None]] = {
            Event.JOB_CLAIMED: self._count_claimed,
            Event.JOB_DONE: self._count_done,
            Event.JOB_FAILED: self._count_failed,
            Event.JOB_REVIEW: self._count_review,
            Event.JOB_RETRIED: lambda fields: self._count_attempt(self._retried, fields),
            Event.JOB_DEFERRED: lambda fields: self._count_attempt(self._deferred, fields),
            Event.HOOK_DELIVERED: lambda fields: self._count_hook(DELIVERED, fields),
            Event.HOOK_RETRIED: lambda fields: self._count_hook(RETRIED, fields),
            Event.HOOK_FAILED: lambda fields: self._count_hook(GIVEN_UP, fields),
            Event.INFERENCE_RETRIED: lambda fields: self._requests_retried.labels(_request_outcome(fields.get("error_type"))).inc(),
        }
        self._create_series()

    def observe(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Count an event."""
        self._events.labels(event.value).inc()
        count = self._count.get(event)
        if count is not None:
            count(fields)

    def _counter(self, name: str, what: str, labels: Iterable[str]) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], labels: Iterable[str] = ()) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)

    def _create_series(self) -> None:
        """Export every series that an alert uses from the start: `rate` sees no increase where a series begins at 1."""
        for event in Event:
            self._events.labels(event.value)
        self._jobs.labels(SUCCESS, "")
        self._jobs.labels(REVIEW, "")
        for kind in ErrorType:
            self._jobs.labels(FAILURE, kind.value)
        for stage in (*STAGES, PUBLISH):
            self._stages.labels(stage)
        for format_ in Format:
            self._animations.labels(format_.value)
        self._requests.labels(ANSWERED)
        for hook in HOOKS:
            for outcome in (DELIVERED, RETRIED, GIVEN_UP):
                self._hooks.labels(hook, outcome)
        for kind in ErrorType:
            self._retried.labels(kind.value)
            self._deferred.labels(kind.value)
        for reason in Deferral:
            self._deferred.labels(reason.value)

    # --- records -----------------------------------------------------------------------------------------------------

    def _count_claimed(self, fields: Mapping[str, Any]) -> None:
        self._waits.observe(_seconds(fields.get("queue_wait_ms")))

    def _count_done(self, fields: Mapping[str, Any]) -> None:
        self._jobs.labels(SUCCESS, "").inc()
        self._observe_times(SUCCESS, fields)
        for output in _mappings(fields.get("outputs")):
            kind = str(output.get("kind"))
            self._animations.labels(kind if kind in _FORMATS else OTHER).inc()

    def _count_failed(self, fields: Mapping[str, Any]) -> None:
        self._jobs.labels(FAILURE, _error_type(fields.get("error_type"))).inc()
        self._observe_times(FAILURE, fields)

    def _count_review(self, fields: Mapping[str, Any]) -> None:
        self._jobs.labels(REVIEW, "").inc()
        self._observe_times(REVIEW, fields)

    def _count_attempt(self, counter: Counter, fields: Mapping[str, Any]) -> None:
        counter.labels(_error_type(fields.get("reason"))).inc()
        self._count_requests(fields)

    def _count_hook(self, outcome: str, fields: Mapping[str, Any]) -> None:
        hook = str(fields.get("hook"))
        self._hooks.labels(hook if hook in HOOKS else OTHER, outcome).inc()

    def _count_host(self, outcome: str, fields: Mapping[str, Any]) -> None:
        if not fields.get("host"):  # a job on the daemon's own machine
            return
        host = str(fields["host"])
        if len(self._hosts) < MAX_HOSTS:
            self._hosts.add(host)
        host = host if host in self._hosts else OTHER
        self._host_jobs.labels(host, outcome).inc()
        self._host_work.labels(host).inc(sum(_seconds(spent_ms) for spent_ms in (fields.get("stages_ms") or {}).values()))

    def _observe_times(self, outcome: str, fields: Mapping[str, Any]) -> None:
        self._count_host(outcome, fields)
        if fields.get("duration_ms") is not None:  # a job completed after a crash has none
            self._durations.labels(outcome).observe(_seconds(fields["duration_ms"]))
        for stage, spent_ms in (fields.get("stages_ms") or {}).items():
            self._stages.labels(stage if stage in STAGES else OTHER).observe(_seconds(spent_ms))
        if fields.get("publish_ms") is not None:
            self._stages.labels(PUBLISH).observe(_seconds(fields["publish_ms"]))
        self._count_requests(fields)

    def _count_requests(self, fields: Mapping[str, Any]) -> None:
        for outcome, count in (fields.get("inference_attempts") or {}).items():
            self._requests.labels(_request_outcome(outcome)).inc(count)


class _HealthCollector(Collector):
    """Gauges and counters of the last health snapshot."""

    def __init__(self, health: Callable[[], HealthSnapshot | None]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        health = self._health()
        if health is None:  # not ready yet
            return
        gauges = {
            "doodled_loop_age_seconds": ("Time since the main loop last ran; a few seconds are normal.", time.monotonic() - health.at_s),
            "doodled_inbox_files": ("Drawings in the inbox.", health.inbox_depth),
            "doodled_inbox_oldest_age_seconds": ("Age of the oldest drawing in the inbox.", health.oldest_pending_s),
            "doodled_inbox_degraded": ("1 while the inbox can't be read.", float(health.is_degraded)),
            "doodled_jobs_in_flight": ("Jobs that workers have.", health.in_flight),
            "doodled_jobs_waiting": ("Claimed jobs that wait for another attempt or for a resource.", health.jobs_waiting),
            "doodled_workers": ("Tasks that run at the same time.", health.workers),
            "doodled_disk_free_bytes": ("Free space on the spool's disk.", health.disk_free_bytes),
            "doodled_disk_reserve_bytes": ("With less free space than this, no job is started.", health.disk_reserve_bytes),
        }
        for name, (what, value) in gauges.items():
            yield GaugeMetricFamily(name, what, value=value)
        yield CounterMetricFamily("doodled_log_records_dropped", "Log records that could not be written in time.", value=health.log_dropped)
        yield CounterMetricFamily("doodled_watch_overflows", "Times that the kernel lost inbox events.", value=health.overflows)
        rejected = GaugeMetricFamily(
            "doodled_inbox_rejected_files", "Entries of the inbox that will not be taken, by reason.", labels=["reason"]
        )
        for reason in Rejection:
            rejected.add_metric([reason.value], float(health.inbox_rejected.get(reason.value, 0)))
        yield rejected
        states = GaugeMetricFamily("doodled_breaker_state", "1 for the current state of a circuit breaker.", labels=["breaker", "state"])
        breakers = {"models": health.models_breaker, "machine": health.machine_breaker, "workers": health.workers_breaker}
        for breaker, now_in in breakers.items():
            for state in CircuitState:
                states.add_metric([breaker, state.value], float(state.value == now_in))
        yield states


_FORMATS = frozenset(kind.value for kind in Format)
_ERROR_TYPES = frozenset(kind.value for kind in ErrorType) | {kind.value for kind in Deferral} | {"changed"}
_OUTCOMES = frozenset(
    {ANSWERED, "connect", "connect_timeout", "reset", "read_timeout", "deadline", "truncated", "too_big", "overloaded", "server_error"}
    | {
        "worker_died",
        "handler_failed",
        "refused",
        "nothing_seen",
        "garbage",
        "unauthorized",
        "no_such_model",
        "no_model_server",
        "overtaken",
    }
)
"""An answer, and the values of `pipeline.adapters.model_server.failures.FailureKind`, whose module loads the HTTP client.

A test compares the two.
"""


def _error_type(value: object) -> str:
    text = str(value)
    return text if text in _ERROR_TYPES else OTHER


def _request_outcome(value: object) -> str:
    text = str(value)
    return text if text in _OUTCOMES else OTHER


def _seconds(milliseconds: object) -> float:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping):
            yield each
