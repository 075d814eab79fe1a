"""`doodled animate`: find figures in photographs and animate them, with several motions if asked for.

Models, motions and OpenGL context serve all images; an image is analyzed once for all its motions. An image that can't be animated is
reported, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import typer

from daemon.commands.console import error_text, print_notes, print_result, print_timings, with_progress, write_timings
from daemon.commands.render import RenderResult, open_renderer, render_plan
from daemon.files.filenames import printable, shown_name
from daemon.log.stopwatch import WallStopwatch
from daemon.options.motions import check_names, motion_library, requested_motions
from daemon.options.scene_builder import DEFAULT_MOTION, Plan, RenderRequest, character_plan
from daemon.options.sheet_scene import Sheet, sheet_plan
from daemon.options.targets import check_drawing, check_file_to_write, check_folder_of, check_output
from daemon.rendering import SceneRendering
from pipeline.adapters.documents.reader import document_kind, read_pages
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS, decode_drawing, read_drawing
from pipeline.annotate import AnnotateOptions, annotate
from pipeline.errors import DecodeError, OptionError, PermanentError, keep_notes
from pipeline.files.annotation_files import write_annotations
from pipeline.files.character_names import figure_folder
from pipeline.motion.library import MotionLibrary
from pipeline.ports import Predictor
from pipeline.types import AnnotatedFigure, Drawing, Format

HEAD_BYTES = 1024
"""Enough of a file to tell a document from an image."""


class FigureChoice(StrEnum):
    """Which figures of a drawing are animated."""

    BEST = "best"
    EACH = "each"
    """Every figure, in a file of its own."""
    TOGETHER = "together"
    """Every figure, in one file, in its place in the drawing."""


@dataclass(frozen=True)
class AnimateRequest:
    """What `doodled animate` is to do.

    Attributes:
        images: files of drawings.
        render: what all animations have in common; its target is not used, and its motion may name several.
        figures: which figures of a drawing are animated.
        keep_annotations: folder for the figures as character folders, or None.
        timings: file for the seconds of each stage, or None.
        preview: before each animation, write a still and a few small frames of it.
    """

    images: tuple[Path, ...]
    render: RenderRequest
    figures: FigureChoice = FigureChoice.BEST
    keep_annotations: Path | None = None
    timings: Path | None = None
    preview: bool = False


def animate_drawings(
    request: AnimateRequest,
    models: AbstractContextManager[tuple[Predictor, str]],
    environ: Mapping[str, str],
    stopwatch: WallStopwatch,
    *,
    quiet: bool,
) -> tuple[Path, ...]:
    """Animate drawings and print each result.

    Args:
        models: opens the predictor, and names its backend.
    Returns:
        the images that can't be animated; their errors have been printed.
    Raises:
        DoodledError: an option, model, renderer, codec or disk failed; or the only image can't be animated.
    """
    with stopwatch.lap("read"):
        library = motion_library(environ)
        motions = requested_motions(request.render.motion or DEFAULT_MOTION, library, environ)
    _check(request, motions)
    failed: list[Path] = []
    results: list[RenderResult] = []
    with ExitStack() as stack:
        with stopwatch.lap("models"):
            predictor, name = stack.enter_context(models)
        run = _Run(request, motions, environ, library, predictor, stack, stopwatch, quiet=quiet)
        for image in request.images:
            try:
                failures = run.add_animations(image, results)
            except PermanentError as error:
                if len(request.images) == 1 or isinstance(error, OptionError):
                    raise
                failures = [(str(image), error)]
            for failed_name, failure in failures:
                typer.echo(_error_of(failed_name, failure), err=True)
            failed += [image] * bool(failures)
    if results and request.timings:
        write_timings(request.timings, results, stopwatch, inference=name)
    if results and not quiet:
        print_timings(results, stopwatch, inference=name)
    return tuple(failed)


def _check(request: AnimateRequest, motions: tuple[str, ...]) -> None:
    """Refuse what can't end well before the work begins. Raises OptionError."""
    for image in request.images:
        check_drawing(image)
    has_pages = any(is_document(image) for image in request.images)
    are_several = len(request.images) * len(motions) > 1 or request.figures is FigureChoice.EACH or has_pages
    check_output(request.render.output, request.render.format, are_several=are_several)
    check_folder_of(request.keep_annotations)
    check_file_to_write(request.timings)
    check_names("images", (image.stem for image in request.images))


def _error_of(name: str, error: PermanentError) -> str:
    """An error about one of several images, which its text may not name."""
    text = error_text(error)
    return text if error.path is not None and str(error.path) == name else text.replace("doodled: ", f"doodled: {printable(name)}: ", 1)


def is_document(path: Path) -> bool:
    """Whether a file holds several drawings, by its first bytes."""
    return bool(document_kind(_read_beginning(path, HEAD_BYTES)))


def read_document(path: Path) -> bytes | None:
    """The content of a document of several drawings, and at most a byte more than one may have; None for everything else."""
    return _read_beginning(path, DEFAULT_LIMITS.max_bytes + 1) if is_document(path) else None


