"""A spool of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """One daemon's, in a folder of its own."""
    with Spool.opened(tmp_path / "root") as opened:
        yield opened
