"""Makes a plain Dask worker a worker of doodled: `dask worker SCHEDULER --nthreads 1 --memory-limit 0 --preload daemon.cluster.preload`.

For programs that start workers themselves: Dask's adaptive clusters for SSH, Kubernetes and Slurm. The settings are those of the machine's
settings file. Under Dask's nanny, the worker's process must be allowed to have a child: DASK_DISTRIBUTED__WORKER__DAEMON=False.
"""

from __future__ import annotations

import os

from distributed import Worker

from daemon.cluster.installation import Installation
from daemon.cluster.jobs import JOB_RESOURCE, PLUGIN
from daemon.cluster.members import startup_information
from daemon.cluster.worker_output import WorkerOutput
from daemon.cluster.worker_plugin import JobPlugin, job_process
from daemon.settings import read_settings


async def dask_setup(worker: Worker) -> None:
    """Called by Dask before the worker joins. Raises WorkerUnfit if this machine can't animate, SettingsError."""
    settings, installation = read_settings(None, os.environ), Installation.local()
    for resource in (JOB_RESOURCE, installation.resource):
        worker.state.total_resources[resource] = worker.state.available_resources[resource] = 1
    worker.startup_information = {**worker.startup_information, **startup_information(installation)}
    plugin = JobPlugin(job_process(settings), WorkerOutput(), settings)
    await worker.plugin_add(plugin, name=PLUGIN, catch_errors=False)
