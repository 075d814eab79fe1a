"""`doodled jobs list` and `show`: waiting, running and failed drawings, from the spool's folders and status files.

Works with and without a running daemon.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from daemon.commands.console import table_text
from daemon.files.filenames import printable, shown_name, shown_path, shown_result
from daemon.files.timestamps import time_at
from daemon.inbox.rejections import Rejection, rejection_text
from daemon.inbox.scanner import Key, Scanner
from daemon.inbox.stability import StabilityRules, WaitReason
from daemon.spool import quarantine
from daemon.spool.drawing_states import DrawingState
from daemon.spool.events import Undelivered, undelivered_events
from daemon.spool.instances import is_alive
from daemon.spool.job_folder import JOB_FILE, MANIFEST, read_job, read_json
from daemon.spool.job_ids import is_job_id, made_at_s
from daemon.spool.layout import Layout
from daemon.spool.quarantine import FailedDrawing
from daemon.spool.returns import Returnable
from daemon.spool.review import DrawingForReview, all_drawings_for_review
from pipeline.errors import OptionError

MAX_REASON_LENGTH = 200
"""Characters of a reason in the table; `doodled jobs show` prints all of it."""


WAIT_TEXTS: Final[Mapping[str, str]] = {
    WaitReason.NEW: "it came a moment ago",
    WaitReason.EMPTY: "it has no content yet",
    WaitReason.CHANGING: "it is still changing",
    WaitReason.WRITER: "another process has it open for writing",
    WaitReason.DEBOUNCE: "it changed a moment ago",
    WaitReason.TRUNCATED: "the image has no end yet; unless it changes, it is taken as it is after inbox.stable_s",
    "turn": "it waits for its turn",
    "no_daemon": "no daemon is running",
}
"""Why a drawing in the inbox is not claimed yet, by the reason in the status."""


HOOK: Final = "hook"
"""State of a row for a delivery that was given up."""


@dataclass(frozen=True)
class JobRow:
    """One drawing in the list.

    Attributes:
        state: a DrawingState, or HOOK.
        name: safe to print; in failed/ and review/ the name there.
        why: why it is not animated yet, or not at all, as one sentence.
        folder: folder of the inbox that it was dropped into.
        since: when it came into this state as far as is known, ISO 8601.
        outputs: published files, in the outbox.
        details: what `doodled jobs show` adds.
    """

    state: str
    job_id: str
    name: str
    why: str = ""
    folder: str = ""
    since: str = field(default="", compare=False)
    outputs: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The row without details."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "details"}


def list_jobs(layout: Layout, *, done: bool, max_depth: int) -> list[JobRow]:
    """Every drawing in inbox, spool, failed/ and review/, and every delivery that was given up.

    Args:
        done: list published drawings, too.
        max_depth: levels of subfolders of the inbox that the daemon scans.
    """
    statuses = [status for status, lives in _statuses(layout) if lives]
    rows = [*_in_inbox(layout, statuses, max_depth), *_claimed(layout, statuses)]
    rows += [_failed_row(each) for each in quarantine.all_failed_drawings(layout)]
    rows += [_review_row(each) for each in all_drawings_for_review(layout)]
    rows += [_undelivered_row(each) for each in undelivered_events(layout)]
    return rows + (list(_done(layout)) if done else [])


def describe_job(layout: Layout, wanted: str, *, max_depth: int) -> str:
    """State, files and report of a drawing as JSON; a list if several match.

    Args:
        wanted: job id, name, or folder and name, as in the list.
    Raises:
        OptionError: there is no such drawing.
    """
    names = {wanted, shown_path(wanted.split("/"))} - {""}
    rows = [row for row in list_jobs(layout, done=True, max_depth=max_depth) if names & {row.job_id, row.name, f"{row.folder}/{row.name}"}]
    if not rows:
        raise OptionError(f"there is no job or drawing {shown_name(wanted)}", hint="`doodled jobs list --done` lists all")
    found = [{**{name: value for name, value in row.as_json().items() if value}, **_details(row)} for row in rows]
    return json.dumps(found[0] if len(found) == 1 else found, indent=2)


def _details(row: JobRow) -> dict[str, Any]:
    """What is known about a drawing beside its row: its report, or the files of its job."""
    contents = {}
    folder = Path(str(row.details.get("path", "")))
    is_in_spool = row.state in {DrawingState.RUNNING, DrawingState.DEFERRED, DrawingState.ORPHANED, DrawingState.DONE}
    for name in (JOB_FILE, MANIFEST) if is_in_spool else ():
        with suppress(OSError, ValueError):
            contents[Path(name).stem] = read_json(folder / name)
    return {**row.details, **contents}


# --- sources of rows --------------------------------------------------------------------------------------------------


def _in_inbox(layout: Layout, statuses: list[dict[str, Any]], max_depth: int) -> Iterator[JobRow]:
    waiting = {str(each.get("name")): str(each.get("why")) for status in statuses for each in status.get("waiting", ())}
    rejected = {str(each.get("name")): str(each.get("why")) for status in statuses for each in status.get("rejected", ())}
    scanner = Scanner(layout.inbox, StabilityRules(), max_depth=max_depth, has_leases=False)
    scanner.scan(0.0)
    for candidate in scanner.candidates():
        path = shown_path((*candidate.folder, candidate.name))
        is_empty = not statuses and candidate.stability.last.size == 0
        reason = rejected.get(path) or (Rejection.EMPTY if is_empty else "")
        if reason:
            yield _inbox_row(layout, DrawingState.REJECTED, candidate.key, rejection_text(reason, candidate.name))
            continue
        why = waiting.get(path, "") if statuses else "no_daemon"
        yield _inbox_row(layout, DrawingState.WAITING, candidate.key, WAIT_TEXTS.get(why, why))
    alone = dict.fromkeys(scanner.lone_sidecars, Rejection.NO_DRAWING)
    for key, reason in sorted({**scanner.rejected, **alone}.items()):
        yield _inbox_row(layout, DrawingState.REJECTED, key, rejection_text(reason, shown_name(key[1])))


def _inbox_row(layout: Layout, state: DrawingState, key: Key, why: str) -> JobRow:
    """A row for an entry of the inbox; a rename into the inbox sets ctime."""
    folder, name = key
    path, since = layout.inbox.joinpath(*folder, name), ""
    with suppress(OSError):
        since = _time(path.lstat().st_ctime)
    details = {"path": f"{layout.inbox}/{shown_path((*folder, name))}"}
    return JobRow(state, "", shown_name(name), why, shown_path(folder), since, details=details)


def _claimed(layout: Layout, statuses: list[dict[str, Any]]) -> Iterator[JobRow]:
    running = {job for status in statuses for job in status.get("running", ())}
    deferred = {job: why for status in statuses for job, why in status.get("deferred", {}).items()}
    barred = {instance for status in statuses for instance in status.get("barred", ())}
    for instance in sorted(layout.work.iterdir()):
        try:
            job_folders = sorted(instance.iterdir()) if instance.is_dir() else []
        except PermissionError:
            continue
        for job_folder in job_folders:
            if not is_job_id(job_folder.name):
                continue
            if not is_alive(instance):
                is_barred = instance.name in barred
                why = "its daemon died, and ran as another user: `doodled health` has the command that hands it over"
                yield _job_row(DrawingState.ORPHANED, job_folder, why if is_barred else "its daemon died; the next daemon resumes it")
            elif job_folder.name in running:
                yield _job_row(DrawingState.RUNNING, job_folder)
            else:
                yield _job_row(DrawingState.DEFERRED, job_folder, str(deferred.get(job_folder.name, "")))


def _done(layout: Layout) -> Iterator[JobRow]:
    for job_folder in sorted(layout.done.iterdir()):
        if is_job_id(job_folder.name):
            try:
                manifest = read_json(job_folder / MANIFEST)
            except (OSError, ValueError):
                manifest = {}
            outputs = tuple(str(output.get("file")) for output in manifest.get("outputs", ()))
            row = _job_row(DrawingState.DONE, job_folder)
            folder = f"{row.folder}/" if row.folder else ""
            since = str(manifest.get("finished") or row.since)
            yield replace(row, since=since, outputs=tuple(folder + printable(file) for file in outputs), why=_duplicate_text(manifest))


def _duplicate_text(manifest: Mapping[str, Any]) -> str:
    """Why a published drawing was not animated; "" if it was."""
    original = manifest.get("duplicate_of")
    if not isinstance(original, dict):
        return ""
    where = shown_result(map(str, original.get("folder") or ()), str(original.get("manifest")))
    return f"not animated again: the same drawing as outbox/{where}"


def _job_row(state: DrawingState, job_folder: Path, why: str = "") -> JobRow:
    """A row for a job's folder. Its id has the time at which it was claimed."""
    name, folder = "?", ""
    with suppress(OSError, ValueError):
        job = read_job(job_folder)
        name, folder = shown_name(job.name), shown_path(job.folder)
    return JobRow(state, job_folder.name, name, why, folder, _time(made_at_s(job_folder.name)), details={"path": str(job_folder)})


