"""`doodled jobs`: list waiting, running and failed drawings; retry, approve or discard those that a person decides about.

It reads the spool's folders and status files, so it works with and without a running daemon.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from daemon.commands.console import table_text
from daemon.files.filenames import printable, shown_name, shown_path
from daemon.inbox.rejections import Rejection, rejection_text
from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules
from daemon.spool import quarantine
from daemon.spool.events import SpoolEvent, Undelivered, discard_event, retry_event, undelivered_events
from daemon.spool.instances import is_alive
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout
from daemon.spool.quarantine import FailedDrawing, NameTaken
from daemon.spool.review import DrawingForReview, approve, discard_review, drawings_for_review, retry_review
from daemon.spool.spool import JOB_FILE, MANIFEST, read_job, read_json
from pipeline.errors import OptionError

MAX_REASON_LENGTH = 200
"""Characters of a reason in the table; `doodled jobs show` prints all of it."""


class DrawingState(StrEnum):
    """Where a drawing is."""

    INBOX = "inbox"
    REJECTED = "rejected"
    RUNNING = "running"
    WAITING = "waiting"
    ORPHANED = "orphaned"
    FAILED = "failed"
    REVIEW = "review"
    HOOK = "hook"
    DONE = "done"


@dataclass(frozen=True)
class JobRow:
    """One drawing in the list."""

    state: DrawingState
    job_id: str
    name: str
    why: str = ""


def list_jobs(layout: Layout, *, done: bool, max_depth: int) -> list[JobRow]:
    """Every drawing in inbox, spool, failed/ and review/, and every delivery that was given up.

    Args:
        done: list published drawings, too.
        max_depth: levels of subfolders of the inbox that the daemon scans.
    """
    statuses = [status for status, is_alive in _statuses(layout) if is_alive]
    rows = [*_in_inbox(layout, statuses, max_depth), *_claimed(layout, statuses)]
    rows += [_failed_row(each) for each in quarantine.failed_drawings(layout.failed)]
    rows += [_review_row(each) for each in drawings_for_review(layout.review)]
    rows += [_undelivered_row(each) for each in undelivered_events(layout)]
    return rows + (list(_done(layout)) if done else [])


def describe_job(layout: Layout, name_or_id: str) -> str:
    """Files and state of one job as JSON; `name_or_id` is its id, or its name in failed/ or review/.

    Raises:
        OptionError: there is no such job.
    """
    for failed in quarantine.failed_drawings(layout.failed):
        if name_or_id in {failed.job_id, failed.name}:
            return json.dumps({"state": DrawingState.FAILED, **failed.reason}, indent=2)
    for waiting in drawings_for_review(layout.review):
        if name_or_id in {waiting.job_id, waiting.name}:
            return json.dumps({"state": DrawingState.REVIEW, "place": str(layout.review / waiting.name), **waiting.reason}, indent=2)
    if is_job_id(name_or_id):
        for place in (layout.done / name_or_id, *(each / name_or_id for each in layout.work.iterdir())):
            if place.is_dir():
                files = [place / name for name in (JOB_FILE, MANIFEST) if (place / name).is_file()]
                state = DrawingState.DONE if place.parent == layout.done else DrawingState.WAITING
                return json.dumps({"state": state, "place": str(place), **{file.stem: read_json(file) for file in files}}, indent=2)
    raise OptionError(f"there is no job {shown_name(name_or_id)}", hint="`doodled jobs list --done` lists all")


@dataclass(frozen=True)
class Selection:
    """What a user decides about.

    Attributes:
        names_or_ids: of drawings that failed or wait for review, and ids of deliveries.
        everything: all failed drawings.
        hooks: all deliveries that were given up.
    """

    names_or_ids: list[str]
    everything: bool = False
    hooks: bool = False


Chosen = FailedDrawing | DrawingForReview | SpoolEvent


def _select(layout: Layout, selection: Selection) -> list[Chosen]:
    wanted = set(selection.names_or_ids)
    if not (wanted or selection.everything or selection.hooks):
        raise OptionError("no drawing is named", hint="give names or ids from `doodled jobs list`, or --all")
    failed = quarantine.failed_drawings(layout.failed)
    events = [each.event for each in undelivered_events(layout)]
    waiting = drawings_for_review(layout.review)
    chosen: list[Chosen] = [each for each in failed if selection.everything or {each.name, each.job_id} & wanted]
    chosen += [each for each in waiting if {each.name, each.job_id} & wanted]
    chosen += [event for event in events if selection.hooks or event.id in wanted]
    known = {each.name for each in failed} | {each.job_id for each in failed} | {event.id for event in events}
    known |= {each.name for each in waiting} | {each.job_id for each in waiting}
    if wanted - known:
        named = ", ".join(sorted(shown_name(name) for name in wanted - known))
        raise OptionError(f"{named} has not failed and waits for nobody", hint="give names or ids from `doodled jobs list`, or --all")
    return chosen


def retry_jobs(layout: Layout, selection: Selection) -> Iterator[str]:
    """Move drawings back to the inbox, with their sidecars, and let events be delivered again; yields each path or id then.

    Raises:
        OptionError: a name is unknown, and nothing is moved.
        NameTaken: after all others are moved, names are taken in the inbox.
    """
    return _move_back(layout, _select(layout, selection))


def approve_jobs(layout: Layout, names_or_ids: list[str], *, everything: bool) -> Iterator[str]:
    """Move drawings from review/ back to the inbox, to be animated as they are; yields the path of each once it is there.

    Raises:
        OptionError: as `retry_jobs`.
    """
    waiting, wanted = drawings_for_review(layout.review), set(names_or_ids)
    chosen = [each for each in waiting if everything or {each.name, each.job_id} & wanted]
    unknown = wanted - {name for each in waiting for name in (each.name, each.job_id)}
    if not (wanted or everything):
        raise OptionError("no drawing is named", hint="give names or ids from `doodled jobs list`, or --all")
    if unknown:
        named = ", ".join(sorted(map(shown_name, unknown)))
        raise OptionError(f"{named} is not in review/", hint="give names or ids from `doodled jobs list`, or --all")
    return _move_all((partial(approve, layout, each) for each in chosen), layout)


def _move_back(layout: Layout, chosen: list[Chosen]) -> Iterator[str]:
    for each in chosen:
        if isinstance(each, SpoolEvent):
            retry_event(layout, each)
            yield each.id
    yield from _move_all((partial(_retry, layout, each) for each in chosen if not isinstance(each, SpoolEvent)), layout)


def _retry(layout: Layout, one: FailedDrawing | DrawingForReview) -> Path:
    return quarantine.retry(layout, one) if isinstance(one, FailedDrawing) else retry_review(layout, one)


def _move_all(moves: Iterable[Callable[[], Path]], layout: Layout) -> Iterator[str]:
    """Make each move into the inbox; yields the paths. Raises NameTaken at the end for those that were refused."""
    refused: list[NameTaken] = []
    for move in moves:
        try:
            place = move()
        except NameTaken as error:
            refused.append(error)
        else:
            yield f"{layout.inbox}/{shown_path(place.relative_to(layout.inbox).parts)}"
    if len(refused) > 1:
        raise NameTaken(f"{len(refused)} stay where they are: {'; '.join(error.summary for error in refused)}", hint=refused[0].hint)
    if refused:
        raise refused[0]


def discard_jobs(layout: Layout, selection: Selection) -> Iterator[str]:
    """Delete drawings that failed or wait for review, and undelivered events; yields the name or id of each once it is deleted.

    Raises:
        OptionError: a name is unknown, and nothing is deleted.
    """
    return _delete(layout, _select(layout, selection))


def _delete(layout: Layout, chosen: list[Chosen]) -> Iterator[str]:
    for each in chosen:
        if isinstance(each, SpoolEvent):
            discard_event(layout, each)
            yield each.id
        elif isinstance(each, DrawingForReview):
            discard_review(layout, each)
            yield shown_name(each.name)
        else:
            quarantine.discard(layout, each)
            yield shown_name(each.name)


def job_table(rows: list[JobRow]) -> str:
    """The list as an aligned table."""
    if not rows:
        return "no drawing is waiting, running or failed"
    cells = ((str(row.state), row.job_id or "-", row.name, _line(row.why)) for row in rows)
    return table_text(("state", "job", "name", "why"), cells)


def _line(text: str) -> str:
    """Untrusted text on one short line, without control characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= MAX_REASON_LENGTH else f"{line[:MAX_REASON_LENGTH]}..."


