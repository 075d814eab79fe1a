"""Tasks run in this process: results of every outcome, and resources that stay open."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from few_lines_server import Server, image, server
from spool_oracle import ROOT

from daemon.options.inference import InferenceChoice, InferenceRequest
from daemon.options.values import FrameRate, JobOptions, Size
from daemon.policy.failures import ErrorType
from daemon.rendering import SceneRendering
from daemon.settings import Settings
from daemon.spool.job_folder import Job
from daemon.spool.layout import Layout
from daemon.spool.previews import VIEWERS, note_viewers
from daemon.worker import runner, task_run
from daemon.worker.resources import MAX_RETRIES_REPORTED, WorkerResources
from daemon.worker.task import Task, task_for
from pipeline.errors import NoFigureFound
from pipeline.types import Format

__all__ = ["image", "server"]
KING = ROOT / "etc" / "characters" / "stick_king"
SMALL = JobOptions(("wave",), (Format.GIF,), Size(32, 32), FrameRate.parse("2"))
gl = pytest.mark.gl


@pytest.fixture
def resources(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerResources]:
    """Resources of a worker process."""
    made = WorkerResources({})
    monkeypatch.setattr(runner, "_resources", made)
    yield made
    made.clear()


@pytest.fixture
def task(tmp_path: Path) -> Task:
    job_folder = tmp_path / "job"
    job_folder.mkdir()
    return Task(job_folder, "garlic.jpg", (), False, SMALL, 100, InferenceRequest(), 5.0, False)


@pytest.fixture
def drawing(task: Task, image: Path, server: Server) -> Task:
    """The task of a photograph that the model server knows."""
    shutil.copy(image, task.job_folder / "source")
    return replace(task, inference=InferenceRequest(InferenceChoice.TORCHSERVE, (server.url,)))


def kind(task: Task) -> ErrorType:
    failure = runner.run_task(task).failure
    assert failure is not None
    return failure.kind


@gl
@pytest.mark.usefixtures("resources")
def test_animates_photograph_with_full_manifest(drawing: Task, server: Server) -> None:
    (drawing.job_folder / "sidecar.json").write_text(json.dumps({"motions": ["wave", "dab"], "formats": ["gif", "webp"], "figures": "all"}))
    result = runner.run_task(replace(drawing, keep_annotations=True))
    assert result.failure is None, result.failure
    assert result.manifest is not None
    outputs = result.manifest["outputs"]
    assert [(each["motion"], each["format"], each["label"]) for each in outputs] == [
        ("wave", "gif", ["wave"]),
        ("wave", "webp", ["wave"]),
        ("dab", "gif", ["dab"]),
        ("dab", "webp", ["dab"]),
    ]
    for each in outputs:
        path = drawing.job_folder / "result" / each["result"]
        assert (path.stat().st_size, each["width"], each["height"]) == (each["bytes"], 32, 32)
    assert 0 < outputs[0]["quality"] <= 1
    assert result.manifest["source"] == {"name": "garlic.jpg", "sha256": result.file_sha256, "bytes": result.file_size}
    assert result.manifest["inference"] == "TorchServe"
    assert (result.models_answered, result.models_overloaded) == (True, False)
    assert result.inference_attempts == {"answered": server.asked}
    assert {"decode", "models", "detect", "pose", "segment", "rig", "render", "encode", "verify"} <= set(result.steps_ms)
    assert (drawing.job_folder / "annotations" / "char_cfg.yaml").is_file()
    assert result.ended_s > 0


@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize("sees", [1, 2])
def test_doubtful_figure_waits_for_review(drawing: Task, server: Server, monkeypatch: pytest.MonkeyPatch, sees: int) -> None:
    monkeypatch.setattr(task_run, "DOUBTFUL", 1.1)
    server.sees = sees
    result = runner.run_task(replace(drawing, defaults=replace(SMALL, review=True, all_figures=True)))
    assert (result.failure, result.manifest, result.models_answered) == (None, None, True)
    assert result.review is not None
    assert result.review["message"].startswith("quality ")
    figures = result.review["figures"]
    assert [figure["folder"] for figure in figures] == [f"figure_{number + 1}" for number in range(len(figures))]
    for figure in figures:
        assert (drawing.job_folder / "annotations" / figure["folder"] / "char_cfg.yaml").is_file()
        assert 0 <= figure["quality"] <= 1
    json.dumps(result.review)


@gl
@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize(("threshold", "sidecar"), [(1.1, {"review": False}), (0.0, {})])
def test_figure_is_animated_if_approved_or_right(
    drawing: Task, monkeypatch: pytest.MonkeyPatch, threshold: float, sidecar: dict[str, bool]
) -> None:
    monkeypatch.setattr(task_run, "DOUBTFUL", threshold)
    (drawing.job_folder / "sidecar.json").write_text(json.dumps(sidecar))
    result = runner.run_task(replace(drawing, defaults=replace(SMALL, review=True)))
    assert result.failure is None
    assert result.review is None
    assert result.manifest is not None
    assert result.manifest["options"]["review"] is (not sidecar)


@pytest.fixture
def viewers(tmp_path: Path) -> Path:
    """The mark of the web application, just touched."""
    note_viewers(tmp_path)
    return tmp_path / VIEWERS


@gl
@pytest.mark.usefixtures("resources")
def test_preview_is_made_once_while_someone_follows_jobs(drawing: Task, viewers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (drawing.job_folder / "sidecar.json").write_text(json.dumps({"motions": ["wave", "dab"]}))
    plain = runner.run_task(drawing)
    assert "preview" not in plain.steps_ms
    assert not (drawing.job_folder / "preview").exists()
    written = []
    write = SceneRendering.write_preview

    def noted(rendering: SceneRendering, gif: Path, still: Path, renderer: Any) -> None:
        written.append([*(drawing.job_folder / "result").iterdir(), *drawing.job_folder.glob("annotations")])
        write(rendering, gif, still, renderer)

    monkeypatch.setattr(SceneRendering, "write_preview", noted)
    result = runner.run_task(replace(drawing, viewers_file=viewers, keep_annotations=True))
    assert (drawing.job_folder / "annotations" / "char_cfg.yaml").is_file()
    assert written == [[]]  # before anything else, and for the first motion alone
    assert {path.name for path in (drawing.job_folder / "preview").iterdir()} == {"preview.gif", "preview.png"}
    assert result.steps_ms["preview"] > 0
    assert result.manifest is not None
    assert plain.manifest is not None
    assert result.manifest["outputs"] == plain.manifest["outputs"]


@gl
@pytest.mark.usefixtures("resources")
def test_no_preview_once_all_viewers_have_gone(drawing: Task, viewers: Path) -> None:
    os.utime(viewers, (1, 1))
    assert runner.run_task(replace(drawing, viewers_file=viewers)).manifest is not None
    assert not (drawing.job_folder / "preview").exists()


@pytest.mark.parametrize("is_private", [False, True])
def test_task_knows_of_viewers_unless_drawings_are_private(tmp_path: Path, *, is_private: bool) -> None:
    layout = Layout(tmp_path, is_private=is_private)
    task = task_for(Job("x", "garlic.png", ("lea",)), tmp_path, Settings(), InferenceRequest(), layout=layout)
    assert task.viewers_file == (None if is_private else layout.inbox / VIEWERS)


@gl
@pytest.mark.usefixtures("resources")
def test_resources_are_opened_once(drawing: Task, server: Server) -> None:
    first, second = runner.run_task(drawing), runner.run_task(drawing)
    assert first.manifest is not None
    assert second.manifest is not None
    assert [each["sha256"] for each in first.manifest["outputs"]] == [each["sha256"] for each in second.manifest["outputs"]]
    assert second.inference_attempts == {"answered": server.asked // 2}
    assert "context" in second.steps_ms


@pytest.mark.usefixtures("resources")
def test_image_without_figure_counts_as_answer_of_models(drawing: Task, server: Server) -> None:
    server.sees = 0
    result = runner.run_task(drawing)
    assert result.failure is not None
    assert (result.failure.kind, result.models_answered) == (ErrorType.NO_FIGURE, True)
    assert result.failure.stage == "detect"
    assert result.manifest is None


@pytest.mark.usefixtures("resources")
def test_missing_server_is_transient(drawing: Task) -> None:
    missing = InferenceRequest(InferenceChoice.TORCHSERVE, ("http://127.0.0.1:9",))
    result = runner.run_task(replace(drawing, inference=missing, upstream_deadline_s=0.5))
    assert result.failure is not None
    assert (result.failure.kind, result.models_answered) == (ErrorType.UPSTREAM, False)
    assert sum(result.inference_attempts.values()) == len(result.retries) + 1


@pytest.mark.usefixtures("resources")
def test_unusable_model_settings_are_not_the_drawings_fault(drawing: Task) -> None:
    nonsense = InferenceRequest(InferenceChoice.TORCHSERVE, ("no address",))
    assert kind(replace(drawing, inference=nonsense)) is ErrorType.NO_MODEL


@pytest.mark.usefixtures("resources")
def test_unreadable_image_fails_without_naming_our_paths(task: Task) -> None:
    (task.job_folder / "source").write_bytes(b"GIF87a, not true")
    result = runner.run_task(task)
    assert result.failure is not None
    assert result.failure.kind in {ErrorType.IMAGE, ErrorType.UNSUPPORTED}
    assert str(task.job_folder) not in result.failure.message
    assert result.failure.stage == "decode"
    assert result.file_size == 16


@pytest.mark.usefixtures("resources")
def test_wrong_options_fail_before_any_work(task: Task) -> None:
    (task.job_folder / "sidecar.json").write_text('{"motion": "levitate"}')
    result = runner.run_task(task)
    assert result.failure is not None
    assert result.failure.kind is ErrorType.SIDECAR
    assert "levitate" in result.failure.message
    assert result.steps_ms == {}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), ErrorType.OUT_OF_MEMORY),
        (RuntimeError("x" * 1000), ErrorType.INTERNAL),
        (OSError(28, "No space left on device"), ErrorType.DISK_FULL),
        (NoFigureFound("no figure found"), ErrorType.NO_FIGURE),
    ],
)
@pytest.mark.usefixtures("resources")
def test_run_task_raises_nothing(task: Task, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: ErrorType) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(runner, "_render_with_fallback", fails)
    result = runner.run_task(task)
    assert result.failure is not None
    assert result.failure.kind is expected
    assert len(result.failure.message) <= 500
    assert ("Traceback" in result.failure.trace) == (type(error) in {RuntimeError, OSError})


@gl
@pytest.mark.usefixtures("resources")
def test_character_needs_no_models_and_copy_is_removed(task: Task) -> None:
    shutil.copytree(KING, task.job_folder / "source")
    result = runner.run_task(replace(task, is_folder=True, name="king"))
    assert result.failure is None, result.failure
    assert result.manifest is not None
    assert (result.manifest["inference"], result.manifest["outputs"][0]["quality"], result.models_answered) == (None, None, False)
    assert not (task.job_folder / "character").exists()


# --- resources -------------------------------------------------------------------------------------------------------


class FakeAttempt:
    """A request as the TorchServe client reports it."""

    url, model, status, attempt = "http://a", "detector", 503, 1

    def __init__(self, error_type: str | None, wait_s: float | None, *, is_probe: bool = False) -> None:
        self.error_type, self.wait_s, self.is_probe = error_type, wait_s, is_probe


def test_counts_upstream_attempts_and_limits_reported_retries() -> None:
    resources: Any = WorkerResources({})
    for attempt in (FakeAttempt(None, None), FakeAttempt("overloaded", 0.5), FakeAttempt("refused", None, is_probe=True)):
        resources._count_attempt(attempt)
    assert resources.attempts == {"answered": 1, "overloaded": 1}
    assert [(each.error_type, each.wait_ms, each.status_code) for each in resources.retries] == [("overloaded", 500, 503)]
    assert resources.is_overloaded
    for _ in range(2 * MAX_RETRIES_REPORTED):
        resources._count_attempt(FakeAttempt("refused", 0.1))
    assert len(resources.retries) == MAX_RETRIES_REPORTED
    resources.begin_task()
    assert (resources.retries, dict(resources.attempts), resources.is_overloaded) == ([], {}, False)


def test_without_renderer_there_is_no_software_fallback() -> None:
    resources = WorkerResources({})
    assert not resources.use_software_renderer()
    assert resources.library() is resources.library()


@pytest.mark.usefixtures("resources")
def test_refusal_keeps_notes_about_the_image(drawing: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that were not looked at may explain why there is no figure."""
    (drawing.job_folder / "source").write_bytes((drawing.job_folder / "source").read_bytes())
    monkeypatch.setattr(task_run.TaskRun, "_drawing", lambda run, _: drawing_with_note(run, drawing))

    def nothing(*_: Any, **__: Any) -> None:
        raise NoFigureFound(f"nothing in {drawing.job_folder}/source and {drawing.job_folder}/result/0000.gif")

    monkeypatch.setattr("pipeline.annotate.annotate", nothing)
    failure = runner.run_task(drawing).failure
    assert failure is not None
    assert failure.notes == ("only the first of 3 pages is used",)
    assert failure.message == "nothing in garlic.jpg and result/0000.gif"


