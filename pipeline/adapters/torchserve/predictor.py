"""Predictor port for TorchServe: images out, figures and joints back, by the rules of `pipeline.adapters.model_server`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from pipeline.adapters.model_server.client import ModelRequest
from pipeline.adapters.model_server.http import HttpReply, RequestBody
from pipeline.adapters.model_server.retrying_client import ClientDependencies, RetryingClient
from pipeline.adapters.model_server.settings import ModelHealth
from pipeline.adapters.torchserve import replies
from pipeline.adapters.torchserve.image_encoding import EncodedImage, encoded_image, probe_image
from pipeline.adapters.torchserve.model_status import with_worker_status
from pipeline.adapters.torchserve.settings import TorchServeSettings
from pipeline.types import Bytes, Detection, Pose


class TorchServePredictor:
    """Detector and pose estimator on one or more TorchServe servers. Thread-safe; no call outlives `settings.deadline_s`."""

    def __init__(self, settings: TorchServeSettings, **dependencies: Unpack[ClientDependencies]) -> None:
        """Prepare the client; no request is sent yet."""
        self._settings = settings
        self._client = RetryingClient(settings, self._probe_request, **dependencies)

    def detections(self, rgb: Bytes, *, min_score: float = 0.0) -> tuple[Detection, ...]:  # noqa: ARG002  # no field of a request
        """See `pipeline.ports.Predictor`."""
        return self._client.answer(self._detection_request(rgb))

    def pose(self, rgb: Bytes) -> Pose:
        """See `pipeline.ports.Predictor`."""
        return self._client.answer(self._pose_request(rgb))

    def health(self) -> tuple[ModelHealth, ...]:
        """Health of every model on every server: a tiny prediction, plus describe-model where a management URL is set."""
        endpoints = {endpoint.url: endpoint for endpoint in self._settings.endpoints}
        http, within_s = self._client.single.http, self._settings.probe_timeout_s
        return tuple(with_worker_status(http, each, endpoints[each.url], within_s=within_s) for each in self._client.health())

    def close(self) -> None:
        """End probes and close idle connections."""
        self._client.close()

    def _detection_request(self, rgb: Bytes) -> ModelRequest[tuple[Detection, ...]]:
        image = self._encoded(rgb)

        def parse(reply: HttpReply) -> tuple[Detection, ...]:
            return replies.detections(reply.body, width=image.width, height=image.height, scale=image.scale)

        return ModelRequest(self._settings.detector, f"predictions/{self._settings.detector}", _body(image), parse)

    def _pose_request(self, rgb: Bytes) -> ModelRequest[Pose]:
        image = self._encoded(rgb)

        def parse(reply: HttpReply) -> Pose:
            return replies.pose(reply.body, width=image.width, height=image.height, scale=image.scale)

        return ModelRequest(self._settings.pose_estimator, f"predictions/{self._settings.pose_estimator}", _body(image), parse)

    def _probe_request(self, model: str) -> ModelRequest[object]:
        rgb = probe_image()
        request: ModelRequest[object]
        request = self._detection_request(rgb) if model == self._settings.detector else self._pose_request(rgb)
        return request

    def _encoded(self, rgb: Bytes) -> EncodedImage:
        return encoded_image(rgb, longest_side_px=self._settings.longest_side_px, encoding=self._settings.encoding)


def _body(image: EncodedImage) -> Callable[[str], RequestBody]:
    body = RequestBody(image.content, image.media_type, form_field="data")
    return lambda _: body
