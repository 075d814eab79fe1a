"""Sample configurations of log shippers, checked as far as possible without the shippers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from daemon.log.events import Event
from daemon.log.factory import json_log
from daemon.log.formats import otel

SHIPPING = Path(__file__).parents[2] / "etc" / "shipping"
LABELS = {"service_name", "instance", "level"}


@pytest.mark.parametrize("path", sorted(SHIPPING.iterdir()), ids=lambda path: path.name)
def test_samples_are_well_formed_and_say_whether_they_were_tested(path: Path) -> None:
    text = path.read_text()
    assert all(word in text for word in ("Call:", "Checks:", "Untested:"))
    if path.suffix in {".yaml", ".yml"}:
        assert isinstance(yaml.safe_load(text), dict)
    else:
        code = re.sub(r'"[^"]*"|//.*', "", text)
        assert code.count("{") == code.count("}")


def test_labels_are_few_and_bounded() -> None:
    vector = yaml.safe_load((SHIPPING / "vector.yaml").read_text())["sinks"]["loki"]["labels"]
    fluent_bit = yaml.safe_load((SHIPPING / "fluent-bit.yaml").read_text())["pipeline"]["outputs"][0]["labels"]
    alloy = (SHIPPING / "alloy.alloy").read_text()
    of_alloy = {"service_name", *re.findall(r"(\w+) = \"\"", alloy.split("stage.labels")[1].split("}")[0])}
    assert set(vector) == LABELS
    assert {part.split("=")[0].strip() for part in fluent_bit.split(",")} == LABELS
    assert of_alloy == LABELS


def test_collector_reads_existing_fields() -> None:
    lines: list[str] = []
    json_log(lines.append, instance="one", shape=otel).emit(Event.DAEMON_READY)
    operators = yaml.safe_load((SHIPPING / "otelcol.yaml").read_text())["receivers"]["filelog"]["operators"]
    moved = [operator["from"] for operator in operators if operator["type"] == "move"]
    parsed = [operators[0][name]["parse_from"] for name in ("timestamp", "severity")]
    assert {place.removeprefix("body.") for place in moved + parsed} <= set(json.loads(lines[0]))
