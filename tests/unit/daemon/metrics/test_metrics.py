"""Prometheus metrics: log events are counted, labels stay a closed set, and no client can disturb the daemon."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from daemon.log.events import Event
from daemon.log.factory import json_log
from daemon.log.health_snapshot import HealthSnapshot
from daemon.metrics import counters
from daemon.metrics.counters import _OUTCOMES, OTHER, Metrics
from daemon.metrics.textfile import MetricsFile
from daemon.policy.failures import Deferral, ErrorType
from daemon.worker.resources import ANSWERED
from pipeline.adapters.model_server.failures import FailureKind

HEALTH = HealthSnapshot(0.0, 7, 2, 3, 4, 61.5, "open", "closed", 10**10, 5 * 10**8, is_degraded=True, overflows=1, log_dropped=5)
DEADLINE_S = 20.0


def metrics() -> Metrics:
    return Metrics(lambda: HEALTH, version="1.2.3")


def test_daemons_own_deferrals_are_exported_from_the_start() -> None:
    counted = metrics()
    assert [counted.registry.get_sample_value("doodled_jobs_deferred_total", {"error_type": kind}) for kind in Deferral] == [0, 0, 0]


def values(of: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample: its name, its labels' values, and what it is."""
    families = text_string_to_metric_families(generate_latest(of.registry).decode())
    return {(each.name, *(each.labels[name] for name in sorted(each.labels))): each.value for family in families for each in family.samples}


def test_events_are_counted() -> None:
    counted = metrics()
    counted.observe(Event.JOB_CLAIMED, {"queue_wait_ms": 1500})
    done = {"duration_ms": 900, "publish_ms": 12.5, "stages_ms": {"infer": 150.0, "render": 400.0}}
    counted.observe(
        Event.JOB_DONE, {**done, "outputs": [{"kind": "gif"}, {"kind": "mp4"}], "inference_attempts": {ANSWERED: 2, "reset": 1}}
    )
    counted.observe(Event.JOB_FAILED, {"error_type": "no_figure", "duration_ms": 30, "stages_ms": {}})
    counted.observe(Event.JOB_DEFERRED, {"reason": ErrorType.UPSTREAM, "inference_attempts": {"connect": 3}})
    counted.observe(Event.INFERENCE_RETRIED, {"error_type": "reset"})
    now = values(counted)
    assert now["doodled_jobs_total", "", "success"] == 1
    assert now["doodled_jobs_total", "no_figure", "failure"] == 1
    assert now["doodled_jobs_deferred_total", "upstream"] == 1
    assert now["doodled_jobs_retried_total", "upstream"] == 0
    assert [now["doodled_animations_total", kind] for kind in ("gif", "mp4", "webm")] == [1, 1, 0]
    assert (now["doodled_stage_duration_seconds_count", "infer"], now["doodled_stage_duration_seconds_sum", "infer"]) == (1, 0.15)
    assert now["doodled_stage_duration_seconds_sum", "publish"] == 0.0125
    assert now["doodled_job_duration_seconds_sum", "success"] == 0.9
    assert (now["doodled_queue_wait_seconds_bucket", "1.0"], now["doodled_queue_wait_seconds_bucket", "2.5"]) == (0, 1)
    assert [now["doodled_inference_attempts_total", outcome] for outcome in (ANSWERED, "reset", "connect")] == [2, 1, 3]
    assert now["doodled_inference_retried_total", "reset"] == 1
    assert now["doodled_events_total", "job.done"] == 1
    assert now["doodled_build_info", "1.2.3"] == 1


def test_machines_of_a_cluster_are_counted_apart_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "MAX_HOSTS", 2)
    counted = metrics()
    counted.observe(Event.JOB_DONE, {"stages_ms": {"render": 100.0}})
    for host, event in (("a", Event.JOB_DONE), ("b", Event.JOB_FAILED), ("c", Event.JOB_DONE), ("a", Event.JOB_DONE)):
        counted.observe(event, {"host": host, "stages_ms": {"render": 400.0, "infer": 100.0}})
    now = values(counted)
    jobs = {key[1:]: value for key, value in now.items() if key[0] == "doodled_host_jobs_total"}
    assert jobs == {("a", "success"): 2, ("b", "failure"): 1, (OTHER, "success"): 1}
    assert now["doodled_host_work_seconds_total", "a"] == 1.0