# --- sources of rows --------------------------------------------------------------------------------------------------


def _in_inbox(layout: Layout, statuses: list[dict[str, Any]], max_depth: int) -> Iterator[JobRow]:
    waiting = {str(each.get("name")): each for status in statuses for each in status.get("waiting", ())}
    rejected = {str(each.get("name")): str(each.get("why")) for status in statuses for each in status.get("rejected", ())}
    scanner = Scanner(layout.inbox, StabilityRules(), max_depth=max_depth, has_leases=False)
    scanner.scan(0.0)
    for candidate in scanner.candidates():
        name = shown_path((*candidate.folder, candidate.name))
        is_empty = not statuses and candidate.stability.last.size == 0
        reason = rejected.get(name) or (Rejection.EMPTY if is_empty else "")
        if reason:
            yield JobRow(DrawingState.REJECTED, "", name, rejection_text(reason, candidate.name))
            continue
        status = waiting.get(name)
        why = f"{status['why']}, for {status['age_s']:.0f} s" if status else "" if statuses else "no daemon is running"
        yield JobRow(DrawingState.INBOX, "", name, why)
    alone = dict.fromkeys(scanner.alone, Rejection.NO_DRAWING)
    for (folder, name), reason in sorted({**scanner.rejected, **alone}.items()):
        yield JobRow(DrawingState.REJECTED, "", shown_path((*folder, name)), rejection_text(reason, shown_name(name)))


