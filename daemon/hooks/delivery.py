"""Outcome of one try to deliver an event."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeliveryFailure:
    """Why a try failed.

    Attributes:
        reason: one sentence, safe to show; may contain what a command or server wrote.
        status_code: the HTTP status or exit status, or None.
        is_final: the receiver asked for no more tries.
        retry_after_s: how long the receiver asks to wait, or None.
    """

    reason: str
    status_code: int | None = None
    is_final: bool = False
    retry_after_s: float | None = None
