"""What a worker process keeps warm between jobs: the OpenGL context, the networks, the motions."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from daemon.options.inference import InferenceRequest, opened_predictor
from daemon.options.motions import motion_library
from daemon.worker.task import Task, UpstreamRetry
from pipeline.errors import ModelUnavailable, OptionError, RenderUnavailable

if TYPE_CHECKING:
    from pipeline.adapters.opengl.renderer import GLRenderer
    from pipeline.adapters.torchserve.settings import PredictionAttempt
    from pipeline.motion.library import MotionLibrary
    from pipeline.ports import Predictor

_OVERLOADS: Final = frozenset({"overloaded", "read_timeout", "deadline"})
"""Of `pipeline.adapters.torchserve.failures.Fault`: a server that has too much to do says so, or says nothing."""

MAX_RETRIES_TOLD: Final = 20
ANSWERED: Final = "answered"


class WorkerResources:
    """What stays warm between jobs."""

    def __init__(self, environ: Mapping[str, str], stopping: threading.Event | None = None) -> None:
        self._environ, self._stopping = environ, stopping
        self._stack = ExitStack()
        self._renderer: GLRenderer | None = None
        self._is_software = False
        self._predictors: dict[tuple[InferenceRequest, float, bool], tuple[Predictor, str]] = {}
        self._library: MotionLibrary | None = None
        self.retries: list[UpstreamRetry] = []
        self.attempts: Counter[str] = Counter()
        self.is_overloaded = False

    def begin(self) -> None:
        """A job begins: nothing was asked for it yet."""
        self.retries, self.attempts, self.is_overloaded = [], Counter(), False

    def library(self) -> MotionLibrary:
        """The motions."""
        self._library = self._library or motion_library(self._environ)
        return self._library

    def renderer(self) -> GLRenderer:
        """The OpenGL context."""
        from pipeline.adapters.opengl.renderer import GLRenderer

        if self._renderer is None:
            environ = {**self._environ, "AD_USE_MESA": "1"} if self._is_software else self._environ
            self._renderer = self._stack.enter_context(GLRenderer.open(None, environ))
        return self._renderer

    def renders_in_software(self) -> bool:
        """Leave the graphics card alone from now on; False if that changes nothing, or can't be done."""
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

    def trusts_the_card(self) -> None:
        """Use the graphics card again."""
        self.clear()
        self._is_software = False

    def predictor(self, order: Task) -> tuple[Predictor, str]:
        """The networks, and their name for people."""
        wanted = order.inference, order.upstream_deadline_s, order.is_probe
        if wanted not in self._predictors:
            opened = opened_predictor(
                order.inference,
                self._environ,
                self._note,
                deadline_s=order.upstream_deadline_s,
                is_probe=order.is_probe,
                stop=self._stopping,
            )
            try:
                self._predictors[wanted] = self._stack.enter_context(opened)
            except OptionError as error:  # these networks can't be had as the settings want them: no drawing is to blame
                raise ModelUnavailable(error.summary, hint=error.hint) from error
        return self._predictors[wanted]

    def clear(self) -> None:
        """Let go of everything: after a failure of the driver, nothing warm is worth keeping."""
        self._stack.close()
        self._renderer = None
        self._predictors.clear()

    def _note(self, attempt: PredictionAttempt) -> None:
        if not attempt.is_probe:
            self.attempts[str(attempt.error_type or ANSWERED)] += 1
        self.is_overloaded = self.is_overloaded or attempt.error_type in _OVERLOADS
        if attempt.wait_s is not None and len(self.retries) < MAX_RETRIES_TOLD:
            kind = attempt.error_type or ""
            self.retries.append(
                UpstreamRetry(attempt.url, attempt.model, attempt.status, kind, attempt.attempt, round(1000 * attempt.wait_s))
            )
