"""One run of a task: reads the drawing and its options, finds the figures, and writes and verifies every animation.

    drawing    one image: `_drawing_outputs`
    document   several pages, published together: `_document_outputs`, `_page_outputs`
    character  a folder that a person rigged, without models: `_character`

All of them lead to figures, which `_outputs` animates with each motion, in each format. A drawing with several motions is analyzed once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from daemon.files.durable import sync_folder, sync_tree
from daemon.files.filenames import shown_name
from daemon.files.untrusted import copy_character, read_untrusted
from daemon.log.stopwatch import WallStopwatch
from daemon.options.scene_builder import Plan, RenderRequest, character_plan
from daemon.options.sidecar import drawing_options
from daemon.options.values import JobOptions
from daemon.policy.failures import error_type
from daemon.spool.job_folder import ANNOTATIONS, CHARACTER, RESULT, SOURCE
from daemon.spool.previews import has_viewers
from daemon.spool.thumbnails import THUMBNAIL
from daemon.worker.duplicates import duplicate_manifest, read_sidecar
from daemon.worker.preview import write_preview
from daemon.worker.resources import WorkerResources
from daemon.worker.task import Task, TaskResult
from daemon.worker.thumbnail import write_thumbnail
from pipeline.errors import DecodeError, DoodledError, PermanentError, keep_notes
from pipeline.files.character_names import figure_folder
from pipeline.stages.quality import DOUBTFUL
from pipeline.types import Animation, Bytes, Drawing, Quality

if TYPE_CHECKING:
    from daemon.options.sheet_scene import Sheet
    from daemon.rendering import SceneRendering
    from pipeline.adapters.documents.reader import Page
    from pipeline.adapters.opengl.renderer import GLRenderer

REVIEW_HINT: Final = "correct it in the browser (`doodled web`), or animate it as it is (`doodled jobs approve`)"

PAGES_SHARE = 0.7
"""Pages of a document begin within this share of the job's deadline; the others are reported, instead of failing with the whole."""


class NeedsReview(Exception):
    """A figure that is probably not fully correct, and options that ask for a person then.

    Attributes:
        reason: for review.json.
    """

    def __init__(self, reason: dict[str, Any]) -> None:
        self.reason = reason
        super().__init__(reason["message"])


class PageSkipped(PermanentError):
    """A page of a document that is left out."""


NO_SHEET_NOTE = "a character folder has no sheet of paper, so its background is transparent"


@dataclass(frozen=True)
class _Figure:
    """A figure to animate: its quality, unless a person rigged it, and the scene for a request."""

    quality: Quality | None
    plan: Callable[[RenderRequest], Plan]


