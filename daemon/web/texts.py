"""Numbers and states as words, for pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from daemon.files.timestamps import time_at
from daemon.spool.drawing_states import DrawingState
from daemon.web.drawing_ids import name_without_id

STATES: Final = {
    DrawingState.WAITING: "Waiting",
    DrawingState.REJECTED: "Not taken",
    DrawingState.RUNNING: "In progress",
    DrawingState.DEFERRED: "On hold",
    DrawingState.ORPHANED: "On hold",
    DrawingState.REVIEW: "Please look",
    DrawingState.FAILED: "Not animated",
    DrawingState.DONE: "Done",
}


def state_text(state: DrawingState) -> str:
    """A state in one or two words."""
    return STATES[state]


def duration_text(seconds: float | None) -> str:
    """A duration to go by: "about 20 s"."""
    if seconds is None:
        return ""
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit_s:
            return f"about {seconds / unit_s:.0f} {unit}"
    return f"about {max(1, round(seconds))} s"


def bytes_text(count: int) -> str:
    """A file's size."""
    for unit, size in (("MB", 1 << 20), ("kB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def plain_time(at_s: float) -> str:
    """A time as a reader without scripts sees it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%d %b %Y, %H:%M UTC")


def motion_text(name: str) -> str:
    """A motion's name as words."""
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def sentence(text: str) -> str:
    """A message of ours as a sentence begins."""
    return text[:1].upper() + text[1:]


def count_text(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "bytes_text": bytes_text,
    "count_text": count_text,
    "duration_text": duration_text,
    "iso_time": time_at,
    "motion_text": motion_text,
    "plain_time": plain_time,
    "sentence": sentence,
    "public_name": name_without_id,
    "state_text": state_text,
}