def _read_beginning(path: Path, max_bytes: int) -> bytes:
    """At most `max_bytes` bytes of a file; none if it can't be read, which the reader of images reports."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(max_bytes)
    return b""


class _Run:
    """One run of the command over its images."""

    def __init__(  # noqa: PLR0917 - what is open for all images
        self,
        request: AnimateRequest,
        motions: tuple[str, ...],
        environ: Mapping[str, str],
        library: MotionLibrary,
        predictor: Predictor,
        stack: ExitStack,
        stopwatch: WallStopwatch,
        *,
        quiet: bool,
    ) -> None:
        self._request, self._motions, self._environ, self._library = request, motions, environ, library
        self._predictor, self._stopwatch, self._quiet = predictor, stopwatch, quiet
        self._renderer: Callable[[], GLRenderer] = cache(lambda: open_renderer(stack, request.render, environ, stopwatch))

    def add_animations(self, image: Path, results: list[RenderResult]) -> list[tuple[str, PermanentError]]:
        """Animate one image, or the pages of a document; print each result once it is finished, and add it to `results`.

        Returns:
            pages that can't be animated, by name, each with the reason.
        Raises:
            DoodledError: the image can't be animated, or no page can.
        """
        if (source := read_document(image)) is None:
            with self._stopwatch.lap("decode"):
                drawing = read_drawing(image)
            results += list(self._animate_drawing(image, image.stem, drawing))
            return []
        failures: list[tuple[str, PermanentError]] = []
        count = len(results)
        for page in read_pages(source, name=str(image)):
            try:
                if isinstance(page.content, DecodeError):
                    raise page.content
                with self._stopwatch.lap("decode"):
                    drawing = decode_drawing(page.content, name=page.name)
                for result in self._animate_drawing(image, f"{image.stem}.p{page.number}", drawing):  # what is finished stays
                    results.append(result)
            except PermanentError as error:
                if isinstance(error, OptionError):
                    raise
                failures.append((f"{image}, {page.name}", error))
        if failures and len(results) == count:
            raise failures[0][1]
        return failures

    def _animate_drawing(self, image: Path, stem: str, drawing: Drawing) -> Iterator[RenderResult]:
        """Animate one drawing; its outputs are named after `stem`."""
        options = AnnotateOptions(all_figures=self._request.figures is not FigureChoice.BEST)
        with keep_notes(drawing.notes):
            figures = annotate(drawing, self._predictor, options=options, stopwatch=self._stopwatch)
        self._write_annotations(image, stem, drawing, figures)
        with self._stopwatch.lap("read"):
            sheet = Sheet.of(drawing, figures, whiten=self._request.render.whiten)
        notes = (*drawing.notes, *sheet.notes)
        for moving, name in self._animation_groups(stem, len(figures)):
            notes = (*(reason for number in moving for reason in figures[number].quality.reasons), *notes)
            for motion in self._motions:
                request = replace(self._request.render, target=image, motion=motion)
                with self._stopwatch.lap("read"):
                    plan = self._plan(sheet, moving, request, name)
                rendering = SceneRendering(plan, self._stopwatch)
                if self._request.preview:
                    self._show_preview(rendering, plan.output)
                yield self._render_and_print(image, request, replace(plan, notes=(*notes, *plan.notes)), rendering)
                notes = ()  # once is enough

    def _animation_groups(self, stem: str, count: int) -> list[tuple[list[int], str]]:
        """The figures of each animation, and what it is named after."""
        if self._request.figures is FigureChoice.TOGETHER:
            return [(list(range(count)), stem)]
        return [([number], f"{stem}.{number + 1}" if count > 1 else stem) for number in range(count)]

    def _plan(self, sheet: Sheet, moving: list[int], request: RenderRequest, name: str) -> Plan:
        shows_paper = request.background is not None and request.background.is_paper
        if shows_paper or len(moving) > 1:
            return sheet_plan(sheet, moving, request, self._environ, self._library, name=name)
        character = replace(sheet.figures[moving[0]].character, name=name)
        return character_plan(character, request, self._environ, self._library)

    def _show_preview(self, rendering: SceneRendering, output: Path) -> None:
        """Write eight small frames, and the first as a still; print their paths while the animation is still to be made."""
        gif, still = (output.with_suffix(f".preview.{suffix}") for suffix in (Format.GIF, "png"))
        rendering.write_preview(gif, still, self._renderer())
        if not self._quiet:
            typer.echo(f"preview: {still}, {gif}", err=True)

    def _render_and_print(self, image: Path, request: RenderRequest, plan: Plan, rendering: SceneRendering) -> RenderResult:
        def render(on_frame: Callable[[int, int], None]) -> RenderResult:
            return render_plan(plan, request, rendering, self._renderer, on_frame)

        result = with_progress(render, quiet=self._quiet)
        if not self._quiet:
            about = f"{shown_name(image.name)}: " if len(self._request.images) > 1 else ""
            print_notes(f"{about}{note}" for note in result.notes)
        print_result(result, quiet=self._quiet)
        return result

    def _write_annotations(self, image: Path, stem: str, drawing: Drawing, figures: tuple[AnnotatedFigure, ...]) -> None:
        """Write the annotations if they are asked for: of several images or figures each in a folder of its own."""
        if self._request.keep_annotations is None:
            return
        folder = self._request.keep_annotations / (stem if len(self._request.images) > 1 or stem != image.stem else "")
        for number, figure in enumerate(figures, start=1):
            write_annotations(folder / (figure_folder(number) if len(figures) > 1 else ""), drawing, figure)
