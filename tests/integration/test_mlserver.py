"""Our models on a real MLServer, by the Open Inference Protocol: the same answers as in this process.

`DOODLED_MLSERVER_PYTHON` names the Python of an environment with torchserve/mlserver/requirements.txt, as `.ci/model-server-env mlserver`
makes one.
Triton and OpenVINO Model Server are imitated in `tests/unit/adapters/oip`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.adapters.model_server.settings import PredictionAttempt, ServerEndpoint
from pipeline.adapters.oip.predictor import OipPredictor
from pipeline.adapters.oip.settings import OipSettings
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.types import Bytes
from tests.integration.real_torchserve import free_ports

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("DOODLED_MLSERVER_PYTHON", "")
START_S = 120.0
STOP_S = 20.0
pytestmark = pytest.mark.skipif(not PYTHON, reason="DOODLED_MLSERVER_PYTHON names no environment with MLServer")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the repository that torchserve/build_model_repository makes."""
    folder = tmp_path_factory.mktemp("mlserver")
    build = [sys.executable, ROOT / "torchserve" / "build_model_repository", "--for", "mlserver", "--out", folder]
    subprocess.run(build, check=True, capture_output=True, timeout=60)
    settings = folder / "settings.json"
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    settings.write_text(json.dumps({**json.loads(settings.read_text()), **ports}))
    address = f"http://127.0.0.1:{ports['http_port']}"
    log = folder / "log"
    with log.open("wb") as file:
        server = subprocess.Popen([Path(PYTHON).with_name("mlserver"), "start", "."], cwd=folder, stdout=file, stderr=file)
    try:
        end_s = time.monotonic() + START_S
        predictor = OipPredictor(OipSettings((ServerEndpoint(address),)))
        while not all(each.ready for each in predictor.health()):
            assert time.monotonic() < end_s, log.read_text()[-3000:]
            assert server.poll() is None, log.read_text()[-3000:]
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(STOP_S)


@pytest.fixture(scope="module")
def rgb() -> Bytes:
    whole = read_drawing(ROOT / "etc" / "drawings" / "green_crayon.jpg").rgb
    zoom = 500.0 / max(whole.shape)
    return np.asarray(cv2.resize(whole, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8)


def test_answers_are_those_of_the_models_in_process(url: str, rgb: Bytes) -> None:
    attempts: list[PredictionAttempt] = []
    predictor, embedded = OipPredictor(OipSettings((ServerEndpoint(url),)), on_attempt=attempts.append), EmbeddedPredictor()
    (found, *_), (expected, *_) = predictor.detections(rgb), embedded.detections(rgb)
    assert abs(found.score - expected.score) < 1e-3
    edges = [(one.box.left, one.box.top, one.box.right, one.box.bottom) for one in (found, expected)]
    assert np.abs(np.subtract(*edges)).max() < 1.0
    left, top, right, bottom = (int(edge) for edge in edges[1])
    crop = np.ascontiguousarray(rgb[top:bottom, left:right])
    pose, wanted = predictor.pose(crop), embedded.pose(crop)
    assert np.abs(pose.keypoints[:, :2] - wanted.keypoints[:, :2]).max() < 1.0
    assert pose.mask is not None
    assert wanted.mask is not None
    assert np.abs(pose.mask - wanted.mask).max() < 1e-2
    assert {attempt.error_type for attempt in attempts} == {None}


def test_check_finds_the_models(url: str) -> None:
    command = [sys.executable, "-m", "daemon", "check", "--oip-url", url]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT).stdout
    assert "Models: Open Inference Protocol" in output
    for model in ("doodled_detector", "doodled_pose"):
        assert f"{url} {model}: answers in " in output


def test_names_that_it_does_not_have(url: str) -> None:
    """The check fails and names the missing model."""
    settings = OipSettings((ServerEndpoint(url),), detector="another")
    first, second = OipPredictor(settings).health()
    assert (first.ready, second.ready) == (False, True)
    assert "another not found" in first.problem
