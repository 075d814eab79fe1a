"""The client for the Open Inference Protocol, against hand-made servers with our models.

Answers in each dialect, binary tensors, metadata, malformed replies (`TestTensors`), health. What it shares with TorchServe's client
(retries, keys, the choice of the server) is tested in `tests/unit/adapters/model_server`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.adapters.model_server.failures import InvalidReply, UnsuitableModel
from pipeline.adapters.model_server.http import HttpReply
from pipeline.adapters.model_server.settings import PredictionAttempt, ServerEndpoint
from pipeline.adapters.oip.metadata import signature
from pipeline.adapters.oip.predictor import OipPredictor
from pipeline.adapters.oip.settings import OipSettings
from pipeline.adapters.oip.tensors import request_body, tensors
from pipeline.errors import OptionError, PredictionRefused, UpstreamMisconfigured, UpstreamUnavailable
from pipeline.ports import Predictor
from tests.unit.adapters.model_server.stub_server import Canned
from tests.unit.adapters.oip.dialects import Dialect, OpenInference

DRAWING = Path(__file__).resolve().parents[4] / "etc" / "drawings" / "green_crayon.jpg"
BINARY = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    image = cv2.imread(str(DRAWING))
    small = cv2.resize(image, None, fx=400 / max(image.shape), fy=400 / max(image.shape), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1])


@pytest.fixture(scope="module")
def embedded() -> EmbeddedPredictor:
    return EmbeddedPredictor()


class Client:
    """A predictor on a fake clock, and the attempts that it reported."""

    def __init__(self, *servers, clock, **choices) -> None:
        self.attempts: list[PredictionAttempt] = []
        endpoints = tuple(ServerEndpoint(server.url) for server in servers)
        self.predictor = OipPredictor(
            OipSettings(endpoints, **choices), on_attempt=self.attempts.append, clock=clock, sleep=clock.sleep, rng=random.Random(7)
        )


def is_binary(server) -> list[bool]:
    """The JSON of each inference request that a server got."""
    return [BINARY in received.headers for received in server.received if received.path.endswith("/infer")]


@pytest.mark.parametrize("dialect", Dialect)
def test_answers_are_those_of_the_models_in_process(stub, clock, rgb, embedded, dialect):
    """The answers are equal bit by bit, because only the networks run elsewhere."""
    stub.on_request = OpenInference(dialect)
    predictor: Predictor = Client(stub, clock=clock).predictor
    found, expected = predictor.detections(rgb), embedded.detections(rgb)
    assert [(each.box, each.score) for each in found] == [(each.box, each.score) for each in expected]
    box = expected[0].box
    crop = np.ascontiguousarray(rgb[int(box.top) : int(box.bottom), int(box.left) : int(box.right)])
    pose, wanted = predictor.pose(crop), embedded.pose(crop)
    np.testing.assert_array_equal(pose.keypoints, wanted.keypoints)
    np.testing.assert_array_equal(pose.mask, wanted.mask)
    np.testing.assert_array_equal(pose.parts, wanted.parts)


@pytest.mark.parametrize("dialect", Dialect)
def test_tensors_are_binary_where_the_server_offers_it(stub, clock, rgb, dialect):
    """The server's first binary reply shows it; no list of extensions is needed, which OpenVINO Model Server does not have."""
    stub.on_request = OpenInference(dialect)
    client = Client(stub, clock=clock)
    for _ in range(2):
        client.predictor.detections(rgb)
    first, *others = is_binary(stub)
    assert not first
    assert set(others) == {dialect.is_binary}
    assert {attempt.error_type for attempt in client.attempts} == {None}


def test_servers_of_two_dialects(stub, other_stub, clock, rgb, embedded):
    """Each server gets requests in its own dialect."""
    stub.on_request, other_stub.on_request = OpenInference(Dialect.TRITON), OpenInference(Dialect.MLSERVER)
    client = Client(stub, other_stub, clock=clock)
    for _ in range(4):
        assert client.predictor.detections(rgb)[0].score == embedded.detections(rgb)[0].score
    assert any(is_binary(stub))
    assert is_binary(other_stub)
    assert not any(is_binary(other_stub))


def test_another_server_behind_the_same_url(stub, clock, rgb):
    """The new server refuses binary tensors: that is an outage, and the next image is sent in JSON again."""
    stub.on_request = OpenInference(Dialect.TRITON)
    client = Client(stub, clock=clock)
    client.predictor.detections(rgb)
    stub.on_request = OpenInference(Dialect.MLSERVER)
    with pytest.raises(UpstreamUnavailable):
        client.predictor.detections(rgb)
    assert client.predictor.detections(rgb)


def test_other_names_and_versions(stub, clock, rgb, embedded):
    stub.on_request = OpenInference(Dialect.TRITON, renamed={"centres": "output_0", "presence": "output_1"})
    names = ("centres", "output_0"), ("presence", "output_1")
    client = Client(stub, clock=clock, tensor_names=names, detector="doodled_detector/3")
    assert client.predictor.detections(rgb)[0].score == embedded.detections(rgb)[0].score
    assert stub.received[0].path == "/v2/models/doodled_detector/versions/3"


