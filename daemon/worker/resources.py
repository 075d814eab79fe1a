"""Resources that a worker process keeps open between jobs: OpenGL context, models, motion library."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.options.inference import InferenceRequest, open_predictor
from daemon.options.motions import motion_library
from daemon.worker.task import RetriedRequest, Task
from pipeline.errors import ModelUnavailable, OptionError, RenderUnavailable

if TYPE_CHECKING:
    from pipeline.adapters.model_server.settings import PredictionAttempt
    from pipeline.adapters.opengl.renderer import GLRenderer
    from pipeline.motion.library import MotionLibrary
    from pipeline.ports import Predictor

_OVERLOADS: Final = frozenset({"overloaded", "read_timeout", "deadline"})
"""Values of `pipeline.adapters.model_server.failures.FailureKind` that mean overload: the server says so, or does not answer in time."""

MAX_RETRIES_REPORTED: Final = 20
ANSWERED: Final = "answered"
"""Outcome of a request that a model server answered."""


class WorkerResources:
    """Resources of a worker process, opened when first needed.

    Attributes:
        retries: requests of the present task to model servers that were sent again.
        attempts: requests of the present task by outcome.
        is_overloaded: a model server was overloaded during the present task.
    """

    def __init__(self, environ: Mapping[str, str], stopping: threading.Event | None = None) -> None:
        self._environ, self._stopping = environ, stopping
        self._stack = ExitStack()
        self._renderer: GLRenderer | None = None
        self._is_software = False
        self._predictors: dict[tuple[InferenceRequest, float, bool, Path | None], tuple[Predictor, str]] = {}
        self._library: MotionLibrary | None = None
        self.retries: list[RetriedRequest] = []
        self.attempts: Counter[str] = Counter()
        self.is_overloaded = False

    def begin_task(self) -> None:
        """Reset the counts of requests."""
        self.retries, self.attempts, self.is_overloaded = [], Counter(), False

    def library(self) -> MotionLibrary:
        """The motion library."""
        self._library = self._library or motion_library(self._environ)
        return self._library

    def renderer(self) -> GLRenderer:
        """The renderer with its OpenGL context. Raises RenderUnavailable."""
        from pipeline.adapters.opengl.renderer import GLRenderer

        if self._renderer is None:
            environ = {**self._environ, "AD_USE_MESA": "1"} if self._is_software else self._environ
            self._renderer = self._stack.enter_context(GLRenderer.open(None, environ))
        return self._renderer

    def use_software_renderer(self) -> bool:
        """Render on the CPU from now on; False if the renderer does so already, or can't."""
        if self._renderer is None or self._renderer.is_software:
            return False
        self.clear()
        self._is_software = True
        try:
            self.renderer()
        except RenderUnavailable:
            self._is_software = False
            return False
        return True

    def use_hardware_renderer(self) -> None:
        """Render on the graphics card again."""
        self.clear()
        self._is_software = False

    def predictor(self, task: Task) -> tuple[Predictor, str]:
        """The models and the name of their backend. Raises ModelUnavailable, UpstreamError."""
        wanted = task.inference, task.upstream_deadline_s, task.is_probe, task.health_file
        if wanted not in self._predictors:
            opened = open_predictor(
                task.inference,
                self._environ,
                self._count_attempt,
                deadline_s=task.upstream_deadline_s,
                is_probe=task.is_probe,
                stop=self._stopping,
                health_file=task.health_file,
            )
            try:
                self._predictors[wanted] = self._stack.enter_context(opened)
            except OptionError as error:  # the settings are at fault, not the drawing
                raise ModelUnavailable(error.summary, hint=error.hint) from error
        return self._predictors[wanted]

    def clear(self) -> None:
        """Close everything. After a driver failure, no open resource can be relied on."""
        self._stack.close()
        self._renderer = None
        self._predictors.clear()

    def _count_attempt(self, attempt: PredictionAttempt) -> None:
        if not attempt.is_probe:
            self.attempts[str(attempt.error_type or ANSWERED)] += 1
        self.is_overloaded = self.is_overloaded or attempt.error_type in _OVERLOADS
        if attempt.wait_s is not None and len(self.retries) < MAX_RETRIES_REPORTED:
            kind = attempt.error_type or ""
            self.retries.append(
                RetriedRequest(attempt.url, attempt.model, attempt.status, kind, attempt.attempt, round(1000 * attempt.wait_s))
            )
