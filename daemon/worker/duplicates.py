"""Duplicates: the manifest of a drawing that was animated before, as `inbox.duplicates` wants it."""

from __future__ import annotations

import shutil
from typing import Any

from daemon.files.filenames import shown_name, shown_path
from daemon.spool.originals import OriginalGone
from daemon.spool.spool import RESULT
from daemon.worker.task import Task, TaskResult


def duplicate_manifest(task: Task, result: TaskResult, options: object) -> dict[str, Any] | None:
    """The manifest of a drawing whose results are those of an earlier job; None if it has to be animated. Raises OSError.

    Args:
        result: with the digest of the drawing.
    """
    original = task.originals.find(result.file_sha256, options) if task.originals is not None else None
    if task.originals is None or original is None:
        return None
    try:
        outputs = task.originals.repeat(original, task.place)
    except OriginalGone:
        shutil.rmtree(task.place / RESULT)
        (task.place / RESULT).mkdir()
        return None
    manifest = original.manifest
    where = shown_path((*original.folder, str(manifest["manifest"])))
    note = f"not animated again: {where} in the outbox has the same drawing with the same options"
    return {
        **{key: manifest[key] for key in ("options", "renderer", "inference", "failed_pages") if key in manifest},
        "source": {**manifest["source"], "name": shown_name(task.name)},
        "notes": [*manifest.get("notes", ()), note],
        "outputs": outputs,
        "duplicate_of": {"job_id": manifest["job_id"], "folder": list(original.folder), "manifest": manifest["manifest"]},
    }
