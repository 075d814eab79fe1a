"""`doodled jobs`: what waits and why, what runs, what failed; and the way back from quarantine.

Reads the spool itself, so it works with a daemon and without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daemon.files.filenames import printable, shown_name, shown_path
from daemon.inbox.scanner import Scanner
from daemon.inbox.stability import StabilityRules
from daemon.spool import quarantine
from daemon.spool.instances import is_alive
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout
from daemon.spool.quarantine import Failed
from daemon.spool.spool import JOB_FILE, MANIFEST, read_job, read_json
from pipeline.errors import OptionError

MOST_DEEP = 16
MOST_WORDS = 200
"""Characters of a reason in the table; `show` has all of it."""


class State(StrEnum):
    """Where a drawing is."""

    INBOX = "inbox"
    RUNNING = "running"
    WAITING = "waiting"
    LEFT = "left"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class Row:
    """One drawing, as operators see it."""

    state: State
    job_id: str
    name: str
    why: str = ""


def rows(layout: Layout, *, done: bool) -> list[Row]:
    """Everything that lies in inbox, spool and quarantine; what was published only if it is asked for.

    Raises:
        OptionError: there is no spool.
    """
    if not layout.work.is_dir():
        raise OptionError(f"{layout.root} holds no spool", hint="name the daemon's folder with --config or DOODLED_ROOT")
    statuses = [status for status, is_alive in _statuses(layout) if is_alive]
    found = [*_in_inbox(layout, statuses), *_claimed(layout, statuses)]
    found += [_failed_row(each) for each in quarantine.quarantined(layout.failed)]
    return found + (list(_done(layout)) if done else [])


def shown(layout: Layout, wanted: str) -> str:
    """All that is known of one job, by its id, or by its name in `failed/`.

    Raises:
        OptionError: nobody knows it.
    """
    for failed in quarantine.quarantined(layout.failed):
        if wanted in {failed.job_id, failed.name}:
            return json.dumps({"state": State.FAILED, **failed.reason}, indent=2)
    if is_job_id(wanted):
        for place in (layout.done / wanted, *(each / wanted for each in layout.work.iterdir())):
            if place.is_dir():
                files = [place / name for name in (JOB_FILE, MANIFEST) if (place / name).is_file()]
                state = State.DONE if place.parent == layout.done else State.WAITING
                return json.dumps({"state": state, "place": str(place), **{file.stem: read_json(file) for file in files}}, indent=2)
    raise OptionError(f"there is no job {shown_name(wanted)}", hint="`doodled jobs list --done` lists all")


def _chosen(layout: Layout, wanted: list[str], *, everything: bool) -> list[Failed]:
    failed = quarantine.quarantined(layout.failed)
    chosen = failed if everything else [each for each in failed if wanted and {each.name, each.job_id} & set(wanted)]
    unknown = set(wanted) - {name for each in chosen for name in (each.name, each.job_id)}
    if unknown or not (wanted or everything):
        named = ", ".join(sorted(shown_name(name) for name in unknown)) or "nothing"
        raise OptionError(f"{named} is not in quarantine", hint="give names or ids of `doodled jobs list`, or --all")
    return chosen


def retried(layout: Layout, wanted: list[str], *, everything: bool) -> Iterator[str]:
    """Put failed files back into the inbox, with their options. Gives the place of each as soon as it is there.

    Raises:
        OptionError: one is not in quarantine, and nothing is moved; or, when all others are back, the names of some are taken.
    """
    return _moved_back(layout, _chosen(layout, wanted, everything=everything))


def _moved_back(layout: Layout, chosen: list[Failed]) -> Iterator[str]:
    refused: list[OptionError] = []
    for each in chosen:
        try:
            place = quarantine.retry(layout, each)
        except OptionError as error:
            refused.append(error)
        else:
            yield f"{layout.inbox}/{shown_path(place.relative_to(layout.inbox).parts)}"
    if len(refused) > 1:
        raise OptionError(f"{len(refused)} stay in quarantine: {'; '.join(error.summary for error in refused)}", hint=refused[0].hint)
    if refused:
        raise refused[0]


def discarded(layout: Layout, wanted: list[str], *, everything: bool) -> Iterator[str]:
    """Remove failed files for good. Gives the name of each as soon as it is gone.

    Raises:
        OptionError: one is not in quarantine, and nothing is removed.
    """
    return _removed(layout, _chosen(layout, wanted, everything=everything))


def _removed(layout: Layout, chosen: list[Failed]) -> Iterator[str]:
    for each in chosen:
        quarantine.discard(layout, each)
        yield shown_name(each.name)


def table(found: list[Row]) -> str:
    """The rows for people."""
    if not found:
        return "nothing waits, runs or failed"
    cells = [("state", "job", "name", "why"), *((str(row.state), row.job_id or "-", row.name, _line(row.why)) for row in found)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip() for row in cells)


def _line(text: str) -> str:
    """Somebody's words, short, on one line, and without orders to a terminal."""
    line = " ".join(printable(text).split())
    return line if len(line) <= MOST_WORDS else f"{line[:MOST_WORDS]}..."


# --- where things are ------------------------------------------------------------------------------------------------


def _in_inbox(layout: Layout, statuses: list[dict[str, Any]]) -> Iterator[Row]:
    known = {str(each.get("name")): each for status in statuses for each in status.get("waiting", ())}
    scanner = Scanner(layout.inbox, StabilityRules(), max_depth=MOST_DEEP, has_leases=False)
    scan = scanner.scan(0.0)
    for candidate in scanner.waiting():
        name = shown_path((*candidate.folder, candidate.name))
        told = known.get(name)
        why = f"{told['why']}, for {told['age_s']:.0f} s" if told else "" if statuses else "no daemon is running"
        yield Row(State.INBOX, "", name, why)
    for folder, name, reason in scan.rejected:
        yield Row(State.INBOX, "", shown_path((*folder, name)), reason)


def _claimed(layout: Layout, statuses: list[dict[str, Any]]) -> Iterator[Row]:
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
                yield Row(State.LEFT, place.name, name, "its daemon died; the next one goes on with it")
            elif place.name in running:
                yield Row(State.RUNNING, place.name, name)
            else:
                yield Row(State.WAITING, place.name, name, str(deferred.get(place.name, "")))


def _done(layout: Layout) -> Iterator[Row]:
    for place in sorted(layout.done.iterdir()):
        if is_job_id(place.name):
            try:
                outputs = read_json(place / MANIFEST).get("outputs", ())
                name = shown_name(read_job(place).name)
            except (OSError, ValueError):
                outputs, name = (), "?"
            yield Row(State.DONE, place.name, name, ", ".join(str(output.get("file")) for output in outputs))


def _failed_row(failed: Failed) -> Row:
    why = f"{failed.reason.get('error_type', '?')}: {failed.reason.get('message', 'its reason is missing')}"
    return Row(State.FAILED, failed.job_id, shown_name(failed.name), why)


def _statuses(layout: Layout) -> Iterator[tuple[dict[str, Any], bool]]:
    """What each daemon last said of itself, and whether it is alive."""
    for path in layout.status.glob("*.json"):
        try:
            yield read_json(path), is_alive(layout.work / path.stem)
        except (OSError, ValueError):
            continue
