"""Alert rules and the dashboard: promtool accepts them, alerts fire when they should, and every metric that they use exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from daemon.log.events import Event
from daemon.log.health_snapshot import HealthSnapshot
from daemon.metrics.counters import Metrics
from daemon.policy.failures import ErrorType

ETC = Path(__file__).parents[4] / "etc"
FILES = ETC / "metrics"
FOREIGN_METRICS = {"up", "node_textfile_mtime_seconds", "doodled_web_daemon_up"}


def promtool(*arguments: object) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    done = subprocess.run([program, *map(str, arguments)], cwd=FILES, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def exported() -> str:
    """The metrics of a daemon that logged every event once."""
    metrics = Metrics(
        lambda: HealthSnapshot(0.0, 0, 0, 0, 1, 0.0, "closed", "closed", 1, 1, is_degraded=False, overflows=0, log_dropped=0), version="1"
    )
    for event in Event:
        fields = {"error_type": "crash", "reason": "crash", "duration_ms": 1, "stages_ms": {"render": 1.0}, "queue_wait_ms": 1}
        metrics.observe(event, {**fields, "inference_attempts": {"answered": 1}, "outputs": [{"kind": "gif"}]})
    return generate_latest(metrics.registry).decode()


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text())
    return found


def queries() -> Iterator[str]:
    """Every PromQL expression of the dashboard, with values for its variables."""
    found = dashboard()
    texts = [target["expr"] for panel in found["panels"] for target in panel.get("targets", ())]
    for text in [*texts, *(each["expr"] for each in found["annotations"]["list"])]:
        yield text.replace("$__rate_interval", "5m").replace("$instance", "a|b")


def metrics_in(query: str) -> set[str]:
    return set(re.findall(r"\b(?:doodled|node)_\w+|\bup\b(?=\{)", re.sub(r'"[^"]*"', '""', query)))


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alert_rules_are_valid() -> None:
    promtool("check", "rules", "alerts.yml")


def test_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", "alerts_test.yml")


def test_every_alert_is_tested_and_has_advice() -> None:
    tests = yaml.safe_load((FILES / "alerts_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fired == {alert["alert"] for alert in alerts()}
    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert set(alert["annotations"]) == {"summary", "what_to_do"}


def test_alerts_and_dashboard_use_existing_metrics() -> None:
    names = set(re.findall(r"^(\w+)[ {]", exported(), re.MULTILINE)) | FOREIGN_METRICS
    wanted = {name for query in [*queries(), *(alert["expr"] for alert in alerts())] for name in metrics_in(query)}
    assert len(wanted) > 15
    assert wanted <= names
    kinds = {kind for alert in alerts() for labels in re.findall(r'error_type=~"([^"]+)"', alert["expr"]) for kind in labels.split("|")}
    assert kinds <= {str(kind) for kind in ErrorType}


def test_every_metric_is_documented() -> None:
    families = set(re.findall(r"^# TYPE (\w+) ", exported(), re.MULTILINE))
    documented = set(re.findall(r"`(doodled_\w+)`", (ETC / "doc" / "metrics.md").read_text()))
    documented = {name for name in documented if not name.startswith("doodled_web_")}  # its own test compares them
    assert {name for name in families if not name.startswith("doodled_process_")} == documented


def test_dashboard_queries_are_promql(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)


def test_dashboard_layout_is_valid() -> None:
    found = dashboard()
    panels = found["panels"]
    assert found["uid"] == "doodled"
    assert found["schemaVersion"] >= 39
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} == {"row", "stat", "timeseries"}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel.get("targets", ()))
    assert {variable["name"] for variable in found["templating"]["list"]} == {"datasource", "instance"}


def test_promtool_accepts_the_metrics() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    done = subprocess.run([program, "check", "metrics"], input=exported(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
