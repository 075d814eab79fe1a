"""Failed drawings (dead letters): `failed/<name>` with `failed/<name>.error.json`, which says why and what to do; retry and discard.

The error report is published first and the drawing last, so that a drawing in `failed/` always has a report. After a crash, the report in
the job's folder names the move that was under way.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from daemon.files.durable import (
    exists,
    link_or_copy,
    open_folder,
    rename_without_replacing,
    sync_folder,
    unlink_own_links,
    write_durably,
)
from daemon.files.filenames import is_plain_name, numbered_names, shown_name
from daemon.spool.job_folder import ERROR, SIDECAR, SOURCE, Job, read_json
from daemon.spool.layout import Layout
from daemon.spool.returns import Returnable, move_back, of_all_users

ERROR_SUFFIX = ".error.json"
OPTIONS_SUFFIX = ".options.json"


class FailedDrawing(Returnable):
    """A drawing in `failed/`; its reason is its error report."""


def quarantine(failed: Path, job_folder: Path, job: Job, reason: Mapping[str, Any]) -> str:
    """Move a job's drawing, sidecar and error report to `failed`; returns the name there. Raises OSError; then it may be repeated."""
    with open_folder(failed) as target:
        for name in _free_names(job, target):
            content = {**reason, "file": name, "folder": list(job.folder), "name": job.name, "sidecar": job.sidecar}
            write_durably(job_folder, ERROR, json.dumps(content, indent=2).encode("ascii") + b"\n")
            if _move(name, job_folder, target):
                return name
    raise FileExistsError(str(failed / shown_name(job.name)))


def finish_quarantine(failed: Path, job_folder: Path, job: Job) -> str:
    """Finish `quarantine` for a job whose daemon died during it. Raises OSError; ValueError if its error report is damaged."""
    reason = read_json(job_folder / ERROR)
    if not is_plain_name(reason.get("file")):
        raise ValueError("an error report without the drawing's name in `failed`")
    with open_folder(failed) as target:
        name = str(reason["file"])
        if not exists(job_folder / SOURCE):
            if exists(name, target):  # an error of the last rename may have undone the links, though the drawing has moved
                _link_beside(name, job_folder, target)
            return name
        if _move(name, job_folder, target):
            return name
    return quarantine(failed, job_folder, job, reason)


def _free_names(job: Job, target: int) -> list[str]:
    """Three names that are free in `failed`."""
    suffixes = ("", ERROR_SUFFIX, OPTIONS_SUFFIX)
    names = numbered_names(job.name, is_folder=job.is_folder)
    return list(islice((name for name in names if not any(exists(name + suffix, target) for suffix in suffixes)), 3))


def _move(name: str, job_folder: Path, target: int) -> bool:
    """Move report, sidecar and drawing; returns False if a name is taken. Then, or after an error, nothing of it stays in `failed`."""
    pairs = _pairs(name, job_folder)
    try:
        if not _link_beside(name, job_folder, target):
            unlink_own_links(pairs, target)
            return False
        rename_without_replacing(job_folder / SOURCE, None, name, target)
    except FileExistsError:
        unlink_own_links(pairs, target)
        return False
    except OSError:
        unlink_own_links(pairs, target)
        raise
    with suppress(OSError):  # if a power cut undoes the move, it undoes the report's, too, and recovery repeats both
        os.fsync(target)
        sync_folder(job_folder)
    return True


def _pairs(name: str, job_folder: Path) -> list[tuple[Path, str]]:
    """What is linked beside a drawing, and as which name."""
    return [(job_folder / ERROR, name + ERROR_SUFFIX), (job_folder / SIDECAR, name + OPTIONS_SUFFIX)]


def _link_beside(name: str, job_folder: Path, target: int) -> bool:
    """Link report and sidecar beside a drawing, durably; returns False if a name is taken. Raises OSError."""
    for source, public in _pairs(name, job_folder):
        if exists(source) and not link_or_copy(source, public, target):
            return False
    os.fsync(target)
    return True


# --- for operators ---------------------------------------------------------------------------------------------------


def failed_drawings(failed: Path) -> list[FailedDrawing]:
    """The drawings in `failed`, oldest first."""
    found, names = [], {path.name for path in failed.iterdir()}
    for name in sorted(names):
        is_beside_another = name.endswith((ERROR_SUFFIX, OPTIONS_SUFFIX)) and name + ERROR_SUFFIX not in names
        if not is_beside_another and not name.startswith("."):
            found.append(FailedDrawing(name, _reason(failed / name)))
    return sorted(found, key=lambda each: each.job_id)


def all_failed_drawings(layout: Layout) -> list[FailedDrawing]:
    """The failed drawings of all users, oldest first."""
    return of_all_users(layout, layout.failed, failed_drawings)


def _reason(path: Path) -> dict[str, Any]:
    """The error report of a drawing; empty if it can't be read, or if it names a path outside the inbox."""
    try:
        reason = read_json(path.with_name(path.name + ERROR_SUFFIX))
    except (OSError, ValueError):
        return {}
    folder = reason.get("folder", [])
    names = [*(folder if isinstance(folder, list) else [None]), reason.get("name", path.name), reason.get("sidecar") or path.name]
    return reason if all(is_plain_name(name) for name in names) else {}


def retry(layout: Layout, one: FailedDrawing) -> Path:
    """Move a failed drawing and its sidecar back to where it was dropped. Returns its path in the inbox.

    Raises:
        NameTaken: the inbox has a file of that name.
    """
    name, sidecar = str(one.reason.get("name", one.name)), one.reason.get("sidecar")
    moves = [(one.name, name)]
    with open_folder(layout.inbox, one.folder, make=True) as inbox, open_folder(layout.failed / one.user) as failed:
        if sidecar and exists(one.name + OPTIONS_SUFFIX, failed):
            moves.insert(0, (one.name + OPTIONS_SUFFIX, str(sidecar)))
        move_back(moves, failed, inbox)
    _delete(layout.failed / one.user / (one.name + ERROR_SUFFIX))
    sync_folder(layout.failed / one.user)
    return layout.inbox.joinpath(*one.folder, name)


def discard(layout: Layout, one: FailedDrawing) -> None:
    """Delete a failed drawing, its sidecar, and last its error report."""
    for suffix in ("", OPTIONS_SUFFIX, ERROR_SUFFIX):
        _delete(layout.failed / one.user / (one.name + suffix))


def _delete(path: Path) -> None:
    """Delete whatever has a name: another user may have put a folder there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
