"""Who finds the figures: networks in this process, or a TorchServe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import OptionError
from pipeline.ports import Predictor

if TYPE_CHECKING:
    from pipeline.adapters.torchserve.settings import PredictionAttempt, TorchServeSettings

DEFAULT_URL = "http://127.0.0.1:8080"
PATIENCE_S = 60.0
"""How long one question to a TorchServe may take, with all retries, as somebody at a terminal likes it."""


class InferenceChoice(StrEnum):
    """Where the networks run."""

    EMBEDDED = "embedded"
    TORCHSERVE = "torchserve"


@dataclass(frozen=True)
class InferenceRequest:
    """What was asked for; None is "not said".

    Attributes:
        urls: inference addresses of TorchServes; several are balanced.
        key_file: TorchServe's key_file.json, or a file with nothing but the inference key.
        pictures: how they travel there, a `ImageEncoding`.
    """

    choice: InferenceChoice | None = None
    urls: tuple[str, ...] = ()
    key_file: Path | None = None
    pictures: str = "ppm"

    def settled(self, environ: Mapping[str, str]) -> InferenceRequest:
        """With what the environment says (DOODLED_TORCHSERVE_URL, several separated by commas; DOODLED_TORCHSERVE_KEY_FILE) filled in.

        A URL asks for TorchServe; without any, the embedded networks are used.
        """
        from_environ = tuple(url.strip() for url in environ.get("DOODLED_TORCHSERVE_URL", "").split(",") if url.strip())
        key_file = environ.get("DOODLED_TORCHSERVE_KEY_FILE")
        urls = self.urls or from_environ
        choice = self.choice or (InferenceChoice.TORCHSERVE if urls else InferenceChoice.EMBEDDED)
        return InferenceRequest(choice, urls or (DEFAULT_URL,), self.key_file or (Path(key_file) if key_file else None), self.pictures)


@contextmanager
def opened_predictor(
    request: InferenceRequest,
    environ: Mapping[str, str],
    on_attempt: Callable[[PredictionAttempt], None] = lambda _: None,
    *,
    deadline_s: float = PATIENCE_S,
    is_probe: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[tuple[Predictor, str]]:
    """A predictor and its name for people, for the length of a `with` block.

    Args:
        is_probe: a model server that is out is not asked again.
        stop: once it is set, no model server is asked any more, nor waited for.
    Raises:
        OptionError: the settings make no sense, or these networks are not there.
    """
    settled = request.settled(environ)
    if settled.choice is InferenceChoice.EMBEDDED:
        yield _embedded(), "embedded"
        return
    from pipeline.adapters.torchserve.predictor import TorchServePredictor

    predictor = TorchServePredictor(
        torchserve_settings(settled, deadline_s=deadline_s, is_probe=is_probe), on_attempt=on_attempt, stop=stop
    )
    try:
        yield predictor, "TorchServe"
    finally:
        predictor.close()


def torchserve_settings(settled: InferenceRequest, *, deadline_s: float = PATIENCE_S, is_probe: bool = False) -> TorchServeSettings:
    """The servers of a settled request, and how patiently they are asked."""
    from pipeline.adapters.torchserve.settings import ImageEncoding, TorchServeEndpoint, TorchServeSettings

    endpoints = tuple(TorchServeEndpoint(url=url, key_file=settled.key_file) for url in settled.urls)
    pictures = ImageEncoding(settled.pictures)
    return TorchServeSettings(endpoints=endpoints, deadline_s=deadline_s, encoding=pictures, is_probe=is_probe)


def _embedded() -> Predictor:
    try:
        from pipeline.adapters.embedded import EmbeddedPredictor
    except ImportError as error:
        raise OptionError(
            f"the networks can't run in this process: {error}",
            hint="install onnxruntime, or start a TorchServe and give its --torchserve-url",
        ) from error
    return EmbeddedPredictor()
