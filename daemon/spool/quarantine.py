"""Files that failed: `failed/<name>` with `failed/<name>.error.json`, which says why and what to do; and their way back.

The reason appears first and the file last, so that a file in `failed/` always has a reason; after a crash, the job's own `error.json`
says what was begun.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from daemon.files.durable import exists, link, open_folder, rename, rename_without_replacing, sync_folder, unlink_ours, write_durably
from daemon.files.filenames import MAX_NAME_BYTES, clipped, is_plain_name, shown_name
from daemon.spool.layout import Layout
from daemon.spool.spool import ERROR, SIDECAR, SOURCE, Job, read_json
from pipeline.errors import OptionError

ERROR_SUFFIX = ".error.json"
OPTIONS_SUFFIX = ".options.json"
ROOM_BYTES = 20


@dataclass(frozen=True)
class Failed:
    """Something in quarantine.

    Attributes:
        name: in `failed/`.
        reason: what `error.json` says.
    """

    name: str
    reason: Mapping[str, Any]

    @property
    def job_id(self) -> str:
        return str(self.reason.get("job_id", ""))


def quarantine(failed: Path, place: Path, job: Job, reason: Mapping[str, Any]) -> str:
    """Move a job's files to `failed`; returns the name there. Raises OSError, and may be called again then."""
    with open_folder(failed) as target:
        for name in _free_names(job, target):
            content = {**reason, "file": name, "folder": list(job.folder), "name": job.name, "sidecar": job.sidecar}
            write_durably(place, ERROR, json.dumps(content, indent=2).encode("ascii") + b"\n")
            if _moved(name, place, target):
                return name
    raise FileExistsError(str(failed / shown_name(job.name)))


def finish_quarantine(failed: Path, place: Path, job: Job) -> str:
    """The same for a job whose daemon died meanwhile. Raises OSError, or ValueError if its reason is damaged."""
    reason = read_json(place / ERROR)
    if not is_plain_name(reason.get("file")):
        raise ValueError("a reason without the name that it had in `failed`")
    with open_folder(failed) as target:
        if not exists(place / SOURCE) or _moved(str(reason["file"]), place, target):
            return str(reason["file"])
    return quarantine(failed, place, job, reason)


def _free_names(job: Job, target: int) -> list[str]:
    """A few names that nothing in `failed` has."""
    stem, dot, suffix = job.name.rpartition(".") if not job.is_folder else (job.name, "", "")
    stem, ending = (stem, dot + suffix) if stem and len(suffix) <= 8 else (job.name, "")
    stem = clipped(stem, MAX_NAME_BYTES - ROOM_BYTES - len(ending)) if len(os.fsencode(job.name)) > MAX_NAME_BYTES - ROOM_BYTES else stem
    found: list[str] = []
    for number in count(1):
        name = f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}"
        if not any(exists(name + suffix, target) for suffix in ("", ERROR_SUFFIX, OPTIONS_SUFFIX)):
            found.append(name)
            if len(found) == 3:
                break
    return found


def _moved(name: str, place: Path, target: int) -> bool:
    """Move reason, options, source. False if a name is somebody else's; then, or after an error, nothing is left of it in `failed`."""
    pairs = [(place / ERROR, name + ERROR_SUFFIX), (place / SIDECAR, name + OPTIONS_SUFFIX)]
    try:
        for source, public in pairs:
            if exists(source) and not _is_linked(source, public, target):
                unlink_ours(pairs, target)
                return False
        os.fsync(target)
        rename_without_replacing(place / SOURCE, None, name, target)
    except FileExistsError:
        unlink_ours(pairs, target)
        return False
    except OSError:
        unlink_ours(pairs, target)
        raise
    with suppress(OSError):  # should the source come back in a power cut, its reason comes with it, and recovery moves it again
        os.fsync(target)
        sync_folder(place)
    return True


def _is_linked(source: Path, public: str, target: int) -> bool:
    """Where the kernel lets nobody link to files of others that they can't write to (fs.protected_hardlinks), a copy of ours is linked.

    What is no file, such as a folder, is moved as it is: nobody looks into it, and it must not keep its picture from getting here.
    """
    try:
        return link(source, public, target)
    except PermissionError:
        if not stat.S_ISREG(source.lstat().st_mode):
            rename_without_replacing(source, None, public, target)
            return True
        opened = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise
            draft = source.with_name(f".{source.name}.copy")
            with draft.open("wb") as copy:
                shutil.copyfileobj(file, copy)
                copy.flush()
                os.fsync(copy.fileno())
        rename(draft, source)
        return link(source, public, target)


# --- the operator's side ---------------------------------------------------------------------------------------------


def quarantined(failed: Path) -> list[Failed]:
    """What is there, the oldest first. Reasons that can't be read are empty."""
    found, names = [], {path.name for path in failed.iterdir()}
    for name in sorted(names):
        is_beside_another = name.endswith((ERROR_SUFFIX, OPTIONS_SUFFIX)) and name + ERROR_SUFFIX not in names
        if not is_beside_another and not name.startswith("."):
            found.append(Failed(name, _reason(failed / name)))
    return sorted(found, key=lambda each: each.job_id)


def _reason(path: Path) -> dict[str, Any]:
    """Why a file is in `failed`, or nothing: of what can't be read, and of names that would lead out of the inbox."""
    try:
        reason = read_json(path.with_name(path.name + ERROR_SUFFIX))
    except (OSError, ValueError):
        return {}
    folder = reason.get("folder", [])
    names = [*(folder if isinstance(folder, list) else [None]), reason.get("name", path.name), reason.get("sidecar") or path.name]
    return reason if all(is_plain_name(name) for name in names) else {}


def retry(layout: Layout, one: Failed) -> Path:
    """Move a failed file, with its options, back to where it was dropped. Returns its place in the inbox.

    Raises:
        OptionError: something of that name lies there already.
    """
    folder = [str(part) for part in one.reason.get("folder", ())]
    name, sidecar = str(one.reason.get("name", one.name)), one.reason.get("sidecar")
    moves = [(one.name, name)]
    with open_folder(layout.inbox, folder, make=True) as inbox, open_folder(layout.failed) as failed:
        if sidecar and exists(one.name + OPTIONS_SUFFIX, failed):
            moves.insert(0, (one.name + OPTIONS_SUFFIX, str(sidecar)))
        taken = next((target for _, target in moves if exists(target, inbox)), None) or _taken_meanwhile(moves, failed, inbox)
        if taken is not None:
            hint = "wait until it is claimed or move it away, then try again"
            raise OptionError(f"{shown_name(taken)} is already in the inbox", hint=hint)
        os.fsync(inbox)
    (layout.failed / (one.name + ERROR_SUFFIX)).unlink(missing_ok=True)
    sync_folder(layout.failed)
    return layout.inbox.joinpath(*folder, name)


def _taken_meanwhile(moves: list[tuple[str, str]], failed: int, inbox: int) -> str | None:
    """Move all, or none: options alone would be taken for another picture's. Returns the name that is taken in the inbox, or None."""
    for number, (source, target) in enumerate(moves):
        try:
            rename_without_replacing(source, failed, target, inbox)
        except OSError as error:
            for back, there in moves[:number]:
                with suppress(OSError):  # taken by a daemon, with what lies there
                    rename_without_replacing(there, inbox, back, failed)
            if isinstance(error, FileExistsError):
                return target
            raise
    return None


def discard(layout: Layout, one: Failed) -> None:
    """Remove a failed file with its reason and options; the reason goes last."""
    for suffix in ("", OPTIONS_SUFFIX, ERROR_SUFFIX):
        path = layout.failed / (one.name + suffix)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