def _claimed(layout: Layout, statuses: list[dict[str, Any]]) -> Iterator[JobRow]:
    running = {job for status in statuses for job in status.get("running", ())}
    deferred = {job: why for status in statuses for job, why in status.get("deferred", {}).items()}
    for instance in sorted(layout.work.iterdir()):
        places = sorted(instance.iterdir()) if instance.is_dir() else []
        for place in places:
            if not is_job_id(place.name):
                continue
            try:
                name = shown_name(read_job(place).name)
            except (OSError, ValueError):
                name = "?"
            if not is_alive(instance):
                yield JobRow(DrawingState.ORPHANED, place.name, name, "its daemon died; the next daemon resumes it")
            elif place.name in running:
                yield JobRow(DrawingState.RUNNING, place.name, name)
            else:
                yield JobRow(DrawingState.WAITING, place.name, name, str(deferred.get(place.name, "")))


def _done(layout: Layout) -> Iterator[JobRow]:
    for place in sorted(layout.done.iterdir()):
        if is_job_id(place.name):
            try:
                outputs = read_json(place / MANIFEST).get("outputs", ())
                name = shown_name(read_job(place).name)
            except (OSError, ValueError):
                outputs, name = (), "?"
            yield JobRow(DrawingState.DONE, place.name, name, ", ".join(str(output.get("file")) for output in outputs))


def _failed_row(failed: FailedDrawing) -> JobRow:
    why = f"{failed.reason.get('error_type', '?')}: {failed.reason.get('message', 'its error report is missing')}"
    return JobRow(DrawingState.FAILED, failed.job_id, shown_name(failed.name), why)


def _review_row(waiting: DrawingForReview) -> JobRow:
    why = str(waiting.reason.get("message", "its review.json is missing or damaged"))
    return JobRow(DrawingState.REVIEW, waiting.job_id, shown_name(waiting.name), why)


def _undelivered_row(undelivered: Undelivered) -> JobRow:
    reason = undelivered.reason
    why = f"{reason.get('hook', f'on_{undelivered.event.kind}')} given up: {reason.get('reason', 'its reason is missing')}"
    return JobRow(DrawingState.HOOK, undelivered.event.id, str(reason.get("name", "?")), why)


def _statuses(layout: Layout) -> Iterator[tuple[dict[str, Any], bool]]:
    """The last status of each daemon, and whether it is alive."""
    for path in layout.status.glob("*.json"):
        try:
            yield read_json(path), is_alive(layout.work / path.stem)
        except (OSError, ValueError):
            continue
