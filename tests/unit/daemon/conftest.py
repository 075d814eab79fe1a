"""A spool of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from daemon.spool.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """One daemon's, in a folder of its own."""
    from daemon.spool.spool import Spool  # not before tests are collected: tests/benchmarks/mutants.py puts another in its place

    with Spool.open(tmp_path / "root") as opened:
        yield opened
