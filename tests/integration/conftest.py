"""Machines that several modules share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.booted import booted_machine
from tests.integration.installed_doodled import InstalledDoodled, installed_doodled


@pytest.fixture(scope="session")
def installed() -> Iterator[InstalledDoodled]:
    """A booted Debian on which doodled was installed as an operator does; `installed.machine` is the machine."""
    with booted_machine() as machine, installed_doodled(machine) as doodled:
        yield doodled
