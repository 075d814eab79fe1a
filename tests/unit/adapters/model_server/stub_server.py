"""Stub HTTP server that sends canned replies one after the other, and a clock that only moves in `sleep`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FIGURE = [{"class_name": "humanoid", "bbox": [1.0, 2.0, 30.0, 40.0], "score": 0.9}]
JOINTS = [{"keypoints": [[10.0 + joint, 20.0, 0.5] for joint in range(17)]}]


@dataclass(frozen=True)
class Canned:
    """A reply."""

    status: int = 200
    content: Any = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


GOOD = Canned(content=FIGURE)
GOOD_JOINTS = Canned(content=JOINTS)
QUEUE_FULL = Canned(503, {"code": 503, "type": "ServiceUnavailableException", "message": "Model has no worker to serve inference request."})
HANDLER_FAILED = Canned(503, {"code": 503, "type": "InternalServerException", "message": "Prediction failed"})
WORKER_DIED = Canned(500, {"code": 500, "type": "InternalServerException", "message": "Worker died."})
INVALID_KEY = Canned(400, {"code": 400, "type": "InvalidKeyException", "message": "Token Authorization failed."})
NO_MODEL = Canned(404, {"code": 404, "type": "ModelNotFoundException", "message": "Model not found: it"})
BAD_INPUT = Canned(422, {"code": 422, "type": "PredictionException", "message": "no such image"})
GARBAGE = Canned(content=b"[[[")


@dataclass(frozen=True)
class Received:
    path: str
    authorization: str | None
    body: bytes
    headers: dict[str, str]


class StubServer:
    """Gives its replies in turn, the last one again and again; `on_request` may choose another."""

    def __init__(self) -> None:
        self.replies: list[Canned] = [GOOD]
        self.received: list[Received] = []
        self.on_request: Callable[[Received], Canned | None] = lambda _: None
        self._lock = threading.Lock()
        self._server = _QuietServer(("127.0.0.1", 0), _Handler)
        self._server.stub = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def will(self, *replies: Canned) -> None:
        with self._lock:
            self.replies = list(replies)

    def reply_to(self, received: Received) -> Canned:
        with self._lock:
            self.received.append(received)
            chosen = self.on_request(received)
            if chosen is not None:
                return chosen
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that refuse to read on reset the connection; they are meant to."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        received = Received(self.path, self.headers.get("Authorization"), body, dict(self.headers))
        reply = self.server.stub.reply_to(received)  # type: ignore[attr-defined]
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST  # noqa: N815  # as above

    def log_message(self, *_: object) -> None:
        """Keep stderr quiet."""


class FakeClock:
    """Monotonic seconds that pass only in `sleep`, and with every request if `per_request_s` is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, wait_s: float) -> None:
        self.slept.append(wait_s)
        self.now_s += wait_s


def key_file(folder: Path, key: str, *, management: str = "manage-me") -> Path:
    """A `key_file.json` as TorchServe writes it."""
    path = folder / "key_file.json"
    entries = {
        "management": {"key": management, "expiration time": "2030-01-01T00:00:00Z"},
        "inference": {"key": key},
        "API": {"key": "api"},
    }
    path.write_text(json.dumps(entries))
    return path
