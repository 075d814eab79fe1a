"""Thumbnails of drawings: where a job keeps its own, and where it stays once the job is finished.

A worker writes the thumbnail into the job's folder (`daemon.worker.thumbnail`), because it has the drawing decoded anyway: neither the
daemon nor the web application decodes untrusted input. When the job leaves the spool, its thumbnail gets a second name beside the result:
`outbox/.thumbnails/garlic.json.jpg` belongs to `outbox/garlic.json`, and `failed/.thumbnails/cat.jpg.jpg` to `failed/cat.jpg`. When a
result is removed, so is its thumbnail. The source itself is removed after the retention time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from daemon.files.durable import exists, link, open_folder

FOLDER: Final = ".thumbnails"
THUMBNAIL: Final = "thumbnail.jpg"
SUFFIX: Final = ".jpg"
MAX_DEPTH: Final = 17
SETTLED_S: Final = 60.0


def keep_thumbnail(root: Path, folder: Sequence[str], job_folder: Path, name: str) -> None:
    """Link a job's thumbnail, if it has one, beside a result. Raises nothing: a missing thumbnail must not stop a job.

    Args:
        root, folder: where the result is: the outbox, or `failed`, and names of folders below it.
        job_folder: the job's folder.
        name: name of the result's manifest, or of the failed drawing.
    """
    with suppress(OSError):
        if exists(job_folder / THUMBNAIL):
            with open_folder(root, (*folder, FOLDER), make=True) as thumbnails:
                if not link(job_folder / THUMBNAIL, name + SUFFIX, thumbnails):  # of an earlier result with this name
                    os.unlink(name + SUFFIX, dir_fd=thumbnails)
                    link(job_folder / THUMBNAIL, name + SUFFIX, thumbnails)


def remove_thumbnail(root: Path, folder: Sequence[str], name: str) -> None:
    """Remove the thumbnail of a result that was removed. Raises nothing."""
    with suppress(OSError), open_folder(root, (*folder, FOLDER)) as thumbnails:
        os.unlink(name + SUFFIX, dir_fd=thumbnails)


def remove_stale_thumbnails(root: Path) -> Iterator[None]:
    """Remove the thumbnails of results that users have removed; yields after each folder and each thumbnail. Raises nothing."""
    for folder in _folders_with_thumbnails(root):
        yield
        if folder is None:
            continue
        with suppress(OSError), open_folder(folder) as results, open_folder(folder, (FOLDER,)) as thumbnails:
            for name in os.listdir(thumbnails):  # noqa: PTH208 - by descriptor
                yield
                with suppress(OSError):
                    if exists(name.removesuffix(SUFFIX), results):
                        continue
                    if time.time() - os.lstat(name, dir_fd=thumbnails).st_ctime > SETTLED_S:
                        os.unlink(name, dir_fd=thumbnails)


def _folders_with_thumbnails(root: Path) -> Iterator[Path | None]:
    """Folders that have thumbnails, and None after each entry that has none."""
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == FOLDER:
                    yield folder
                elif depth < MAX_DEPTH and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), depth + 1))
                yield None
