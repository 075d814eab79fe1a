"""Parcels: a task with the bytes of its drawing on the way to a worker, and a result with the bytes of its files on the way back.

A parcel is pickled once, here: the scheduler passes it on as bytes and needs none of our classes. Only the daemon touches the spool; a
worker unpacks a task into a temporary folder that looks like the job's folder, and the job runs there as it does on the daemon's machine.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from daemon.files.durable import sync_folder, sync_tree
from daemon.files.filenames import is_plain_name
from daemon.files.untrusted import read_untrusted
from daemon.options.sidecar import MAX_BYTES
from daemon.policy.failures import ErrorType
from daemon.spool.job_folder import ANNOTATIONS, RESULT, SIDECAR, SOURCE
from daemon.spool.thumbnails import THUMBNAIL
from daemon.worker.task import Task, TaskFailure, TaskResult
from pipeline.errors import OutputFailed
from pipeline.files.character_names import CONFIG_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME
from pipeline.types.decode_limits import DecodeLimits

MAX_RESULT_BYTES: Final = 256 << 20
"""All files of one result. Worker and daemon each hold them in memory once."""

_CHARACTER_NAMES: Final = (CONFIG_NAME, MASK_NAME, TEXTURE_NAME, LAYERS_NAME)
_RETURNED: Final = (RESULT, ANNOTATIONS, THUMBNAIL)
_DEPTH: Final = 4
Files = tuple[tuple[str, bytes], ...]
"""Paths relative to the job's folder, and the content of each."""


def pack_task(task: Task) -> bytes:
    """The parcel of a task: its source and its sidecar. Raises DecodeError or OSError if they can't be read."""
    return pickle.dumps((replace(task, originals=None, health_file=None, viewers_file=None), tuple(_sources(task))), protocol=5)


def _sources(task: Task) -> Iterator[tuple[str, bytes]]:
    """The files of a task. One that is too big is cut one byte later, so that the worker finds the same fault as it would here."""
    if task.is_self_test:
        return
    max_bytes = DecodeLimits().max_bytes
    if not task.is_folder:
        yield SOURCE, read_untrusted(task.job_folder / SOURCE, max_bytes)
    for name, path, limit in (
        *((f"{SOURCE}/{name}", task.job_folder / SOURCE / name, max_bytes) for name in _CHARACTER_NAMES if task.is_folder),
        (SIDECAR, task.job_folder / SIDECAR, MAX_BYTES),
    ):
        if os.path.lexists(path):
            yield name, read_untrusted(path, limit)


def unpack_task(parcel: bytes, job_folder: Path) -> Task:
    """Write the files of a task into the empty folder `job_folder`, and return the task for that folder. Raises OSError."""
    task: Task
    task, files = pickle.loads(parcel)  # noqa: S301 - of the scheduler's network, whose members may run code here anyway
    if task.is_folder:
        (job_folder / SOURCE).mkdir()
    for name, content in files:
        (job_folder / name).write_bytes(content)
    return replace(task, job_folder=job_folder)


def pack_result(result: TaskResult, job_folder: Path) -> bytes:
    """The parcel of a result with the files that the job left in `job_folder`. Raises OSError."""
    paths = [path for top in _RETURNED for path in _files_below(job_folder / top)]
    size = sum(path.stat().st_size for path in paths)
    if size > MAX_RESULT_BYTES:
        message = f"its files have {size >> 20} MB; a worker on another machine returns at most {MAX_RESULT_BYTES >> 20}"
        result.manifest = result.review = None
        result.failure = TaskFailure(ErrorType.INPUT, message, "choose a smaller size, or fewer motions and formats", "write")
        paths = []
    files = tuple((str(path.relative_to(job_folder)), path.read_bytes()) for path in paths)
    return pickle.dumps((result, files), protocol=5)


def pack_bare_result(result: TaskResult) -> bytes:
    """The parcel of a result without files."""
    return pickle.dumps((result, ()), protocol=5)


def _files_below(top: Path) -> list[Path]:
    return [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())


def unpack_result(parcel: bytes, job_folder: Path) -> TaskResult:
    """Write the files of a result into the job's folder, durably where they will be published, and return the result.

    Raises:
        OSError: the disk refused, or another daemon has taken the job over.
        OutputFailed: the files are not those that the manifest lists.
    """
    result: TaskResult
    result, files = pickle.loads(parcel)  # noqa: S301 - as above
    check_files(result, files)
    for top in (RESULT, ANNOTATIONS):  # of an earlier attempt
        shutil.rmtree(job_folder / top, ignore_errors=True)
    if result.manifest is not None:
        (job_folder / RESULT).mkdir()
    for name, content in files:
        path = job_folder / name
        for folder in reversed(path.relative_to(job_folder).parents[:-1]):
            (job_folder / folder).mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            if name.startswith(f"{RESULT}/"):
                file.flush()
                os.fsync(file.fileno())
    if result.manifest is not None:
        sync_folder(job_folder / RESULT)
    if result.review is not None:
        sync_tree(job_folder / ANNOTATIONS)
    return result


def check_files(result: TaskResult, files: Files) -> None:
    """Check that the files are in their places, and that those of the manifest have arrived whole. Raises OutputFailed."""
    for name, _ in files:
        parts = name.split("/")
        if parts[0] not in _RETURNED or len(parts) > _DEPTH or not all(map(is_plain_name, parts)):
            raise OutputFailed(f"the worker returned a file in a place that is none of its own: {name[:100]}")
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files if name.startswith(f"{RESULT}/")}
    for output in (result.manifest or {}).get("outputs", ()):
        if sums.get(f"{RESULT}/{output['result']}") != output["sha256"]:
            raise OutputFailed(f"{output['result']} is missing or damaged in what the worker returned")
