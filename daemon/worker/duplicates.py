"""Duplicates: the manifest of a drawing that was animated before, as `inbox.duplicates` wants it.

A worker of this machine looks for one at the start of a job. Workers on other machines see no earlier results, so the daemon itself looks
before it sends them a job (`repeated_result`).
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.files.filenames import shown_name, shown_result
from daemon.files.untrusted import digest_character, read_untrusted
from daemon.log.stopwatch import WallStopwatch
from daemon.options.sidecar import MAX_BYTES, SidecarError, drawing_options
from daemon.spool.job_folder import RESULT, SIDECAR, SOURCE
from daemon.spool.originals import OriginalGone
from daemon.worker.task import Task, TaskResult
from pipeline.errors import DecodeError
from pipeline.types.decode_limits import DecodeLimits


def duplicate_manifest(task: Task, result: TaskResult, options: object) -> dict[str, Any] | None:
    """The manifest of a drawing whose results are those of an earlier job; None if it has to be animated. Raises OSError.

    Args:
        result: with the digest of the drawing.
    """
    original = task.originals.find(result.file_sha256, options) if task.originals is not None else None
    if task.originals is None or original is None:
        return None
    try:
        outputs = task.originals.repeat(original, task.job_folder)
    except OriginalGone:
        shutil.rmtree(task.job_folder / RESULT)
        (task.job_folder / RESULT).mkdir()
        return None
    manifest = original.manifest
    where = shown_result(original.folder, str(manifest["manifest"]))
    note = f"not animated again: {where} in the outbox has the same drawing with the same options"
    return {
        **{key: manifest[key] for key in ("options", "renderer", "inference", "failed_pages") if key in manifest},
        "source": {**manifest["source"], "name": shown_name(task.name)},
        "notes": [*manifest.get("notes", ()), note],
        "outputs": outputs,
        "duplicate_of": {"job_id": manifest["job_id"], "folder": list(original.folder), "manifest": manifest["manifest"]},
    }


def repeated_result(task: Task, motions: Sequence[str]) -> TaskResult | None:
    """The result of a task whose drawing was animated before; None if it has to be animated, or a fault of it has to be reported.

    Args:
        motions: the names of all motions.
    Raises:
        OSError: the disk refused.
    """
    if task.originals is None:
        return None
    result, stopwatch = TaskResult(), WallStopwatch()
    try:
        with stopwatch.lap("decode"):
            options = drawing_options(task.defaults, task.folder, read_sidecar(task.job_folder), motions, task.max_side_px)
            result.file_sha256, result.file_size = _source_digest(task)
    except (DecodeError, SidecarError):
        return None
    shutil.rmtree(task.job_folder / RESULT, ignore_errors=True)  # of an earlier attempt
    (task.job_folder / RESULT).mkdir()
    result.manifest = duplicate_manifest(task, result, options.as_json())
    result.steps_ms = {"decode": 1000 * stopwatch.spent_s["decode"]}
    result.ended_s = time.monotonic()
    return result if result.manifest is not None else None


def _source_digest(task: Task) -> tuple[str, int]:
    max_bytes = DecodeLimits().max_bytes
    if task.is_folder:
        return digest_character(task.job_folder / SOURCE, max_bytes)
    source = read_untrusted(task.job_folder / SOURCE, max_bytes)
    return hashlib.sha256(source).hexdigest(), len(source)


def read_sidecar(job_folder: Path) -> bytes | None:
    """The sidecar in a job's folder, or None. Raises DecodeError, OSError."""
    try:
        return read_untrusted(job_folder / SIDECAR, MAX_BYTES)
    except FileNotFoundError:
        return None
