"""Predictor port for servers of the Open Inference Protocol v2 with our models: Triton, OpenVINO Model Server, MLServer, KServe.

The server runs the networks only: images are prepared and outputs decoded here, as for models in process, so the answers are the same.
Requests follow the rules of `pipeline.adapters.model_server`. Batching is left to the server: a request has the squares of one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final, Unpack

import numpy as np

from pipeline.adapters.model_server.client import ModelRequest
from pipeline.adapters.model_server.http import HttpReply, RequestBody
from pipeline.adapters.model_server.retrying_client import ClientDependencies, RetryingClient
from pipeline.adapters.model_server.settings import ModelHealth
from pipeline.adapters.oip import metadata
from pipeline.adapters.oip.metadata import Signature
from pipeline.adapters.oip.settings import OipSettings
from pipeline.adapters.oip.tensors import request_body, tensors
from pipeline.adapters.own_models import OwnModels
from pipeline.adapters.own_outputs import DETECTOR_OUTPUTS, OPTIONAL_POSE_OUTPUTS, POSE_OUTPUTS
from pipeline.errors import UpstreamError
from pipeline.types import Bytes, Detection, Pose, Singles

_PAPER: Final = 255


class OipPredictor:
    """Our detector and pose model on one or more servers. Thread-safe; no call outlives `settings.deadline_s`.

    Names and shapes of a model are checked against its metadata before the first image is sent.
    """

    def __init__(self, settings: OipSettings, **dependencies: Unpack[ClientDependencies]) -> None:
        """Prepare the client; no request is sent yet."""
        self._settings = settings
        self._client = RetryingClient(settings, self._probe_request, **dependencies)
        self._signatures: dict[str, Signature] = {}
        self._binary: set[str] = set()

    def detections(self, rgb: Bytes, *, min_score: float = 0.0) -> tuple[Detection, ...]:
        """See `pipeline.ports.Predictor`."""
        return self._models().detections(rgb, min_score=min_score)

    def pose(self, rgb: Bytes) -> Pose:
        """See `pipeline.ports.Predictor`."""
        return self._models().pose(rgb)

    def health(self) -> tuple[ModelHealth, ...]:
        """Health of every model on every server: its metadata are checked, then it gets a tiny prediction."""
        found = []
        for endpoint in self._settings.endpoints:
            for model in (self._settings.detector, self._settings.pose_estimator):
                described = self._client.single.health(self._metadata_request(model), endpoint)
                found.append(self._client.single.health(self._probe_request(model), endpoint) if described.ready else described)
        return tuple(found)

    def close(self) -> None:
        """End probes and close idle connections."""
        self._client.close()

    def _models(self) -> OwnModels:
        """The models for one call, which share its deadline."""
        deadline_s = self._client.deadline_s()
        return OwnModels(*(_RemoteModel(self, model, deadline_s) for model in (self._settings.detector, self._settings.pose_estimator)))

    # --- requests ----------------------------------------------------------------------------------------------------

    def signature(self, model: str, deadline_s: float) -> Signature:
        """Names and shapes of a model, from the first server that has described it."""
        known = self._signatures.get(model)
        return known if known is not None else self._client.answer(self._metadata_request(model), deadline_s=deadline_s)

    def outputs(self, model: str, squares: Bytes, wanted: Sequence[str], deadline_s: float) -> list[Singles]:
        """Outputs of a model for (n, S, S, 3) uint8, without those of `wanted` that it lacks."""
        request = self._inference_request(model, self.signature(model, deadline_s), squares, wanted)
        try:
            return self._client.answer(request, deadline_s=deadline_s)
        except UpstreamError:
            self._binary.clear()  # another kind of server may have taken its place
            raise

    def _metadata_request(self, model: str) -> ModelRequest[Signature]:
        required, optional = (DETECTOR_OUTPUTS, ()) if model == self._settings.detector else (POSE_OUTPUTS, OPTIONAL_POSE_OUTPUTS)

        def parse(reply: HttpReply) -> Signature:
            found = metadata.signature(reply.body, required, optional, self._settings.name_of)
            return self._signatures.setdefault(model, found)

        return ModelRequest(model, _path(model), None, parse)

    def _inference_request(self, model: str, known: Signature, squares: Bytes, wanted: Sequence[str]) -> ModelRequest[list[Singles]]:
        names = {output: self._settings.name_of(output) for output in wanted if output in known.outputs}

        @cache
        def encode_body(*, is_binary: bool) -> RequestBody:
            return request_body(known.input_name, squares, tuple(names.values()), is_binary=is_binary)

        def parse(reply: HttpReply) -> list[Singles]:
            answer = tensors(reply, names, len(squares), known.side)
            if reply.json_length:
                self._binary.add(reply.url)  # it knows the extension, so the next image is sent to it in binary, too
            return answer

        return ModelRequest(model, f"{_path(model)}/infer", lambda url: encode_body(is_binary=url in self._binary), parse)

    def _probe_request(self, model: str) -> ModelRequest[object]:
        """A blank square; the metadata alone as long as these are unknown."""
        known = self._signatures.get(model)
        if known is None:
            return self._metadata_request(model)
        blank: Bytes = np.full((1, known.side, known.side, 3), _PAPER, np.uint8)
        outputs = DETECTOR_OUTPUTS if model == self._settings.detector else POSE_OUTPUTS
        return self._inference_request(model, known, blank, outputs)


class _RemoteModel:
    """A model on the servers, within the deadline of one call."""

    def __init__(self, predictor: OipPredictor, model: str, deadline_s: float) -> None:
        self._predictor, self._model, self._deadline_s = predictor, model, deadline_s

    @property
    def side(self) -> int:
        return self._predictor.signature(self._model, self._deadline_s).side

    def answer(self, squares: Bytes, outputs: Sequence[str]) -> list[Singles]:
        return self._predictor.outputs(self._model, squares, outputs, self._deadline_s)


def _path(model: str) -> str:
    name, _, version = model.partition("/")
    return f"v2/models/{name}/versions/{version}" if version else f"v2/models/{name}"
