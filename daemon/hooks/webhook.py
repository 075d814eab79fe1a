"""Webhooks: one POST of an event's document, signed as Standard Webhooks (standardwebhooks.com) describes.

A receiver is bounded in time and size: the whole request ends with its deadline, and of the answer only the status and a few bytes are
read. Redirects are not followed, cookies, proxies and `.netrc` are off: they would send drawings' names elsewhere. The URL may contain a
key, so messages name only its host.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import http.client
import http.cookiejar
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3

from daemon.files.durable import read_content
from daemon.files.filenames import printable
from daemon.hooks.delivery import DeliveryFailure
from daemon.hooks.event_document import EventDocument
from pipeline.adapters.socket_deadline import DeadlineAdapter, SocketDeadline

CONNECT_TIMEOUT_S: Final = 10.0
ANSWER_BYTES: Final = 200
"""Of an error's body, for the log."""

MIN_S: Final = 0.1
MAX_SECRET_BYTES: Final = 4096
MAX_RETRY_AFTER_S: Final = 3600.0
_HEADERS: Final = {"Accept-Encoding": "identity", "Connection": "close", "Content-Type": "application/json", "User-Agent": "doodled"}
"""Each event has a connection of its own: one that was kept may be closed by the receiver just when it is used."""

_BEHIND_S: Final = 1.0
_SECRET_PREFIX: Final = b"whsec_"
_GONE: Final = 410


class Webhook:
    """A URL that events are posted to."""

    def __init__(
        self,
        url: str,
        *,
        secret_file: Path | None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._secret_file, self._clock, self._wall_clock = url, secret_file, clock, wall_clock
        self.target = host_of(url)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.update(_HEADERS)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(pool_maxsize=1, max_retries=0))

    def deliver(self, document: EventDocument, until_s: Callable[[], float]) -> DeliveryFailure | None:
        """Post a document once; returns None if the receiver took it. Raises nothing.

        Args:
            until_s: returns when the request must have ended, on the monotonic clock; asked once.
        """
        event_id, body, within_s = document.event.id, document.to_json(), max(MIN_S, until_s() - self._clock())
        try:
            headers = {"webhook-id": event_id, **self._signature(event_id, body)}
        except (OSError, ValueError) as error:
            return DeliveryFailure(f"{self._secret_file} can't be used: {getattr(error, 'strerror', None) or error}")
        late = f"no answer within {within_s:.1f} s"
        with SocketDeadline(within_s) as deadline:
            try:
                timeouts = (min(CONNECT_TIMEOUT_S, within_s), within_s + _BEHIND_S)
                response = self._session.post(self._url, body, headers=headers, timeout=timeouts, stream=True, allow_redirects=False)
                with contextlib.closing(response):
                    failure = self._failure(response)
                if not deadline.has_expired:  # headers look complete when their socket is shut
                    return failure
                reason = late
            except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
                reason = late if deadline.has_expired else _why(error)
        return DeliveryFailure(f"{self.target}: {reason}")

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _signature(self, event_id: str, body: bytes) -> dict[str, str]:
        """The headers that prove origin and time. Raises OSError or ValueError if there is no usable secret."""
        timestamp = str(int(self._wall_clock()))
        if self._secret_file is None:
            return {"webhook-timestamp": timestamp}
        key = secret_of(read_content(self._secret_file.resolve(), MAX_SECRET_BYTES))
        return {"webhook-timestamp": timestamp, "webhook-signature": signature(key, event_id, timestamp, body)}

    def _failure(self, response: requests.Response) -> DeliveryFailure | None:
        status = response.status_code
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            where = host_of(response.headers.get("Location", "")) or "another address"
            return DeliveryFailure(f"{self.target} answers {status}, a redirect to {where}: set that address in the settings", status)
        try:
            said = " ".join(printable(response.raw.read(ANSWER_BYTES, decode_content=False).decode("utf-8", "replace")).split())
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError):
            said = ""
        reason = f"{self.target} answers {status}{': ' if said else ''}{said}"
        return DeliveryFailure(
            reason, status, is_final=status == _GONE, retry_after_s=_retry_after_s(response.headers.get("Retry-After", ""))
        )


def signature(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`: HMAC-SHA256 of id, timestamp and body."""
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode("ascii") + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def secret_of(content: bytes) -> bytes:
    """The key in a secret file: base64 after `whsec_`, as Standard Webhooks writes it, or else the text itself. Raises ValueError."""
    text = content.strip()
    if not text or len(content) > MAX_SECRET_BYTES:
        raise ValueError(f"expected a secret of 1 to {MAX_SECRET_BYTES} bytes")
    if not text.startswith(_SECRET_PREFIX):
        return text
    try:
        return base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("expected base64 after whsec_") from None


def host_of(url: str) -> str:
    """Scheme, host and port of a URL, without what may be a key; "" if it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    return printable(f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}")


def _why(error: Exception) -> str:
    """The cause of a failed request, without the URL that the text of `requests` has."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, requests.exceptions.SSLError):
            return "its certificate is not trusted, or it speaks no TLS"
        if isinstance(cause, urllib3.exceptions.NameResolutionError):
            return "its name can't be resolved"
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return cause.strerror
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = getattr(inner, "reason", None) or inner or cause.__cause__ or cause.__context__
    return type(error).__name__


def _retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header; dates are ignored, because clocks differ."""
    return min(float(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() and len(text) < 10 else None
