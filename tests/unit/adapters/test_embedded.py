"""The networks in process: shapes, determinism, threads, and models that are missing or damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.adapters.embedded import DETECTOR, MODELS, POSE, EmbeddedPredictor
from pipeline.adapters.own_outputs import OPTIONAL_POSE_OUTPUTS, POSE_OUTPUTS
from pipeline.errors import ModelUnavailable, ShapeError, TransientError
from pipeline.pose import network_io
from pipeline.pose.network_io import NetworkView, PoseAnswer, Proposal
from pipeline.types import Bytes, Detection


def stick_figure(*, width: int = 400, height: int = 520, x: float = 200, y: float = 130, size: float = 300) -> Bytes:
    """A person of thick black lines on white paper: `x`, `y` is the middle of the head, `size` the whole height."""
    paper = np.full((height, width, 3), 250, np.uint8)

    def at(across: float, down: float) -> tuple[int, int]:
        return round(x + across * size), round(y + down * size)

    thickness = max(2, round(size / 60))
    cv2.circle(paper, at(0, 0), round(0.14 * size), (20, 20, 20), thickness, cv2.LINE_AA)
    strokes = (
        ((0, 0.14), (0, 0.5)),
        ((0, 0.22), (-0.25, 0.3)),
        ((0, 0.22), (0.25, 0.3)),
        ((0, 0.5), (-0.14, 0.84)),
        ((0, 0.5), (0.14, 0.84)),
    )
    for start, end in strokes:
        cv2.line(paper, at(*start), at(*end), (20, 20, 20), thickness, cv2.LINE_AA)
    for side in (-0.05, 0.05):
        cv2.circle(paper, at(side, -0.03), thickness, (20, 20, 20), -1, cv2.LINE_AA)
    return paper


@pytest.fixture(scope="module")
def predictor() -> EmbeddedPredictor:
    return EmbeddedPredictor()


def test_a_stick_figure_is_found_where_it_is(predictor: EmbeddedPredictor) -> None:
    found = predictor.detections(stick_figure())
    assert found
    assert found[0].score > 0.5
    box = found[0].box
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((125, 88, 275, 382), abs=25)


@pytest.mark.parametrize(("second", "expected"), [(112.0, 112.0), (70.0, 110.0)], ids=["settles", "wanders on"])
def test_a_second_look_counts_if_the_box_stays(monkeypatch: pytest.MonkeyPatch, second: float, expected: float) -> None:
    """The first look moves the box's left edge from 150 to 110, the second elsewhere."""
    lefts = iter((110.0, second))

    def answers(views: list[NetworkView]) -> list[PoseAnswer]:
        found = []
        for view in views:
            (x0, y0), (x1, y1) = view.window.into(np.array([[next(lefts), 78.0], [250.0, 250.0]])).round().astype(int)
            mask = np.zeros((view.window.side, view.window.side), np.float32)
            mask[max(y0, 0) : y1, x0:x1] = 1.0
            found.append(PoseAnswer(np.full((17, 4, 4), 1 / 16, np.float32), mask, np.ones(18, np.float32)))
        return found

    predictor = EmbeddedPredictor(threads=1)
    monkeypatch.setattr(predictor, "_box_answers", answers)
    image = np.full((300, 400, 3), 240, np.uint8)
    look = predictor._refine([(image, Proposal(np.array([150.0, 100.0, 250.0, 250.0]), 0.9))])[0]
    assert network_io.fitted_proposal(*look, image).box[0] == pytest.approx(expected, abs=2.0)


def test_figures_that_cannot_score_high_enough_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = EmbeddedPredictor(threads=1)
    image = stick_figure()
    best = predictor.detections(image)[0]
    (near,) = predictor.detections(image, min_score=best.score)[:1]
    assert (near.box, near.score) == (best.box, best.score)
    monkeypatch.setattr(predictor, "_box_answers", lambda views: pytest.fail("a close look") if views else [])
    assert predictor.detections(image, min_score=1.0) == ()