def _failed_row(failed: FailedDrawing) -> JobRow:
    why = _sentence(failed.reason.get("message", "its error report is missing"), failed.reason.get("what_to_do"))
    return _report_row(DrawingState.FAILED, failed, why, since=failed.reason.get("failed"))


def _review_row(waiting: DrawingForReview) -> JobRow:
    why = _sentence(waiting.reason.get("message", "its review.json is missing or damaged"), waiting.reason.get("what_to_do"))
    return _report_row(DrawingState.REVIEW, waiting, why, since=waiting.reason.get("reviewed"))


def _report_row(state: DrawingState, one: Returnable, why: str, since: object) -> JobRow:
    name, folder = shown_path(one.path.split("/")), shown_path(one.folder)
    return JobRow(state, one.job_id, name, why, folder, str(since or ""), details={**one.reason, "state": state})


def _sentence(message: object, what_to_do: object) -> str:
    return f"{message} ({what_to_do})" if what_to_do else str(message)


def _undelivered_row(undelivered: Undelivered) -> JobRow:
    reason, event = undelivered.reason, undelivered.event
    why = f"{reason.get('hook', f'on_{event.kind}')} given up: {reason.get('reason', 'its reason is missing')}"
    return JobRow(HOOK, event.id, str(reason.get("name", "?")), why, since=_time(made_at_s(event.job_id)), details=dict(reason))


