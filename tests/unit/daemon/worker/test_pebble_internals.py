"""The private parts of pebble that the worker pool changes: a canary. If it fails, a new pebble has changed them."""

from __future__ import annotations

import importlib
import inspect
import re
import time
from importlib.metadata import version
from typing import Any

import pytest

from daemon.worker.pebble_internals import POOL_MODULE, use_monotonic_clock

ADVICE = f"pebble {version('pebble')}: change daemon/worker/pebble_internals.py, or keep the cap in pyproject.toml. "


def test_pools_ask_the_clock_of_their_module() -> None:
    source = inspect.getsource(importlib.import_module(POOL_MODULE))
    assert re.search(r"^import time$", source, re.MULTILINE), (
        f"{ADVICE}{POOL_MODULE} does not import `time`, so deadlines are of another clock."
    )
    asked = set(re.findall(r"\btime\.(\w+)\(", source))
    assert asked == {"time", "sleep"}, f"{ADVICE}{POOL_MODULE} asks its clock in another way: {asked}"


def test_deadlines_are_on_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = importlib.import_module(POOL_MODULE)
    monkeypatch.setattr(module, "time", time)
    use_monotonic_clock()
    assert module.time.time is time.monotonic
