"""Settings of Dask: that they still mean something in the version that is installed."""

from __future__ import annotations

import pytest

dask = pytest.importorskip("dask", reason="the extra doodled[dask] is not installed")


def test_settings_for_workers_exist() -> None:
    import distributed  # noqa: F401 - has the defaults

    from daemon.cluster.connection import FRUGAL

    assert {name for name in FRUGAL if dask.config.get(name, None) is None} == set()
