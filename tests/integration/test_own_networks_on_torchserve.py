"""Our networks on a real TorchServe: the same answers as in this process, one at a time and in batches (issue 4, point 3).

`DOODLED_TORCHSERVE_PYTHON` names the Python of an environment with torchserve/requirements.txt; Java 17 must be on the path.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.adapters.embedded import EmbeddedPredictor
from pipeline.adapters.reading.image_reader import read_drawing
from pipeline.adapters.torchserve.predictor import TorchServePredictor
from pipeline.types import Bytes, Detection
from tests.integration.real_torchserve import RealTorchServe

PYTHON = os.environ.get("DOODLED_TORCHSERVE_PYTHON", "")
DRAWINGS = sorted((Path(__file__).parents[2] / "etc" / "drawings").glob("*.jpg"))
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="DOODLED_TORCHSERVE_PYTHON names no environment with TorchServe"),
    pytest.mark.skipif(shutil.which("java") is None, reason="TorchServe needs Java"),
]
BATCH = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTorchServe]:
    """Gathers up to eight requests for up to two seconds, so that eight callers at once are one batch."""
    started = RealTorchServe(
        Path(PYTHON), tmp_path_factory.mktemp("torchserve"), profile="config.throughput.properties", has_networks=True, **batching()
    )
    try:
        started.start()
        yield started
    finally:
        started.kill()


def batching() -> dict[str, str]:
    models = ",".join(
        f'"{name}":{{"1.0":{{"defaultVersion":true,"marName":"{name}.mar","minWorkers":1,"maxWorkers":1,"batchSize":{BATCH},'
        f'"maxBatchDelay":2000,"responseTimeout":30}}}}'
        for name in ("drawn_humanoid_detector", "drawn_humanoid_pose_estimator")
    )
    return {"models": f"{{{models}}}"}


@pytest.fixture(scope="module")
def images() -> list[Bytes]:
    """Eight: the sample photographs, and parts of them turned over."""
    samples = [reduced(read_drawing(path).rgb) for path in DRAWINGS]
    return [np.ascontiguousarray(rgb) for rgb in [*samples, *(rgb[:, ::-1] for rgb in samples), *(rgb[::-1] for rgb in samples)]][:BATCH]


def reduced(rgb: Bytes) -> Bytes:
    """As the pipeline asks: at most 1,000 px."""
    scale = 1000.0 / max(rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8) if scale < 1.0 else rgb


def far_apart(one: tuple[Detection, ...], other: tuple[Detection, ...]) -> float:
    """px between the boxes that differ most."""
    assert len(one) == len(other)
    boxes = [[(d.box.left, d.box.top, d.box.right, d.box.bottom) for d in found] for found in (one, other)]
    return float(np.abs(np.subtract(*boxes)).max(initial=0.0))


def crop(rgb: Bytes, found: tuple[Detection, ...]) -> Bytes:
    box = found[0].box
    return np.ascontiguousarray(rgb[int(box.top) : int(box.bottom) + 1, int(box.left) : int(box.right) + 1])


def test_server_and_process_give_the_same_answers_in_batches_of_one_and_of_eight(server: RealTorchServe, images: list[Bytes]) -> None:
    embedded, there = EmbeddedPredictor(), TorchServePredictor(server.settings)
    here = [embedded.detections(rgb) for rgb in images]
    assert all(here[: len(DRAWINGS)]), "every sample photograph has a figure"
    with ThreadPoolExecutor(BATCH) as callers:
        together = list(callers.map(there.detections, images))
    alone = there.detections(images[0])
    assert max(map(far_apart, here, together)) < 1.0
    assert far_apart(here[0], alone) < 1.0

    crops = [crop(rgb, found) for rgb, found in zip(images, here, strict=True) if found]
    joints = [embedded.pose(rgb).keypoints for rgb in crops]
    with ThreadPoolExecutor(BATCH) as callers:
        joints_together = [pose.keypoints for pose in callers.map(there.pose, crops)]
    there.close()
    for one, other in zip(joints, joints_together, strict=True):
        np.testing.assert_allclose(other[:, :2], one[:, :2], atol=1.0)
        np.testing.assert_allclose(other[:, 2], one[:, 2], atol=0.02)
