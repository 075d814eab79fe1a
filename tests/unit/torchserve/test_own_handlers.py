"""The handlers of our own networks, as TorchServe calls them, without TorchServe: out of an archive, with a context like its own."""

from __future__ import annotations

import base64
import importlib
import json
import runpy
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.adapters.torchserve.replies import detections, pose

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not (ROOT / "torchserve").is_dir(), reason="needs the repository")


class Context:
    """What the handlers use of `ts.context.Context`."""

    def __init__(self, folder: Path) -> None:
        self.system_properties = {"model_dir": str(folder), "gpu_id": None}
        self.statuses: dict[int, int] = {}
        self.types: dict[int, str] = {}

    def set_response_content_type(self, place: int, value: str) -> None:
        self.types[place] = value

    def set_response_status(self, *, code: int, phrase: str, idx: int) -> None:
        assert phrase
        self.statuses[idx] = code


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("store")
    script = runpy.run_path(str(ROOT / "torchserve" / "build_archives"))
    for model in script["HANDLERS"]:
        script["packed"](model, out)
    return out


@pytest.fixture
def served(
    request: pytest.FixtureRequest, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, Context]]:
    """An initialized handler of the model that the test names, out of its archive."""
    model, handler = request.param
    with zipfile.ZipFile(archives / f"{model}.mar") as archive:
        archive.extractall(tmp_path)
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
    assert manifest["model"]["modelName"] == model
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(Path(manifest["model"]["handler"]).stem)
    context = Context(tmp_path)
    service = getattr(module, handler)()
    service.initialize(context)
    yield service, context
    for name in ("detector", "pose_estimator", "answering"):
        sys.modules.pop(name, None)


DETECTOR = ("drawn_humanoid_detector", "Detector")
POSE_ESTIMATOR = ("drawn_humanoid_pose_estimator", "PoseEstimator")


def figure(size: int) -> np.ndarray:
    paper = np.full((420, 300, 3), 250, np.uint8)
    x, y = 150, 90
    cv2.circle(paper, (x, y), round(0.14 * size), (20, 20, 20), 4)
    for start, end in (
        ((0, 0.14), (0, 0.5)),
        ((0, 0.22), (-0.25, 0.3)),
        ((0, 0.22), (0.25, 0.3)),
        ((0, 0.5), (-0.14, 0.84)),
        ((0, 0.5), (0.14, 0.84)),
    ):
        ends = [(round(x + across * size), round(y + down * size)) for across, down in (start, end)]
        cv2.line(paper, *ends, (20, 20, 20), 4)
    return paper


def request_of(rgb: np.ndarray) -> dict[str, bytes]:
    return {"data": cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes()}


@pytest.mark.parametrize("served", [DETECTOR], indirect=True)
def test_detections_are_those_of_the_embedded_networks(served: tuple[Any, Context]) -> None:
    service, context = served
    images = [figure(size) for size in (220, 260, 300)]
    replies = service.handle([request_of(image) for image in images], context)
    predictor = EmbeddedPredictor()
    for image, reply in zip(images, replies, strict=True):
        seen = detections(json.dumps(reply).encode(), width=300, height=420)
        expected = predictor.detections(image)
        assert len(seen) == len(expected)
        for one, other in zip(seen, expected, strict=True):
            assert (one.box.left, one.box.top, one.box.right, one.box.bottom) == pytest.approx(
                (other.box.left, other.box.top, other.box.right, other.box.bottom), abs=1
            )
            assert one.score == pytest.approx(other.score, abs=0.01)
            assert one.mask is not None
            assert other.mask is not None
            assert np.abs(one.mask - other.mask).mean() < 0.01
    assert context.types == dict.fromkeys(range(3), "application/json")


@pytest.mark.parametrize("served", [POSE_ESTIMATOR], indirect=True)
def test_joints_are_those_of_the_embedded_networks(served: tuple[Any, Context]) -> None:
    service, context = served
    crops = [figure(size) for size in (220, 260, 300, 320, 240, 280, 310, 230)]
    replies = service.handle([request_of(crop) for crop in crops], context)
    predictor = EmbeddedPredictor()
    for crop, reply in zip(crops, replies, strict=True):
        found, expected = pose(json.dumps(reply).encode(), width=300, height=420), predictor.pose(crop)
        np.testing.assert_allclose(found.keypoints[:, :2], expected.keypoints[:, :2], atol=1)
        assert found.mask is not None
        assert expected.mask is not None
        assert np.abs(found.mask - expected.mask).mean() < 0.01


@pytest.mark.parametrize("served", [DETECTOR, POSE_ESTIMATOR], indirect=True)
def test_a_bad_request_does_not_harm_its_batch(served: tuple[Any, Context]) -> None:
    service, context = served
    rows = [{"data": b"no image"}, request_of(figure(260)), {}, {"data": base64.b64encode(b"text").decode()}]
    replies = service.handle(rows, context)
    assert context.statuses == {0: 400, 2: 400, 3: 400}
    assert isinstance(replies[1], list)
    assert "no image" in replies[0]["message"]


@pytest.mark.parametrize("served", [DETECTOR], indirect=True)
def test_nothing_is_answered_with_nothing(served: tuple[Any, Context]) -> None:
    service, context = served
    assert service.handle(None, context) is None


def test_archives_are_the_same_every_time(archives: Path, tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "torchserve" / "build_archives"))
    for model in script["HANDLERS"]:
        assert script["packed"](model, tmp_path).read_bytes() == (archives / f"{model}.mar").read_bytes()
