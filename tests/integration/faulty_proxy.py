"""A small HTTP proxy that passes requests on to a TorchServe, or spoils the reply in one of many ways."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from enum import StrEnum
from urllib.parse import urlsplit

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Spoiling(StrEnum):
    """What the proxy does instead of passing a reply on."""

    GARBAGE = "garbage"
    HTML = "html"
    TRUNCATED = "truncated"
    HALF_OF_IT = "half of it, properly framed"
    ENDLESS = "endless"
    ENDLESS_CHUNKS = "endless chunks"
    DRIPPING_BODY = "dripping body"
    DRIPPING_HEADERS = "dripping headers"
    DRIPPING_CHUNK = "dripping chunk"
    SILENT = "silent"
    RESET = "reset"
    NO_HTTP = "no http"


ENDINGS = {
    Spoiling.GARBAGE: JSON_HEAD + b"Content-Length: 8\r\nConnection: close\r\n\r\n[{\xff\x00\x01]}}",
    Spoiling.HTML: b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<html>Welcome</html>",
    Spoiling.TRUNCATED: JSON_HEAD + b'Content-Length: 1000\r\n\r\n[{"class_name": ',
    Spoiling.NO_HTTP: b"220 mail.example.org ESMTP\r\n",
}
"""Bytes that are sent before the connection is closed."""
REPETITIONS = {
    Spoiling.ENDLESS: (JSON_HEAD + b"\r\n", b" " * 65536, 0.0),
    Spoiling.ENDLESS_CHUNKS: (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n", 0.0),
    Spoiling.DRIPPING_BODY: (JSON_HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 0.05),
    Spoiling.DRIPPING_CHUNK: (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n", b" ", 0.05),
    Spoiling.DRIPPING_HEADERS: (JSON_HEAD + b"X-Patience: ", b"a", 0.05),
}
"""Beginning of a reply, bytes that are then sent again and again, and the pause between them, s."""


class FaultyProxy:
    """A proxy on a port of its own; `spoil` decides what happens to the next replies."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._lock = threading.Lock()
        self._spoiling: Spoiling | None = None
        self._left = 0
        self.closing = threading.Event()
        self.requests = 0
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def spoil(self, spoiling: Spoiling, times: int = 1_000_000) -> None:
        """Spoil the next `times` replies."""
        with self._lock:
            self._spoiling, self._left = spoiling, times

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def next(self) -> Spoiling | None:
        with self._lock:
            self.requests += 1
            self._left -= 1
            return self._spoiling if self._left >= 0 else None

    def passed_on(self, request: bytes) -> bytes:
        """TorchServe's own reply to a whole request."""
        with socket.create_connection(self._upstream, timeout=30) as upstream:
            upstream.sendall(request)
            return message(upstream)


def message(connection: socket.socket) -> bytes:
    """A whole request or reply, head and body, by its Content-Length; b"" if the other side hung up."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        if not (part := connection.recv(65536)):
            return b""
        body += part
    return head + b"\r\n\r\n" + body


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    proxy: FaultyProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection, as they must on endless replies."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        request = message(self.request)
        if not request:
            return
        proxy = self.server.proxy
        spoiling = proxy.next()
        if spoiling is None:
            self.request.sendall(proxy.passed_on(request))
        elif spoiling is Spoiling.HALF_OF_IT:
            body = proxy.passed_on(request).partition(b"\r\n\r\n")[2]
            body = body[: len(body) // 2]
            self.request.sendall(JSON_HEAD + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        else:
            self._spoilt(spoiling)

    def _spoilt(self, spoiling: Spoiling) -> None:
        if spoiling in ENDINGS:
            self.request.sendall(ENDINGS[spoiling])
        elif spoiling in REPETITIONS:
            start, part, pause_s = REPETITIONS[spoiling]
            self.request.sendall(start)
            self._again_and_again(part, pause_s=pause_s)
        elif spoiling is Spoiling.RESET:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            self.request.close()
        else:
            self.server.proxy.closing.wait(30)

    def _again_and_again(self, part: bytes, *, pause_s: float) -> None:
        while not self.server.proxy.closing.is_set():
            self.request.sendall(part)
            if pause_s:
                time.sleep(pause_s)
