"""Thumbnails of drawings: where a job keeps its own, and where it stays once the job is finished.

A worker writes the thumbnail into the job's folder (`daemon.worker.thumbnail`), because it has the drawing decoded anyway: the daemon
itself never decodes untrusted input. When the job leaves the spool, the thumbnail gets a second name in `outbox/.gallery/`, where it stays
as long as the result does. The source itself is removed after the retention time.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from daemon.files.durable import exists, link, open_folder

FOLDER: Final = ".gallery"
THUMBNAIL: Final = "thumbnail.jpg"
SUFFIX: Final = ".jpg"


def keep_thumbnail(outbox: Path, place: Path, job: str) -> None:
    """Link a job's thumbnail, if it has one, into `outbox/.gallery/`. Raises nothing: a missing thumbnail must not stop a job."""
    with suppress(OSError):
        if exists(place / THUMBNAIL):
            with open_folder(outbox, (FOLDER,), make=True) as gallery:
                link(place / THUMBNAIL, job + SUFFIX, gallery)
