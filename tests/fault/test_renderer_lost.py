"""Rows 30 and 31 of etc/doc/faults.md: no OpenGL, a lost graphics card, a faulty encoder: nothing blank or broken is published."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault.test_daemon import PATIENCE_S, until
from fault.test_links import task_for
from PIL import Image, ImageSequence
from spool_oracle import ROOT

from daemon import rendering
from daemon.policy.failures import ErrorType
from daemon.worker import runner
from daemon.worker.resources import WorkerResources
from daemon.worker.task import Task, TaskResult
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.errors import RenderFailed, RenderUnavailable
from pipeline.types import Animation, Format, Frame

pytestmark = pytest.mark.gl
CHARACTER = ROOT / "etc" / "characters" / "stick_king"
MESA = {"AD_USE_MESA": "1"}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    shutil.copytree(CHARACTER, tmp_path / "source")
    return task_for(tmp_path)


def shown(task: Task) -> list[int]:
    """The number of visible pixels in each frame of the result."""
    with Image.open(task.job_folder / "result" / "0000.gif") as image:
        return [int(np.count_nonzero(np.array(frame.convert("RGBA"))[..., 3])) for frame in ImageSequence.Iterator(image)]


@pytest.fixture
def resources(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerResources]:
    made = WorkerResources({})
    monkeypatch.setattr(runner, "_resources", made)
    yield made
    made.clear()


# --- a lost card -----------------------------------------------------------------------------------------------------


class LostCard:
    """Mesa's renderer in the role of a lost graphics card: it renders nothing, or raises."""

    name = "a graphics card"
    is_software = False

    def __init__(self, renderer: GLRenderer, draw: Callable[[Frame], Frame]) -> None:
        self._renderer, self._draw = renderer, draw

    @contextmanager
    def open_scene(self, *arguments: Any, **named: Any) -> Iterator[LostCard]:
        with self._renderer.open_scene(*arguments, **named) as self._stage:
            yield self

    def draw(self, *arguments: Any) -> Frame:
        return self._draw(self._stage.draw(*arguments))


def nothing(frame: Frame) -> Frame:
    return replace(frame, pixels=np.zeros_like(frame.pixels))


def refusal(frame: Frame) -> Frame:
    raise RenderFailed(f"GL_CONTEXT_LOST while drawing at {frame.pts}")


def lose_card(monkeypatch: pytest.MonkeyPatch, draw: Callable[[Frame], Frame], *, in_software: str = "draws") -> list[bool]:
    """Replace the graphics card by one that renders so. Returns the renderers opened since: whether each is a software renderer."""
    really, opened = GLRenderer.open, []

    @contextmanager
    def open_lost(kind: object, environ: Mapping[str, str]) -> Iterator[object]:
        del kind
        is_software = environ.get("AD_USE_MESA") == "1"
        opened.append(is_software)
        if is_software and in_software == "is not there":
            raise RenderUnavailable({"egl-surfaceless": "no Mesa"})
        with really(None, MESA) as renderer:
            if is_software and in_software == "draws":
                yield renderer
                return
            card = LostCard(renderer, draw)
            card.is_software = is_software
            yield card

    monkeypatch.setattr(GLRenderer, "open", open_lost)
    return opened


@pytest.mark.parametrize("draw", [nothing, refusal])
def test_falls_back_to_software_when_card_is_lost(
    task: Task, resources: WorkerResources, monkeypatch: pytest.MonkeyPatch, draw: Callable[[Frame], Frame]
) -> None:
    opened = lose_card(monkeypatch, draw)
    result = runner.run_task(task)
    assert result.failure is None, result.failure
    assert min(shown(task)) > 0
    assert result.manifest is not None
    assert "a graphics card" not in result.manifest["renderer"]
    assert runner.run_task(task).failure is None
    assert opened == [False, True]  # a lost card is not used again
    assert resources.renderer().is_software


