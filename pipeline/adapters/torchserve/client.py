"""Client for single predictions: sends one request to one TorchServe, classifies the reply, and validates the answer.

Owns connections and keys. Retries, waits and the choice of the server belong to `predictor`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from pipeline.adapters.torchserve import failures, replies
from pipeline.adapters.torchserve.failures import FailureCause, FailureKind, PredictionFailure
from pipeline.adapters.torchserve.http import HttpClient, NoReply
from pipeline.adapters.torchserve.image_encoding import EncodedImage, encoded_image, probe_image
from pipeline.adapters.torchserve.key_file import KeyFile, Token
from pipeline.adapters.torchserve.model_status import with_worker_status
from pipeline.adapters.torchserve.settings import ModelHealth, PredictionAttempt, TorchServeEndpoint, TorchServeSettings
from pipeline.types import Bytes, Detection, Pose

Answer_co = TypeVar("Answer_co", covariant=True)
_CONNECTIONS: Final = 8
"""Kept alive per server. A worker process uses one; a program with threads of its own may use more."""


@dataclass(frozen=True)
class PredictionRequest(Generic[Answer_co]):
    """An image for a model, and the parser of its answer.

    Attributes:
        parse: reads the answer from a reply's body; raises `replies.InvalidReply`.
    """

    model: str
    image: EncodedImage
    parse: Callable[[bytes, EncodedImage], Answer_co]


class InferenceClient:
    """Sends single prediction requests. Thread-safe."""

    def __init__(
        self,
        settings: TorchServeSettings,
        *,
        on_attempt: Callable[[PredictionAttempt], None],
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_attempt` receives probes; `wall_clock` is for dates in `Retry-After`."""
        self._settings = settings
        self._on_attempt = on_attempt
        self._clock = clock
        self._wall_clock = wall_clock
        self._keys = {endpoint.url: KeyFile(endpoint.key_file) for endpoint in settings.endpoints}
        self._http = HttpClient(
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            max_reply_bytes=settings.max_reply_bytes,
            connections=_CONNECTIONS,
        )

    def key(self, endpoint: TorchServeEndpoint) -> KeyFile:
        """The key file of a configured server."""
        return self._keys[endpoint.url]

    def detection_request(self, rgb: Bytes) -> PredictionRequest[tuple[Detection, ...]]:
        """Request for the figures in an image (H, W, 3) uint8."""
        return PredictionRequest(self._settings.detector, self._encoded(rgb), _detections)

    def pose_request(self, rgb: Bytes) -> PredictionRequest[Pose]:
        """Request for the joints in a crop (h, w, 3) uint8."""
        return PredictionRequest(self._settings.pose_estimator, self._encoded(rgb), _pose)

    def answer(
        self, request: PredictionRequest[Answer_co], endpoint: TorchServeEndpoint, *, token: Token | None, within_s: float
    ) -> tuple[Answer_co, None] | tuple[None, PredictionFailure]:
        """One server's answer, or why there is none."""
        url = f"{endpoint.url.rstrip('/')}/predictions/{request.model}"
        image = request.image
        try:
            reply = self._http.post(url, image.content, image.media_type, token=token, within_s=within_s)
        except NoReply as missing:
            return None, failures.failure_of_missing_reply(missing)
        failure = failures.failure_of_reply(reply, now_s=self._wall_clock(), max_retry_after_s=self._settings.max_retry_after_s)
        if failure is not None:
            return None, replace(failure, detail=_without_token(token, failure.detail))
        try:
            return request.parse(reply.body, image), None
        except replies.NoFigureInReply as nothing:
            return None, PredictionFailure(FailureKind.NOTHING_SEEN, str(nothing), reply.status)
        except replies.InvalidReply as invalid:
            detail = _without_token(token, f"its reply does not follow the protocol: {invalid}")
            return None, PredictionFailure(FailureKind.GARBAGE, detail, reply.status)

    def probe(self, endpoint: TorchServeEndpoint, model: str, *, within_s: float, attempt: int) -> tuple[PredictionFailure | None, float]:
        """Send a tiny prediction. Returns its failure, or None if it was answered, and its duration in seconds."""
        rgb = probe_image()
        request: PredictionRequest[object]
        request = self.detection_request(rgb) if model == self._settings.detector else self.pose_request(rgb)
        started_s = self._clock()
        _, failure = self.answer(request, endpoint, token=self.key(endpoint).token(), within_s=within_s)
        if failure is not None and failure.kind is FailureKind.NOTHING_SEEN:
            failure = None  # a model may see no figure in this scribble: the server works
        duration_s = self._clock() - started_s
        kind, status = (failure.kind.value, failure.status) if failure is not None else (None, 200)
        self._on_attempt(PredictionAttempt(endpoint.url, model, attempt, status, kind, None, duration_s, is_probe=True))
        return failure, duration_s

    def health(self, endpoint: TorchServeEndpoint, model: str) -> ModelHealth:
        """A model's health: a tiny prediction, plus describe-model where a management URL is set."""
        within_s = self._settings.probe_timeout_s
        failure, duration_s = self.probe(endpoint, model, within_s=within_s, attempt=0)
        if failure is not None and failure.cause is FailureCause.KEY and self.key(endpoint).token(fresh=True) is not None:
            failure, duration_s = self.probe(endpoint, model, within_s=within_s, attempt=0)
        problem = failure.detail if failure is not None else ""
        health = ModelHealth(endpoint.url, model, failure is None, problem, duration_s)
        return with_worker_status(self._http, health, endpoint, within_s=within_s)

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def _encoded(self, rgb: Bytes) -> EncodedImage:
        return encoded_image(rgb, longest_side_px=self._settings.longest_side_px, encoding=self._settings.encoding)


def _detections(body: bytes, image: EncodedImage) -> tuple[Detection, ...]:
    return replies.detections(body, width=image.width, height=image.height, scale=image.scale)


def _pose(body: bytes, image: EncodedImage) -> Pose:
    return replies.pose(body, width=image.width, height=image.height, scale=image.scale)


def _without_token(token: Token | None, detail: str) -> str:
    """A server or a proxy may echo the request, and with it the key."""
    return detail if token is None else detail.replace(token.revealed(), "***")
