"""Drawings that left the spool for a folder of the users, `failed/` or `review/`, and may return to the inbox."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from daemon.files.durable import exists, move_together
from daemon.files.filenames import shown_name
from daemon.spool.layout import Layout
from pipeline.errors import OptionError

_TAKEN_HINT: Final = "wait until it is claimed or move it away, then try again"


class NameTaken(OptionError):
    """The inbox has a file of that name: nothing is wrong with the command itself."""

    exit_status = 1


@dataclass(frozen=True)
class Returnable:
    """A drawing in a folder of the users.

    Attributes:
        name: its name there.
        reason: the report beside it; empty if that can't be read.
        user: name of the folder above it, where users have folders of their own.
    """

    name: str
    reason: Mapping[str, Any]
    user: str = ""

    @property
    def path(self) -> str:
        """Its path below the folder."""
        return f"{self.user}/{self.name}" if self.user else self.name

    @property
    def job_id(self) -> str:
        return str(self.reason.get("job_id", ""))

    @property
    def folder(self) -> list[str]:
        """Names of the inbox folders that it was dropped into; where users have folders of their own, never those of another user."""
        folder = [str(part) for part in self.reason.get("folder", ())]
        return [self.user] if self.user and folder[:1] != [self.user] else folder


ReturnableT = TypeVar("ReturnableT", bound=Returnable)


def of_all_users(layout: Layout, root: Path, list_drawings: Callable[[Path], list[ReturnableT]]) -> list[ReturnableT]:
    """The drawings in a folder of the users, and in those of each user where users have folders of their own; oldest first."""
    if not layout.is_private:
        return list_drawings(root)
    users = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = [replace(each, user=path.name) for path in users for each in list_drawings(path)]
    return sorted(found, key=lambda each: each.job_id)


def move_back(moves: Sequence[tuple[str, str]], source: int, inbox: int) -> None:
    """Move files, by name and new name, from one open folder to another: all of them, durably, or none.

    Raises:
        NameTaken: the inbox has a file of that name.
    """
    taken = next((target for _, target in moves if exists(target, inbox)), None) or move_together(moves, source, inbox)
    if taken is not None:
        raise NameTaken(f"{shown_name(taken)} is already in the inbox", hint=_TAKEN_HINT)
    os.fsync(inbox)