@pytest.mark.parametrize("names", [(("center", "x"),), (("centres", ""),)])
def test_no_tensor_names(names):
    with pytest.raises(OptionError, match="tensor_names"):
        OipSettings(tensor_names=names)


INPUT = {"name": "x", "datatype": "UINT8", "shape": [-1, 8, 8, 3]}
OUTPUTS = [{"name": name, "datatype": "FP32", "shape": [-1, 1]} for name in ("centres", "sides")]


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"inputs": []}, r"expected one input UINT8 \[-1, S, S, 3\], found none"),
        ({"inputs": [INPUT, INPUT]}, "expected one input"),
        ({"inputs": [{**INPUT, "datatype": "FP32"}]}, "expected one input"),
        ({"inputs": [{**INPUT, "shape": [-1, 3, 8, 8]}]}, "expected one input"),
        ({"inputs": [{**INPUT, "shape": [-1, 8, 9, 3]}]}, "expected one input"),
        ({"inputs": [{**INPUT, "shape": [1, 8, 8, 3]}]}, "any number of images"),
        ({"outputs": []}, "expected the FP32 outputs centres, sides"),
        ({"outputs": [OUTPUTS[0]]}, "expected the FP32 outputs sides"),
        ({"outputs": [{**OUTPUTS[0], "datatype": "FP16"}, OUTPUTS[1]]}, "expected the FP32 outputs centres"),
    ],
)
def test_another_model_than_ours_is_refused(stub, clock, rgb, described, words):
    """It is found before an image is sent, and the message names what is wrong."""
    stub.on_request = OpenInference(Dialect.TRITON, described=described)
    with pytest.raises(UpstreamMisconfigured, match=words):
        Client(stub, clock=clock).predictor.detections(rgb)
    assert {received.path for received in stub.received} == {"/v2/models/doodled_detector"}


@pytest.mark.parametrize("status", [400, 404])
def test_a_server_without_the_model(stub, clock, rgb, status):
    """Older versions of Triton answer 400 for a model that they don't have."""
    stub.will(Canned(status, {"error": "Request for unknown model: 'doodled_detector' is not found"}))
    with pytest.raises(UpstreamMisconfigured, match="Request for unknown model"):
        Client(stub, clock=clock).predictor.detections(rgb)


def test_metadata_are_read_once(stub, clock, rgb):
    stub.on_request = OpenInference(Dialect.TRITON)
    client = Client(stub, clock=clock)
    for _ in range(3):
        client.predictor.detections(rgb)
    assert sum(not received.path.endswith("/infer") for received in stub.received) == 2


def test_one_deadline_for_all_requests_of_a_call(stub, clock, rgb):
    """A detection takes several requests, which share one deadline."""
    answer = OpenInference(Dialect.TRITON)

    def late(received):
        clock.now_s += 30.0
        return answer(received)

    stub.on_request = late
    with pytest.raises(UpstreamUnavailable):
        Client(stub, clock=clock, deadline_s=80.0).predictor.detections(rgb)
    assert len(stub.received) <= 4


def test_image_that_the_model_fails_on_is_refused(stub, clock, rgb):
    """It is refused if the server then answers for a blank square."""
    answer = OpenInference(Dialect.MLSERVER)

    def failing(received):
        is_blank = set(json.loads(received.body)["inputs"][0]["data"]) == {255} if received.path.endswith("/infer") else True
        return answer(received) if is_blank else Canned(500, {"error": "onnxruntime: an error"})

    stub.on_request = failing
    client = Client(stub, clock=clock)
    with pytest.raises(PredictionRefused, match="onnxruntime: an error"):
        client.predictor.detections(rgb)
    assert [attempt.error_type for attempt in client.attempts] == [None, *["handler_failed"] * 3, None]


def test_health_checks_metadata_and_predicts(stub, other_stub, clock):
    stub.on_request = OpenInference(Dialect.OVMS)
    other_stub.on_request = OpenInference(Dialect.OVMS, described={"inputs": []})
    found = Client(stub, other_stub, clock=clock).predictor.health()
    assert [(each.url, each.model, each.ready) for each in found] == [
        (stub.url, "doodled_detector", True),
        (stub.url, "doodled_pose", True),
        (other_stub.url, "doodled_detector", False),
        (other_stub.url, "doodled_pose", False),
    ]
    assert "expected one input" in found[2].problem