class TaskRun:
    """One run of a task; fills in what the result says about the file and the models."""

    def __init__(self, task: Task, resources: WorkerResources, result: TaskResult, stopwatch: WallStopwatch) -> None:
        self._task, self._resources, self._result, self._stopwatch = task, resources, result, stopwatch
        self._result_folder = task.job_folder / RESULT
        self._notes: list[str] = []
        self._inference: str | None = None
        self._failed_pages: list[dict[str, Any]] = []
        self._keep_figures: Callable[[], None] = lambda: None
        self._has_begun = False

    def manifest(self) -> dict[str, Any]:
        """Analyze the drawing and render every animation; returns the manifest. Raises NeedsReview, DoodledError, OSError."""
        from pipeline.adapters.documents.reader import document_kind

        task, library = self._task, self._resources.library()
        options = drawing_options(task.defaults, task.folder, read_sidecar(task.job_folder), library.names(), task.max_side_px)
        shutil.rmtree(self._result_folder, ignore_errors=True)  # of an earlier attempt
        self._result_folder.mkdir()
        figures = self._character(options) if task.is_folder else []
        source = b"" if task.is_folder else self._source()
        repeated = duplicate_manifest(task, self._result, options.as_json())
        if repeated is not None:
            return repeated
        if task.is_folder:
            outputs = self._outputs(figures, options, [])
        else:
            outputs = self._document_outputs(source, options) if document_kind(source) else self._drawing_outputs(source, options)
        return {
            "source": {"name": shown_name(task.name), "sha256": self._result.file_sha256, "bytes": self._result.file_size},
            "options": options.as_json(),
            "notes": list(dict.fromkeys(self._notes)),
            "renderer": self._resources.renderer().name,
            "inference": self._inference,
            "outputs": outputs,
            **({"failed_pages": self._failed_pages} if self._failed_pages else {}),
        }

    def _drawing_outputs(self, source: bytes, options: JobOptions) -> list[dict[str, Any]]:
        drawing = self._drawing(source)
        self._write_thumbnail(drawing.rgb)
        return self._outputs(self._figures(drawing, options), options, [])

    def _document_outputs(self, source: bytes, options: JobOptions) -> list[dict[str, Any]]:
        """The outputs of all pages of a document. A page that can't be animated is named in the manifest, and the others go on.

        One job for all pages: they are published together, once. A temporary error ends the job, which is tried again as a whole.
        """
        from pipeline.adapters.documents.reader import read_pages

        outputs: list[dict[str, Any]] = []
        first_error: DoodledError | None = None
        last_start_s = time.monotonic() + PAGES_SHARE * self._task.deadline_s
        for page in read_pages(source, name=shown_name(self._task.name)):
            notes, self._notes = self._notes, []
            try:
                outputs += self._page_outputs(page, options, last_start_s)
            except PermanentError as error:
                first_error = first_error or error
                self._failed_pages.append(
                    {"page": page.number, "name": shown_name(page.name), "error_type": error_type(error), "message": error.summary}
                )
                self._notes.append(f"can't be animated: {error.summary}")
            self._notes = [*notes, *(f"page {page.number}: {note}" for note in self._notes)]
        if first_error is not None and not outputs:
            raise first_error
        return outputs

    def _page_outputs(self, page: Page, options: JobOptions, last_start_s: float) -> list[dict[str, Any]]:
        from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS, decode_drawing

        if time.monotonic() > last_start_s:
            raise PageSkipped("there was no time left for it", hint="drop it in a file of its own")
        if isinstance(page.content, DecodeError):
            raise page.content
        with self._stopwatch.lap("decode"):
            drawing = decode_drawing(page.content, name=shown_name(page.name), limits=DEFAULT_LIMITS)
        if not (self._task.job_folder / THUMBNAIL).exists():
            self._write_thumbnail(drawing.rgb)
        figures = self._figures(drawing, options, is_page=True)
        return [{**output, "page": page.number} for output in self._outputs(figures, options, [f"p{page.number}"])]

    def _outputs(self, figures: list[_Figure], options: JobOptions, label: list[str]) -> list[dict[str, Any]]:
        """Animate figures with each motion, in each format. The labels, which distinguish the names of outputs, begin with `label`."""
        outputs = []
        for number, figure in enumerate(figures, start=1):
            quality = figure.quality and figure.quality.score
            for motion in options.motions:
                own_label = [*label, *([str(number)] * (len(figures) > 1)), *([motion] * (len(options.motions) > 1))]
                outputs += [
                    {**_output_fields(animation), "label": own_label, "motion": motion, "figure": number, "quality": quality}
                    for animation in self._render_formats(figure, motion, options)
                ]
        return outputs

    # --- input -------------------------------------------------------------------------------------------------------

    def _character(self, options: JobOptions) -> list[_Figure]:
        from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS
        from pipeline.files.character_files import read_character

        source, copy = self._task.job_folder / SOURCE, self._task.job_folder / CHARACTER
        with self._stopwatch.lap("read"):
            try:
                self._result.file_sha256, self._result.file_size = copy_character(source, copy, DEFAULT_LIMITS.max_bytes)
                character = replace(read_character(copy), name=self._task.name)
            finally:
                shutil.rmtree(copy, ignore_errors=True)
        self._write_thumbnail(character.rgb, character.rgba[..., 3])
        if options.whiten:
            from daemon.options.sheet_scene import whitened_character

            character, notes = whitened_character(character)
            self._notes += notes
        if options.background.is_paper:
            self._notes.append(NO_SHEET_NOTE)
        return [_Figure(None, lambda request: character_plan(character, request, {}, self._resources.library()))]

    def _figures(self, drawing: Drawing, options: JobOptions, *, is_page: bool = False) -> list[_Figure]:
        from daemon.options.sheet_scene import Sheet
        from pipeline.annotate import AnnotateOptions, annotate

        with self._stopwatch.lap("models"):
            predictor, self._inference = self._resources.predictor(self._task)
        with keep_notes(drawing.notes):
            found = annotate(drawing, predictor, options=AnnotateOptions(all_figures=options.all_figures), stopwatch=self._stopwatch)
        self._result.models_answered = True
        self._notes += drawing.notes
        if options.review and any(figure.quality.score < DOUBTFUL for figure in found):
            if is_page:  # a person reviews drawings, not documents
                raise PageSkipped("a person should review it", hint="drop it as an image of its own")
            self._ask_for_review(drawing, found)
        if self._task.keep_annotations and not is_page:
            folders = [figure_folder(number) for number in range(1, len(found) + 1)] if len(found) > 1 else [""]
            self._keep_figures = partial(self._write_annotations, drawing, folders, found)
        for figure in found:
            self._notes += figure.quality.reasons
        with self._stopwatch.lap("read"):
            sheet = Sheet.of(drawing, found, whiten=options.whiten)
        self._notes += sheet.notes
        plan = self._sheet_plan if options.background.is_paper else self._figure_plan
        return [_Figure(figure.quality, partial(plan, sheet, number)) for number, figure in enumerate(found)]

    def _figure_plan(self, sheet: Sheet, number: int, request: RenderRequest) -> Plan:
        return character_plan(sheet.figures[number].character, request, {}, self._resources.library())

    def _sheet_plan(self, sheet: Sheet, number: int, request: RenderRequest) -> Plan:
        from daemon.options.sheet_scene import sheet_plan

        return sheet_plan(sheet, [number], request, {}, self._resources.library(), name=self._task.name)

    def _source(self) -> bytes:
        from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS

        with self._stopwatch.lap("decode"):
            source = read_untrusted(self._task.job_folder / SOURCE, DEFAULT_LIMITS.max_bytes)
            self._result.file_sha256, self._result.file_size = hashlib.sha256(source).hexdigest(), len(source)
            return source

    def _drawing(self, source: bytes) -> Drawing:
        from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS, decode_drawing

        with self._stopwatch.lap("decode"):
            return decode_drawing(source, name=shown_name(self._task.name), limits=DEFAULT_LIMITS)

    def _write_thumbnail(self, rgb: Bytes, alpha: Bytes | None = None) -> None:
        with self._stopwatch.lap("annotations"):
            write_thumbnail(self._task.job_folder, rgb, alpha)

    def _ask_for_review(self, drawing: Drawing, found: tuple[Any, ...]) -> NoReturn:
        """Write the figures of a doubtful drawing, durably. Raises NeedsReview."""
        folders = [figure_folder(number) for number in range(1, len(found) + 1)]
        shutil.rmtree(self._task.job_folder / ANNOTATIONS, ignore_errors=True)  # of an earlier attempt
        self._write_annotations(drawing, folders, found)
        sync_tree(self._task.job_folder / ANNOTATIONS)
        figures = [
            {"folder": folder, "quality": figure.quality.score, "reasons": list(figure.quality.reasons)}
            for folder, figure in zip(folders, found, strict=True)
        ]
        worst = min(found, key=lambda figure: figure.quality.score)
        message = ": ".join((f"quality {worst.quality.score:.2f}", *worst.quality.reasons[:1]))
        raise NeedsReview({"message": message, "what_to_do": REVIEW_HINT, "threshold": DOUBTFUL, "figures": figures})

    def _write_annotations(self, drawing: Drawing, folders: list[str], found: tuple[Any, ...]) -> None:
        from pipeline.files.annotation_files import write_annotations

        with self._stopwatch.lap("annotations"):
            for folder, figure in zip(folders, found, strict=True):
                write_annotations(self._task.job_folder / ANNOTATIONS / folder, drawing, figure)

    # --- output ------------------------------------------------------------------------------------------------------

    def _render_formats(self, figure: _Figure, motion: str, options: JobOptions) -> Iterator[Animation]:
        """One motion in every format."""
        from daemon.rendering import SceneRendering
        from pipeline.adapters.encoding.verification import verify

        request = RenderRequest(
            self._task.job_folder,
            motion=motion,
            size=options.size,
            rate=options.fps,
            background=options.background,
            layers=options.layers,
        )
        with self._stopwatch.lap("read"):
            plan = figure.plan(request)
        self._notes += plan.notes
        with self._stopwatch.lap("context"):
            renderer = self._resources.renderer()
        rendering = SceneRendering(plan, self._stopwatch)
        self._prepare(rendering, renderer)
        for kind in options.formats:
            path = self._result_folder / f"{len(list(self._result_folder.iterdir())):04d}.{kind}"
            animation = rendering.write(path, kind, renderer)
            self._notes += rendering.notes(kind)
            with self._sync_in_background(path), self._stopwatch.lap("verify"):
                verify(animation)
            yield animation

    def _prepare(self, rendering: SceneRendering, renderer: GLRenderer) -> None:
        """Once a job, before its first animation: a preview, if someone is there to see it, and then what no one waits for."""
        if self._has_begun:
            return
        self._has_begun = True
        if self._task.viewers_file is not None and has_viewers(self._task.viewers_file, time.time()):
            write_preview(self._task.job_folder, rendering, renderer)
        self._keep_figures()

    @contextmanager
    def _sync_in_background(self, path: Path) -> Iterator[None]:
        """Write a finished file and its name to the disk while the `with` block works with it."""
        with ThreadPoolExecutor(1) as thread:
            syncing = thread.submit(_sync, path)
            yield
            started_s = time.monotonic()
            syncing.result()
            self._result.waited_s += time.monotonic() - started_s


def _output_fields(animation: Animation) -> dict[str, Any]:
    """What the manifest says about one animation."""
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
