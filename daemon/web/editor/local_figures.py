"""One character folder or photograph, for `doodled edit`: corrections are saved into the user's own folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from daemon.files.filenames import printable
from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.provider import EditableDrawing, EditOutcome, Purpose, UnknownDrawing
from pipeline.files.character_names import CONFIG_NAME, DRAWING_NAME

KEY: Final = "figure"
"""Key of the only drawing."""


class LocalFigures:
    """The figures that `doodled edit` was given.

    Args:
        targets: where each figure is saved: its own folder, or one that is made by the first save.
        on_save: called with each folder that was saved.
    """

    def __init__(self, drawing: EditableDrawing, targets: tuple[Path, ...], on_save: Callable[[Path], None]) -> None:
        self._drawing, self._targets, self._on_save = drawing, targets, on_save

    def drawing(self, key: str) -> EditableDrawing:
        """See `FigureProvider`."""
        if key != KEY:
            raise UnknownDrawing("there is no such drawing")
        return self._drawing

    async def accept(self, key: str, edits: Mapping[int, Edit], process: EditorProcess) -> EditOutcome:
        """Save each figure that was changed, and those of a photograph that were found right."""
        notes: list[str] = []
        for number, edit in sorted({**dict.fromkeys(self._unsaved(), Edit()), **edits}.items()):
            source, target = self.drawing(key).sources[number], self._targets[number]
            if target.exists() and (target / CONFIG_NAME).exists():  # saved before, perhaps by this page
                source = _source_of(target, source.name)
            notes += await process.call("save", source, edit, target)
            self._replace(number, _source_of(target, source.name))
            self._on_save(target)
        self._drawing = replace(self._drawing, is_saved=True)
        return EditOutcome("Saved.", tuple(dict.fromkeys(notes)))

    def _unsaved(self) -> list[int]:
        """The figures that were found in a photograph and have no folder of the user's own."""
        if self._drawing.is_saved:
            return []
        pairs = zip(self._drawing.sources, self._targets, strict=True)
        return [number for number, (source, target) in enumerate(pairs) if source.folder is not None and not target.exists()]

    def _replace(self, number: int, source: FigureSource) -> None:
        sources = list(self._drawing.sources)
        sources[number] = source
        self._drawing = replace(self._drawing, sources=tuple(sources))


def folder_drawing(folder: Path, motion: str) -> EditableDrawing:
    """A character folder as a drawing with one figure."""
    source = _source_of(folder, folder.resolve().name)
    return EditableDrawing(printable(source.name), (source,), motion, Purpose.SAVE)


def _source_of(folder: Path, name: str) -> FigureSource:
    drawing = folder / DRAWING_NAME
    return FigureSource(folder, drawing if drawing.exists() else None, name)
