"""Waiting for other processes: the only way to know is to look."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0


def until(is_so: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Look again and again until it is so, but not for ever."""
    end_s = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.02)
