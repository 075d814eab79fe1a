"""Index of animated drawings, by which the log reports repeated ones: symbolic links from the SHA-256 of a drawing to its first job's id.

Entries are kept as long as sources are; no job depends on them. `symlink` creates a name atomically, so several daemons can share the
folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from daemon.spool.job_ids import is_job_id, made_at_s


class SeenIndex:
    """The index in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def job_of(self, digest: str, job_id: str) -> str | None:
        """The first job with the same bytes. If there is none, `job_id` is recorded, and the result is None."""
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

    def forget(self, oldest_s: float) -> Iterator[None]:
        """Remove entries of jobs that are older than `oldest_s`, seconds since 1970; yields after each entry."""
        with suppress(OSError):
            for link in self._folder.iterdir():
                with suppress(OSError):  # another daemon has removed it
                    first = os.readlink(link) if link.is_symlink() else ""  # noqa: PTH115 - as above
                    if not is_job_id(first) or made_at_s(first) < oldest_s:
                        link.unlink(missing_ok=True)
                yield
