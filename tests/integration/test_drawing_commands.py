"""`doodled animate`, `annotate` and `measure` as processes, with a small stub of a model server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from few_lines_server import MARGIN, Server, image, server

from pipeline.adapters.encoding.verification import inspect_file
from pipeline.files.character_files import read_character
from pipeline.types import Format

__all__ = ["image", "server"]
REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.gl


def doodled(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_animates_photograph(server: Server, image: Path, tmp_path: Path) -> None:
    output, kept = tmp_path / "out.gif", tmp_path / "kept"
    done = doodled("animate", image, "--torchserve-url", server.url, "--size", "96x96", "-o", output, "--keep-annotations", kept)
    assert done.returncode == 0, done.stderr
    assert "image_to_annotations (TorchServe): " in done.stderr
    assert inspect_file(output, Format.GIF).frame_count > 50
    assert read_character(kept).mask.any()


def test_annotations_have_the_original_layout_mask_and_joints(server: Server, image: Path, tmp_path: Path) -> None:
    done = doodled("annotate", image, "--torchserve-url", server.url, "-o", tmp_path / "found")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "found").iterdir()}
    assert names - {"layers.png"} == {"image.png", "bounding_box.yaml", "texture.png", "mask.png", "char_cfg.yaml", "joint_overlay.png"}
    box = yaml.safe_load((tmp_path / "found/bounding_box.yaml").read_text())
    character = read_character(tmp_path / "found")
    assert character.mask.shape == (box["bottom"] - box["top"], box["right"] - box["left"])
    generous = cv2.dilate(np.pad(server.figure.mask, MARGIN).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # as the original's is
    truth = generous[box["top"] : box["bottom"], box["left"] : box["right"]]
    assert (character.mask & truth).sum() / (character.mask | truth).sum() > 0.93
    side = max(character.mask.shape)
    hand = character.rig.rest[character.rig.joint_names.index("left_hand")] * (1, -1) * side + (0, side)
    expected = server.figure.keypoints[9, :2] + MARGIN - (box["left"], box["top"])
    assert np.linalg.norm(hand - expected) < 0.05 * side


def test_all_figures_get_their_own_folders(server: Server, image: Path, tmp_path: Path) -> None:
    done = doodled("annotate", image, "--torchserve-url", server.url, "--all-figures", "-o", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["figure_1"]


def test_reports_image_without_figure(server: Server, image: Path, tmp_path: Path) -> None:
    server.sees = 0
    done = doodled("animate", image, "--torchserve-url", server.url, "-o", tmp_path / "x.gif")
    assert done.returncode == 1
    assert "figure" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.gif").exists()


def test_unavailable_server_is_a_temporary_error(image: Path, tmp_path: Path) -> None:
    done = doodled("animate", image, "--torchserve-url", "http://127.0.0.1:9", "-o", tmp_path / "x.gif")
    assert done.returncode == 75
    assert "127.0.0.1:9" in done.stderr


def test_measure_reports_cold_and_warm_runs(server: Server, image: Path) -> None:
    common = ("measure", image, "--torchserve-url", server.url, "--size", "64x64", "--fps", "5", "--repeat", "2")
    done = doodled(*common)
    assert done.returncode == 0, done.stderr
    for word in ("image_to_annotations", "annotations_to_animation", "read+queue", "cold", "warm median"):
        assert word in done.stdout
    runs = json.loads(doodled(*common, "--json").stdout)
    assert len(runs) == 3
    assert all(run["total"] >= run["render"] > 0 for run in runs)


def test_check_requests_tiny_predictions(server: Server) -> None:
    done = doodled("check", "--torchserve-url", server.url)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("answers in") == 2
