"""Daemon whose workers send real requests to model servers, and only wait instead of animating: `python asking_daemon.py ROOT`.

So the effect of the servers on the throughput is visible even on a busy machine.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fault"))
from stub_daemon import fake_result

from daemon.policy.failures import error_type
from daemon.service.main import run
from daemon.spool.job_folder import SOURCE
from daemon.worker.pool import ProcessWorkerPool
from daemon.worker.resources import WorkerResources
from daemon.worker.task import Task, TaskFailure, TaskResult
from pipeline.errors import DoodledError

DRAWING_S = 0.9
WORKERS = 2
_resources: list[WorkerResources] = []


def asking_result(task: Task) -> TaskResult:
    """Find the figure and its joints on the servers; the animation is fake."""
    if task.is_self_test:
        return TaskResult(manifest={})
    _resources[:] = _resources or [WorkerResources(os.environ)]
    resources = _resources[0]
    resources.begin_task()
    image = cv2.imdecode(np.frombuffer((task.job_folder / SOURCE).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    rgb = np.ascontiguousarray(np.asarray(image, np.uint8)[..., ::-1])
    try:
        predictor, _ = resources.predictor(task)
        box = predictor.detections(rgb)[0].box
        predictor.pose(np.ascontiguousarray(rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]))
    except DoodledError as error:
        result = TaskResult(failure=TaskFailure(error_type(error), error.summary, error.hint))
    else:
        threading.Event().wait(DRAWING_S)
        result = fake_result(task)
    result.retries, result.models_overloaded = resources.retries, resources.is_overloaded
    result.inference_attempts, result.ended_s = dict(resources.attempts), time.monotonic()
    return result


if __name__ == "__main__":
    environ = {**os.environ, "DOODLED_ROOT": sys.argv[1]}
    factory = lambda wake: ProcessWorkerPool(WORKERS, recycle_after=200, memory_limit_mb=2048, wake=wake, work=asking_result)  # noqa: E731
    sys.exit(run(None, environ, drain=False, make_workers=factory))
