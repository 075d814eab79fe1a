"""What a worker process does, in this process: reports for every end, nothing raised, and what stays warm."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from few_lines_server import Server, picture, server
from spool_oracle import ROOT

from daemon.options.inference import InferenceChoice, InferenceRequest
from daemon.options.values import FrameRate, JobOptions, Size
from daemon.policy.failures import ErrorType
from daemon.worker import runner
from daemon.worker.resources import MAX_RETRIES_REPORTED, WorkerResources
from daemon.worker.task import Task
from pipeline.errors import NoFigureFound
from pipeline.types import Format

__all__ = ["picture", "server"]
KING = ROOT / "etc" / "characters" / "stick_king"
SMALL = JobOptions(("wave",), (Format.GIF,), Size(32, 32), FrameRate.parse("2"))
gl = pytest.mark.gl


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerResources]:
    """A worker's, of this test's own."""
    made = WorkerResources({})
    monkeypatch.setattr(runner, "_resources", made)
    yield made
    made.clear()


@pytest.fixture
def order(tmp_path: Path) -> Task:
    place = tmp_path / "job"
    place.mkdir()
    return Task(place, "garlic.jpg", (), False, SMALL, 100, InferenceRequest(), 5.0, False)


@pytest.fixture
def drawing(order: Task, picture: Path, server: Server) -> Task:
    """A photograph, and a model server that knows it."""
    shutil.copy(picture, order.place / "source")
    return replace(order, inference=InferenceRequest(InferenceChoice.TORCHSERVE, (server.url,)))


def kind(order: Task) -> ErrorType:
    failure = runner.run_task(order).failure
    assert failure is not None
    return failure.kind


@gl
@pytest.mark.usefixtures("bench")
def test_animates_photograph_with_full_manifest(drawing: Task, server: Server) -> None:
    (drawing.place / "sidecar.json").write_text(json.dumps({"motions": ["wave", "dab"], "formats": ["gif", "webp"], "figures": "all"}))
    report = runner.run_task(replace(drawing, keep_annotations=True, wants_thumbnail=True))
    assert report.failure is None, report.failure
    assert report.manifest is not None
    outputs = report.manifest["outputs"]
    assert [(each["motion"], each["format"], each["label"]) for each in outputs] == [
        ("wave", "gif", ["wave"]),
        ("wave", "webp", ["wave"]),
        ("dab", "gif", ["dab"]),
        ("dab", "webp", ["dab"]),
    ]
    for each in outputs:
        path = drawing.place / "result" / each["result"]
        assert (path.stat().st_size, each["width"], each["height"]) == (each["bytes"], 32, 32)
    assert 0 < outputs[0]["quality"] <= 1
    assert report.manifest["source"] == {"name": "garlic.jpg", "sha256": report.file_sha256, "bytes": report.file_size}
    assert report.manifest["inference"] == "TorchServe"
    assert (report.models_answered, report.models_overloaded) == (True, False)
    assert report.inference_attempts == {"answered": server.asked}
    assert {"decode", "models", "detect", "pose", "segment", "rig", "render", "encode", "verify"} <= set(report.steps_ms)
    assert (drawing.place / "annotations" / "char_cfg.yaml").is_file()
    assert report.ended_s > 0


@gl
@pytest.mark.usefixtures("bench")
def test_resources_are_opened_once(drawing: Task, server: Server) -> None:
    first, second = runner.run_task(drawing), runner.run_task(drawing)
    assert first.manifest is not None
    assert second.manifest is not None
    assert [each["sha256"] for each in first.manifest["outputs"]] == [each["sha256"] for each in second.manifest["outputs"]]
    assert second.inference_attempts == {"answered": server.asked // 2}
    assert "context" in second.steps_ms


@pytest.mark.usefixtures("bench")
def test_image_without_figure_counts_as_answer_of_models(drawing: Task, server: Server) -> None:
    server.sees = 0
    report = runner.run_task(drawing)
    assert report.failure is not None
    assert (report.failure.kind, report.models_answered) == (ErrorType.NO_FIGURE, True)
    assert report.failure.stage == "detect"
    assert report.manifest is None


@pytest.mark.usefixtures("bench")
def test_missing_server_is_transient(drawing: Task) -> None:
    nobody = InferenceRequest(InferenceChoice.TORCHSERVE, ("http://127.0.0.1:9",))
    report = runner.run_task(replace(drawing, inference=nobody, upstream_deadline_s=0.5))
    assert report.failure is not None
    assert (report.failure.kind, report.models_answered) == (ErrorType.UPSTREAM, False)
    assert sum(report.inference_attempts.values()) == len(report.retries) + 1


@pytest.mark.usefixtures("bench")
def test_unusable_model_settings_are_not_the_drawings_fault(drawing: Task) -> None:
    nonsense = InferenceRequest(InferenceChoice.TORCHSERVE, ("no address",))
    assert kind(replace(drawing, inference=nonsense)) is ErrorType.NO_MODEL


@pytest.mark.usefixtures("bench")
def test_unreadable_image_fails_without_naming_our_paths(order: Task) -> None:
    (order.place / "source").write_bytes(b"GIF87a, they say")
    report = runner.run_task(order)
    assert report.failure is not None
    assert report.failure.kind in {ErrorType.PICTURE, ErrorType.UNSUPPORTED}
    assert str(order.place) not in report.failure.message
    assert report.failure.stage == "decode"
    assert report.file_size == 16


@pytest.mark.usefixtures("bench")
def test_wrong_options_fail_before_any_work(order: Task) -> None:
    (order.place / "sidecar.json").write_text('{"motion": "moonwalk"}')
    report = runner.run_task(order)
    assert report.failure is not None
    assert report.failure.kind is ErrorType.SIDECAR
    assert "moonwalk" in report.failure.message
    assert report.steps_ms == {}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), ErrorType.OUT_OF_MEMORY),
        (RuntimeError("x" * 1000), ErrorType.INTERNAL),
        (OSError(28, "No space left on device"), ErrorType.DISK_FULL),
        (NoFigureFound("nobody there"), ErrorType.NO_FIGURE),
    ],
)
@pytest.mark.usefixtures("bench")
def test_run_task_raises_nothing(order: Task, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: ErrorType) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(runner, "_render_with_fallback", fails)
    report = runner.run_task(order)
    assert report.failure is not None
    assert report.failure.kind is expected
    assert len(report.failure.message) <= 500
    assert ("Traceback" in report.failure.trace) == (type(error) in {RuntimeError, OSError})


@gl
@pytest.mark.usefixtures("bench")
def test_character_needs_no_models_and_copy_is_removed(order: Task) -> None:
    shutil.copytree(KING, order.place / "source")
    report = runner.run_task(replace(order, is_folder=True, name="king", wants_thumbnail=True))
    assert report.failure is None, report.failure
    assert report.manifest is not None
    assert (report.manifest["inference"], report.manifest["outputs"][0]["quality"], report.models_answered) == (None, None, False)
    assert not (order.place / "character").exists()


# --- the bench -------------------------------------------------------------------------------------------------------


class Attempt:
    """As an adapter tells of a question."""

    url, model, status, attempt = "http://a", "detector", 503, 1

    def __init__(self, error_type: str | None, wait_s: float | None, *, is_probe: bool = False) -> None:
        self.error_type, self.wait_s, self.is_probe = error_type, wait_s, is_probe


def test_counts_upstream_attempts_and_limits_reported_retries() -> None:
    bench: Any = WorkerResources({})
    for attempt in (Attempt(None, None), Attempt("overloaded", 0.5), Attempt("refused", None, is_probe=True)):
        bench._count_attempt(attempt)
    assert bench.attempts == {"answered": 1, "overloaded": 1}
    assert [(each.error_type, each.wait_ms, each.status_code) for each in bench.retries] == [("overloaded", 500, 503)]
    assert bench.is_overloaded
    for _ in range(2 * MAX_RETRIES_REPORTED):
        bench._count_attempt(Attempt("refused", 0.1))
    assert len(bench.retries) == MAX_RETRIES_REPORTED
    bench.begin_task()
    assert (bench.retries, dict(bench.attempts), bench.is_overloaded) == ([], {}, False)


def test_without_renderer_there_is_no_software_fallback() -> None:
    bench = WorkerResources({})
    assert not bench.use_software_renderer()
    assert bench.library() is bench.library()
