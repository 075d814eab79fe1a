"""Which inference backend a request means: embedded models, TorchServe, or servers of the Open Inference Protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.options.inference import InferenceChoice, InferenceRequest, server_predictor
from pipeline.adapters.oip.predictor import OipPredictor
from pipeline.adapters.torchserve.predictor import TorchServePredictor

TORCHSERVE, OIP = {"DOODLED_TORCHSERVE_URL": "http://a, http://b"}, {"DOODLED_OIP_URL": "http://c", "DOODLED_OIP_KEY_FILE": "/key"}


@pytest.mark.parametrize(
    ("request_", "environ", "choice", "urls"),
    [
        (InferenceRequest(), {}, "embedded", ()),
        (InferenceRequest(), TORCHSERVE, "torchserve", ("http://a", "http://b")),
        (InferenceRequest(), OIP, "oip", ("http://c",)),
        (InferenceRequest(), TORCHSERVE | OIP, "torchserve", ("http://a", "http://b")),
        (InferenceRequest(urls=("http://d",)), OIP, "torchserve", ("http://d",)),
        (InferenceRequest(InferenceChoice.OIP, ("http://d",)), TORCHSERVE, "oip", ("http://d",)),
        (InferenceRequest(InferenceChoice.OIP), {}, "oip", ("http://127.0.0.1:8000",)),
        (InferenceRequest(InferenceChoice.TORCHSERVE), {}, "torchserve", ("http://127.0.0.1:8080",)),
        (InferenceRequest(InferenceChoice.EMBEDDED), TORCHSERVE | OIP, "embedded", ()),
    ],
)
def test_choice_and_addresses(request_: InferenceRequest, environ: dict[str, str], choice: str, urls: tuple[str, ...]) -> None:
    resolved = request_.resolve(environ)
    assert (resolved.choice, resolved.urls) == (choice, urls)
    assert resolved.resolve({}) == resolved


def test_each_protocol_has_its_own_key_file() -> None:
    assert InferenceRequest().resolve(OIP).key_file == Path("/key")
    assert InferenceRequest(InferenceChoice.TORCHSERVE).resolve(OIP).key_file is None


def test_client_of_each_protocol() -> None:
    for choice, kind in ((InferenceChoice.OIP, OipPredictor), (InferenceChoice.TORCHSERVE, TorchServePredictor)):
        predictor = server_predictor(InferenceRequest(choice).resolve({}))
        assert isinstance(predictor, kind)
        predictor.close()
