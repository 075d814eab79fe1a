"""What the worker pool changes inside pebble. pyproject.toml caps pebble's version for it.

pebble measures deadlines on the wall clock: a jump would end every task, or keep one that hangs alive. No issue of pebble's asks for the
monotonic clock; Python's own `multiprocessing` was moved to it in https://github.com/python/cpython/issues/78235.

tests/unit/daemon/worker/test_pebble_internals.py fails when pebble asks its clock in another way.
"""

from __future__ import annotations

import importlib
import time
from types import SimpleNamespace
from typing import Final

POOL_MODULE: Final = "pebble.pool.process"


def use_monotonic_clock() -> None:
    """Let pools measure deadlines on the monotonic clock."""
    importlib.import_module(POOL_MODULE).time = SimpleNamespace(time=time.monotonic, sleep=time.sleep)  # type: ignore[attr-defined]
