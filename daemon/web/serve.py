"""Serves an application with uvicorn until a signal: bounded connections, and no patience with clients that only hold them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.errors import OptionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

REQUEST_START_S: Final = 10.0
"""A connection that has not sent the head of a request by then is closed."""

KEEP_ALIVE_S: Final = 30
MAX_CONNECTIONS: Final = 256
MAX_HEAD_BYTES: Final = 32 * 1024
STOP_S: Final = 3


class _Protocol(H11Protocol):
    """HTTP/1.1 with a time limit for the head of the first request; uvicorn has one between requests only."""

    _start_timer: asyncio.TimerHandle | None = None
    _has_begun = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as uvicorn has it
        super().connection_made(transport)
        self._start_timer = self.loop.call_later(REQUEST_START_S, self._close_idle)

    def handle_events(self) -> None:
        super().handle_events()
        self._has_begun = self._has_begun or bool(self.cycle)

    def _close_idle(self) -> None:
        if not self._has_begun and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
        super().connection_lost(exc)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OptionError if the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise OptionError(
            f"[web] {host} port {port}: {error.strerror or error}", hint="choose another host or port; port 0 is any free one"
        ) from error
    # Accepted sockets inherit it. asyncio sets it only where the protocol was named (`create_server` names none), and then each answer of
    # head and body waits 40 ms for the client's delayed acknowledgment.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket, path: str = "") -> str:
    """The URL of a listening socket, as a browser on this machine calls it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what it listens on is the setting's choice
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}/"


def serve(app: ASGIApp, listener: socket.socket, *, on_start: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1,::1",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    with listener:
        on_start()
        uvicorn.Server(config).run(sockets=[listener])
