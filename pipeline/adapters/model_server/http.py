"""HTTP exchange with a model server, bounded in time and in size.

Proxies, `.netrc`, cookies and redirects are off: they would send images and keys elsewhere.

Errors of `requests` are not chained to ours: their request object holds the key, and so do the frames of their traceback.
"""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import requests
import urllib3
from urllib3.exceptions import NameResolutionError, NewConnectionError

from pipeline.adapters.model_server.key_file import Token
from pipeline.adapters.socket_deadline import DeadlineAdapter, SocketDeadline

_BLOCK_BYTES: Final = 64 * 1024
_BEHIND_S: Final = 1.0


class NoReplyReason(StrEnum):
    """Why no readable reply arrived; a closed set that goes into logs and metrics."""

    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    RESET = "reset"
    READ_TIMEOUT = "read_timeout"
    DEADLINE = "deadline"
    TRUNCATED = "truncated"
    TOO_BIG = "too_big"


class NoReply(Exception):  # internal to the adapter: mapped to a PredictionFailure before it leaves
    """No readable reply arrived.

    Attributes:
        status: HTTP status if the reply had begun, or None.
    """

    def __init__(self, kind: NoReplyReason, *, status: int | None = None) -> None:
        self.kind = kind
        self.status = status
        super().__init__(str(kind))


@dataclass(frozen=True)
class RequestBody:
    """What a request sends.

    Attributes:
        media_type: Content-Type of `content`.
        form_field: `content` is sent as a file of this name in a multipart form; "" sends it as it is.
        headers: more headers of the request.
    """

    content: bytes
    media_type: str
    form_field: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpReply:
    """A server's reply.

    Attributes:
        retry_after: text of the header `Retry-After`, or "".
        url: of the server, as in the settings.
        json_length: text of the header `Inference-Header-Content-Length`, or "": bytes of JSON before binary tensors.
    """

    status: int
    content_type: str
    retry_after: str
    body: bytes
    url: str = ""
    json_length: str = ""


class HttpClient:
    """HTTP client over kept-alive connections. Thread-safe."""

    def __init__(self, *, connect_timeout_s: float, read_timeout_s: float, max_reply_bytes: int, connections: int) -> None:
        """`connections` are kept open per server."""
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._max_reply_bytes = max_reply_bytes
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "doodled"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(pool_maxsize=connections, max_retries=0))

    def send(self, url: str, body: RequestBody | None, *, token: Token | None, deadline: SocketDeadline) -> HttpReply:
        """Send a request, POST with a body and GET without one.

        Args:
            deadline: not entered yet; another thread may end the request with it.
        Raises:
            NoReply: none arrived before the deadline.
        """
        if body is None:
            return self._exchange("GET", url, token=token, deadline=deadline)
        if body.form_field:
            name = f"image.{body.media_type.rpartition('/')[2]}"
            files = {body.form_field: (name, body.content, body.media_type)}
            return self._exchange("POST", url, token=token, deadline=deadline, files=files, headers=body.headers)
        headers = {**body.headers, "Content-Type": body.media_type}
        return self._exchange("POST", url, token=token, deadline=deadline, data=body.content, headers=headers)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _exchange(self, method: str, url: str, *, token: Token | None, deadline: SocketDeadline, **content: Any) -> HttpReply:  # noqa: ANN401  # handed on
        within_s = deadline.within_s
        if within_s <= 0:
            raise NoReply(NoReplyReason.DEADLINE)
        # The read timeout is a little longer than the time left: SocketDeadline ends the request then, so that READ_TIMEOUT always
        # means the setting of that name.
        timeouts = (min(self._connect_timeout_s, within_s), min(self._read_timeout_s, within_s + _BEHIND_S))
        with deadline:
            failure: NoReply
            try:
                response = self._session.request(
                    method, url, auth=_Bearer(token), timeout=timeouts, stream=True, allow_redirects=False, **content
                )
                with contextlib.closing(response):
                    reply = self._read(response)
                if not deadline.has_expired:  # a reply without a length would look complete when its socket is shut
                    return reply
                failure = NoReply(NoReplyReason.DEADLINE, status=reply.status)
            except NoReply as error:
                failure = error
            except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
                failure = NoReply(_no_reply_reason(error))
            if deadline.has_expired:
                failure = NoReply(NoReplyReason.DEADLINE, status=failure.status)
        raise failure

    def _read(self, response: requests.Response) -> HttpReply:
        status = response.status_code
        parts: list[bytes] = []
        room = self._max_reply_bytes
        try:
            for part in response.raw.stream(_BLOCK_BYTES, decode_content=False):
                room -= len(part)
                if room < 0:
                    raise NoReply(NoReplyReason.TOO_BIG, status=status)
                parts.append(part)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            reason = (
                NoReplyReason.READ_TIMEOUT if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError) else NoReplyReason.TRUNCATED
            )
            failure = NoReply(reason, status=status)
        else:
            headers = response.headers
            return HttpReply(
                status,
                headers.get("Content-Type", "").lower(),
                headers.get("Retry-After", ""),
                b"".join(parts),
                json_length=headers.get("Inference-Header-Content-Length", ""),
            )
        raise failure


class _Bearer(requests.auth.AuthBase):
    """Sets the Authorization header; its `repr` does not show the key."""

    def __init__(self, token: Token | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.revealed()}"
        return request


def _no_reply_reason(error: Exception) -> NoReplyReason:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return NoReplyReason.CONNECT_TIMEOUT
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return NoReplyReason.READ_TIMEOUT
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return NoReplyReason.CONNECT
    reason = getattr(error.args[0], "reason", None) if error.args else None  # requests wraps urllib3's MaxRetryError, which wraps the cause
    return NoReplyReason.CONNECT if isinstance(reason, NewConnectionError | NameResolutionError) else NoReplyReason.RESET
