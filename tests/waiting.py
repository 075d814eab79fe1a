"""Waits for other processes by polling."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0


def until(is_so: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Poll until a condition holds; fails after `patience_s`."""
    end_s = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end_s, "the condition never held"
        time.sleep(0.02)