def test_blank_in_software_too_fails_drawing(task: Task, resources: WorkerResources, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = lose_card(monkeypatch, nothing, in_software="draws nothing")
    assert kind_of(runner.run_task(task)) is ErrorType.BLANK
    assert opened == [False, True]
    assert not resources.renderer().is_software


@pytest.mark.parametrize(("draw", "kind"), [(nothing, ErrorType.BLANK), (refusal, ErrorType.RENDER)])
@pytest.mark.usefixtures("resources")
def test_without_mesa_result_of_card_counts(
    task: Task, monkeypatch: pytest.MonkeyPatch, draw: Callable[[Frame], Frame], kind: ErrorType
) -> None:
    lose_card(monkeypatch, draw, in_software="is not there")
    assert kind_of(runner.run_task(task)) is kind
    assert not list((task.job_folder / "result").iterdir())


def kind_of(result: TaskResult) -> ErrorType | None:
    assert result.manifest is None
    return result.failure and result.failure.kind


# --- no OpenGL -------------------------------------------------------------------------------------------------------


def test_drawings_wait_for_opengl_and_status_says_so(tmp_path: Path) -> None:
    (tmp_path / "no library").mkdir()
    (tmp_path / "no library" / "libOSMesa.so.8").write_text("none")
    root = tmp_path / "root"
    shutil.copytree(CHARACTER, root / "inbox" / "king")
    small = {
        "DOODLED_ANIMATION_SIZE": "48x48",
        "DOODLED_ANIMATION_FPS": "4",
        "DOODLED_STORAGE_RESERVE_MB": "0",
        "DOODLED_LOG_FORMAT": "json",
    }
    environ = {**os.environ, **small, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(root), "DOODLED_JOBS_WORKERS": "1"}
    blind = {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent.json", "LD_LIBRARY_PATH": str(tmp_path / "no library")}
    command = [sys.executable, "-m", "daemon", "run"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env={**environ, **blind}, stdout=log) as daemon:
        try:
            until(lambda: any("no OpenGL context" in path.read_text() for path in (root / "spool" / "status").glob("*.json")))
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(PATIENCE_S) == 0
        finally:
            daemon.kill()
    assert not list((root / "failed").iterdir())
    assert not list((root / "outbox").iterdir())
    done = subprocess.run([*command, "--drain"], env=environ, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    manifest = json.loads((root / "outbox" / "king.json").read_text())
    assert manifest["attempt"] == 1
    with Image.open(root / "outbox" / "king.gif") as image:
        assert all(np.array(frame.convert("RGBA"))[..., 3].any() for frame in ImageSequence.Iterator(image))


# --- a faulty encoder ------------------------------------------------------------------------------------------------


@dataclass
class LyingEncoder:
    """Writes the real file, damages it, and reports success."""

    real: Any
    spoil: Callable[[Path], None] | None
    keeps_every: int = 1

    def layout(self, canvas: Any) -> Any:
        return self.real.layout(canvas)

    @contextmanager
    def open(self, path: Path, *arguments: Any, **named: Any) -> Iterator[LyingEncoder]:
        with self.real.open(path, *arguments, **named) as self._sink:
            self._path, self._frames = path, 0
            yield self

    def write(self, frame: Frame) -> None:
        if self._frames % self.keeps_every == 0:
            self._sink.write(frame)
        self._frames += 1

    def finish(self) -> Animation:
        animation: Animation = self._sink.finish()
        if self.spoil is not None:
            self.spoil(self._path)
        return replace(animation, frame_count=self._frames)


def cut_to(share: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


DAMAGES: dict[str, tuple[Callable[[Path], None] | None, int]] = {
    "nothing": (cut_to(0.0), 1),
    "a header": (lambda path: os.truncate(path, 32), 1),
    "the first half": (cut_to(0.5), 1),
    "almost all": (cut_to(0.9), 1),
    "all but a byte": (lambda path: os.truncate(path, path.stat().st_size - 1), 1),
    "words": (lambda path: path.write_text("no animation") and None, 1),
    "every third frame": (None, 3),
}


@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize("kind", list(Format))
def test_detects_wrong_file_of_encoder(task: Task, monkeypatch: pytest.MonkeyPatch, kind: Format) -> None:
    task = replace(task, defaults=replace(task.defaults, formats=(kind,)))
    really = rendering.encoder_for
    assert runner.run_task(task).failure is None
    found = {}
    for name, (spoil, keeps_every) in DAMAGES.items():
        monkeypatch.setattr(rendering, "encoder_for", lambda kind, s=spoil, k=keeps_every: LyingEncoder(really(kind), s, k))
        found[name] = getattr(runner.run_task(task).failure, "kind", None)
    assert found == dict.fromkeys(DAMAGES, ErrorType.OUTPUT)
