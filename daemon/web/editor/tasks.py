"""What the editor's child process does: it decodes, edits and renders figures, and asks the models. Values in and out are plain and small.

Files of the spool are untrusted: they are read without following links, up to a limit of bytes, and copied before anything is done with
them (`daemon.files.untrusted`). What was read stays in memory until its file changes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from daemon.files.untrusted import copy_character, read_untrusted
from daemon.log.stopwatch import WallStopwatch
from daemon.options.inference import open_predictor
from daemon.options.motions import motion_library
from daemon.options.scene_builder import RenderRequest
from daemon.web.editor.cuts import cut_labels, limb_names
from daemon.web.editor.edits import BoxEdges, CutLine, Edit, EditorSettings, FigureSource, Pixel
from daemon.web.editor.figures import EditableFigure, edited_figure, figure_in_box, read_figure
from daemon.web.editor.preview import Preview, render_preview
from daemon.web.editor.runs import label_runs, mask_runs
from daemon.web.editor.saving import create_figure, save_figure
from daemon.web.editor.smart_edge import snapped_mask
from pipeline.adapters.opengl.contexts import ContextKind
from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.adapters.reading.image_reader import DEFAULT_LIMITS, decode_drawing
from pipeline.annotate import AnnotateOptions, annotate
from pipeline.errors import NoFigureFound, OptionError
from pipeline.files.annotation_files import write_annotations
from pipeline.files.character_names import BOX_NAME, CONFIG_NAME, DRAWING_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME, figure_folder
from pipeline.files.image_files import FAST_PNG
from pipeline.motion.library import MotionLibrary, matching_name
from pipeline.ports import Predictor
from pipeline.types import Character, Drawing

KEPT = 8
"""So many figures, drawings and copies of folders are kept."""

JPEG_QUALITY = 90
_COPIED = (CONFIG_NAME, MASK_NAME, TEXTURE_NAME, LAYERS_NAME, DRAWING_NAME, BOX_NAME)

T = TypeVar("T")


class EditorTasks:
    """The editor's work, with what stays open between calls: OpenGL context, models, motions, files that were read."""

    def __init__(self, settings: EditorSettings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._renderer: GLRenderer | None = None
        self._predictor: Predictor | None = None
        self._library: MotionLibrary | None = None
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def motions(self, first: str) -> list[str]:
        """Names of the motions to choose from: the one to begin with, if it is known or a file, then the others."""
        names = self._motions().names()
        found = first if Path(first).suffix else matching_name(first, names)
        return [*([found] if found else []), *(name for name in names if name != found)]

    # --- reading -----------------------------------------------------------------------------------------------------

    def describe(self, source: FigureSource) -> dict[str, Any]:
        """What the page shows first of a figure; only the drawing's size if there is no figure yet."""
        drawing = self._drawing(source)
        size = None if drawing is None else [drawing.rgb.shape[1], drawing.rgb.shape[0]]
        if source.folder is None:
            return {"drawing": size, "figure": None, "notes": []}
        figure = self._figure(source)
        return {"drawing": size if figure is not None and figure.box is not None else None, "figure": _figure_fields(figure), "notes": []}

    def drawing_image(self, source: FigureSource) -> tuple[bytes, str]:
        """The whole drawing as a file for a browser, and its media type."""
        drawing = self._drawing(source)
        if drawing is None:
            raise OptionError("the drawing of this figure was not kept")
        if drawing.alpha is not None:
            return _png(np.dstack([drawing.rgb, drawing.alpha])), "image/png"
        encoded = cv2.imencode(".jpg", np.ascontiguousarray(drawing.rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        return encoded.tobytes(), "image/jpeg"

    def texture_image(self, source: FigureSource) -> tuple[bytes, str]:
        """The figure's crop as a file for a browser, and its media type."""
        return _png(read_figure(source).rgba), "image/png"

    # --- editing -----------------------------------------------------------------------------------------------------

    def preview(self, source: FigureSource, edit: Edit, motion: str, first: str) -> Preview:
        """The figure's motion after an edit: one of `motions`, never any other file."""
        if motion != first and motion not in self._motions().names():
            raise OptionError("expected one of the motions that the page offers")
        figure = self._edit_figure(source, edit)
        character = _character(source, figure)
        request = RenderRequest(Path(source.name), motion=motion, retarget=self._settings.retarget)
        return render_preview(character, request, self._settings.environ, self._motions(), self._gl())

    def redraw_box(self, source: FigureSource, box: BoxEdges) -> dict[str, Any]:
        """The figure in another box of its drawing, as the pose model sees it."""
        drawing = self._drawing(source)
        if drawing is None:
            raise OptionError("the drawing of this figure was not kept, so its box can't be changed")
        former = None if source.folder is None else self._figure(source)
        predictor, notes = self._models()
        figure, found = figure_in_box(drawing, box, predictor, former, name=source.name, stopwatch=WallStopwatch())
        size = [drawing.rgb.shape[1], drawing.rgb.shape[0]]
        return {"drawing": size, "figure": _figure_fields(figure), "notes": [*notes, *found]}

    def snap(self, source: FigureSource, edit: Edit, points: Sequence[Pixel], radius: float) -> list[int]:
        """Runs of the mask after its edge was snapped to the ink within a band."""
        figure = self._edit_figure(source, edit)
        return mask_runs(snapped_mask(figure.rgba[..., :3], figure.mask, points, radius))

    def cut(self, source: FigureSource, edit: Edit, lines: Sequence[CutLine]) -> list[int]:
        """Runs of the labels after cut lines were drawn."""
        figure = self._edit_figure(source, edit)
        return label_runs(cut_labels(figure, figure.layers_now(), lines))

    def layers(self, source: FigureSource, edit: Edit) -> list[int] | None:
        """Runs of the labels that decide which limbs move apart from the body; None for a single layer."""
        labels = self._edit_figure(source, edit).layers_now()
        return None if labels is None else label_runs(labels)

    # --- writing -----------------------------------------------------------------------------------------------------

    def save(self, source: FigureSource, edit: Edit, folder: Path) -> list[str]:
        """Save an edit into a folder of the user's own, which is made if there was none. Returns notes about repairs."""
        if source.folder == folder:
            return list(save_figure(folder, read_figure(source), self._edit_figure(source, edit), edit))
        if source.folder is not None and not folder.exists():
            shutil.copytree(source.folder, folder)
            return list(save_figure(folder, read_figure(source), self._edit_figure(source, edit), edit))
        return list(create_figure(folder, self._edit_figure(source, edit), self._drawing(source)))

    def folder_files(self, source: FigureSource, edit: Edit) -> dict[str, bytes]:
        """The files of a character folder with an edit, to be animated again.

        Raises:
            CharacterError: it can't be animated, as with an empty mask: it stays where it is.
        """
        edited = self._edit_figure(source, edit)
        _character(source, edited)
        with tempfile.TemporaryDirectory(prefix="doodled-edit-") as parent:
            folder = Path(parent) / "figure"
            if source.folder is None:
                create_figure(folder, edited, self._drawing(source))
            else:
                copied = self._copy_untrusted(source).folder
                shutil.copytree(copied or source.folder, folder)
                save_figure(folder, self._figure(source), edited, edit)
            return {name: (folder / name).read_bytes() for name in _COPIED if (folder / name).exists()}

    def annotate(self, drawing_path: Path, folder: Path) -> tuple[list[Path], list[str]]:
        """Find all figures of a drawing, and write a character folder of each.

        Returns:
            the folders, none if there is no figure, and notes.
        """
        drawing = self._read_drawing(drawing_path)
        predictor, notes = self._models()
        if predictor is None:
            return [], notes
        try:
            found = annotate(drawing, predictor, options=AnnotateOptions(all_figures=True), stopwatch=WallStopwatch())
        except NoFigureFound as error:
            return [], [error.summary]
        folders = [folder / figure_folder(number) for number in range(1, len(found) + 1)]
        for target, figure in zip(folders, found, strict=True):
            write_annotations(target, drawing, figure)
        return folders, notes

    # --- what stays open ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the OpenGL context and the models."""
        self._stack.close()

    def _edit_figure(self, source: FigureSource, edit: Edit) -> EditableFigure:
        figure = None if source.folder is None else self._figure(source)
        if figure is not None and edit.is_empty:
            return figure
        return edited_figure(figure, edit, self._drawing(source) if edit.box is not None else None, name=source.name)

    def _figure(self, source: FigureSource) -> EditableFigure:
        copied = self._copy_untrusted(source)
        folder = copied.folder
        if folder is None:
            raise OptionError("there is no figure yet", hint="draw a box around it")
        paths = [folder / name for name in (CONFIG_NAME, MASK_NAME, TEXTURE_NAME, LAYERS_NAME, BOX_NAME)]
        return self._keep(("figure", source, *map(_version, paths)), lambda: read_figure(copied))

    def _copy_untrusted(self, source: FigureSource) -> FigureSource:
        """The source with a copy of its folder, if its files are untrusted."""
        folder = source.folder
        if folder is None or not source.is_untrusted:
            return source
        versions = tuple(_version(folder / name) for name in _COPIED)  # another drawing may have the name by now
        copy = self._keep(("copy", folder, versions), lambda: self._copy_folder(folder))
        return replace(source, folder=Path(copy.name) / "figure")

    @staticmethod
    def _copy_folder(folder: Path) -> tempfile.TemporaryDirectory[str]:
        made = tempfile.TemporaryDirectory(prefix="doodled-edit-")
        try:
            copy = Path(made.name) / "figure"
            copy_character(folder, copy, DEFAULT_LIMITS.max_bytes)
            for name in (DRAWING_NAME, BOX_NAME):
                with suppress(FileNotFoundError):
                    (copy / name).write_bytes(read_untrusted(folder / name, DEFAULT_LIMITS.max_bytes))
        except BaseException:
            made.cleanup()
            raise
        return made

    def _drawing(self, source: FigureSource) -> Drawing | None:
        path = source.drawing
        if path is None:
            return None
        return self._keep(("drawing", path, _version(path)), lambda: self._read_drawing(path))

    def _read_drawing(self, path: Path) -> Drawing:
        return decode_drawing(read_untrusted(path, DEFAULT_LIMITS.max_bytes), name=path.name, limits=DEFAULT_LIMITS)

    def _keep(self, key: Hashable, read: Callable[[], T]) -> T:
        """What was read under this key, or is read now."""
        if key not in self._kept:
            self._kept[key] = read()
            while len(self._kept) > KEPT:
                _, former = self._kept.popitem(last=False)
                if isinstance(former, tempfile.TemporaryDirectory):
                    former.cleanup()
        self._kept.move_to_end(key)
        found: T = self._kept[key]
        return found

    def _models(self) -> tuple[Predictor | None, list[str]]:
        """The models, or None and why they can't run."""
        if self._predictor is None:
            try:
                opened = open_predictor(self._settings.inference, self._settings.environ)
                self._predictor, _ = self._stack.enter_context(opened)
            except OptionError as error:
                return None, [f"{error.summary}: mask and joints come from the ink alone"]
        return self._predictor, []

    def _motions(self) -> MotionLibrary:
        self._library = self._library or motion_library(self._settings.environ)
        return self._library

    def _context(self) -> ContextKind | None:
        kind = self._settings.context
        return None if kind is None else ContextKind(kind)

    def _gl(self) -> GLRenderer:
        if self._renderer is None:
            self._renderer = self._stack.enter_context(GLRenderer.open(self._context(), self._settings.environ))
        return self._renderer


def _character(source: FigureSource, figure: EditableFigure) -> Character:
    """The character of a figure. Raises CharacterError if it can't be animated."""
    return figure.character((source.folder or Path(source.name)) / CONFIG_NAME)


def _figure_fields(figure: EditableFigure) -> dict[str, Any]:
    config = figure.config
    joints = [
        {"name": name, "parent": config.joint_names[parent] if parent >= 0 else None, "at": [x, y]}
        for name, parent, (x, y) in zip(config.joint_names, config.parents.tolist(), config.locations.tolist(), strict=True)
    ]
    return {
        "width": figure.width,
        "height": figure.height,
        "box": None if figure.box is None else [round(edge) for edge in asdict(figure.box).values()],
        "joints": joints,
        "mask": mask_runs(figure.mask),
        "labels": None if figure.labels is None else label_runs(figure.labels),
        "has_own_layers": figure.has_own_layers,
        "limbs": limb_names(config.joint_names),
    }


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA)
    return bytes(cv2.imencode(".png", stored, FAST_PNG)[1].tobytes())


def _version(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
