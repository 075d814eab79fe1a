"""Servers that are closed again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.adapters.model_server.stub_server import FakeClock, StubServer


@pytest.fixture
def stub() -> Iterator[StubServer]:
    server = StubServer()
    yield server
    server.close()


@pytest.fixture
def other_stub() -> Iterator[StubServer]:
    server = StubServer()
    yield server
    server.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
