"""Drawings that wait for a person: `review/<name>/`, one folder each, with source, figures and reason; approve, retry and discard.

The folder is put together inside the job's folder and appears in `review/` by one rename, complete and durable. `review.json` in the job's
folder is written first: from then on, the next daemon finishes the move after a crash. etc/doc/spool.md describes the content.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import (
    exists,
    link,
    link_or_copy,
    open_folder,
    read_content,
    rename,
    rename_without_replacing,
    sync_folder,
    write_durably,
)
from daemon.files.filenames import is_plain_name, numbered_names, shown_name
from daemon.spool.job_folder import ANNOTATIONS, REVIEW, SIDECAR, SOURCE, Job, read_json
from daemon.spool.layout import Layout
from daemon.spool.returns import Returnable, move_back, of_all_users
from daemon.spool.thumbnails import THUMBNAIL
from pipeline.errors import OptionError

PARCEL: Final = "parcel"
"""Folder in a job's folder that becomes the one in `review/`."""

OPTIONS: Final = "options.json"
DRAWING: Final = "drawing"
MAX_OPTIONS_BYTES: Final = 16 * 1024
MAX_NAMES: Final = 100_000
_DROP_AGAIN: Final = "drop the drawing again, then discard it"
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,8}")


class DrawingForReview(Returnable):
    """A drawing in `review/`, by the name of its folder there; its reason is its review.json."""


def hold_for_review(layout: Layout, job_folder: Path, job: Job, reason: Mapping[str, Any]) -> str:
    """Move a job's drawing, sidecar and figures to `review`. The figures are in the job's annotations, durably.

    Returns:
        the name of the folder in `review`.
    Raises:
        OSError: then `finish_review` goes on.
    """
    suffix = os.path.splitext(job.name)[1].lower()  # noqa: PTH122 - a name may be no path
    content = {
        **reason,
        "name": job.name,
        "folder": list(job.folder),
        "sidecar": job.sidecar,
        "file": DRAWING + (suffix if _SUFFIX.fullmatch(suffix) else ""),
    }
    sync_folder(job_folder)  # the name of the annotations' folder, before review.json promises them
    return _move(layout, job_folder, content)


def finish_review(layout: Layout, job_folder: Path) -> str:
    """Finish `hold_for_review`, from wherever it was interrupted. Raises as that; ValueError if review.json is damaged.

    A drawing whose review.json is damaged is where it was before: it can be processed again.
    """
    try:
        content = _checked(read_json(job_folder / REVIEW))
    except ValueError:
        _undo(job_folder)
        raise
    return _move(layout, job_folder, content)


def _move(layout: Layout, job_folder: Path, content: Mapping[str, Any]) -> str:
    user = layout.user_of([str(part) for part in content["folder"]])
    with open_folder(layout.review / user) if user else open_folder(layout.root, (layout.review.name,), make=True) as review:
        if not exists(job_folder / PARCEL) and not exists(job_folder / SOURCE):
            return str(content["review"])  # it was moved before
        for name in islice(numbered_names(str(content["name"]), is_folder=False), MAX_NAMES):
            if exists(name, review):
                continue
            write_durably(job_folder, REVIEW, _json({**content, "review": name}))
            _fill_parcel(job_folder, content)
            _share(job_folder / PARCEL, review)
            try:
                rename_without_replacing(job_folder / PARCEL, None, name, review)
            except FileExistsError:
                continue
            os.fsync(review)
            sync_folder(job_folder)
            return name
    raise FileExistsError(str(layout.review / user / shown_name(str(content["name"]))))


def _fill_parcel(job_folder: Path, content: Mapping[str, Any]) -> None:
    """Put everything into the parcel that is not there yet, durably, the drawing last."""
    parcel = job_folder / PARCEL
    if not exists(parcel):
        parcel.mkdir()
        sync_folder(job_folder)  # a power cut must not undo it and keep what is moved into it
    figures = job_folder / ANNOTATIONS
    for figure in sorted(figures.iterdir()) if exists(figures) else ():
        if not exists(parcel / figure.name):
            rename(figure, parcel / figure.name)
    with open_folder(parcel) as target:
        with suppress(FileNotFoundError):
            os.unlink(REVIEW, dir_fd=target)  # with the name of an earlier try
        link(job_folder / REVIEW, REVIEW, target)
        for source, name in ((job_folder / SIDECAR, OPTIONS), (job_folder / THUMBNAIL, THUMBNAIL)):
            if exists(source):
                link_or_copy(source, name, target)
        if exists(job_folder / SOURCE):
            rename(job_folder / SOURCE, parcel / str(content["file"]))
        os.fsync(target)
    sync_folder(job_folder)