def _statuses(layout: Layout) -> Iterator[tuple[dict[str, Any], bool]]:
    """The last status of each daemon, and whether it is alive."""
    for path in layout.status.glob("*.json"):
        try:
            yield read_json(path), is_alive(layout.work / path.stem)
        except (OSError, ValueError):
            continue


def _time(at_s: float) -> str:
    """Seconds since 1970 as ISO 8601."""
    try:
        return time_at(at_s)
    except (ValueError, OverflowError, OSError):
        return ""


# --- the table -------------------------------------------------------------------------------------------------------


def job_table(rows: list[JobRow]) -> str:
    """The list as an aligned table, with local times; columns without content are left out."""
    if not rows:
        return "no drawing is waiting, running or failed"
    cells = {
        "state": [str(row.state) for row in rows],
        "since": [_local_time(row.since) for row in rows],
        "job": [row.job_id for row in rows],
        "folder": [row.folder for row in rows],
        "name": [row.name for row in rows],
        "outputs": [", ".join(map(_line, row.outputs)) for row in rows],
        "why": [_line(row.why) for row in rows],
    }
    shown = {column: [value or "-" for value in values] for column, values in cells.items() if any(values)}
    if "why" in shown:
        shown["why"] = cells["why"]  # the last column needs no dash
    return table_text(tuple(shown), zip(*shown.values(), strict=True))


def _local_time(text: str) -> str:
    """ISO 8601 as local time, to the minute."""
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):  # reports are untrusted
        return ""


def _line(text: str) -> str:
    """Untrusted text on one short line, without control characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= MAX_REASON_LENGTH else f"{line[:MAX_REASON_LENGTH]}..."