class TestMetadata:
    """Replies that follow no protocol."""

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"inputs": 3}', b'{"inputs": [{"name": "x"}]}', b"\xff"])
    def test_invalid(self, body):
        with pytest.raises(InvalidReply) as caught:
            signature(body, ("centres",), (), str)
        assert not isinstance(caught.value, UnsuitableModel)

    @pytest.mark.parametrize(
        ("body", "problem"), [(b"[]", "Input should be an object"), (b'{"inputs": 3}', "inputs: Input should be a valid ")]
    )
    def test_names_the_place_of_a_problem_unless_it_is_the_whole_reply(self, body, problem):
        with pytest.raises(InvalidReply) as caught:
            signature(body, ("centres",), (), str)
        assert str(caught.value).startswith(problem)

    def test_optional_outputs(self):
        body = json.dumps({"inputs": [INPUT], "outputs": OUTPUTS}).encode()
        found = signature(body, ("centres",), ("sides", "parts"), str)
        assert (found.input_name, found.side, found.outputs) == ("x", 8, {"centres", "sides"})


SCORES = np.arange(2 * 18, dtype=np.float32).reshape(2, 18)


def reply(*entries: object, binary: bytes = b"", length: str | None = None) -> HttpReply:
    head = json.dumps({"outputs": entries}).encode()
    return HttpReply(200, "", "", head + binary, json_length=length if length is not None else str(len(head)) if binary else "")


def entry(**changes: object) -> dict[str, object]:
    return {"name": "p", "datatype": "FP32", "shape": [2, 18], "data": SCORES.ravel().tolist(), **changes}


class TestTensors:
    """Bodies of requests and replies."""

    def test_a_binary_request(self):
        """JSON first, then the bytes, and a header with the length of the JSON."""
        squares = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
        body = request_body("x", squares, ["p"], is_binary=True)
        length = int(body.headers[BINARY])
        assert json.loads(body.content[:length]) == {
            "inputs": [{"name": "x", "shape": [2, 4, 4, 3], "datatype": "UINT8", "parameters": {"binary_data_size": 96}}],
            "outputs": [{"name": "p", "parameters": {"binary_data": True}}],
        }
        assert body.content[length:] == squares.tobytes()

    @pytest.mark.parametrize(
        "answer",
        [
            reply(entry()),
            reply(entry(data=SCORES.tolist())),
            reply({**entry(), "data": None, "parameters": {"binary_data_size": SCORES.nbytes}}, binary=SCORES.tobytes()),
            reply(
                entry(name="other", parameters={"binary_data_size": 8}),
                entry(parameters={"binary_data_size": SCORES.nbytes}),
                binary=bytes(8) + SCORES.tobytes(),
            ),
        ],
        ids=["flat", "nested", "binary", "binary after another"],
    )
    def test_values(self, answer):
        (found,) = tensors(answer, {"presence": "p"}, 2, 8)
        np.testing.assert_array_equal(found, SCORES)
        assert found.dtype == np.float32

    @pytest.mark.parametrize(
        "answer",
        [
            HttpReply(200, "", "", b""),
            HttpReply(200, "", "", b"[" * 99_999),
            HttpReply(200, "", "", b"3"),
            HttpReply(200, "", "", b'{"outputs": {}}'),
            HttpReply(200, "", "", b'{"outputs": [3]}'),
            reply(),
            reply(entry(name="q")),
            reply(entry(datatype="FP64")),
            reply(entry(shape=None)),
            reply(entry(shape=[2, -18])),
            reply(entry(shape=[True, 18])),
            reply(entry(shape=[2, 17])),
            reply(entry(shape=[1, 36])),
            reply(entry(shape=[36])),
            reply(entry(data=None)),
            reply(entry(data=["a"] * 36)),
            reply(entry(data=[[1.0], [1.0, 2.0]])),
            reply(entry(data=[float("nan")] * 36)),
            reply(entry(data=[1e300] * 36)),
            reply(entry(parameters={"binary_data_size": "8"}), binary=SCORES.tobytes()),
            reply(entry(parameters={"binary_data_size": -8}), binary=SCORES.tobytes()),
            reply(entry(parameters={"binary_data_size": 400}), binary=SCORES.tobytes()),
            reply(entry(parameters={"binary_data_size": 143}), binary=SCORES.tobytes()),
            reply(entry(), length="-1"),
            reply(entry(), length="9999999"),
            reply(entry(), length="²"),
        ],
    )
    def test_invalid(self, answer):
        with pytest.raises(InvalidReply):
            tensors(answer, {"presence": "p"}, 2, 8)

    def test_shapes_agree_with_each_other_and_with_the_input(self):
        def answer(mask_side: int, cells: int) -> HttpReply:
            centers, sides = np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 4, cells, cells), np.float32)
            mask = np.zeros((1, 1, mask_side, mask_side), np.float32)
            arrays = {"centres": centers, "sides": sides, "mask": mask}
            return reply(*(entry(name=name, shape=list(each.shape), data=each.tolist()) for name, each in arrays.items()))

        names = {name: name for name in ("centres", "sides", "mask")}
        assert len(tensors(answer(8, 4), names, 1, 8)) == 3
        for wrong in (answer(7, 4), answer(8, 5)):
            with pytest.raises(InvalidReply, match="must have the shape"):
                tensors(wrong, names, 1, 8)
