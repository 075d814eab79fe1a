"""Errors as problem details (RFC 9457), for programs and for pages. None contains a path of this machine."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from daemon.files.filenames import printable
from daemon.web.intake import KeyReused, QueueFull
from pipeline.errors import DecodeError, DoodledError, FileProblems, PermanentError

MEDIA_TYPE: Final = "application/problem+json"


class Problem(BaseModel):
    """Problem details of RFC 9457."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(default="about:blank", description="A URI reference that names the kind of problem.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The status code.")
    detail: str = Field(default="", description="What is wrong with this request.")
    hint: str = Field(default="", description="What to do about it.")
    errors: list[str] = Field(default_factory=list, description="All problems, where there are several.")


class ProblemError(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str = "",
        *,
        hint: str = "",
        errors: list[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = headers or {}
        self.problem = Problem(title=status.phrase, status=status.value, detail=detail, hint=hint, errors=errors or [])


def problem_of(error: DoodledError | OSError) -> ProblemError:
    """The problem that an error of ours is answered with: 422 where the same request fails again, else 503."""
    if isinstance(error, OSError):
        return ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"the disk refused: {error.strerror or type(error).__name__}",
            hint="try again later",
            headers={"Retry-After": "30"},
        )
    if isinstance(error, QueueFull):
        retry = {"Retry-After": str(round(error.retry_after_s))}
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, error.summary, hint=error.hint, headers=retry)
    if isinstance(error, KeyReused):
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, error.summary, hint=error.hint)
    if isinstance(error, FileProblems):
        return ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "the options can't be used", hint=error.hint, errors=list(map(printable, error.problems))
        )
    status = HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, PermanentError) else HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, DecodeError) and error.reason == "too_many_bytes":
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return ProblemError(status, printable(error.summary), hint=error.hint)
