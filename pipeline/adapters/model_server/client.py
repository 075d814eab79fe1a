"""Client for single requests: sends one to one model server, classifies the reply, and validates the answer.

Owns connections and keys. Retries, waits and the choice of the server belong to `retrying_client`; what is sent, and how an answer is
read, to the protocol (`pipeline.adapters.torchserve`, `pipeline.adapters.oip`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from pipeline.adapters.model_server import failures
from pipeline.adapters.model_server.failures import (
    FailureCause,
    FailureKind,
    InvalidReply,
    NoFigureInReply,
    PredictionFailure,
    UnsuitableModel,
)
from pipeline.adapters.model_server.http import HttpClient, HttpReply, NoReply, RequestBody
from pipeline.adapters.model_server.key_file import KeyFile, Token
from pipeline.adapters.model_server.settings import ModelHealth, ServerEndpoint, ServerSettings
from pipeline.adapters.socket_deadline import SocketDeadline

Answer_co = TypeVar("Answer_co", covariant=True)
_CONNECTIONS: Final = 8
"""Kept alive per server. A worker process uses one or two; a program with threads of its own may use more."""


@dataclass(frozen=True)
class ModelRequest(Generic[Answer_co]):
    """A request to a model, on whichever server has it.

    Attributes:
        path: below the server's URL, without a leading slash.
        body: what is sent to the server with a URL, None for a GET request.
        parse: reads the answer from the reply; raises `failures.InvalidReply`.
    """

    model: str
    path: str
    body: Callable[[str], RequestBody] | None
    parse: Callable[[HttpReply], Answer_co]


class ModelServerClient:
    """Sends single requests. Thread-safe.

    Attributes:
        http: the connections.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`wall_clock` is for dates in `Retry-After`."""
        self._settings = settings
        self._clock = clock
        self._wall_clock = wall_clock
        self._keys = {endpoint.url: KeyFile(endpoint.key_file) for endpoint in settings.endpoints}
        self.http = HttpClient(
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            max_reply_bytes=settings.max_reply_bytes,
            connections=_CONNECTIONS,
        )

    def key(self, endpoint: ServerEndpoint) -> KeyFile:
        """The key file of a configured server."""
        return self._keys[endpoint.url]

    def answer(
        self, request: ModelRequest[Answer_co], endpoint: ServerEndpoint, *, token: Token | None, deadline: SocketDeadline
    ) -> tuple[Answer_co, None] | tuple[None, PredictionFailure]:
        """One server's answer, or why there is none. Another thread may end the request with `deadline`."""
        url = f"{endpoint.url.rstrip('/')}/{request.path}"
        try:
            body = request.body(endpoint.url) if request.body is not None else None
            reply = replace(self.http.send(url, body, token=token, deadline=deadline), url=endpoint.url)
        except NoReply as missing:
            return None, failures.failure_of_missing_reply(missing)
        failure = failures.failure_of_reply(reply, now_s=self._wall_clock(), max_retry_after_s=self._settings.max_retry_after_s)
        if failure is not None:
            if body is None and failure.kind is FailureKind.REFUSED:  # a question without an image
                failure = replace(failure, kind=FailureKind.NO_SUCH_MODEL)
            return None, replace(failure, detail=_without_token(token, failure.detail))
        try:
            return request.parse(reply), None
        except NoFigureInReply as nothing:
            return None, PredictionFailure(FailureKind.NOTHING_SEEN, str(nothing), reply.status)
        except UnsuitableModel as unsuitable:
            return None, PredictionFailure(FailureKind.NO_SUCH_MODEL, _without_token(token, str(unsuitable)), reply.status)
        except InvalidReply as invalid:
            detail = _without_token(token, f"its reply does not follow the protocol: {invalid}")
            return None, PredictionFailure(FailureKind.GARBAGE, detail, reply.status)

    def probe(self, request: ModelRequest[object], endpoint: ServerEndpoint, *, within_s: float) -> tuple[PredictionFailure | None, float]:
        """Send a tiny prediction. Returns its failure, or None if it was answered, and its duration in seconds."""
        started_s = self._clock()
        _, failure = self.answer(request, endpoint, token=self.key(endpoint).token(), deadline=SocketDeadline(within_s))
        if failure is not None and failure.kind is FailureKind.NOTHING_SEEN:
            failure = None  # a model may see no figure in this scribble: the server works
        return failure, self._clock() - started_s

    def health(self, request: ModelRequest[object], endpoint: ServerEndpoint) -> ModelHealth:
        """A model's health: the answer to a tiny prediction, with a fresh key if the first one is refused."""
        within_s = self._settings.probe_timeout_s
        failure, duration_s = self.probe(request, endpoint, within_s=within_s)
        if failure is not None and failure.cause is FailureCause.KEY and self.key(endpoint).token(fresh=True) is not None:
            failure, duration_s = self.probe(request, endpoint, within_s=within_s)
        problem = failure.detail if failure is not None else ""
        return ModelHealth(endpoint.url, request.model, failure is None, problem, duration_s)

    def close(self) -> None:
        """Close idle connections."""
        self.http.close()


def _without_token(token: Token | None, detail: str) -> str:
    """A server or a proxy may echo the request, and with it the key."""
    return detail if token is None else detail.replace(token.revealed(), "***")
