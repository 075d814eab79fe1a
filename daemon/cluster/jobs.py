"""The function that Dask calls on a worker. The scheduler imports this module, too, so it imports nothing heavy."""

from __future__ import annotations

from typing import Final

PLUGIN: Final = "doodled"
"""Name of the worker's plugin, `daemon.cluster.worker_plugin.JobPlugin`."""

JOB_RESOURCE: Final = "GL"
"""Dask resource that one job takes as long as it runs: an OpenGL context. A worker offers one."""


def run_parcel(parcel: bytes) -> bytes:
    """Run the task in a parcel on this worker; returns the parcel of its result."""
    from distributed import get_worker

    plugin = get_worker().plugins[PLUGIN]
    return plugin.run(parcel)  # type: ignore[attr-defined,no-any-return]  # the plugin of that name is ours
