"""Index of animated drawings, by which repeated ones are found: symbolic links from a digest of content and options to the first job's id.

Entries are kept as long as sources are; no job depends on them. `symlink` creates a name atomically, so several daemons can share the
folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from daemon.spool.job_ids import is_job_id, made_at_s


def duplicate_key(sha256: str, options: object, user: str) -> str:
    """Digest that is the same for drawings that count as duplicates.

    Args:
        sha256: of the content.
        options: as in the manifest; with others, the results differ.
        user: see `Layout.user_of`; the drawings of other users are theirs.
    """
    return hashlib.sha256(json.dumps([sha256, options, user], sort_keys=True).encode()).hexdigest()


class SeenIndex:
    """The index in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def first_job(self, key: str) -> str | None:
        """The first job of this key, or None."""
        with suppress(OSError):
            first = os.readlink(self._folder / key) if key.isalnum() else ""  # noqa: PTH115 - its text, which names no file
            return first if is_job_id(first) else None
        return None

    def record(self, key: str, job_id: str) -> str | None:
        """Record a job; returns the first job of this key if that is another, which stays recorded."""
        if not key.isalnum():
            return None
        with suppress(OSError):
            (self._folder / key).symlink_to(job_id)
            return None
        first = self.first_job(key)
        return first if first != job_id else None

    def replace(self, key: str, job_id: str) -> None:
        """Record a job in place of the first one, whose results are gone. Raises nothing: the next duplicate is animated again then."""
        if key.isalnum():
            draft = self._folder / f".{job_id}"
            with suppress(OSError):
                draft.symlink_to(job_id)
                draft.rename(self._folder / key)

    def forget(self, oldest_s: float) -> Iterator[None]:
        """Remove entries of jobs that are older than `oldest_s`, seconds since 1970; yields after each entry."""
        with suppress(OSError):
            for link in self._folder.iterdir():
                with suppress(OSError):  # another daemon has removed it
                    first = os.readlink(link) if link.is_symlink() else ""  # noqa: PTH115 - as above
                    if not is_job_id(first) or made_at_s(first) < oldest_s:
                        link.unlink(missing_ok=True)
                yield
