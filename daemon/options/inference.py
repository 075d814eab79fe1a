"""Choice of the inference backend: models in this process, or TorchServe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ModelUnavailable

if TYPE_CHECKING:
    from pipeline.adapters.model_server.settings import PredictionAttempt
    from pipeline.adapters.torchserve.settings import TorchServeSettings
    from pipeline.ports import Predictor

DEFAULT_URL = "http://127.0.0.1:8080"
PATIENCE_S = 60.0
"""Deadline of one request to TorchServe with all its retries, for a user who waits at a terminal."""


class InferenceChoice(StrEnum):
    """Where the models run."""

    EMBEDDED = "embedded"
    TORCHSERVE = "torchserve"


@dataclass(frozen=True)
class InferenceRequest:
    """The backend that the user asks for; None leaves the choice to the environment or the default.

    Attributes:
        urls: inference addresses of TorchServe servers, which share the requests.
        key_file: TorchServe's key_file.json, or a file that contains nothing but the inference key.
        image_encoding: an `ImageEncoding`.
    """

    choice: InferenceChoice | None = None
    urls: tuple[str, ...] = ()
    key_file: Path | None = None
    image_encoding: str = "ppm"

    def resolve(self, environ: Mapping[str, str]) -> InferenceRequest:
        """The request completed from the environment: DOODLED_TORCHSERVE_URL (separated by commas), DOODLED_TORCHSERVE_KEY_FILE.

        With a URL the backend is TorchServe, without any the embedded models; `choice` overrides both.
        """
        from_environ = tuple(url.strip() for url in environ.get("DOODLED_TORCHSERVE_URL", "").split(",") if url.strip())
        key_file = environ.get("DOODLED_TORCHSERVE_KEY_FILE")
        urls = self.urls or from_environ
        choice = self.choice or (InferenceChoice.TORCHSERVE if urls else InferenceChoice.EMBEDDED)
        return InferenceRequest(
            choice, urls or (DEFAULT_URL,), self.key_file or (Path(key_file) if key_file else None), self.image_encoding
        )


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
    if request.choice is InferenceChoice.EMBEDDED:
        yield _embedded(), "embedded"
        return
    from pipeline.adapters.torchserve.predictor import TorchServePredictor

    predictor = TorchServePredictor(
        torchserve_settings(request, deadline_s=deadline_s, is_probe=is_probe), on_attempt=on_attempt, stop=stop, health_file=health_file
    )
    try:
        yield predictor, "TorchServe"
    finally:
        predictor.close()


def torchserve_settings(request: InferenceRequest, *, deadline_s: float = PATIENCE_S, is_probe: bool = False) -> TorchServeSettings:
    """The settings of the TorchServe client for a resolved request."""
    from pipeline.adapters.model_server.settings import ServerEndpoint
    from pipeline.adapters.torchserve.settings import ImageEncoding, TorchServeSettings

    endpoints = tuple(ServerEndpoint(url=url, key_file=request.key_file) for url in request.urls)
    encoding = ImageEncoding(request.image_encoding)
    return TorchServeSettings(endpoints=endpoints, deadline_s=deadline_s, encoding=encoding, is_probe=is_probe)


def _embedded() -> Predictor:
    try:
        from pipeline.adapters.embedded import EmbeddedPredictor
    except ImportError as error:
        raise ModelUnavailable(
            f"the models can't run in this process: {error}",
            hint="install onnxruntime, or start TorchServe and name it with --torchserve-url",
        ) from error
    return EmbeddedPredictor()
