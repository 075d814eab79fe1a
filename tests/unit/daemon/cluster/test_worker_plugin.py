"""The worker's plugin: what a job's result says when the machine, not the drawing, is at fault."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from daemon.cluster.parcels import pack_task, unpack_result
from daemon.options.inference import InferenceRequest
from daemon.policy.failures import ErrorType
from daemon.settings import Settings
from daemon.worker.task import Task, TaskResult, self_test_task

pytest.importorskip("distributed", reason="the extra doodled[dask] is not installed")

from daemon.cluster.worker_plugin import JobPlugin


class Workers:
    """A pool whose tasks end at once."""

    def start(self, task: Task, deadline_s: float) -> Future[TaskResult]:
        del task, deadline_s
        future: Future[TaskResult] = Future()
        future.set_result(TaskResult())
        return future


class Output:
    """What the worker prints; a full disk refuses it if `is_full`."""

    is_full = False

    def begin(self) -> None: ...

    def last_lines(self) -> list[str]:
        return []

    def print_own_line(self, _: str) -> None:
        if self.is_full:
            raise OSError("no space left on device")


def plugin(output: Output) -> JobPlugin:
    pool: Any = Workers()
    return JobPlugin(pool, output, Settings())  # type: ignore[arg-type]


def result_in(parcel: bytes, folder: Path) -> TaskResult:
    folder.mkdir()
    return unpack_result(parcel, folder)


def test_machine_whose_disk_refuses_leaves_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parcel = pack_task(self_test_task(Path(), Settings(), InferenceRequest()))
    fine = plugin(Output())
    assert result_in(fine.run(parcel), tmp_path / "fine").failure is None
    assert fine.unfit == ""
    output = Output()
    output.is_full = True
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    for number, broken in enumerate((plugin(Output()), plugin(output))):
        failure = result_in(broken.run(parcel), tmp_path / str(number)).failure
        assert failure is not None
        assert failure.kind is ErrorType.NO_WORKER
        assert "the files of a job, or its output, can't be written: " in failure.message
        assert broken.unfit
        assert not broken.is_busy
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
