"""Classification of failed predictions: what caused the failure, and whether another attempt can help.

Statuses and types as TorchServe 0.12.0 and servers of the Open Inference Protocol send them (etc/doc/torchserve.md,
etc/doc/model-servers.md):

    no reply, 408, 425, 429, 502, 503 "ServiceUnavailableException", 504, 507, other 5xx, 1xx         the server, for now
    500 "Worker died.", 500, 503 "InternalServerException" (handler raised), invalid or oversize reply the image, if it happens again
    400, 413, 415, 422 and other 4xx, a crop without a figure                                         the image
    401, 403, 400 "InvalidKeyException"                                                               the key
    404, 405, 3xx, 501, an HTML page                                                                  the set-up

An image is rejected only if the server answers a probe at the same time.
"""

from __future__ import annotations

import email.utils
import json
import math
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from pydantic import ValidationError

from pipeline.adapters.model_server.http import HttpReply, NoReply, NoReplyReason

_MAX_QUOTE: Final = 120


class InvalidReply(ValueError):  # internal to the adapters: mapped to a PredictionFailure before it leaves
    """A reply that does not follow the protocol; its text names the problem."""

    @classmethod
    def of(cls, error: ValidationError) -> InvalidReply:
        """The first problem that pydantic found in a reply, with its place unless that is the whole reply."""
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return cls(": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"]))))


class NoFigureInReply(InvalidReply):
    """A valid reply of the pose estimator without a figure."""


class UnsuitableModel(InvalidReply):
    """A reply that follows the protocol and describes another model than doodled needs."""


class FailureKind(StrEnum):
    """What went wrong; a closed set that goes into logs and metrics. The first seven are those of `NoReplyReason`.

    `OVERTAKEN`: another server was asked the same meanwhile and answered first.
    """

    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    RESET = "reset"
    READ_TIMEOUT = "read_timeout"
    DEADLINE = "deadline"
    TRUNCATED = "truncated"
    TOO_BIG = "too_big"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    WORKER_DIED = "worker_died"
    HANDLER_FAILED = "handler_failed"
    REFUSED = "refused"
    NOTHING_SEEN = "nothing_seen"
    GARBAGE = "garbage"
    UNAUTHORIZED = "unauthorized"
    NO_SUCH_MODEL = "no_such_model"
    NO_MODEL_SERVER = "no_model_server"
    OVERTAKEN = "overtaken"


class FailureCause(Enum):
    """What caused a failure, and so what can mend it."""

    SERVER = "server"
    IMAGE_SUSPECTED = "image suspected"
    IMAGE = "image"
    KEY = "key"
    SETUP = "setup"


_CAUSE: Final = {
    FailureKind.TOO_BIG: FailureCause.IMAGE_SUSPECTED,
    FailureKind.WORKER_DIED: FailureCause.IMAGE_SUSPECTED,
    FailureKind.HANDLER_FAILED: FailureCause.IMAGE_SUSPECTED,
    FailureKind.GARBAGE: FailureCause.IMAGE_SUSPECTED,
    FailureKind.REFUSED: FailureCause.IMAGE,
    FailureKind.NOTHING_SEEN: FailureCause.IMAGE,
    FailureKind.UNAUTHORIZED: FailureCause.KEY,
    FailureKind.NO_SUCH_MODEL: FailureCause.SETUP,
    FailureKind.NO_MODEL_SERVER: FailureCause.SETUP,
}
_HEALTHY: Final = frozenset({FailureKind.REFUSED, FailureKind.NOTHING_SEEN, FailureKind.HANDLER_FAILED})
_SILENT: Final = frozenset({FailureKind.READ_TIMEOUT, FailureKind.DEADLINE, FailureKind.OVERTAKEN})
_MAY_BE_CAUSED_BY_IMAGE: Final = frozenset(
    {FailureKind.RESET, FailureKind.READ_TIMEOUT, FailureKind.DEADLINE, FailureKind.TRUNCATED, FailureKind.SERVER_ERROR}
)


@dataclass(frozen=True)
class PredictionFailure:
    """An attempt without an answer.

    Attributes:
        detail: a message without secrets.
        status: HTTP status, or None.
        retry_after_s: how long the server asks to wait, or None.
    """

    kind: FailureKind
    detail: str
    status: int | None = None
    retry_after_s: float | None = None

    @property
    def cause(self) -> FailureCause:
        return _CAUSE.get(self.kind, FailureCause.SERVER)

    @property
    def is_server_healthy(self) -> bool:
        """Whether the server works and can be asked about other images."""
        return self.kind in _HEALTHY

    @property
    def is_silence(self) -> bool:
        """Whether the server took the request and did not answer in time."""
        return self.kind in _SILENT

    @property
    def may_be_caused_by_image(self) -> bool:
        """Whether an image could cause this, though it counts as the server's failure."""
        return self.kind in _MAY_BE_CAUSED_BY_IMAGE


