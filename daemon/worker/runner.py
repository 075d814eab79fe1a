"""What a worker process does: a claimed drawing and its options in, checked files and times out. Knows no queue.

A pure function of bytes but for what it keeps warm: the OpenGL context, the networks, the motions. A drawing with several motions is
analysed once. Nothing is raised across the process boundary: an error becomes a `TaskFailure` that says what kind it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from daemon.files.durable import sync_folder
from daemon.files.filenames import shown_name
from daemon.files.untrusted import bytes_of, copied_character
from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import RenderRequest, character_plan
from daemon.options.sidecar import MAX_BYTES, drawing_options
from daemon.options.values import JobOptions
from daemon.policy.failures import ErrorType, error_type
from daemon.spool.spool import ANNOTATIONS, CHARACTER, RESULT, SIDECAR, SOURCE
from daemon.worker.resources import WorkerResources
from daemon.worker.task import Task, TaskFailure, TaskResult
from daemon.worker.thumbnail import write_thumbnail
from pipeline.errors import BlankAnimation, DoodledError, NoFigureFound, PredictionRefused, RenderFailed
from pipeline.types import Animation, Bytes, Character, Drawing, Quality

_bench: WorkerResources | None = None
_stopping: threading.Event | None = None


def hurried_by(stopping: threading.Event) -> None:
    """From now on, jobs of this process wait for no model server once `stopping` is set."""
    global _stopping  # noqa: PLW0603 - as there is one bench
    _stopping = stopping


def perform(order: Task) -> TaskResult:
    """Carry out an order in this process."""
    global _bench  # noqa: PLW0603 - a worker process has one bench for its life
    _bench = _bench or WorkerResources(os.environ, _stopping)
    _bench.begin()
    report, stopwatch = TaskResult(), WallStopwatch()
    try:
        report.manifest = _manifest(order, _bench, report, stopwatch)
    except DoodledError as error:
        if isinstance(error, RenderFailed):
            _bench.clear()
        if isinstance(error, NoFigureFound | PredictionRefused):
            report.networks_answered = True
        summary = error.summary.replace(str(order.place / SOURCE), shown_name(order.name))
        kind = error_type(error)
        report.networks_answered = report.networks_answered or kind is ErrorType.NO_ANSWER
        report.failure = TaskFailure(kind, summary, error.hint, _last(stopwatch), getattr(error, "retry_after_s", None))
    except MemoryError:
        _bench.clear()
        report.failure = TaskFailure(ErrorType.OUT_OF_MEMORY, "it needs more memory than a job may have", stage=_last(stopwatch))
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not take the worker with it
        trace = traceback.format_exc(limit=-8)
        kind = error_type(error)
        report.failure = TaskFailure(kind, f"{type(error).__name__}: {error}"[:500], stage=_last(stopwatch), trace=trace)
    report.stages_ms = {stage: round(1000 * spent, 2) for stage, spent in stopwatch.spent_s.items()}
    report.retries, report.networks_overloaded = _bench.retries, _bench.is_overloaded
    report.upstream_attempts = dict(_bench.attempts)
    report.ended_s = time.monotonic()
    return report


def _manifest(order: Task, bench: WorkerResources, report: TaskResult, stopwatch: WallStopwatch) -> dict[str, Any]:
    """The order carried out; once more in software if a graphics card refused, or drew nothing at all: it may be lost."""
    try:
        return _Work(order, bench, report, stopwatch).manifest()
    except (RenderFailed, BlankAnimation):
        if not bench.renders_in_software():
            raise
    try:
        return _Work(order, bench, report, stopwatch).manifest()
    except BlankAnimation:
        bench.trusts_the_card()  # it was right
        raise


def _last(stopwatch: WallStopwatch) -> str:
    """The stage that was entered last: the one that failed."""
    return next(reversed(stopwatch.spent_s), "")


class _Work:
    """One order being carried out."""

    def __init__(self, order: Task, bench: WorkerResources, report: TaskResult, stopwatch: WallStopwatch) -> None:
        self._order, self._bench, self._report, self._stopwatch = order, bench, report, stopwatch
        self._result = order.place / RESULT
        self._notes: list[str] = []
        self._inference: str | None = None

    def manifest(self) -> dict[str, Any]:
        order, library = self._order, self._bench.library()
        options = drawing_options(order.defaults, order.folder, self._sidecar(), library.names(), order.max_side_px)
        shutil.rmtree(self._result, ignore_errors=True)  # of an attempt before
        self._result.mkdir()
        figures = self._character() if order.is_folder else self._figures(options)
        outputs = []
        for number, (character, quality) in enumerate(figures, start=1):
            for motion in options.motions:
                label = [str(number)] * (len(figures) > 1) + [motion] * (len(options.motions) > 1)
                outputs += [
                    {**_described(animation), "label": label, "motion": motion, "figure": number, "quality": quality and quality.score}
                    for animation in self._animations(character, motion, options)
                ]
        return {
            "source": {"name": shown_name(order.name), "sha256": self._report.file_sha256, "bytes": self._report.file_size},
            "options": options.as_json(),
            "notes": list(dict.fromkeys(self._notes)),
            "renderer": self._bench.renderer().name,
            "inference": self._inference,
            "outputs": outputs,
        }

    # --- in ----------------------------------------------------------------------------------------------------------

    def _sidecar(self) -> bytes | None:
        try:
            return bytes_of(self._order.place / SIDECAR, MAX_BYTES)
        except FileNotFoundError:
            return None

    def _character(self) -> list[tuple[Character, Quality | None]]:
        from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS
        from pipeline.files.character_files import read_character

        source, copy = self._order.place / SOURCE, self._order.place / CHARACTER
        with self._stopwatch.lap("read"):
            try:
                self._report.file_sha256, self._report.file_size = copied_character(source, copy, DEFAULT_LIMITS.max_bytes)
                character = replace(read_character(copy), name=self._order.name)
            finally:
                shutil.rmtree(copy, ignore_errors=True)
        self._show(character.rgba[..., :3], character.rgba[..., 3])
        return [(character, None)]

    def _figures(self, options: JobOptions) -> list[tuple[Character, Quality | None]]:
        from pipeline.annotate import AnnotateOptions, annotated

        drawing = self._drawing()
        self._show(drawing.rgb)
        with self._stopwatch.lap("models"):
            predictor, self._inference = self._bench.predictor(self._order)
        found = annotated(drawing, predictor, options=AnnotateOptions(all_figures=options.all_figures), stopwatch=self._stopwatch)
        self._report.networks_answered = True
        self._notes += drawing.notes
        if self._order.keep_annotations:
            self._keep(drawing, found)
        for figure in found:
            self._notes += figure.quality.reasons
        return [(figure.character, figure.quality) for figure in found]

    def _drawing(self) -> Drawing:
        from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS, decode_drawing

        name = shown_name(self._order.name)
        with self._stopwatch.lap("decode"):
            source = bytes_of(self._order.place / SOURCE, DEFAULT_LIMITS.max_bytes)
            self._report.file_sha256, self._report.file_size = hashlib.sha256(source).hexdigest(), len(source)
            return decode_drawing(source, name=name, limits=DEFAULT_LIMITS)

    def _show(self, rgb: Bytes, alpha: Bytes | None = None) -> None:
        if self._order.wants_thumbnail:
            with self._stopwatch.lap("annotations"):
                write_thumbnail(self._order.place, rgb, alpha)

    def _keep(self, drawing: Drawing, found: tuple[Any, ...]) -> None:
        from pipeline.files.annotation_files import write_annotations

        with self._stopwatch.lap("annotations"):
            for number, figure in enumerate(found, start=1):
                write_annotations(self._order.place / ANNOTATIONS / (f"figure_{number}" if len(found) > 1 else ""), drawing, figure)

    # --- out ---------------------------------------------------------------------------------------------------------

    def _animations(self, character: Character, motion: str, options: JobOptions) -> Iterator[Animation]:
        """One motion in every format."""
        from daemon.rendering import SceneRendering
        from pipeline.adapters.encoding.verification import verified

        request = RenderRequest(self._order.place, motion=motion, size=options.size, rate=options.fps, background=options.background)
        with self._stopwatch.lap("read"):
            plan = character_plan(character, request, {}, self._bench.library())
        self._notes += plan.notes
        with self._stopwatch.lap("context"):
            renderer = self._bench.renderer()
        rendering = SceneRendering(plan, self._stopwatch)
        for kind in options.formats:
            path = self._result / f"{len(list(self._result.iterdir())):04d}.{kind}"
            animation = rendering.write(path, kind, renderer)
            with self._made_durable(path), self._stopwatch.lap("verify"):
                verified(animation)
            yield animation

    @contextmanager
    def _made_durable(self, path: Path) -> Iterator[None]:
        """A finished file and its name are written to the disk while something else is done with it."""
        with ThreadPoolExecutor(1) as thread:
            syncing = thread.submit(_sync, path)
            yield
            started_s = time.monotonic()
            syncing.result()
            self._report.waited_s += time.monotonic() - started_s


def _described(animation: Animation) -> dict[str, Any]:
    return {
        "result": animation.path.name,
        "format": str(animation.format),
        "bytes": animation.byte_count,
        "frames": animation.frame_count,
        "duration_ms": round(float(animation.duration * 1000), 3),
        "width": animation.width,
        "height": animation.height,
        "sha256": animation.sha256,
    }


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)
