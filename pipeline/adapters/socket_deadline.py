"""Deadline for the sockets of `requests`: when it expires, they are shut down.

A read timeout bounds the time between two bytes, not a reply that drips in byte by byte, be it in the headers, the TLS handshake or
the body. So `SocketDeadline` shuts the socket down when the time is up, whatever the request waits for. Host names are resolved on a
separate thread, since `getaddrinfo` takes no timeout.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Self

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError


class SocketDeadline:
    """Context in which sockets are shut down after `within_s` seconds. Belongs to the thread that enters it; any may end it early."""

    def __init__(self, within_s: float) -> None:
        self.within_s = within_s
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(within_s, self.expire)
        self._timer.daemon = True
        self.has_expired = False

    def watch(self, connection: socket.socket) -> None:
        """Add a socket. A duplicate is kept: TLS takes over the original, and its descriptor may be closed and reused."""
        with self._lock:
            if self.has_expired:
                raise TimeoutError
            descriptor = os.dup(connection.fileno())  # not the socket's own dup: TLS sockets refuse it
            self._watched.append(socket.socket(connection.family, connection.type, connection.proto, fileno=descriptor))

    def __enter__(self) -> Self:
        self._binding = _CURRENT.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _CURRENT.reset(self._binding)
        with self._lock:
            while self._watched:
                self._watched.pop().close()

    def expire(self) -> None:
        """Shut the sockets down now, and let no other one be opened."""
        with self._lock:
            self.has_expired = True
            for watched in self._watched:
                with contextlib.suppress(OSError):  # the other side may have closed it already
                    watched.shutdown(socket.SHUT_RDWR)


_CURRENT: ContextVar[SocketDeadline] = ContextVar("socket deadline")


class _Watched(HTTPConnection):
    """A connection whose sockets obey the current `SocketDeadline`."""

    def request(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  # handed on
        if self.sock is not None:  # kept alive from an earlier request
            _CURRENT.get().watch(self.sock)
        super().request(*arguments, **named)

    def _new_conn(self) -> socket.socket:
        try:
            return self._connect()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection to {self.host} within {self.timeout} s") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}: {error.strerror}") from error

    def _connect(self) -> socket.socket:
        end_s = time.monotonic() + (self.timeout or 0.0)
        failure = OSError("the name has no address")
        for family, kind, protocol, _, address in _addresses(self._dns_host, self.port, end_s - time.monotonic()):
            connection = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    connection.setsockopt(*option)
                _CURRENT.get().watch(connection)
                connection.settimeout(max(end_s - time.monotonic(), 0.001))
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                connection.settimeout(self.timeout)
                return connection
        raise failure


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class DeadlineAdapter(HTTPAdapter):
    """Transport adapter for a session: its connections obey the current `SocketDeadline`. Use it only within one."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  # handed on
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


def _addresses(host: str, port: int, within_s: float) -> Iterator[Any]:
    """Addresses from `getaddrinfo`, or TimeoutError; a resolver thread that still waits ends when the resolver gives up."""
    with contextlib.suppress(socket.gaierror):
        return iter(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else socket.gaierror(str(error)))

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=max(within_s, 0.001))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return iter(answer)
