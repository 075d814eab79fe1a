"""HTTP server of the joint editor, for one user's browser.

It listens on the loopback interface only. Every path begins with a secret that only the printed address contains, and the Host header must
name this machine, so that neither another page in the browser (DNS rebinding included) nor another user of the machine can move joints. The
command line of a browser that we start is visible to other users: it contains a ticket, which redirects to the page once.

    GET  /<ticket>/             redirects to the page, once
    GET  /<secret>/             the page
    GET  /<secret>/texture.png
    GET  /<secret>/shade.png    transparent where the figure is
    POST /<secret>/show         {"motion": name, "joints": {name: [x, y]}} -> {"gif": base64, "notes": [...]}
    POST /<secret>/save         {"joints": {name: [x, y]}} -> {"notes": [...]}

Permanent errors, such as invalid joints, are answered with 422 and {"error": sentence}; temporary ones with 503.
"""

from __future__ import annotations

import base64
import json
import secrets
import socketserver
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from daemon.files.filenames import printable
from daemon.web.folder import CharacterFolder, Locations
from daemon.web.page import content_security_policy, page
from pipeline.errors import DoodledError, OptionError, PermanentError

MAX_BYTES: Final = 1 << 20
"""Largest request; a thousand joints take a tenth of it."""
REQUEST_TIMEOUT_S: Final = 30.0
"""Timeout of a request; browsers open connections that they never use."""
_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class JointsServer(ThreadingHTTPServer):
    """Serves the joint editor of one character folder.

    Args:
        port: TCP port; 0 is any free port.
        secret: first component of every path; letters and digits.
        motions: names of the motions to choose from.
        on_save: called when joints are saved.
    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: CharacterFolder, *, port: int, secret: str, motions: Sequence[str], on_save: Callable[[], None]) -> None:
        self.folder, self.secret, self.motions, self.on_save = folder, secret, tuple(motions), on_save
        self.tickets: list[str] = []
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without http.server's reverse look-up of 127.0.0.1, which takes half a minute if no name server answers."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Ignore connections that the browser closes early."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def one_time_url(self) -> str:
        """An address that redirects to the page once; it needs not be kept secret after that."""
        self.tickets.append(secrets.token_urlsafe(16))
        return f"http://127.0.0.1:{self.server_port}/{self.tickets[-1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: JointsServer
    timeout = REQUEST_TIMEOUT_S
    server_version, sys_version = "doodled", ""

    def do_GET(self) -> None:
        folder = self.server.folder
        match self._requested():
            case "":
                name = printable(folder.place.resolve().name)
                self._answer_with(lambda: page(name, folder.config(), self.server.motions).encode("utf-8", "replace"), "text/html")
            case "texture.png":
                self._answer_with(folder.texture.read_bytes, "image/png")
            case "shade.png":
                self._answer_with(folder.shade, "image/png")
            case _ if self._use_ticket():
                self._answer(HTTPStatus.SEE_OTHER, b"", "text/plain", Location=f"/{self.server.secret}/")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"not found", "text/plain")

    def do_POST(self) -> None:
        match self._requested():
            case "show":
                self._answer_with(self._show, "application/json")
            case "save":
                self._answer_with(self._save, "application/json")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"not found", "text/plain")

    def log_message(self, *_: object) -> None:
        """Log no requests."""

    def _has_local_host(self) -> bool:
        with suppress(ValueError):  # not a valid host name
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in _NAMES
        return False

    def _requested(self) -> str | None:
        """The path after the secret; None if secret or host are wrong."""
        start, path = f"/{self.server.secret}/", self.path.partition("?")[0]
        return path.removeprefix(start) if path.startswith(start) and self._has_local_host() else None

    def _use_ticket(self) -> bool:
        with suppress(ValueError):
            self.server.tickets.remove(self.path.strip("/") if self._has_local_host() else "")
            return True
        return False

    def _show(self) -> bytes:
        content = self._read_json()
        motion = content.get("motion")
        if motion not in self.server.motions:
            raise OptionError(f"motion must be one of {', '.join(self.server.motions)} (found {motion!r})")
        preview = self.server.folder.render_preview(parse_locations(content), motion)
        return json.dumps({"gif": base64.b64encode(preview.gif).decode("ascii"), "notes": preview.notes}).encode()

    def _save(self) -> bytes:
        notes = self.server.folder.save(parse_locations(self._read_json()))
        with suppress(OSError):  # stdout is closed, but the joints are saved
            self.server.on_save()
        return json.dumps({"notes": notes}).encode()

    def _read_json(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > len(str(MAX_BYTES)) or int(length) > MAX_BYTES:
            raise OptionError(f"expected at most {MAX_BYTES} bytes of JSON, found a length of {length[:20] or 'nothing'}")
        try:
            content = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise OptionError(f"expected JSON: {error}") from error
        if not isinstance(content, dict):
            raise OptionError(f"expected a JSON object, found {type(content).__name__}")
        return content

    def _answer_with(self, content: Callable[[], bytes], kind: str) -> None:
        try:
            body = content()
        except (DoodledError, OSError) as error:
            status = HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, PermanentError) else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, json.dumps({"error": _message(error)}).encode(), "application/json")
        else:
            self._answer(HTTPStatus.OK, body, kind)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, **more: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind if kind.startswith("image/") else f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        headers |= {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        headers |= {"Content-Security-Policy": content_security_policy(), "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in (headers | more).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def parse_locations(content: dict[str, Any]) -> Locations:
    """The joints of a request. Raises OptionError."""
    joints = content.get("joints")
    if not isinstance(joints, dict) or not all(_is_pixel(place) for place in joints.values()):
        raise OptionError("joints must be names, each with the x and y of a pixel")
    return {name: (x, y) for name, (x, y) in joints.items()}


def _message(error: DoodledError | OSError) -> str:
    """The text of an error without its path, which may be that of a temporary file."""
    if not isinstance(error, DoodledError):
        return str(error.strerror or error)
    return f"{error.summary} ({error.hint})" if error.hint else error.summary


def _is_pixel(place: object) -> bool:
    return isinstance(place, list) and len(place) == 2 and all(isinstance(side, int) and not isinstance(side, bool) for side in place)
