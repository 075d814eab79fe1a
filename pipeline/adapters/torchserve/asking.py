"""One question to one TorchServe, answered or failed: the request, its classification, the check of the answer.

Owns the connections and the keys; knows nothing of attempts, waits and other servers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pipeline.adapters.torchserve import outcomes, replies
from pipeline.adapters.torchserve.describe import described
from pipeline.adapters.torchserve.http import Courier, NoReply
from pipeline.adapters.torchserve.key import KeyFile, Token
from pipeline.adapters.torchserve.outcomes import Blame, Failure, Fault
from pipeline.adapters.torchserve.pictures import Parcel, parcel, tiny_picture
from pipeline.adapters.torchserve.settings import Attempt, ModelHealth, TorchServeEndpoint, TorchServeSettings
from pipeline.types import Bytes, Detection, Floats

Answer_co = TypeVar("Answer_co", covariant=True)


@dataclass(frozen=True)
class Question(Generic[Answer_co]):
    """A picture for a model, and how its answer is read.

    Attributes:
        parsed: the answer in a reply's body, or `replies.Garbage`.
    """

    model: str
    picture: Parcel
    parsed: Callable[[bytes, Parcel], Answer_co]


class Asker:
    """Asks single questions. Thread-safe."""

    def __init__(
        self,
        settings: TorchServeSettings,
        *,
        on_attempt: Callable[[Attempt], None],
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_attempt` is told of probes; `wall_clock` is for dates in `Retry-After`."""
        self._settings = settings
        self._on_attempt = on_attempt
        self._clock = clock
        self._wall_clock = wall_clock
        self._keys = {endpoint.url: KeyFile(endpoint.key_file) for endpoint in settings.endpoints}
        self._courier = Courier(
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            max_reply_bytes=settings.max_reply_bytes,
            connections=settings.max_outstanding,
        )

    def key(self, endpoint: TorchServeEndpoint) -> KeyFile:
        """The key of one of the settings' servers."""
        return self._keys[endpoint.url]

    def detections(self, rgb: Bytes) -> Question[tuple[Detection, ...]]:
        """Which figures a picture (H, W, 3) uint8 shows."""
        return Question(self._settings.detector, self._parcel(rgb), _detections)

    def keypoints(self, rgb: Bytes) -> Question[Floats]:
        """Where the joints of a crop (h, w, 3) uint8 are."""
        return Question(self._settings.pose_estimator, self._parcel(rgb), _keypoints)

    def answer(
        self, question: Question[Answer_co], endpoint: TorchServeEndpoint, *, token: Token | None, within_s: float
    ) -> tuple[Answer_co, None] | tuple[None, Failure]:
        """The answer of one server, or why there is none."""
        url = f"{endpoint.url.rstrip('/')}/predictions/{question.model}"
        picture = question.picture
        try:
            reply = self._courier.post(url, picture.content, picture.media_type, token=token, within_s=within_s)
        except NoReply as silence:
            return None, outcomes.of_silence(silence)
        failure = outcomes.of_reply(reply, now_s=self._wall_clock(), max_retry_after_s=self._settings.max_retry_after_s)
        if failure is not None:
            return None, replace(failure, detail=_without(token, failure.detail))
        try:
            return question.parsed(reply.body, picture), None
        except replies.NothingSeen as nothing:
            return None, Failure(Fault.NOTHING_SEEN, str(nothing), reply.status)
        except replies.Garbage as garbage:
            return None, Failure(Fault.GARBAGE, _without(token, f"its reply is not of the protocol: {garbage}"), reply.status)

    def probe(self, endpoint: TorchServeEndpoint, model: str, *, within_s: float, attempt: int) -> tuple[Failure | None, float]:
        """What a tiny prediction failed with, None if it was answered; and the seconds that it took."""
        rgb = tiny_picture()
        question: Question[object] = self.detections(rgb) if model == self._settings.detector else self.keypoints(rgb)
        started_s = self._clock()
        _, failure = self.answer(question, endpoint, token=self.key(endpoint).token(), within_s=within_s)
        if failure is not None and failure.fault is Fault.NOTHING_SEEN:
            failure = None  # a network may well see no figure in this scribble
        duration_s = self._clock() - started_s
        fault, status = (failure.fault.value, failure.status) if failure is not None else (None, 200)
        self._on_attempt(Attempt(endpoint.url, model, attempt, status, fault, None, duration_s, is_probe=True))
        return failure, duration_s

    def health(self, endpoint: TorchServeEndpoint, model: str) -> ModelHealth:
        """How a model fares: a tiny prediction, and describe-model where there is a management URL."""
        within_s = self._settings.probe_timeout_s
        failure, duration_s = self.probe(endpoint, model, within_s=within_s, attempt=0)
        if failure is not None and failure.blame is Blame.KEY and self.key(endpoint).token(fresh=True) is not None:
            failure, duration_s = self.probe(endpoint, model, within_s=within_s, attempt=0)
        problem = failure.detail if failure is not None else ""
        return described(self._courier, ModelHealth(endpoint.url, model, failure is None, problem, duration_s), endpoint, within_s=within_s)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._courier.close()

    def _parcel(self, rgb: Bytes) -> Parcel:
        return parcel(rgb, longest_side_px=self._settings.longest_side_px, encoding=self._settings.encoding)


def _detections(body: bytes, picture: Parcel) -> tuple[Detection, ...]:
    return replies.detections(body, width=picture.width, height=picture.height, scale=picture.scale)


def _keypoints(body: bytes, picture: Parcel) -> Floats:
    return replies.keypoints(body, width=picture.width, height=picture.height, scale=picture.scale)


def _without(token: Token | None, detail: str) -> str:
    """A server, or what stands before it, may repeat what it was sent."""
    return detail if token is None else detail.replace(token.revealed(), "***")