def test_gauges_show_the_last_health_snapshot() -> None:
    now = values(metrics())
    assert [now[f"doodled_{name}",] for name in ("inbox_files", "jobs_waiting", "jobs_in_flight", "workers")] == [7, 2, 3, 4]
    assert now["doodled_inbox_oldest_age_seconds",] == 61.5
    assert now["doodled_inbox_degraded",] == 1
    assert now["doodled_log_records_dropped_total",] == 5
    states = {key[1:]: value for key, value in now.items() if key[0] == "doodled_breaker_state"}
    assert [pair for pair, is_so in states.items() if is_so] == [("models", "open"), ("machine", "closed"), ("workers", "closed")]
    assert now["doodled_loop_age_seconds",] > 0
    assert ("doodled_inbox_files",) not in values(Metrics(lambda: None, version="1"))


TEXTS = st.text('ab"\n{}é', max_size=5)


@settings(max_examples=40)
@given(
    event=st.sampled_from(list(Event)),
    fields=st.dictionaries(
        st.sampled_from(["error_type", "reason", "outputs", "stages_ms", "duration_ms", "inference_attempts", "queue_wait_ms"]),
        st.one_of(st.none(), TEXTS, st.integers(0, 9), st.lists(st.dictionaries(st.just("kind"), TEXTS, max_size=2), max_size=2)),
    ),
)
def test_unknown_values_are_counted_as_other(event: Event, fields: dict[str, Any]) -> None:
    counted = metrics()
    log = json_log(lambda _: None, instance="one")
    log.observe(counted.observe)
    log.emit(event, **fields)
    now = values(counted)
    assert now["doodled_events_total", str(event)] == 1
    assert all(re.fullmatch(r"[a-z0-9_.+A-Z]*", label) for key in now for label in key[1:])
    assert len(now) < 600


def test_outcomes_match_those_of_the_client() -> None:
    assert {ANSWERED, *(str(fault) for fault in FailureKind)} == _OUTCOMES
    counted = metrics()
    counted.observe(Event.JOB_FAILED, {"error_type": "an unknown type", "inference_attempts": {"a" * 99: 1}})
    assert values(counted)["doodled_jobs_total", OTHER, "failure"] == 1
    assert values(counted)["doodled_inference_attempts_total", OTHER] == 1


# --- the file ------------------------------------------------------------------------------------------------------------


class RecordedLog:
    """A log whose records a test can wait for."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.log = json_log(self._take, instance="one")

    def _take(self, line: str) -> None:
        with self._changed:
            self.records.append(json.loads(line))
            self._changed.notify_all()

    def wait_for(self, event: Event, count: int = 1) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [record for record in self.records if record["event"] == event]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, DEADLINE_S), self.records
        return found()[-1]


@contextmanager
def running(recorded: RecordedLog, path: Path, interval_s: float) -> Iterator[None]:
    opened = MetricsFile(path, interval_s, recorded.log, lambda: HEALTH)
    opened.start()
    try:
        yield
    finally:
        opened.stop()


def test_textfile_is_readable_for_others_and_written_at_the_end(tmp_path: Path) -> None:
    recorded, path = RecordedLog(), tmp_path / "doodled.prom"
    with running(recorded, path, 1000.0):
        recorded.wait_for(Event.METRICS_READY)
        recorded.log.emit(Event.JOB_DONE, outputs=[])
    assert 'doodled_jobs_total{error_type="",outcome="success"} 1.0' in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_logged_once_and_retried(tmp_path: Path) -> None:
    recorded, path = RecordedLog(), tmp_path / "later" / "doodled.prom"
    with running(recorded, path, 0.02):
        assert recorded.wait_for(Event.METRICS_UNAVAILABLE)["reason"] == "No such file or directory"
        path.parent.mkdir()
        recorded.wait_for(Event.METRICS_READY)
    assert [record["event"] for record in recorded.records] == ["metrics.unavailable", "metrics.ready"]
