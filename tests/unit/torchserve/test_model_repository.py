"""Layouts of our models for servers of the Open Inference Protocol, as torchserve/build_model_repository makes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.adapters.embedded import MODELS
from pipeline.adapters.oip.metadata import signature
from pipeline.adapters.oip.settings import OipSettings
from pipeline.adapters.own_outputs import DETECTOR_OUTPUTS, OPTIONAL_POSE_OUTPUTS, POSE_OUTPUTS

SCRIPT = Path(__file__).resolve().parents[3] / "torchserve" / "build_model_repository"
DETECTOR, POSE = OipSettings.detector, OipSettings.pose_estimator
FILES = {DETECTOR: "detector.onnx", POSE: "pose.onnx"}


def built(server: str, folder: Path) -> Path:
    subprocess.run([sys.executable, SCRIPT, "--for", server, "--out", folder], check=True, capture_output=True, timeout=60)
    return folder


@pytest.mark.parametrize("server", ["triton", "ovms"])
def test_versioned_layout(server: str, tmp_path: Path) -> None:
    """A model, a version, a file; under the names that doodled asks for by default."""
    folder = built(server, tmp_path)
    for model, file in FILES.items():
        assert (folder / model / "1" / "model.onnx").read_bytes() == (MODELS / file).read_bytes()


def test_triton_config(tmp_path: Path) -> None:
    """Dimensions without the batch's, since `max_batch_size` is set."""
    config = (built("triton", tmp_path) / DETECTOR / "config.pbtxt").read_text()
    assert f'name: "{DETECTOR}"\nbackend: "onnxruntime"\nmax_batch_size: ' in config
    assert '{ name: "pictures" data_type: TYPE_UINT8 dims: [ 224, 224, 3 ] }' in config
    assert '{ name: "centres" data_type: TYPE_FP32 dims: [ 1, 56, 56 ] }' in config
    assert config.count("{") == config.count("}")


def test_ovms_config(tmp_path: Path) -> None:
    config = json.loads((built("ovms", tmp_path) / "config.json").read_text())
    assert config == {"model_config_list": [{"config": {"name": model, "base_path": str(tmp_path / model)}} for model in FILES]}


def test_mlserver_describes_the_models(tmp_path: Path) -> None:
    """It answers metadata requests with its settings, which doodled accepts."""
    folder = built("mlserver", tmp_path)
    for model, required, optional in ((DETECTOR, DETECTOR_OUTPUTS, ()), (POSE, POSE_OUTPUTS, OPTIONAL_POSE_OUTPUTS)):
        settings = (folder / model / "model-settings.json").read_bytes()
        assert signature(settings, required, optional, str).outputs == {*required, *optional}
        assert (folder / model / json.loads(settings)["parameters"]["uri"]).is_file()
    assert json.loads((folder / "settings.json").read_text())["parallel_workers"] == 0
