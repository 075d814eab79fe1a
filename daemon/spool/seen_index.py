"""Which drawings were animated before: a symbolic link for each, named by the hash of its bytes, whose text is the first job's id.

A hint for the log, for as long as the sources are kept; nothing depends on it. A link is made in one call that fails if there is one, so
several daemons share the folder, and it outlives them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from daemon.spool.job_ids import is_job_id, made_at_s


class SeenIndex:
    """What is remembered in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def job_of(self, digest: str, job_id: str) -> str | None:
        """The job that was the first to animate the same bytes; None if that is `job_id`, which is remembered."""
        if not digest.isalnum():
            return None
        link = self._folder / digest
        with suppress(OSError):
            link.symlink_to(job_id)
            return None
        with suppress(OSError):
            first = os.readlink(link)  # noqa: PTH115 - its text, which names no file
            return first if is_job_id(first) and first != job_id else None
        return None

    def forget(self, oldest_s: float) -> None:
        """Remove what is older, in seconds since 1970."""
        with suppress(OSError):
            for link in self._folder.iterdir():
                with suppress(OSError):  # another daemon was faster
                    first = os.readlink(link) if link.is_symlink() else ""  # noqa: PTH115 - as above
                    if not is_job_id(first) or made_at_s(first) < oldest_s:
                        link.unlink(missing_ok=True)
