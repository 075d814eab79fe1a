"""Waits for other processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

PATIENCE_S = 60.0


def until(is_so: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Poll until a condition holds; fails after `patience_s`."""
    end_s = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < end_s, "the condition never held"
        time.sleep(0.02)


def stop(process: subprocess.Popen[str], patience_s: float = 20.0) -> None:
    """Wait until a command ends by itself, so that it removes its temporary files; kill it after `patience_s`."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
