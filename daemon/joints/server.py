"""Hands a page, two pictures and animations to one person's browser, and takes joints from it.

It listens on the loopback interface alone. What is asked for begins with a secret that only the printed address has, and a request must be
for this machine by name, so that no other page in the browser, and no other user of the machine, moves joints (DNS rebinding included).

    GET  /<secret>/             the page
    GET  /<secret>/texture.png, /<secret>/mask.png
    POST /<secret>/show         {"motion": name, "joints": {name: [x, y]}} -> {"gif": base64, "notes": [...]}
    POST /<secret>/save         {"joints": {name: [x, y]}} -> {"notes": [...]}

What is wrong with joints is answered with 422 and {"error": sentence}; what may work later, with 503.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from daemon.joints.folder import CharacterFolder, Locations
from daemon.joints.page import page, policy
from pipeline.errors import DoodledError, OptionError, PermanentError

MOST_BYTES: Final = 1 << 20
"""Of joints: a thousand of them take a tenth."""
LONGEST_WAIT_S: Final = 30.0
"""For the rest of a request; browsers open connections that they never use."""
_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class JointsServer(ThreadingHTTPServer):
    """One folder on one port.

    Args:
        port: 0 is any that is free.
        secret: without which nothing is answered; letters and digits.
        motions: that can be asked for, the first one first.
        on_save: told when joints were saved.
    Raises:
        OSError: the port can't be had.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: CharacterFolder, *, port: int, secret: str, motions: Sequence[str], on_save: Callable[[], None]) -> None:
        self.folder, self.secret, self.motions, self.on_save = folder, secret, tuple(motions), on_save
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """A browser that goes away in the middle is nobody's trouble."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"


class _Handler(BaseHTTPRequestHandler):
    server: JointsServer
    timeout = LONGEST_WAIT_S
    server_version, sys_version = "doodled", ""

    def do_GET(self) -> None:
        folder = self.server.folder
        match self._asked():
            case "":
                self._answer_with(lambda: page(folder.place.resolve().name, folder.config(), self.server.motions).encode(), "text/html")
            case "texture.png":
                self._answer_with(folder.texture.read_bytes, "image/png")
            case "mask.png":
                self._answer_with(folder.mask.read_bytes, "image/png")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"not here", "text/plain")

    def do_POST(self) -> None:
        match self._asked():
            case "show":
                self._answer_with(self._shown, "application/json")
            case "save":
                self._answer_with(self._saved, "application/json")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"not here", "text/plain")

    def log_message(self, *_: object) -> None:
        """Nothing: requests are the page's business."""

    def _asked(self) -> str | None:
        """What is asked for behind the secret; None is not for us."""
        name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        start = f"/{self.server.secret}/"
        path = urlsplit(self.path).path
        return path.removeprefix(start) if name in _NAMES and path.startswith(start) else None

    def _shown(self) -> bytes:
        sent = self._sent()
        motion = sent.get("motion")
        if motion not in self.server.motions:
            raise OptionError(f"motion: expected one of {', '.join(self.server.motions)}, found {motion!r}")
        shown = self.server.folder.shown(located(sent), motion)
        return json.dumps({"gif": base64.b64encode(shown.gif).decode("ascii"), "notes": shown.notes}).encode()

    def _saved(self) -> bytes:
        notes = self.server.folder.save(located(self._sent()))
        self.server.on_save()
        return json.dumps({"notes": notes}).encode()

    def _sent(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MOST_BYTES:
            raise OptionError(f"expected at most {MOST_BYTES} bytes of JSON, found a length of {length or 'nothing'}")
        try:
            sent = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise OptionError(f"expected JSON: {error}") from error
        if not isinstance(sent, dict):
            raise OptionError(f"expected a JSON object, found {type(sent).__name__}")
        return sent

    def _answer_with(self, content: Callable[[], bytes], kind: str) -> None:
        try:
            body = content()
        except (DoodledError, OSError) as error:
            status = HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, PermanentError) else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, json.dumps({"error": _told(error)}).encode(), "application/json")
        else:
            self._answer(HTTPStatus.OK, body, kind)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind if kind.startswith("image/") else f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        headers |= {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        headers |= {"Content-Security-Policy": policy(), "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def located(sent: dict[str, Any]) -> Locations:
    """The joints in what a browser sent.

    Raises:
        OptionError: they are not what they should be.
    """
    joints = sent.get("joints")
    if not isinstance(joints, dict) or not all(_is_pixel(place) for place in joints.values()):
        raise OptionError("joints: expected names, each with the x and y of a pixel")
    return {name: (x, y) for name, (x, y) in joints.items()}


def _told(error: DoodledError | OSError) -> str:
    """What is wrong, without the path, which may be that of a draft."""
    if not isinstance(error, DoodledError):
        return str(error.strerror or error)
    return f"{error.summary} ({error.hint})" if error.hint else error.summary


def _is_pixel(place: object) -> bool:
    return isinstance(place, list) and len(place) == 2 and all(isinstance(side, int) and not isinstance(side, bool) for side in place)
