"""Figures of a spool's entries: published drawings, failed ones, and those that wait for a person. Corrections go into the inbox.

A corrected figure is dropped as a character folder with the options of its former job, so no model is asked again, and what was published
before stays (etc/doc/spool.md, "Corrections"). The folder also holds the whole drawing. Only files that the group may read are used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from daemon.files.durable import read_content
from daemon.files.filenames import is_plain_name, shown_name
from daemon.files.untrusted import read_untrusted
from daemon.options.sidecar import MAX_BYTES
from daemon.policy.failures import ErrorType
from daemon.spool.job_folder import ANNOTATIONS, MANIFEST, SOURCE, read_job, read_json
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout
from daemon.spool.quarantine import OPTIONS_SUFFIX, discard, failed_drawings
from daemon.spool.review import DRAWING, OPTIONS, discard_review, drawings_for_review
from daemon.web.drawing_ids import name_without_id
from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.provider import EditableDrawing, EditOutcome, Purpose, UnknownDrawing
from pipeline.adapters.documents.reader import document_kind
from pipeline.errors import DecodeError, OptionError
from pipeline.files.character_names import CONFIG_NAME, DRAWING_NAME, figure_folder

DEFAULT_MOTION: Final = "wave"
MAX_FIGURES: Final = 100
MAX_ORIGINAL_BYTES: Final = 128 << 20
LONGEST_SUFFIX: Final = 6
HEAD_BYTES: Final = 128
OPTION_KEYS: Final = ("motions", "formats", "size", "fps", "background", "layers", "whiten")
"""Options of a manifest that apply to a single figure."""


@dataclass(frozen=True)
class Correction:
    """A corrected figure, to be dropped into the inbox.

    Attributes:
        files: of its character folder.
        name: of the drawing that it comes from, without its suffix; with the figure's number if there are several.
        folder: names of the inbox folders that the drawing was dropped into.
        options: sidecar, or None.
    """

    files: Mapping[str, bytes]
    name: str
    folder: tuple[str, ...]
    options: bytes | None


Drop = Callable[[Correction], str]
"""Puts a correction into the inbox, and returns where the page of the new drawing is, relative to the application's root."""


@dataclass(frozen=True)
class _Entry:
    """A drawing of the spool.

    Attributes:
        is_folder: it was dropped as a character folder.
        options: sidecar of its corrections, or None.
        original: the image as it was dropped, which leaves the spool with the drawing and so goes along with its correction.
        remove: takes it out of the spool when its correction is in the inbox; published drawings stay.
    """

    name: str
    folder: tuple[str, ...]
    is_folder: bool
    sources: tuple[FigureSource, ...]
    options: bytes | None
    motion: str
    notes: tuple[str, ...] = ()
    original: Path | None = None
    remove: Callable[[], None] = lambda: None

    @property
    def stem(self) -> str:
        """The name of its results."""
        return self.name if self.is_folder else Path(self.name).stem


