"""What follows from a failure: give the file back with a reason, try again, or wait for better times.

Decided here by class alone, never where an error is raised. Three outcomes:

- fail: the same bytes would fail again. Once, alone, with a sentence.
- retry: something broke half-way (a crash, a deadline, a driver). Counts as an attempt; after the last one the file fails.
- defer: nobody can do it now (model server down, disk full, no OpenGL). Counts as no attempt, whatever it lasts.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum

from daemon.options.sidecar import SidecarError
from pipeline import errors


class ErrorType(StrEnum):
    """What went wrong: the closed set that logs, `error.json` and queries use."""

    SIDECAR = "sidecar"
    UNSUPPORTED = "unsupported"
    PICTURE = "picture"
    NO_FIGURE = "no_figure"
    REFUSED = "refused"
    CHARACTER = "character"
    MOTION = "motion"
    BLANK = "blank"
    INPUT = "input"
    UPSTREAM = "upstream"
    UNAUTHORISED = "unauthorised"
    MISCONFIGURED = "misconfigured"
    NO_ANSWER = "no_answer"
    NO_MODEL = "no_model"
    NO_OPENGL = "no_opengl"
    RENDER = "render"
    OUTPUT = "output"
    DISK_FULL = "disk_full"
    DEADLINE = "deadline"
    CRASH = "crash"
    OUT_OF_MEMORY = "oom"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """What becomes of a job after a failure."""

    FAIL = "fail"
    RETRY = "retry"
    DEFER = "defer"


_BY_CLASS: tuple[tuple[type[BaseException], ErrorType], ...] = (
    (SidecarError, ErrorType.SIDECAR),
    (errors.DecodeError, ErrorType.PICTURE),
    (errors.NoFigureFound, ErrorType.NO_FIGURE),
    (errors.PredictionRefused, ErrorType.REFUSED),
    (errors.ConfigError, ErrorType.CHARACTER),
    (errors.CharacterError, ErrorType.CHARACTER),
    (errors.RetargetError, ErrorType.MOTION),
    (errors.UnknownName, ErrorType.MOTION),
    (errors.MotionFileError, ErrorType.MOTION),
    (errors.BlankAnimation, ErrorType.BLANK),
    (errors.PermanentError, ErrorType.INPUT),
    (errors.UpstreamUnauthorised, ErrorType.UNAUTHORISED),
    (errors.UpstreamMisconfigured, ErrorType.MISCONFIGURED),
    (errors.UpstreamError, ErrorType.UPSTREAM),
    (errors.ModelUnavailable, ErrorType.NO_MODEL),
    (errors.RenderUnavailable, ErrorType.NO_OPENGL),
    (errors.RenderFailed, ErrorType.RENDER),
    (errors.OutputFailed, ErrorType.OUTPUT),
    (errors.TransientError, ErrorType.INTERNAL),
    (MemoryError, ErrorType.OUT_OF_MEMORY),
)

UPSTREAM_TYPES = frozenset({ErrorType.UPSTREAM, ErrorType.UNAUTHORISED, ErrorType.MISCONFIGURED, ErrorType.NO_MODEL})
"""Those that say the networks can't be asked: the breaker's concern."""

_DEFERRED = UPSTREAM_TYPES | {ErrorType.NO_OPENGL, ErrorType.DISK_FULL}
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

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def error_type(error: BaseException) -> ErrorType:
    """The type that an exception belongs to; a full disk is found behind whatever was raised from it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return ErrorType.DISK_FULL
        cause = cause.__cause__
    if isinstance(error, errors.UpstreamError) and error.answers_others:
        return ErrorType.NO_ANSWER
    if isinstance(error, errors.DecodeError) and error.reason is errors.DecodeReason.UNSUPPORTED:
        return ErrorType.UNSUPPORTED
    return next((kind for known, kind in _BY_CLASS if isinstance(error, known)), ErrorType.INTERNAL)


@dataclass(frozen=True)
class Backoff:
    """How long to wait after the n-th failure in a row: doubling, bounded, s."""

    first_s: float
    most_s: float

    def wait_s(self, failures: int) -> float:
        """After `failures` of them, 1 or more."""
        return min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))


def outcome(kind: ErrorType, attempts: int, max_attempts: int) -> Outcome:
    """What follows from a failure of the `attempts`-th attempt."""
    if kind in _DEFERRED:
        return Outcome.DEFER
    if kind in _RETRIED:
        return Outcome.RETRY if attempts < max_attempts else Outcome.FAIL
    return Outcome.FAIL