def _share(parcel: Path, review: int) -> None:
    """Let the group change a folder as it may change `review` itself: approve, retry and discard move and delete what is in it."""
    bits = os.fstat(review).st_mode & 0o020
    for folder in (parcel, *(each for each in parcel.iterdir() if each.is_dir() and not each.is_symlink())):
        mode = folder.stat().st_mode
        if bits & ~mode:
            folder.chmod(mode & 0o777 | bits)


def _undo(job_folder: Path) -> None:
    """Move the drawing back to where a job has it."""
    with suppress(FileNotFoundError):
        for path in (job_folder / PARCEL).iterdir():
            if path.stem == DRAWING and not exists(job_folder / SOURCE):
                rename(path, job_folder / SOURCE)
        sync_folder(job_folder)
        shutil.rmtree(job_folder / PARCEL, ignore_errors=True)
    (job_folder / REVIEW).unlink(missing_ok=True)


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2).encode("ascii") + b"\n"


def _checked(content: dict[str, Any]) -> dict[str, Any]:
    """A review.json that was read. Raises ValueError if a name in it is a path."""
    folder = content.get("folder", [])
    names = [*(folder if isinstance(folder, list) else [None]), content.get("name"), content.get("file"), content.get("review")]
    names += [] if content.get("sidecar") is None else [content["sidecar"]]
    if not all(is_plain_name(name) for name in names):
        raise ValueError(f"{REVIEW} contains names that no daemon writes")
    return content


# --- for people ------------------------------------------------------------------------------------------------------


def drawings_for_review(review: Path) -> list[DrawingForReview]:
    """The drawings in `review`, oldest first; none without the folder."""
    try:
        folders = [path for path in sorted(review.iterdir()) if not path.name.startswith(".") and path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    return sorted((DrawingForReview(path.name, _reason(path)) for path in folders), key=lambda each: each.job_id)


def all_drawings_for_review(layout: Layout) -> list[DrawingForReview]:
    """The drawings of all users, oldest first."""
    return of_all_users(layout, layout.review, drawings_for_review)


def _reason(folder: Path) -> dict[str, Any]:
    try:
        return _checked(read_json(folder / REVIEW))
    except (OSError, ValueError):
        return {}


def retry_review(layout: Layout, one: DrawingForReview) -> Path:
    """Move a drawing and its sidecar back to where it was dropped, to be looked at again. Returns its path in the inbox.

    Raises:
        NameTaken: the inbox has a file of that name.
        OptionError: the folder is damaged.
    """
    sidecar = one.reason.get("sidecar")
    return _put_back(layout, one, str(sidecar) if sidecar else None)


def approve(layout: Layout, one: DrawingForReview) -> Path:
    """As `retry_review`, with a sidecar that asks for the animation as it is.

    Raises:
        NameTaken, OptionError: as `retry_review`; or the sidecar is no JSON.
    """
    folder = layout.review / one.path
    name = str(one.reason.get("name", one.name))
    sidecar = str(one.reason.get("sidecar") or os.path.splitext(name)[0] + ".json")  # noqa: PTH122 - as the scanner does it
    options: object = {}
    if exists(folder / OPTIONS):
        try:
            options = json.loads(read_content(folder / OPTIONS, MAX_OPTIONS_BYTES).decode("utf-8-sig"))
        except (OSError, ValueError, RecursionError):
            options = None
    if not isinstance(options, dict):
        raise OptionError(f"{shown_name(one.name)}: its {OPTIONS} must be a JSON object", hint="correct it, or remove it")
    write_durably(folder, OPTIONS, json.dumps({**options, "review": False}).encode("ascii"))
    return _put_back(layout, one, sidecar)


def _put_back(layout: Layout, one: DrawingForReview, sidecar: str | None) -> Path:
    if not one.reason:
        raise OptionError(f"{shown_name(one.name)}: its {REVIEW} is missing or damaged", hint=_DROP_AGAIN)
    name, file = str(one.reason["name"]), str(one.reason["file"])
    folder = layout.review / one.path
    with open_folder(layout.inbox, one.folder, make=True) as inbox, open_folder(layout.review / one.user, (one.name,)) as source:
        if not exists(file, source):
            raise OptionError(f"{shown_name(one.name)}: its {shown_name(file)} is missing", hint=_DROP_AGAIN)
        moves = [(file, name)]
        if sidecar is not None and exists(OPTIONS, source):  # first: the drawing might be claimed without it
            moves.insert(0, (OPTIONS, sidecar))
        move_back(moves, source, inbox)
    shutil.rmtree(folder, ignore_errors=True)
    return layout.inbox.joinpath(*one.folder, name)


def discard_review(layout: Layout, one: DrawingForReview) -> None:
    """Delete a drawing that waits, with everything beside it. Raises OSError."""
    shutil.rmtree(layout.review / one.path)
