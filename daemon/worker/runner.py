"""Entry point of a worker process: runs a task, and turns every error into a `TaskFailure`. `daemon.worker.task_run` does the work.

The result depends only on the task's files, apart from the open resources (OpenGL context, models, motions). No exception crosses the
process boundary: an error becomes a `TaskFailure` with its type.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from typing import Any

from daemon.files.filenames import shown_name
from daemon.log.stopwatch import WallStopwatch
from daemon.policy.failures import ErrorType, error_type
from daemon.spool.job_folder import SOURCE
from daemon.worker.idle_memory import IdleMemory
from daemon.worker.resources import WorkerResources
from daemon.worker.task import Task, TaskFailure, TaskResult
from daemon.worker.task_run import NeedsReview, TaskRun
from pipeline.errors import BlankAnimation, DoodledError, NoFigureFound, PredictionRefused, RenderFailed, notes_of

_OUT_OF_MEMORY = ("std::bad_alloc", "Insufficient memory", "can't start new thread")
"""How ONNX Runtime, OpenCV and Python say that memory was refused, in errors of other classes than MemoryError."""

_resources: WorkerResources | None = None
_stop_event: threading.Event | None = None
_idle_memory = IdleMemory()


def set_stop_event(event: threading.Event) -> None:
    """Let tasks of this process give up waiting for model servers once `event` is set. Call it before the first task."""
    global _stop_event  # noqa: PLW0603 - one for each worker process, as the resources
    _stop_event = event


def run_task(task: Task) -> TaskResult:
    """Run a task in this process. Raises nothing."""
    with _idle_memory.in_use():
        return _run(task)


def _run(task: Task) -> TaskResult:
    global _resources  # noqa: PLW0603 - a worker process keeps its resources between tasks
    _resources = _resources or WorkerResources(os.environ, _stop_event)
    _resources.begin_task()
    result, stopwatch = TaskResult(), WallStopwatch()
    try:
        if task.is_self_test:
            from daemon.worker.self_test import run_self_test

            run_self_test(task, _resources)
        else:
            result.manifest = _render_with_fallback(task, _resources, result, stopwatch)
    except NeedsReview as doubt:
        result.review = doubt.reason
    except Exception as error:  # noqa: BLE001 - no error may end the worker process
        result.failure = _failure_of(error, task, stopwatch)
        result.models_answered = result.models_answered or _shows_models_work(error)
        if isinstance(error, RenderFailed) or result.failure.kind is ErrorType.OUT_OF_MEMORY:
            _resources.clear()
    result.steps_ms = {step: round(1000 * spent, 2) for step, spent in stopwatch.spent_s.items()}
    result.retries, result.models_overloaded = _resources.retries, _resources.is_overloaded
    result.inference_attempts = dict(_resources.attempts)
    result.ended_s = time.monotonic()
    return result


def _render_with_fallback(task: Task, resources: WorkerResources, result: TaskResult, stopwatch: WallStopwatch) -> dict[str, Any]:
    """Run the task; if the graphics card fails or renders only blank frames, it may be lost: run the task again on the CPU."""
    try:
        return TaskRun(task, resources, result, stopwatch).manifest()
    except (RenderFailed, BlankAnimation):
        if not resources.use_software_renderer():
            raise
    try:
        return TaskRun(task, resources, result, stopwatch).manifest()
    except BlankAnimation:
        resources.use_hardware_renderer()  # the graphics card was right
        raise


# --- errors ----------------------------------------------------------------------------------------------------------


def _failure_of(error: Exception, task: Task, stopwatch: WallStopwatch) -> TaskFailure:
    step = next(reversed(stopwatch.spent_s), "")  # began last: the one that failed
    if isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY):
        message = "the job needs more memory than jobs.memory_limit_mb allows"
        return TaskFailure(ErrorType.OUT_OF_MEMORY, message, stage=step, exceeds_limit=True)
    kind = error_type(error)
    if isinstance(error, DoodledError):
        summary, retry_after_s = _without_paths(error.summary, task), getattr(error, "retry_after_s", None)
        return TaskFailure(kind, summary, error.hint, step, retry_after_s, notes=notes_of(error))
    summary = _without_paths(f"{type(error).__name__}: {error}", task)
    trace = "".join(traceback.format_exception(error, limit=-8))
    return TaskFailure(kind, summary[:500], stage=step, trace=trace)


def _shows_models_work(error: Exception) -> bool:
    """Whether the models work: they found no figure, refused the drawing, or answer others but not this one."""
    return isinstance(error, NoFigureFound | PredictionRefused) or error_type(error) is ErrorType.NO_ANSWER


def _without_paths(text: str, task: Task) -> str:
    """A message without paths of the spool, which mean nothing to the user who dropped the drawing."""
    return text.replace(str(task.job_folder / SOURCE), shown_name(task.name)).replace(f"{task.job_folder}/", "")
