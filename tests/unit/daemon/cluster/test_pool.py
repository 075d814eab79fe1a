"""The daemon's side of a cluster that is not there: it says so, ends every task, and stops at once."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import waiting

from daemon.cli import exit_status
from daemon.cluster.connection import ClusterUnusable
from daemon.cluster.installation import Installation
from daemon.log.factory import json_log
from daemon.options.inference import InferenceRequest
from daemon.policy.failures import ErrorType
from daemon.settings import DaskSettings, Settings
from daemon.worker.task import self_test_task

pytest.importorskip("distributed", reason="the extra doodled[dask] is not installed")

from distributed import LocalCluster

from daemon.cluster.pool import DaskWorkerPool

LOG = json_log(lambda _: None, instance="x")
OURS = Installation("0.1.0", "aaaa", "bbbb")


@pytest.fixture
def unused_url() -> Iterator[str]:
    """Address of a port at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{bound.getsockname()[1]}"


def test_says_that_the_scheduler_is_away_and_ends_every_task(unused_url: str) -> None:
    woken = threading.Event()
    pool = DaskWorkerPool(DaskSettings(scheduler=unused_url), OURS, max_jobs=0, wake=woken.set, log=LOG)
    assert (pool.count, pool.capacity) == (0, 0)
    waiting.until(lambda: pool.outage)
    assert pool.outage.startswith(f"the scheduler {unused_url} can't be reached: ")
    assert woken.wait(waiting.PATIENCE_S)
    result = pool.start(self_test_task(Path(), Settings(), InferenceRequest()), 5.0).result(waiting.PATIENCE_S)
    assert result.failure is not None
    assert result.failure.kind is ErrorType.NO_WORKER
    pool.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "dask"]
    assert logging.getLogger("distributed.client").level == logging.CRITICAL


def test_wakes_the_loop_when_the_scheduler_is_reached() -> None:
    """An adaptive cluster starts its first worker only for a job that waits."""
    woken = threading.Event()
    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        pool = DaskWorkerPool(DaskSettings(scheduler=cluster.scheduler_address), OURS, max_jobs=2, wake=woken.set, log=LOG)
        try:
            assert woken.wait(waiting.PATIENCE_S)
            assert (pool.capacity, pool.outage) == (4, "")
        finally:
            pool.close()


def test_certificate_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    settings = DaskSettings(scheduler="tls://127.0.0.1:1", ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "c", key_file=tmp_path / "k")
    with pytest.raises(ClusterUnusable, match=r"\[dask\] ca_file must be a file") as refused:
        DaskWorkerPool(settings, OURS, max_jobs=0, wake=lambda: None, log=LOG)
    assert exit_status(refused.value) == 78
