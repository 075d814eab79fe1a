"""`doodled animate`, `annotate` and `measure` as their user runs them, against a model server of a few lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from drawn_figures import DrawnFigure, drawn_figure

from pipeline.adapters.inspect import inspected
from pipeline.character_files import read_character
from pipeline.types import Format

REPOSITORY = Path(__file__).parents[2]
MARGIN = 60

pytestmark = pytest.mark.gl


def photograph(figure: DrawnFigure) -> np.ndarray:
    """The drawing on a larger sheet of its own paper, BGR."""
    paper = np.median(figure.rgb.reshape(-1, 3), axis=0)
    height, width = figure.mask.shape
    sheet = np.full((height + 2 * MARGIN, width + 2 * MARGIN, 3), paper, np.uint8)
    sheet[MARGIN:-MARGIN, MARGIN:-MARGIN] = figure.rgb
    return np.ascontiguousarray(sheet[..., ::-1])


class Server(ThreadingHTTPServer):
    """Answers AnimatedDrawings' two endpoints for one known figure; `sees` is how many there are."""

    daemon_threads = True

    def __init__(self, figure: DrawnFigure) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.figure = figure
        self.sees = 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        start = body.index(b"\r\n\r\n") + 4
        picture = cv2.imdecode(np.frombuffer(body[start:], np.uint8), cv2.IMREAD_COLOR)
        rows, columns = np.flatnonzero(self.server.figure.mask.any(axis=1)), np.flatnonzero(self.server.figure.mask.any(axis=0))
        box = [columns[0] + MARGIN, rows[0] + MARGIN, columns[-1] + 1 + MARGIN, rows[-1] + 1 + MARGIN]
        if self.path.endswith("detector"):
            found = {"class_name": "humanoid", "bbox": [float(edge) for edge in box], "score": 0.9}
            self._reply([found] * self.server.sees)
        else:
            points = self.server.figure.keypoints.copy()
            scale = np.array(picture.shape[1::-1]) / (np.array([box[2] - box[0], box[3] - box[1]]))
            points[:, :2] = (points[:, :2] + MARGIN - np.array(box[:2])) * scale.min()
            self._reply([{"keypoints": points.tolist()}])

    def _reply(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(drawn_figure("outlined")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def picture(server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "my drawing.jpg"
    cv2.imwrite(str(path), photograph(server.figure), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


def doodled(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_photograph_becomes_an_animation(server: Server, picture: Path, tmp_path: Path) -> None:
    output, kept = tmp_path / "out.gif", tmp_path / "kept"
    done = doodled("animate", picture, "--torchserve-url", server.url, "--size", "96x96", "-o", output, "--keep-annotations", kept)
    assert done.returncode == 0, done.stderr
    assert "image_to_annotations (TorchServe): " in done.stderr
    assert inspected(output, Format.GIF).frame_count > 50
    assert read_character(kept).mask.any()


def test_annotations_are_the_originals_folder_with_the_right_mask_and_joints(server: Server, picture: Path, tmp_path: Path) -> None:
    done = doodled("annotate", picture, "--torchserve-url", server.url, "-o", tmp_path / "found")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "found").iterdir()}
    assert names == {"image.png", "bounding_box.yaml", "texture.png", "mask.png", "char_cfg.yaml", "joint_overlay.png"}
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


def test_every_figure_gets_a_folder_of_its_own(server: Server, picture: Path, tmp_path: Path) -> None:
    done = doodled("annotate", picture, "--torchserve-url", server.url, "--all-figures", "-o", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["figure_1"]


def test_a_picture_without_a_figure_is_said_to_have_none(server: Server, picture: Path, tmp_path: Path) -> None:
    server.sees = 0
    done = doodled("animate", picture, "--torchserve-url", server.url, "-o", tmp_path / "x.gif")
    assert done.returncode == 1
    assert "figure" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.gif").exists()


def test_a_server_that_is_not_there_is_worth_another_try(picture: Path, tmp_path: Path) -> None:
    done = doodled("animate", picture, "--torchserve-url", "http://127.0.0.1:9", "-o", tmp_path / "x.gif")
    assert done.returncode == 75
    assert "127.0.0.1:9" in done.stderr


def test_measure_tells_cold_and_warm_in_the_seeds_words(server: Server, picture: Path) -> None:
    common = ("measure", picture, "--torchserve-url", server.url, "--size", "64x64", "--fps", "5", "--repeat", "2")
    done = doodled(*common)
    assert done.returncode == 0, done.stderr
    for word in ("image_to_annotations", "annotations_to_animation", "read+queue", "cold", "warm median"):
        assert word in done.stdout
    runs = json.loads(doodled(*common, "--json").stdout)
    assert len(runs) == 3
    assert all(run["total"] >= run["render"] > 0 for run in runs)


def test_check_asks_the_server_for_tiny_predictions(server: Server) -> None:
    done = doodled("check", "--torchserve-url", server.url)
    assert done.returncode == 0
    assert done.stdout.count("answers in") >= 1
