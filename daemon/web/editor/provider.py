"""What the editor's pages show and where corrections go: one folder or photograph (`doodled edit`), or the entries of a spool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from daemon.web.editor.edits import Edit, FigureSource
from daemon.web.editor.process import EditorProcess
from pipeline.errors import PermanentError


class UnknownDrawing(PermanentError):
    """There is no drawing with this key, or it is not kept any more."""


class Purpose(StrEnum):
    """What a page does with corrections."""

    SAVE = "save"
    ANIMATE = "animate"


@dataclass(frozen=True)
class EditableDrawing:
    """A drawing on the editor's page.

    Attributes:
        title: its name, safe to print.
        sources: its figures, at least one; a drawing without a figure has one source without a folder.
        motion: the motion that is shown first.
        notes: what the user should know, a sentence each.
        is_saved: False for figures that were found in a photograph, and not saved yet.
    """

    title: str
    sources: tuple[FigureSource, ...]
    motion: str
    purpose: Purpose
    notes: tuple[str, ...] = ()
    is_saved: bool = True


@dataclass(frozen=True)
class EditOutcome:
    """What became of corrections.

    Attributes:
        message: for the user.
        notes: repairs, a sentence each.
        link: where to go on, relative to the application's root; None to stay.
    """

    message: str
    notes: tuple[str, ...] = ()
    link: str | None = None


class FigureProvider(Protocol):
    """Finds drawings by key, and takes corrections."""

    def drawing(self, key: str) -> EditableDrawing:
        """The drawing with a key. Raises UnknownDrawing."""
        ...

    async def accept(self, key: str, edits: Mapping[int, Edit], process: EditorProcess) -> EditOutcome:
        """Save or animate corrections.

        Args:
            edits: by the figure's number, from 0.
        Raises:
            DoodledError: nothing was saved, or not all of it.
        """
        ...
