"""Hands a page, two pictures and animations to one person's browser, and takes joints from it.

It listens on the loopback interface alone. What is asked for begins with a secret that only the printed address has, and a request must be
for this machine by name, so that no other page in the browser, and no other user of the machine, moves joints (DNS rebinding included).
A browser that is started has its address in the list of processes, which everybody sees: it gets a ticket, which is good for one use.

    GET  /<ticket>/             the way to the page, once
    GET  /<secret>/             the page
    GET  /<secret>/texture.png
    GET  /<secret>/shade.png    clear where the figure is
    POST /<secret>/show         {"motion": name, "joints": {name: [x, y]}} -> {"gif": base64, "notes": [...]}
    POST /<secret>/save         {"joints": {name: [x, y]}} -> {"notes": [...]}

What is wrong with joints is answered with 422 and {"error": sentence}; what may work later, with 503.
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
from daemon.web.page import page, policy
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
        self.tickets: list[str] = []
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Without asking what 127.0.0.1 is called, as http.server does: where no name service answers, that takes half a minute."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """A browser that goes away in the middle is nobody's trouble."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def url_for_once(self) -> str:
        """An address that leads to the page once, and may be seen by others afterwards."""
        self.tickets.append(secrets.token_urlsafe(16))
        return f"http://127.0.0.1:{self.server_port}/{self.tickets[-1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: JointsServer
    timeout = LONGEST_WAIT_S
    server_version, sys_version = "doodled", ""

    def do_GET(self) -> None:
        folder = self.server.folder
        match self._asked():
            case "":
                name = printable(folder.place.resolve().name)
                self._answer_with(lambda: page(name, folder.config(), self.server.motions).encode("utf-8", "replace"), "text/html")
            case "texture.png":
                self._answer_with(folder.texture.read_bytes, "image/png")
            case "shade.png":
                self._answer_with(folder.shade, "image/png")
            case _ if self._has_ticket():
                self._answer(HTTPStatus.SEE_OTHER, b"", "text/plain", Location=f"/{self.server.secret}/")
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

    def _is_for_us(self) -> bool:
        with suppress(ValueError):  # a name that is none
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in _NAMES
        return False

    def _asked(self) -> str | None:
        """What is asked for behind the secret; None is not for us."""
        start, path = f"/{self.server.secret}/", self.path.partition("?")[0]
        return path.removeprefix(start) if path.startswith(start) and self._is_for_us() else None

    def _has_ticket(self) -> bool:
        with suppress(ValueError):
            self.server.tickets.remove(self.path.strip("/") if self._is_for_us() else "")
            return True
        return False

    def _shown(self) -> bytes:
        sent = self._sent()
        motion = sent.get("motion")
        if motion not in self.server.motions:
            raise OptionError(f"motion: expected one of {', '.join(self.server.motions)}, found {motion!r}")
        shown = self.server.folder.shown(located(sent), motion)
        return json.dumps({"gif": base64.b64encode(shown.gif).decode("ascii"), "notes": shown.notes}).encode()

    def _saved(self) -> bytes:
        notes = self.server.folder.save(located(self._sent()))
        with suppress(OSError):  # nobody listens any more; saved they are
            self.server.on_save()
        return json.dumps({"notes": notes}).encode()

    def _sent(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
            raise OptionError(f"expected at most {MOST_BYTES} bytes of JSON, found a length of {length[:20] or 'nothing'}")
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

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, **more: str) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind if kind.startswith("image/") else f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        headers |= {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        headers |= {"Content-Security-Policy": policy(), "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in (headers | more).items():
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
