"""Events: jobs that are published or failed and whose hooks have not run yet, and deliveries that were given up.

A job's manifest or error report gets a second name, `spool/events/<job>-<kind>.json`, before the job leaves the work folder. The file is
there until the event is delivered, so a delivery survives every crash and may happen twice, never not at all. A given-up delivery moves to
`spool/undelivered/`, with its reason beside it. `daemon.hooks` delivers; this module only knows the files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from daemon.files.durable import link, open_folder, rename, sync_folder, write_durably
from daemon.spool.job_folder import ERROR, MANIFEST, REVIEW, Job, read_json
from daemon.spool.job_ids import is_job_id
from daemon.spool.layout import Layout

REASON_SUFFIX: Final = ".reason.json"
SUFFIX: Final = ".json"


class EventKind(StrEnum):
    """What happened to a job."""

    DONE = "done"
    FAILED = "failed"
    REVIEW = "review"


_CONTENT: Final[Mapping[EventKind, str]] = {EventKind.DONE: MANIFEST, EventKind.FAILED: ERROR, EventKind.REVIEW: REVIEW}
"""The file in a job's folder that describes the event."""


@dataclass(frozen=True)
class SpoolEvent:
    """An event whose delivery is due or was given up."""

    job_id: str
    kind: EventKind

    @property
    def id(self) -> str:
        """The same in every delivery of this event, and in no other."""
        return f"{self.job_id}-{self.kind}"

    @property
    def file(self) -> str:
        return self.id + SUFFIX

    @classmethod
    def of_name(cls, name: str) -> SpoolEvent | None:
        """The event of a file name or id, or None."""
        job_id, _, kind = name.removesuffix(SUFFIX).partition("-")
        return cls(job_id, EventKind(kind)) if is_job_id(job_id) and kind in set(EventKind) else None


@dataclass(frozen=True)
class Undelivered:
    """A delivery that was given up, with the reason; empty if that can't be read."""

    event: SpoolEvent
    reason: Mapping[str, Any]


def record_event(layout: Layout, job_folder: Path, job: Job, kind: EventKind) -> None:
    """Record an event of a job, durably, before the job leaves `job_folder`. May be repeated. Raises OSError."""
    with open_folder(layout.events.parent, (layout.events.name,), make=True) as events:
        link(job_folder / _CONTENT[kind], SpoolEvent(job.id, kind).file, events)
        os.fsync(events)


def pending_events(layout: Layout, kind: EventKind) -> list[SpoolEvent]:
    """The events of one kind that are not delivered, in the order in which their drawings were claimed. Raises OSError."""
    return sorted(filter(lambda each: each.kind is kind, _events(layout.events)), key=lambda each: each.job_id)


def read_event(layout: Layout, event: SpoolEvent) -> dict[str, Any]:
    """The manifest or error report of an event. Raises OSError; ValueError if it is damaged."""
    return read_json(layout.events / event.file)


def forget_event(layout: Layout, event: SpoolEvent) -> None:
    """Remove a delivered event. If a power cut undoes it, the event is delivered once more. Raises OSError."""
    (layout.events / event.file).unlink(missing_ok=True)


# --- deliveries that were given up -----------------------------------------------------------------------------------


def give_up(layout: Layout, event: SpoolEvent, reason: Mapping[str, Any]) -> None:
    """Move an event to `undelivered`, its reason first. Raises OSError; then it may be repeated."""
    layout.undelivered.mkdir(exist_ok=True)
    write_durably(layout.undelivered, event.id + REASON_SUFFIX, json.dumps(reason, indent=2).encode("ascii") + b"\n")
    with suppress(FileNotFoundError):  # moved before
        rename(layout.events / event.file, layout.undelivered / event.file)
    sync_folder(layout.undelivered)


def undelivered_events(layout: Layout) -> list[Undelivered]:
    """The deliveries that were given up, oldest drawing first; empty without the folder."""
    with suppress(FileNotFoundError):
        return [Undelivered(each, _reason(layout, each)) for each in sorted(_events(layout.undelivered), key=lambda each: each.id)]
    return []


def retry_event(layout: Layout, event: SpoolEvent) -> None:
    """Let an event be delivered again. Raises OSError."""
    rename(layout.undelivered / event.file, layout.events / event.file)
    sync_folder(layout.events)
    (layout.undelivered / (event.id + REASON_SUFFIX)).unlink(missing_ok=True)


def discard_event(layout: Layout, event: SpoolEvent) -> None:
    """Remove a delivery that was given up. Raises OSError."""
    for name in (event.file, event.id + REASON_SUFFIX):
        (layout.undelivered / name).unlink(missing_ok=True)


def _events(folder: Path) -> list[SpoolEvent]:
    names = (path.name for path in folder.iterdir())
    found = (SpoolEvent.of_name(name) for name in names if name.endswith(SUFFIX) and not name.endswith(REASON_SUFFIX))
    return [event for event in found if event is not None]


def _reason(layout: Layout, event: SpoolEvent) -> dict[str, Any]:
    try:
        return read_json(layout.undelivered / (event.id + REASON_SUFFIX))
    except (OSError, ValueError):
        return {}
