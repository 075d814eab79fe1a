"""Times as logs, manifests, reports and pages have them: ISO 8601 in UTC, with a Z."""

from __future__ import annotations

from datetime import UTC, datetime


def time_now() -> str:
    """The time now, to the millisecond."""
    return _text(datetime.now(UTC), "milliseconds")


def time_at(at_s: float) -> str:
    """Seconds since 1970, to the second. Raises ValueError, OverflowError or OSError for times that no clock shows."""
    return _text(datetime.fromtimestamp(at_s, UTC), "seconds")


def _text(at: datetime, precision: str) -> str:
    return at.isoformat(timespec=precision).replace("+00:00", "Z")
