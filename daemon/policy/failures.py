"""Retry policy: classifies errors and decides whether a job fails, is retried, or is deferred.

The class of an error decides, never the code that raises it. Three outcomes:

- fail: the same input would fail again. The drawing is moved to `failed/` with a reason.
- retry: something broke on the way (a crash, a deadline, a driver). Uses up an attempt; after the last attempt the job fails.
- defer: a resource is unavailable (model server, disk space, OpenGL, a worker on another machine). Uses up no attempt, however long it
  takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from daemon.files.durable import FULL_DISK
from daemon.options.sidecar import SidecarError
from pipeline import errors


class ErrorType(StrEnum):
    """Type of an error: the closed set that log records, metrics, `error.json` and queries use."""

    SIDECAR = "sidecar"
    UNSUPPORTED = "unsupported"
    IMAGE = "image"
    NO_FIGURE = "no_figure"
    REFUSED = "refused"
    CHARACTER = "character"
    MOTION = "motion"
    BLANK = "blank"
    INPUT = "input"
    UPSTREAM = "upstream"
    UNAUTHORIZED = "unauthorized"
    MISCONFIGURED = "misconfigured"
    NO_ANSWER = "no_answer"
    NO_MODEL = "no_model"
    NO_OPENGL = "no_opengl"
    NO_WORKER = "no_worker"
    RENDER = "render"
    OUTPUT = "output"
    DISK_FULL = "disk_full"
    DEADLINE = "deadline"
    CRASH = "crash"
    OUT_OF_MEMORY = "oom"
    INTERNAL = "internal"


class Deferral(StrEnum):
    """Why the daemon itself defers a job, without a failure of an attempt: reasons of log records and metrics."""

    SPOOL = "spool"
    """Its files can't be read, written or moved now."""

    SELF_TEST = "trial"  # as the log has always called it; values of a field never change
    """The workers run their self-test first, because the drawing may not be at fault."""

    WRITER = "writer"
    """Another process still writes to its file."""


class Outcome(StrEnum):
    """What happens to a job after a failure."""

    FAIL = "fail"
    RETRY = "retry"
    DEFER = "defer"


_BY_CLASS: tuple[tuple[type[BaseException], ErrorType], ...] = (
    (SidecarError, ErrorType.SIDECAR),
    (errors.DecodeError, ErrorType.IMAGE),
    (errors.NoFigureFound, ErrorType.NO_FIGURE),
    (errors.PredictionRefused, ErrorType.REFUSED),
    (errors.ConfigError, ErrorType.CHARACTER),
    (errors.CharacterError, ErrorType.CHARACTER),
    (errors.RetargetError, ErrorType.MOTION),
    (errors.UnknownName, ErrorType.MOTION),
    (errors.MotionFileError, ErrorType.MOTION),
    (errors.BlankAnimation, ErrorType.BLANK),
    (errors.PermanentError, ErrorType.INPUT),
    (errors.UpstreamUnauthorized, ErrorType.UNAUTHORIZED),
    (errors.UpstreamMisconfigured, ErrorType.MISCONFIGURED),
    (errors.UpstreamError, ErrorType.UPSTREAM),
    (errors.ModelUnavailable, ErrorType.NO_MODEL),
    (errors.RenderUnavailable, ErrorType.NO_OPENGL),
    (errors.RenderFailed, ErrorType.RENDER),
    (errors.OutputFailed, ErrorType.OUTPUT),
    (errors.TransientError, ErrorType.INTERNAL),
    (MemoryError, ErrorType.OUT_OF_MEMORY),
)

UPSTREAM_TYPES = frozenset({ErrorType.UPSTREAM, ErrorType.UNAUTHORIZED, ErrorType.MISCONFIGURED, ErrorType.NO_MODEL})
"""Types that open the circuit breaker of the models: no model server can be used."""

_DEFERRED = UPSTREAM_TYPES | {ErrorType.NO_OPENGL, ErrorType.NO_WORKER, ErrorType.DISK_FULL}
_RETRIED = frozenset(
    {
        ErrorType.NO_ANSWER,
        ErrorType.RENDER,
        ErrorType.OUTPUT,
        ErrorType.DEADLINE,
        ErrorType.CRASH,
        ErrorType.OUT_OF_MEMORY,
        ErrorType.INTERNAL,
    },
)
INPUT_TYPES = frozenset(ErrorType) - _DEFERRED - _RETRIED
"""Types that the dropped file itself causes: the same file would fail again."""

HINTS: Final[Mapping[ErrorType, str]] = {
    ErrorType.SIDECAR: "correct the .json file beside the image",
    ErrorType.UNSUPPORTED: "save it as PNG or JPEG",
    ErrorType.IMAGE: "save or copy it again",
    ErrorType.NO_FIGURE: "draw the figure with darker lines, or photograph it closer and in better light",
    ErrorType.NO_ANSWER: "try another image of it; the model server answers for others",
    ErrorType.DEADLINE: "try a smaller image, or raise jobs.deadline_s",
    ErrorType.OUT_OF_MEMORY: "try a smaller image, or raise jobs.memory_limit_mb",
    ErrorType.CRASH: "please report this, with the image",
    ErrorType.INTERNAL: "please report this, with the image",
}
"""What a user can do about a failed drawing, where the error itself does not say."""


def error_type(error: BaseException) -> ErrorType:
    """The type of an exception. A full disk is recognized anywhere in the chain of causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FULL_DISK:
            return ErrorType.DISK_FULL
        cause = cause.__cause__
    if isinstance(error, errors.UpstreamError) and error.answers_others:
        return ErrorType.NO_ANSWER
    if isinstance(error, errors.DecodeError) and error.reason is errors.DecodeReason.UNSUPPORTED:
        return ErrorType.UNSUPPORTED
    return next((kind for known, kind in _BY_CLASS if isinstance(error, known)), ErrorType.INTERNAL)


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff: how long to wait after the n-th failure in a row."""

    first_s: float
    max_s: float

    def wait_s(self, failures: int) -> float:
        """The wait after `failures` failures in a row, 1 or more: doubles each time, up to `max_s`."""
        return min(self.max_s, self.first_s * 2.0 ** min(failures - 1, 30))


ATTEMPTS_BEYOND_LIMIT: Final = 2
"""Attempts of a job that exceeds its time or memory: the second one runs alone among such jobs, and would fail again."""


def outcome(kind: ErrorType, attempts: int, max_attempts: int, *, exceeds_limit: bool = False) -> Outcome:
    """What happens to a job whose attempt number `attempts` failed.

    Args:
        exceeds_limit: the job itself took more time or memory than it may.
    """
    if kind in _DEFERRED:
        return Outcome.DEFER
    if kind in _RETRIED:
        limit = min(max_attempts, ATTEMPTS_BEYOND_LIMIT) if exceeds_limit else max_attempts
        return Outcome.RETRY if attempts < limit else Outcome.FAIL
    return Outcome.FAIL
