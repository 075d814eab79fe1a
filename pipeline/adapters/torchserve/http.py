"""One HTTP request to TorchServe and its reply, never longer than it may take and never bigger than it may be.

Proxies, `.netrc`, cookies and redirects are left out: they would send pictures and keys elsewhere.

Errors of requests are not chained to ours: their request holds the key, and so do the frames of their traceback.
"""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import requests
import urllib3
from urllib3.exceptions import NameResolutionError, NewConnectionError

from pipeline.adapters.torchserve.key import Token
from pipeline.adapters.torchserve.sockets import Lifeline, WatchedAdapter

_BLOCK_BYTES: Final = 64 * 1024
_BEHIND_S: Final = 1.0


class Silence(StrEnum):
    """Why there was no reply that could be read; a closed set, it goes into logs."""

    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    RESET = "reset"
    READ_TIMEOUT = "read_timeout"
    DEADLINE = "deadline"
    TRUNCATED = "truncated"
    TOO_BIG = "too_big"


class NoReply(Exception):  # a state of the world, translated before anybody outside the adapter sees it
    """There was no reply.

    Attributes:
        status: HTTP status if the reply had at least begun, or None.
    """

    def __init__(self, kind: Silence, *, status: int | None = None) -> None:
        self.kind = kind
        self.status = status
        super().__init__(str(kind))


@dataclass(frozen=True)
class Reply:
    """What the server said. `retry_after` is the header's text, or ""."""

    status: int
    content_type: str
    retry_after: str
    body: bytes


class Courier:
    """Requests over kept-alive connections. Thread-safe."""

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
            self._session.mount(scheme, WatchedAdapter(pool_maxsize=connections, max_retries=0))

    def post(self, url: str, picture: bytes, media_type: str, *, token: Token | None, within_s: float) -> Reply:
        """The reply to a picture, sent as multipart field `data`.

        Raises:
            NoReply: there was none within `within_s`.
        """
        name = "picture." + media_type.rpartition("/")[2]
        return self._exchange("POST", url, token=token, within_s=within_s, files={"data": (name, picture, media_type)})

    def get(self, url: str, *, token: Token | None, within_s: float) -> Reply:
        """The reply to a question.

        Raises:
            NoReply: there was none within `within_s`.
        """
        return self._exchange("GET", url, token=token, within_s=within_s)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._session.close()

    def _exchange(self, method: str, url: str, *, token: Token | None, within_s: float, **content: Any) -> Reply:  # noqa: ANN401  # handed on
        if within_s <= 0:
            raise NoReply(Silence.DEADLINE)
        # For the reply a little more than is left: the lifeline ends it then, and a read timeout always means the setting of that name.
        timeouts = (min(self._connect_timeout_s, within_s), min(self._read_timeout_s, within_s + _BEHIND_S))
        with Lifeline(within_s) as lifeline:
            failure: NoReply
            try:
                response = self._session.request(
                    method, url, auth=_Bearer(token), timeout=timeouts, stream=True, allow_redirects=False, **content
                )
                with contextlib.closing(response):
                    reply = self._read(response)
                if not lifeline.is_cut:  # a reply that ends with its connection would look complete
                    return reply
                failure = NoReply(Silence.DEADLINE, status=reply.status)
            except NoReply as error:
                failure = error
            except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
                failure = NoReply(_silence(error))
            if lifeline.is_cut:
                failure = NoReply(Silence.DEADLINE, status=failure.status)
        raise failure

    def _read(self, response: requests.Response) -> Reply:
        status = response.status_code
        parts: list[bytes] = []
        room = self._max_reply_bytes
        try:
            for part in response.raw.stream(_BLOCK_BYTES, decode_content=False):
                room -= len(part)
                if room < 0:
                    raise NoReply(Silence.TOO_BIG, status=status)
                parts.append(part)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            silence = Silence.READ_TIMEOUT if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError) else Silence.TRUNCATED
            failure = NoReply(silence, status=status)
        else:
            headers = response.headers
            return Reply(status, headers.get("Content-Type", "").lower(), headers.get("Retry-After", ""), b"".join(parts))
        raise failure


class _Bearer(requests.auth.AuthBase):
    """Sets the header where requests would otherwise look for credentials; its `repr` shows nothing."""

    def __init__(self, token: Token | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.revealed()}"
        return request


def _silence(error: Exception) -> Silence:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Silence.CONNECT_TIMEOUT
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return Silence.READ_TIMEOUT
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return Silence.CONNECT
    reason = getattr(error.args[0], "reason", None) if error.args else None  # requests wraps urllib3's MaxRetryError, which wraps the cause
    return Silence.CONNECT if isinstance(reason, NewConnectionError | NameResolutionError) else Silence.RESET
