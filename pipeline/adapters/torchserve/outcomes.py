"""What a reply, or the lack of one, means: who is to blame, and whether another attempt can help.

The table (OPERATIONS.md, sections 1.10 and 3.7, 3.19-3.22; statuses and types as TorchServe 0.12.0 really sends them):

    nobody answers, 408, 425, 429, 502, 503 "ServiceUnavailableException", 504, 507, other 5xx     the server, for now
    500 "Worker died.", 500, 503 "InternalServerException" (the handler raised), garbage, too big  the picture, if it happens again
    400, 413, 415, 422 and other 4xx, a crop without a figure                                      the picture
    401, 403, 400 "InvalidKeyException"                                                            the key
    404, 405, 3xx, 501, a page in HTML                                                             the set-up

A picture is blamed only if the server answers a probe at the same time.
"""

from __future__ import annotations

import email.utils
import json
import math
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from pipeline.adapters.torchserve.http import NoReply, Reply, Silence

_MAX_QUOTE: Final = 120


class Fault(StrEnum):
    """What went wrong; a closed set, it goes into logs. The first seven are `Silence`."""

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
    UNAUTHORISED = "unauthorised"
    NO_SUCH_MODEL = "no_such_model"
    NO_MODEL_SERVER = "no_model_server"


class Blame(Enum):
    """Who is to blame."""

    SERVER = "server"
    PICTURE_PERHAPS = "picture, if it happens again"
    PICTURE = "picture"
    KEY = "key"
    SETUP = "set-up"


_BLAME: Final = {
    Fault.TOO_BIG: Blame.PICTURE_PERHAPS,
    Fault.WORKER_DIED: Blame.PICTURE_PERHAPS,
    Fault.HANDLER_FAILED: Blame.PICTURE_PERHAPS,
    Fault.GARBAGE: Blame.PICTURE_PERHAPS,
    Fault.REFUSED: Blame.PICTURE,
    Fault.NOTHING_SEEN: Blame.PICTURE,
    Fault.UNAUTHORISED: Blame.KEY,
    Fault.NO_SUCH_MODEL: Blame.SETUP,
    Fault.NO_MODEL_SERVER: Blame.SETUP,
}
_HEALTHY: Final = frozenset({Fault.REFUSED, Fault.NOTHING_SEEN, Fault.HANDLER_FAILED})
_PERHAPS_THE_PICTURE: Final = frozenset({Fault.RESET, Fault.READ_TIMEOUT, Fault.DEADLINE, Fault.TRUNCATED, Fault.SERVER_ERROR})
_OVERLOAD: Final = frozenset({Fault.OVERLOADED, Fault.READ_TIMEOUT, Fault.DEADLINE})


@dataclass(frozen=True)
class Failure:
    """An attempt that gave no answer.

    Attributes:
        detail: for people, without secrets.
        status: HTTP status, or None.
        retry_after_s: how long the server asks to be left alone, or None.
    """

    fault: Fault
    detail: str
    status: int | None = None
    retry_after_s: float | None = None

    @property
    def blame(self) -> Blame:
        return _BLAME.get(self.fault, Blame.SERVER)

    @property
    def speaks_for_the_server(self) -> bool:
        """The server did its part, and may be asked about other pictures."""
        return self.fault in _HEALTHY

    @property
    def may_be_the_pictures(self) -> bool:
        """The server is blamed, but a picture could bring this about."""
        return self.fault in _PERHAPS_THE_PICTURE

    @property
    def is_overload(self) -> bool:
        """The server has, or may have, more to do than it can."""
        return self.fault in _OVERLOAD


_SILENCES: Final = {
    Silence.CONNECT: "no connection could be made",
    Silence.CONNECT_TIMEOUT: "no connection could be made in time",
    Silence.RESET: "it closed the connection",
    Silence.READ_TIMEOUT: "it did not answer in time",
    Silence.DEADLINE: "its reply did not end in time",
    Silence.TRUNCATED: "its reply broke off",
    Silence.TOO_BIG: "its reply is too big",
}


def of_silence(silence: NoReply) -> Failure:
    """What it means that there was no reply."""
    return Failure(Fault(silence.kind.value), _SILENCES[silence.kind], silence.status)


def of_reply(reply: Reply, *, now_s: float, max_retry_after_s: float) -> Failure | None:
    """What a reply means, None for one that should hold an answer; `now_s` is the wall clock's, for dates in `Retry-After`."""
    status = reply.status
    kind, words = _error(reply)
    detail = f"HTTP {status}" + (f", {kind}" if kind else "") + (f": {words}" if words else "")
    is_page = "html" in reply.content_type or reply.body[:64].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    if status == 200 and not is_page:
        return None
    fault = _server_fault(status, kind, words) if status >= 500 and status != 501 else _request_fault(status, kind, is_page=is_page)
    is_for_now = fault in {Fault.OVERLOADED, Fault.SERVER_ERROR}
    wait_s = retry_after_s(reply.retry_after, now_s=now_s, longest_s=max_retry_after_s) if is_for_now else None
    return Failure(fault, f"{detail}, a page in HTML" if is_page else detail, status, wait_s)


def _server_fault(status: int, kind: str, words: str) -> Fault:
    if status == 500 or (status == 503 and kind == "InternalServerException"):
        return Fault.WORKER_DIED if words.lower().startswith("worker died") else Fault.HANDLER_FAILED
    return Fault.OVERLOADED if status in {503, 504, 507} else Fault.SERVER_ERROR


def _request_fault(status: int, kind: str, *, is_page: bool) -> Fault:
    if status in {401, 403} or kind == "InvalidKeyException":
        return Fault.UNAUTHORISED
    if status in {408, 425, 429}:
        return Fault.OVERLOADED
    if kind in {"ModelNotFoundException", "ModelVersionNotFoundException"}:
        return Fault.NO_SUCH_MODEL
    if is_page or status in {404, 405, 501} or not 400 <= status < 500:
        return Fault.NO_MODEL_SERVER
    return Fault.REFUSED


def retry_after_s(text: str, *, now_s: float, longest_s: float) -> float | None:
    """Seconds that a `Retry-After` header asks for, a number or a date (RFC 9110, 10.2.3), at most `longest_s`; None if it is neither."""
    text = text.strip()
    if not text:
        return None
    try:
        wait_s = float(text) if not text[0].isalpha() else email.utils.parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), longest_s) if math.isfinite(wait_s) else None


def _error(reply: Reply) -> tuple[str, str]:
    """Type and message of TorchServe's own error replies, or two empty texts."""
    if reply.status == 200:
        return "", ""
    try:
        content = json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(content, dict):
        return "", ""
    kind, words = (str(content.get(name, "")) for name in ("type", "message"))
    printable = "".join(letter if letter.isprintable() else " " for letter in words)
    return (kind if kind.isidentifier() else "")[:_MAX_QUOTE], printable[:_MAX_QUOTE]
