"""A spool, and an application over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from web_spool import WebSpool


@pytest.fixture
def spool(tmp_path: Path) -> WebSpool:
    return WebSpool(tmp_path)


@pytest.fixture
def client(spool: WebSpool) -> Iterator[TestClient]:
    with spool.client() as client:
        yield client