def drawing_with_note(_: Any, task: Task) -> Any:
    from pipeline.adapters.reading.image_reader import read_drawing

    return replace(read_drawing(task.job_folder / "source"), notes=("only the first of 3 pages is used",))


# --- documents -------------------------------------------------------------------------------------------------------


def archive(task: Task, **entries: bytes) -> Task:
    """The task of a ZIP archive."""
    with zipfile.ZipFile(task.job_folder / "source", "w") as file:
        for name, content in entries.items():
            file.writestr(f"{name}.jpg", content)
    return replace(task, name="scans.zip")


@gl
@pytest.mark.usefixtures("resources")
def test_document_is_one_job_that_names_its_failed_pages(drawing: Task, image: Path) -> None:
    good = image.read_bytes()
    result = runner.run_task(archive(drawing, a=good, b=b"no image", c=good))
    assert result.failure is None, result.failure
    assert result.manifest is not None
    assert [(each["label"], each["page"]) for each in result.manifest["outputs"]] == [(["p1"], 1), (["p3"], 3)]
    (failed,) = result.manifest["failed_pages"]
    assert (failed["page"], failed["name"], failed["error_type"]) == (2, "b.jpg", ErrorType.UNSUPPORTED)
    assert any(note.startswith("page 2: can't be animated") for note in result.manifest["notes"])


@gl
@pytest.mark.usefixtures("resources")
def test_document_without_a_good_page_fails_with_the_reason_of_the_first(drawing: Task) -> None:
    assert kind(archive(drawing, a=b"no image", b=b"none either")) is ErrorType.UNSUPPORTED


@gl
@pytest.mark.usefixtures("resources")
def test_pages_beyond_the_deadline_are_left_out(drawing: Task, image: Path) -> None:
    assert kind(replace(archive(drawing, a=image.read_bytes()), deadline_s=0.0)) is ErrorType.INPUT


@gl
@pytest.mark.usefixtures("resources")
def test_temporary_error_ends_the_whole_document(drawing: Task, image: Path) -> None:
    task = archive(drawing, a=image.read_bytes())
    unreachable = InferenceRequest(InferenceChoice.TORCHSERVE, ("http://127.0.0.1:9",))
    assert kind(replace(task, inference=unreachable, upstream_deadline_s=0.2)) is ErrorType.UPSTREAM
