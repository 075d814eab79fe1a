"""Choice of the inference backend: models in this process, or on model servers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Unpack

from pipeline.errors import ModelUnavailable

if TYPE_CHECKING:
    from pipeline.adapters.model_server.retrying_client import ClientDependencies
    from pipeline.adapters.model_server.settings import ModelHealth, PredictionAttempt
    from pipeline.ports import Predictor
    from pipeline.types import Bytes, Detection, Pose

PATIENCE_S = 60.0
"""Deadline of one request to a model server with all its retries, for a user who waits at a terminal."""


class InferenceChoice(StrEnum):
    """Where the models run: in this process, or on servers of a protocol."""

    EMBEDDED = "embedded"
    TORCHSERVE = "torchserve"
    OIP = "oip"

    @property
    def label(self) -> str:
        """What users call it."""
        return _LABELS[self]


_LABELS = {InferenceChoice.EMBEDDED: "embedded", InferenceChoice.TORCHSERVE: "TorchServe", InferenceChoice.OIP: "Open Inference Protocol"}
DEFAULT_URLS = {InferenceChoice.TORCHSERVE: "http://127.0.0.1:8080", InferenceChoice.OIP: "http://127.0.0.1:8000"}
"""With the default ports of TorchServe and Triton."""


@dataclass(frozen=True)
class InferenceRequest:
    """The backend that the user asks for; None leaves the choice to the environment or the default.

    Attributes:
        urls: inference addresses of model servers, which share the requests.
        key_file: TorchServe's key_file.json, or a file that contains nothing but the key.
        image_encoding: an `ImageEncoding`, for TorchServe.
        detector, pose_estimator: names of the models on servers of the Open Inference Protocol; "" for the default.
        tensor_names: see `pipeline.adapters.oip.settings.OipSettings`.
    """

    choice: InferenceChoice | None = None
    urls: tuple[str, ...] = ()
    key_file: Path | None = None
    image_encoding: str = "ppm"
    detector: str = ""
    pose_estimator: str = ""
    tensor_names: tuple[tuple[str, str], ...] = ()

    def resolve(self, environ: Mapping[str, str]) -> InferenceRequest:
        """The request completed from the environment: DOODLED_TORCHSERVE_URL or DOODLED_OIP_URL (separated by commas), ..._KEY_FILE.

        With a URL the backend is a server, of the Open Inference Protocol if only that has one, without any the embedded models; `choice`
        overrides both. URLs of the request itself are TorchServe's unless `choice` says otherwise.
        """
        found = {choice: _urls(environ, choice) for choice in DEFAULT_URLS}
        named = (InferenceChoice.TORCHSERVE,) if self.urls else tuple(choice for choice, urls in found.items() if urls)
        choice = self.choice or next(iter(named), InferenceChoice.EMBEDDED)
        if choice is InferenceChoice.EMBEDDED:
            return replace(self, choice=choice)
        key_file = environ.get(f"DOODLED_{choice.upper()}_KEY_FILE")
        urls = self.urls or found[choice] or (DEFAULT_URLS[choice],)
        return replace(self, choice=choice, urls=urls, key_file=self.key_file or (Path(key_file) if key_file else None))


def _urls(environ: Mapping[str, str], choice: InferenceChoice) -> tuple[str, ...]:
    return tuple(url.strip() for url in environ.get(f"DOODLED_{choice.upper()}_URL", "").split(",") if url.strip())


@contextmanager
def open_predictor(
    request: InferenceRequest,
    environ: Mapping[str, str],
    on_attempt: Callable[[PredictionAttempt], None] = lambda _: None,
    *,
    deadline_s: float = PATIENCE_S,
    is_probe: bool = False,
    stop: threading.Event | None = None,
    health_file: Path | None = None,
) -> Iterator[tuple[Predictor, str]]:
    """A predictor and its name for users, closed at the end of the `with` block.

    Args:
        on_attempt: called after each request to a server.
        is_probe: send each request only once.
        stop: once it is set, requests fail at once.
        health_file: shares what is known about the servers with other processes.
    Raises:
        OptionError: the request is contradictory.
        ModelUnavailable: this process can't run the models.
    """
    request = request.resolve(environ)
    choice = request.choice or InferenceChoice.EMBEDDED
    if choice is InferenceChoice.EMBEDDED:
        yield _load_embedded_predictor(), choice.label
        return
    predictor = server_predictor(
        request, deadline_s=deadline_s, is_probe=is_probe, on_attempt=on_attempt, stop=stop, health_file=health_file
    )
    try:
        yield predictor, choice.label
    finally:
        predictor.close()


class ServerPredictor(Protocol):
    """Predictor on model servers."""

    def detections(self, rgb: Bytes, *, min_score: float = 0.0) -> tuple[Detection, ...]:
        """See `pipeline.ports.Predictor`."""
        ...

    def pose(self, rgb: Bytes) -> Pose:
        """See `pipeline.ports.Predictor`."""
        ...

    def health(self) -> tuple[ModelHealth, ...]:
        """Health of every model on every server."""
        ...

    def close(self) -> None:
        """Close idle connections."""
        ...


def server_predictor(
    request: InferenceRequest, *, deadline_s: float = PATIENCE_S, is_probe: bool = False, **dependencies: Unpack[ClientDependencies]
) -> ServerPredictor:
    """The client for a resolved request's servers. Raises OptionError for a wrong address or name."""
    from pipeline.adapters.model_server.settings import ServerEndpoint

    endpoints = tuple(ServerEndpoint(url=url, key_file=request.key_file) for url in request.urls)
    if request.choice is InferenceChoice.OIP:
        from pipeline.adapters.oip.predictor import OipPredictor
        from pipeline.adapters.oip.settings import OipSettings

        settings = OipSettings(
            endpoints,
            detector=request.detector or OipSettings.detector,
            pose_estimator=request.pose_estimator or OipSettings.pose_estimator,
            deadline_s=deadline_s,
            is_probe=is_probe,
            tensor_names=request.tensor_names,
        )
        return OipPredictor(settings, **dependencies)
    from pipeline.adapters.torchserve.predictor import TorchServePredictor
    from pipeline.adapters.torchserve.settings import ImageEncoding, TorchServeSettings

    encoding = ImageEncoding(request.image_encoding)
    return TorchServePredictor(TorchServeSettings(endpoints, deadline_s=deadline_s, is_probe=is_probe, encoding=encoding), **dependencies)


def _load_embedded_predictor() -> Predictor:
    try:
        from pipeline.adapters.embedded import EmbeddedPredictor
    except ImportError as error:
        raise ModelUnavailable(
            f"the models can't run in this process: {error}",
            hint="install onnxruntime, or start a model server and name it with --torchserve-url or --oip-url",
        ) from error
    return EmbeddedPredictor()
