"""Previews of running jobs: where a job keeps its own, and how a worker knows that it will be seen.

A worker makes a preview only while someone follows jobs in the web application, because it takes a part of a job's time. The web
application says so by the modification time of a hidden file in the inbox: the one folder that both can write to. Nothing depends on it: at
worst a preview is missing, or made for no one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

PREVIEW: Final = "preview"
"""Folder in a job's folder; it appears by one rename, with both files in it."""

MOVING: Final = "preview.gif"
STILL: Final = "preview.png"

VIEWERS: Final = ".web-viewers"
"""File in the inbox. The web application removes a stale one at its start, as every hidden file that begins so."""

SEEN_S: Final = 15.0
"""For so long after the file was touched, someone counts as there."""


def note_viewers(inbox: Path) -> None:
    """Note that someone follows jobs now. Raises nothing: without the file there are no previews."""
    with suppress(OSError):
        try:
            os.utime(inbox / VIEWERS, follow_symlinks=False)
        except FileNotFoundError:
            os.close(os.open(inbox / VIEWERS, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660))


def has_viewers(file: Path, now_s: float) -> bool:
    """Whether someone follows jobs.

    Args:
        file: VIEWERS in the inbox.
        now_s: seconds since 1970.
    """
    try:
        return abs(now_s - file.lstat().st_mtime) < SEEN_S
    except OSError:
        return False