class SpoolFigures:
    """Drawings by key: "done-", "failed-" or "review-" and the id of their job."""

    def __init__(self, layout: Layout, drop: Drop) -> None:
        self._layout, self._drop = layout, drop

    def drawing(self, key: str) -> EditableDrawing:
        """See `FigureProvider`."""
        entry = self._entry(key)
        return EditableDrawing(name_without_id(shown_name(entry.name)), entry.sources, entry.motion, Purpose.ANIMATE, entry.notes)

    async def accept(self, key: str, edits: Mapping[int, Edit], process: EditorProcess) -> EditOutcome:
        """Drop each corrected figure into the inbox."""
        entry = await run_in_threadpool(self._entry, key)
        if not edits:
            raise OptionError("there is no figure yet", hint="draw a box around it")
        if entry.original is not None:  # it leaves the spool, with all of its figures
            with_figure = (number for number, source in enumerate(entry.sources) if source.folder is not None)
            edits = dict(sorted({**dict.fromkeys(with_figure, Edit()), **edits}.items()))
        corrections = []
        for number, edit in edits.items():
            files = await process.call("folder_files", entry.sources[number], edit)
            name = f"{entry.stem}.{number + 1}" if len(entry.sources) > 1 else entry.stem
            corrections.append(Correction(files, name, entry.folder, entry.options))
        links = await run_in_threadpool(self._drop_all, corrections, entry)
        return EditOutcome("It is in the queue." if len(links) == 1 else f"{len(links)} figures are in the queue.", (), links[0])

    def _drop_all(self, corrections: list[Correction], entry: _Entry) -> list[str]:
        if entry.original is not None:
            with suppress(OSError, DecodeError):
                content = read_untrusted(entry.original, MAX_ORIGINAL_BYTES)
                corrections[0] = replace(corrections[0], files={**corrections[0].files, f"original{_plain_suffix(entry.name)}": content})
        links = [self._drop(correction) for correction in corrections]
        with suppress(OSError):  # otherwise it stays there, for a person to discard
            entry.remove()
        return links

    def _entry(self, key: str) -> _Entry:
        kind, _, job = key.partition("-")
        find = {"done": self._done, "failed": self._failed, "review": self._review}.get(kind)
        if find is None or not is_job_id(job):
            raise UnknownDrawing("there is no such drawing")
        return find(job)

    # --- published ---------------------------------------------------------------------------------------------------

    def _done(self, job_id: str) -> _Entry:
        job_folder = self._layout.done / job_id
        try:
            job = read_job(job_folder)
            options = read_json(job_folder / MANIFEST).get("options")
        except (OSError, ValueError) as error:
            raise UnknownDrawing("the figure of this drawing is not kept any more (storage.retention_h of the settings)") from error
        if job.is_folder:
            sources: tuple[FigureSource, ...] = (_folder_source(job_folder / SOURCE, shown_name(job.name)),)
        else:
            sources = _annotated_sources(job_folder / ANNOTATIONS) or (_image_source(job_folder / SOURCE, job.name),)
        options = options if isinstance(options, dict) else {}
        return _Entry(job.name, job.folder, job.is_folder, sources, _sidecar(options), _first_motion(options))

    # --- failed ------------------------------------------------------------------------------------------------------

    def _failed(self, job_id: str) -> _Entry:
        found = next((each for each in failed_drawings(self._layout.failed) if each.job_id == job_id), None)
        if found is None:
            raise UnknownDrawing("this drawing has left failed/: it was retried or discarded")
        path, reason = self._layout.failed / found.name, found.reason
        name = str(reason.get("name", found.name))
        is_folder = path.is_dir() and not path.is_symlink()
        source = _folder_source(path, shown_name(name)) if is_folder else _image_source(path, name)
        is_sidecar_wrong = reason.get("error_type") == ErrorType.SIDECAR
        options = None if is_sidecar_wrong else _read_sidecar(path.with_name(found.name + OPTIONS_SUFFIX))
        notes = (str(reason["message"]),) if reason.get("message") else ()
        original = None if is_folder else path
        motion = _first_motion(_parse_sidecar(options))
        return _Entry(
            name, tuple(found.folder), is_folder, (source,), options, motion, notes, original, partial(discard, self._layout, found)
        )

    # --- waiting for a person ----------------------------------------------------------------------------------------

    def _review(self, job_id: str) -> _Entry:
        found = next((each for each in drawings_for_review(self._layout.review) if each.job_id == job_id), None)
        if found is None:
            raise UnknownDrawing("this drawing has left review/: it was approved, retried or discarded")
        folder, reason = self._layout.review / found.name, found.reason
        name, original = str(reason.get("name", found.name)), folder / str(reason.get("file", DRAWING))
        sources = _numbered_sources(folder) or (_drawing_source(original, name),)
        options = _read_sidecar(folder / OPTIONS)
        notes = (str(reason["message"]),) if reason.get("message") else ()
        inbox, motion, remove = tuple(found.folder), _first_motion(_parse_sidecar(options)), partial(discard_review, self._layout, found)
        return _Entry(
            name, inbox, is_folder=False, sources=sources, options=options, motion=motion, notes=notes, original=original, remove=remove
        )


def _plain_suffix(name: str) -> str:
    """The suffix of a file name, if it is a harmless one."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= LONGEST_SUFFIX else ""


def _annotated_sources(folder: Path) -> tuple[FigureSource, ...]:
    """The figures in a job's annotations: the folder itself, or its figure_1, figure_2 and so on."""
    if (folder / CONFIG_NAME).exists():
        return (_folder_source(folder, folder.parent.name),)
    return _numbered_sources(folder)


def _numbered_sources(folder: Path) -> tuple[FigureSource, ...]:
    numbered = (folder / figure_folder(number) for number in range(1, MAX_FIGURES + 1))
    return tuple(_folder_source(each, each.name) for each in numbered if (each / CONFIG_NAME).exists())


def _folder_source(folder: Path, name: str) -> FigureSource:
    drawing = folder / DRAWING_NAME
    return FigureSource(folder, drawing if drawing.exists() else None, name, is_untrusted=True)


def _image_source(path: Path, name: str) -> FigureSource:
    """An image as the source of a figure, in which a box can be drawn. Raises UnknownDrawing for a document."""
    if is_document_file(path):
        raise UnknownDrawing("pages of a document are not corrected: upload the page as an image of its own")
    return _drawing_source(path, name)


def is_document_file(path: Path) -> bool:
    """Whether an untrusted file is a document of several drawings, by its first bytes."""
    with suppress(OSError):
        return document_kind(read_content(path, HEAD_BYTES)) is not None
    return False


def _drawing_source(path: Path, name: str) -> FigureSource:
    return FigureSource(None, path, shown_name(name), is_untrusted=True)


def _sidecar(options: Mapping[str, Any]) -> bytes:
    """The sidecar that asks for the options of a manifest."""
    return json.dumps({key: options[key] for key in OPTION_KEYS if key in options}).encode()


def _read_sidecar(path: Path) -> bytes | None:
    """The sidecar of a failed drawing; the daemon checks its content again."""
    with suppress(OSError, DecodeError):
        content = read_untrusted(path, MAX_BYTES)
        return content if len(content) <= MAX_BYTES else None
    return None


def _parse_sidecar(sidecar: bytes | None) -> dict[str, Any]:
    try:
        fields = json.loads(sidecar or b"{}")
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _first_motion(options: Mapping[str, Any]) -> str:
    """The motion to show first."""
    motions: Any = options.get("motions", options.get("motion"))
    first: Any = motions[0] if isinstance(motions, Sequence) and not isinstance(motions, str) and motions else motions
    return first if isinstance(first, str) and is_plain_name(first) and "." not in first else DEFAULT_MOTION