def test_a_detection_has_a_mask_over_its_box(predictor: EmbeddedPredictor) -> None:
    best = predictor.detections(stick_figure())[0]
    assert best.mask is not None
    assert best.mask.dtype == np.float32
    assert best.mask.min() >= 0
    assert best.mask.max() <= 1
    assert best.mask.shape[1] / best.mask.shape[0] == pytest.approx(best.box.width / best.box.height, rel=0.05)
    across, down = (200 - best.box.left) / best.box.width, (240 - best.box.top) / best.box.height
    assert best.mask[int(down * best.mask.shape[0]), int(across * best.mask.shape[1])] > 0.5  # on the trunk
    assert best.mask[-1, best.mask.shape[1] // 2] < 0.5  # between the feet


def test_keypoints_lie_in_the_crop_and_left_is_the_figures_own(predictor: EmbeddedPredictor) -> None:
    crop = stick_figure()[80:390, 115:285]
    points = predictor.pose(crop).keypoints
    assert points.shape == (17, 3)
    assert points.dtype == np.float64
    assert np.all((points[:, :2] >= 0) & (points[:, :2] <= (crop.shape[1], crop.shape[0])))
    assert np.all((points[:, 2] >= 0) & (points[:, 2] <= 1))
    assert points[9] == pytest.approx((160, 140, 1), abs=31)  # left wrist: on the right of a figure that faces us
    assert points[16] == pytest.approx((43, 302, 1), abs=31)  # right ankle


def test_the_same_image_gives_the_same_answer(predictor: EmbeddedPredictor) -> None:
    image = stick_figure()
    first, second = predictor.detections(image), EmbeddedPredictor(threads=1).detections(image)
    assert [edges(one) for one in first] == [pytest.approx(edges(other), abs=0.01) for other in second]
    np.testing.assert_array_equal(predictor.pose(image).keypoints, predictor.pose(image).keypoints)


def test_threads_may_share_a_predictor(predictor: EmbeddedPredictor) -> None:
    images = [stick_figure(size=size) for size in (200, 240, 280, 320)]
    alone = [predictor.pose(image).keypoints for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = [pose.keypoints for pose in pool.map(predictor.pose, images)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_a_batch_answers_as_each_image_alone(predictor: EmbeddedPredictor) -> None:
    squares = np.stack([cv2.resize(stick_figure(size=size), (predictor._pose.side,) * 2) for size in (200, 240, 280, 320)])
    outputs = (*POSE_OUTPUTS, *OPTIONAL_POSE_OUTPUTS)
    together = predictor._pose.answer(squares, outputs)
    for row, square in enumerate(squares):
        for whole, alone in zip(together, predictor._pose.answer(square[None], outputs), strict=True):
            np.testing.assert_allclose(whole[row], alone[0], atol=2e-3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 2, 3), (33, 4000, 3)])
def test_any_shape_of_image_is_answered(predictor: EmbeddedPredictor, shape: tuple[int, int, int]) -> None:
    image = np.full(shape, 200, np.uint8)
    predictor.detections(image)
    assert np.isfinite(predictor.pose(image).keypoints).all()


@pytest.mark.parametrize("image", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3))])
def test_what_is_no_image_is_refused(predictor: EmbeddedPredictor, image: np.ndarray) -> None:
    with pytest.raises(ShapeError):
        predictor.detections(image)
    with pytest.raises(ShapeError):
        predictor.pose(image)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    shutil.copy(MODELS / DETECTOR, tmp_path)
    with pytest.raises(ModelUnavailable, match=r"pose\.onnx: .*missing.*install") as caught:
        EmbeddedPredictor(tmp_path)
    assert isinstance(caught.value, TransientError)


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    shutil.copy(MODELS / POSE, tmp_path)
    whole = (MODELS / DETECTOR).read_bytes()
    for damaged in (b"", b"not a network", whole[: len(whole) // 2]):
        (tmp_path / DETECTOR).write_bytes(damaged)
        with pytest.raises(ModelUnavailable, match=r"detector\.onnx"):
            EmbeddedPredictor(tmp_path)


def test_swapped_models_are_refused(tmp_path: Path) -> None:
    shutil.copy(MODELS / POSE, tmp_path / DETECTOR)
    shutil.copy(MODELS / DETECTOR, tmp_path / POSE)
    with pytest.raises(ModelUnavailable, match=r"expected a model with .* centres"):
        EmbeddedPredictor(tmp_path)


def test_loading_leaves_no_files_and_sends_no_reports(tmp_path: Path) -> None:
    """ONNX Runtime's wheels send telemetry unless it is disabled or CI is set; first of all they write an ID of the device."""
    quiet = {"CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY"}
    environ = {name: value for name, value in os.environ.items() if name not in quiet} | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    code = "from pipeline.adapters.embedded import EmbeddedPredictor; EmbeddedPredictor()"
    home = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert list(tmp_path.rglob("*")) == []


def test_the_models_are_small() -> None:
    assert sum(path.stat().st_size for path in MODELS.glob("*.onnx")) <= 20e6


def edges(found: Detection) -> tuple[float, ...]:
    return found.box.left, found.box.top, found.box.right, found.box.bottom, found.score
