"""A small model server that answers AnimatedDrawings' two endpoints for one known figure."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_figures import DrawnFigure, drawn_figure

MARGIN = 60


def photograph(figure: DrawnFigure) -> np.ndarray:
    """The drawing on a larger sheet of its own paper, BGR."""
    paper = np.median(figure.rgb.reshape(-1, 3), axis=0)
    height, width = figure.mask.shape
    sheet = np.full((height + 2 * MARGIN, width + 2 * MARGIN, 3), paper, np.uint8)
    sheet[MARGIN:-MARGIN, MARGIN:-MARGIN] = figure.rgb
    return np.ascontiguousarray(sheet[..., ::-1])


class Server(ThreadingHTTPServer):
    """Answers AnimatedDrawings' two endpoints for one known figure.

    Attributes:
        sees: how many there are in each place.
        places_px: how far to the right of the first the figure is drawn again, px.
        asked: counts requests.
    """

    daemon_threads = True

    def __init__(self, figure: DrawnFigure) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.figure = figure
        self.sees = 1
        self.places_px: tuple[int, ...] = (0,)
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        start = body.index(b"\r\n\r\n") + 4
        image = np.asarray(cv2.imdecode(np.frombuffer(body[start:], np.uint8), cv2.IMREAD_COLOR))
        rows, columns = np.flatnonzero(self.server.figure.mask.any(axis=1)), np.flatnonzero(self.server.figure.mask.any(axis=0))
        box = [columns[0] + MARGIN, rows[0] + MARGIN, columns[-1] + 1 + MARGIN, rows[-1] + 1 + MARGIN]
        if self.path.endswith("detector"):
            boxes = [[box[0] + place, box[1], box[2] + place, box[3]] for place in self.server.places_px]
            inside = [edges for edges in boxes if edges[2] <= image.shape[1] and edges[3] <= image.shape[0]]
            found = [{"class_name": "humanoid", "bbox": list(map(float, edges)), "score": 0.9} for edges in inside]
            self._reply(found * self.server.sees)
        else:
            points = self.server.figure.keypoints.copy()
            scale = np.array(image.shape[1::-1]) / (np.array([box[2] - box[0], box[3] - box[1]]))
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
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(drawn_figure("outlined")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def image(server: Server, tmp_path: Path) -> Path:
    path = tmp_path / "my drawing.jpg"
    cv2.imwrite(str(path), photograph(server.figure), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path
