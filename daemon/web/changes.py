"""What users do to drawings that are there: cancel, retry, remove, and ask for more motions. All block; call them on a thread."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from daemon.files.durable import open_folder, rename_without_replacing
from daemon.inbox.scanner import is_sidecar, sidecar_stem
from daemon.spool import quarantine, review
from daemon.spool.drawing_states import DrawingState
from daemon.spool.job_folder import ANNOTATIONS, MANIFEST
from daemon.spool.quarantine import FailedDrawing
from daemon.spool.returns import ReturnableT
from daemon.spool.review import DrawingForReview
from daemon.spool.thumbnails import remove_thumbnail
from daemon.web.drawings import DrawingEntry, read_object
from daemon.web.editor.spool_figures import OPTION_KEYS
from daemon.web.folders import is_regular, waiting_drawing
from daemon.web.intake import TEMPORARY
from daemon.web.problems import ProblemError
from daemon.web.site import Site
from pipeline.errors import OptionError
from pipeline.files.character_names import CONFIG_NAME, LAYERS_NAME, MASK_NAME, TEXTURE_NAME, figure_folder


def remove(site: Site, drawing: DrawingEntry) -> None:
    """Cancel a waiting drawing, discard one that is not taken, failed or in review, or remove the results of one that is done.

    Raises:
        ProblemError: it is being animated, or may not be removed.
        OSError: the disk refused.
    """
    if drawing.state is DrawingState.REJECTED and drawing.is_folder:
        raise ProblemError(HTTPStatus.CONFLICT, "a folder of the inbox is not removed from here", hint="remove it where it was dropped")
    if drawing.state in {DrawingState.WAITING, DrawingState.REJECTED}:
        _cancel(site, drawing)
    elif drawing.state is DrawingState.REVIEW:
        review.discard_review(site.layout, DrawingForReview(drawing.file, {}))
    elif drawing.state is DrawingState.FAILED:
        quarantine.discard(site.layout, FailedDrawing(drawing.file, {}))
        remove_thumbnail(site.layout.failed, (), drawing.file)
    elif drawing.state is DrawingState.DONE:
        _remove_results(site, drawing)
    else:
        raise ProblemError(HTTPStatus.CONFLICT, "the drawing is being animated", hint="remove it when it is done")
    site.index.forget(drawing.id)


def _cancel(site: Site, drawing: DrawingEntry) -> None:
    """Take a drawing out of the inbox with one rename, which either the daemon or this process wins."""
    gone = f"{TEMPORARY}{secrets.token_hex(8)}.part"
    try:
        with open_folder(site.layout.inbox, drawing.folder) as inbox:
            rename_without_replacing(drawing.file, inbox, gone, inbox)
            if drawing.is_folder:
                _remove_folder(site.layout.inbox.joinpath(*drawing.folder, gone), drawing.file, inbox)
            else:
                os.unlink(gone, dir_fd=inbox)
            for sidecar in _sidecars(drawing, inbox):
                with suppress(FileNotFoundError, PermissionError):  # another user's stays in a sticky folder; the drawing is gone
                    os.unlink(sidecar, dir_fd=inbox)
            os.fsync(inbox)
    except FileNotFoundError as error:
        raise ProblemError(HTTPStatus.CONFLICT, "the drawing is no longer waiting", hint="look at its state again") from error
    except PermissionError as error:
        raise ProblemError(HTTPStatus.CONFLICT, "its folder is closed to others", hint="remove it where it was dropped") from error


def _remove_folder(path: Path, name: str, inbox: int) -> None:
    """Remove a folder that was renamed from `name`. Another user's may be renamed but not, or not wholly, emptied: then it gets its name
    back.
    """
    try:
        shutil.rmtree(path)
    except PermissionError:
        rename_without_replacing(path.name, inbox, name, inbox)
        raise


def _sidecars(drawing: DrawingEntry, inbox: int) -> list[str]:
    """The options of a drawing that has left, as the scanner finds them; none if another drawing has the same ones."""
    if not drawing.is_folder and is_sidecar(drawing.file):  # it was one itself
        return []
    stem = drawing.file if drawing.is_folder else sidecar_stem(drawing.file)
    beside = [name for name in os.listdir(inbox) if stem in {name, sidecar_stem(name)}]
    files = [name for name in beside if not stat.S_ISDIR(os.lstat(name, dir_fd=inbox).st_mode)]
    sidecars = list(filter(is_sidecar, files))
    return sidecars if sidecars == beside else []


def _remove_results(site: Site, drawing: DrawingEntry) -> None:
    with open_folder(site.layout.outbox, drawing.folder) as outbox:
        for name in (drawing.file, *(each.file for each in drawing.outputs)):  # the manifest first: it promises the others
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=outbox)
        os.fsync(outbox)
    remove_thumbnail(site.layout.outbox, drawing.folder, drawing.file)


def retry(site: Site, drawing: DrawingEntry) -> DrawingEntry:
    """Put a drawing that failed or waits for review back into the inbox; returns it as it waits there.

    Raises:
        ProblemError: it is in another state, or its name is taken in the inbox.
        OSError: the disk refused.
    """
    if drawing.state is DrawingState.REVIEW:
        return _put_back(site, drawing, lambda: review.retry_review(site.layout, _for_review(site, drawing)))
    if drawing.state is not DrawingState.FAILED:
        raise ProblemError(HTTPStatus.CONFLICT, "only a drawing that failed or waits for review can be tried again")
    return _put_back(site, drawing, lambda: quarantine.retry(site.layout, _failed_drawing(site, drawing)))


def approve(site: Site, drawing: DrawingEntry) -> DrawingEntry:
    """Animate a drawing that waits for review as it is; returns it as it waits in the inbox. Raises as `retry`."""
    if drawing.state is not DrawingState.REVIEW:
        raise ProblemError(HTTPStatus.CONFLICT, "only a drawing that waits for review can be approved")
    return _put_back(site, drawing, lambda: review.approve(site.layout, _for_review(site, drawing)))


def _put_back(site: Site, drawing: DrawingEntry, move: Callable[[], Path]) -> DrawingEntry:
    try:
        path = move()
    except OptionError as error:
        raise ProblemError(HTTPStatus.CONFLICT, error.summary, hint=error.hint) from error
    folder = path.parent.relative_to(site.layout.inbox).parts
    try:
        status = path.lstat()
    except FileNotFoundError:  # a daemon has claimed it
        status = site.layout.inbox.lstat()
    again = waiting_drawing(folder, path.name, status)
    site.index.forget(drawing.id)
    site.index.add(again)
    return again


def _failed_drawing(site: Site, drawing: DrawingEntry) -> FailedDrawing:
    return _first_or_conflict(each for each in quarantine.failed_drawings(site.layout.failed) if each.name == drawing.file)


def _for_review(site: Site, drawing: DrawingEntry) -> DrawingForReview:
    return _first_or_conflict(each for each in review.drawings_for_review(site.layout.review) if each.name == drawing.file)


def _first_or_conflict(matching: Iterator[ReturnableT]) -> ReturnableT:
    found = next(matching, None)
    if found is None:
        raise ProblemError(HTTPStatus.CONFLICT, "the drawing is no longer there", hint="look at its state again")
    return found


def character_folders(site: Site, drawing: DrawingEntry) -> list[Path]:
    """The character folders that were kept of a drawing, one for each figure; none after the retention time."""
    annotations = site.layout.done / drawing.job / ANNOTATIONS
    folders = [annotations, *(annotations / figure_folder(number) for number in range(1, max(1, drawing.figures) + 1))]
    return [folder for folder in folders if is_regular(folder / CONFIG_NAME)]


def figure_options(site: Site, drawing: DrawingEntry) -> dict[str, Any]:
    """The options of a finished drawing that apply to its figures, but for the motions; {} after the retention time."""
    options = read_object(site.layout.done / drawing.job / MANIFEST).get("options")
    return {key: options[key] for key in OPTION_KEYS if key != "motions" and key in options} if isinstance(options, dict) else {}


def animate_again(site: Site, drawing: DrawingEntry, options: bytes) -> list[DrawingEntry]:
    """Animate the figures of a finished drawing with other options, without the models.

    Raises:
        ProblemError: its figures are no longer kept.
        SidecarError, QueueFull, OSError: as `Intake.drop_character`.
    """
    folders = character_folders(site, drawing) if drawing.state is DrawingState.DONE else []
    if not folders:
        hint = "upload the drawing once more; [storage] retention_h says how long figures are kept"
        raise ProblemError(HTTPStatus.CONFLICT, "the figures of this drawing are no longer kept", hint=hint)
    again = []
    for number, folder in enumerate(folders, start=1):
        files = {name: folder / name for name in (CONFIG_NAME, MASK_NAME, TEXTURE_NAME, LAYERS_NAME) if is_regular(folder / name)}
        name = Path(drawing.name).stem + (f"-{number}" if len(folders) > 1 else "")
        again.append(site.intake.drop_character(files, name=name, options=options, folder=drawing.folder))
    return again
