"""Why an entry of the inbox will not be taken: a closed set of reasons, and the sentence for each.

`Scanner.rejected` is the one list of these entries. The status, `doodled jobs list`, `run --drain`, log records and metrics report it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Rejection(StrEnum):
    """Why an entry will not be taken as it is; logs and metrics show these values."""

    NOT_REGULAR = "not_regular"
    UNREADABLE = "unreadable"
    IMMOVABLE = "immovable"
    EMPTY = "empty"
    TOO_DEEP = "too_deep"
    NO_DRAWING = "no_drawing"
    NOT_PRIVATE = "not_private"


_TEXTS: Final[Mapping[str, str]] = {
    Rejection.NOT_REGULAR: "a link, pipe or device: drop the file itself",
    Rejection.UNREADABLE: "the daemon may not read it: change its permissions (chmod g+r)",
    Rejection.IMMOVABLE: "the daemon may not move it: let it write to its folder (chmod g+w)",
    Rejection.EMPTY: "it is empty: copy it again",
    Rejection.NOT_PRIVATE: "its user has no folders that are closed to others: systemd/private_folders makes them",
    Rejection.TOO_DEEP: "a folder deeper than inbox.max_depth: move it up",
}


def rejection_text(reason: str, name: str) -> str:
    """Why the entry `name` will not be taken, and what to do, as one sentence."""
    if reason != Rejection.NO_DRAWING:
        return _TEXTS.get(reason, reason)
    stem = os.path.splitext(name)[0]  # noqa: PTH122 - an untrusted name, perhaps ".json" alone
    inner, suffix = os.path.splitext(stem)  # noqa: PTH122
    if inner and 2 <= len(suffix) <= 5:
        return f"options without a drawing: those of {stem} are called {inner}.json, and are dropped before it"
    return f"options without a drawing: drop them before {stem}.jpg (or .png, ...), or remove them"
