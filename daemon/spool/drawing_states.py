"""Where a drawing is, from the drop to the result: the states that `doodled jobs` and the web application show."""

from __future__ import annotations

from enum import StrEnum


class DrawingState(StrEnum):
    """Where a drawing is."""

    WAITING = "waiting"
    """In the inbox."""
    REJECTED = "rejected"
    """In the inbox, and not taken until a user changes it (`daemon.inbox.rejections`)."""
    RUNNING = "running"
    DEFERRED = "deferred"
    """Claimed, and waiting for another attempt or for something that is unavailable."""
    ORPHANED = "orphaned"
    """Claimed by a daemon that has stopped; another one resumes it."""
    REVIEW = "review"
    """In `review/`: a person decides whether it is animated as it is."""
    FAILED = "failed"
    DONE = "done"