_NO_REPLY_DETAILS: Final = {
    NoReplyReason.CONNECT: "no connection could be made",
    NoReplyReason.CONNECT_TIMEOUT: "no connection could be made in time",
    NoReplyReason.RESET: "it closed the connection",
    NoReplyReason.READ_TIMEOUT: "it did not answer in time",
    NoReplyReason.DEADLINE: "its reply was not complete in time",
    NoReplyReason.TRUNCATED: "its reply was cut off",
    NoReplyReason.TOO_BIG: "its reply is too large",
}


def failure_of_missing_reply(missing: NoReply) -> PredictionFailure:
    """The failure that a missing reply stands for."""
    return PredictionFailure(FailureKind(missing.kind.value), _NO_REPLY_DETAILS[missing.kind], missing.status)


def failure_of_reply(reply: HttpReply, *, now_s: float, max_retry_after_s: float) -> PredictionFailure | None:
    """The failure that a reply stands for, None if it should hold an answer. `now_s` is wall-clock time, for dates in `Retry-After`."""
    status = reply.status
    error_type, words = _error(reply)
    detail = f"HTTP {status}" + (f", {error_type}" if error_type else "") + (f": {words}" if words else "")
    is_page = "html" in reply.content_type or reply.body[:64].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    if status == 200 and not is_page:
        return None
    kind = (
        _server_failure(status, error_type, words)
        if status >= 500 and status != 501
        else _request_failure(status, error_type, words, is_page=is_page)
    )
    is_temporary = kind in {FailureKind.OVERLOADED, FailureKind.SERVER_ERROR}
    wait_s = retry_after_s(reply.retry_after, now_s=now_s, longest_s=max_retry_after_s) if is_temporary else None
    return PredictionFailure(kind, f"{detail}, an HTML page" if is_page else detail, status, wait_s)


def _server_failure(status: int, error_type: str, words: str) -> FailureKind:
    if status == 500 or (status == 503 and error_type == "InternalServerException"):
        return FailureKind.WORKER_DIED if words.lower().startswith("worker died") else FailureKind.HANDLER_FAILED
    return FailureKind.OVERLOADED if status in {503, 504, 507} else FailureKind.SERVER_ERROR


def _request_failure(status: int, error_type: str, words: str, *, is_page: bool) -> FailureKind:
    if status in {401, 403} or error_type == "InvalidKeyException":
        return FailureKind.UNAUTHORIZED
    if status in {408, 425, 429}:
        return FailureKind.OVERLOADED
    if error_type in {"ModelNotFoundException", "ModelVersionNotFoundException"} or (status == 404 and words and not error_type):
        return FailureKind.NO_SUCH_MODEL
    if status < 200:  # an interim reply that no final one followed: a proxy or server that gave up in between
        return FailureKind.SERVER_ERROR
    if is_page or status in {404, 405, 501} or not 400 <= status < 500:
        return FailureKind.NO_MODEL_SERVER
    return FailureKind.REFUSED


def retry_after_s(text: str, *, now_s: float, longest_s: float) -> float | None:
    """Seconds of a `Retry-After` header, a number or a date (RFC 9110, 10.2.3), at most `longest_s`; None if it is neither."""
    text = text.strip()
    if not text:
        return None
    try:
        wait_s = float(text) if not text[0].isalpha() else email.utils.parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), longest_s) if math.isfinite(wait_s) else None


def _error(reply: HttpReply) -> tuple[str, str]:
    """Type and message of a server's own error reply, or two empty strings.

    TorchServe sends `{"code", "type", "message"}`, the Open Inference Protocol `{"error"}` and no type.
    """
    if reply.status == 200:
        return "", ""
    try:
        content = json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(content, dict):
        return "", ""
    is_open_protocol = isinstance(content.get("error"), str)
    kind, words = ("", content["error"]) if is_open_protocol else (str(content.get(name, "")) for name in ("type", "message"))
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return (kind if kind.isidentifier() else "")[:_MAX_QUOTE], printable[:_MAX_QUOTE]
