"""No request outlives its time or outgrows its limit, whatever is at the other end. Milliseconds of real time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests
import urllib3

from pipeline.adapters import socket_deadline
from pipeline.adapters.model_server import http
from pipeline.adapters.model_server.http import HttpClient, NoReply, NoReplyReason, RequestBody
from pipeline.adapters.model_server.key_file import Token
from pipeline.adapters.socket_deadline import SocketDeadline
from tests.unit.adapters.model_server.stub_server import GOOD, Canned

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WITHIN_S = 0.15
LATEST_S = 3.0
"""Well after WITHIN_S, for machines that are busy; well before what a drip would take."""


@pytest.fixture
def http_client() -> Iterator[HttpClient]:
    http_client = HttpClient(connect_timeout_s=1.0, read_timeout_s=5.0, max_reply_bytes=100_000, connections=2)
    yield http_client
    http_client.close()


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket, threading.Event], None]], str]]:
    """A listener that calls a function with each connection, after the request was read."""
    end = threading.Event()
    listeners = []
    threads = []

    def serve(behave: Callable[[socket.socket, threading.Event], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while not end.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        behave(connection, end)
                    except OSError:
                        pass

        threads.append(threading.Thread(target=accept))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    end.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


def drip(start: bytes, part: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def behave(connection: socket.socket, end: threading.Event) -> None:
        connection.sendall(start)
        while not end.wait(0.01):
            connection.sendall(part)

    return behave


def once(content: bytes) -> Callable[[socket.socket, threading.Event], None]:
    return lambda connection, _: connection.sendall(content)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"", b""),
        (b"", b"H"),
        (HEAD + b"X-Slow: ", b"a"),
        (HEAD, b"X: a\r\n"),
        (HEAD + b"Content-Length: 90000\r\n\r\n", b" "),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
)
def test_dripping_reply_is_cut_off(http_client, raw_server, start, part):
    """A dripping status line, header or body, with or without a length or in chunks, ends with the deadline."""
    url = raw_server(drip(start, part))
    started_s = time.monotonic()
    with pytest.raises(NoReply) as caught:
        http_client.send(url, RequestBody(b"image", "image/jpeg", "data"), token=None, deadline=SocketDeadline(WITHIN_S))
    assert time.monotonic() - started_s < LATEST_S
    assert caught.value.kind is NoReplyReason.DEADLINE


def test_endless_tls_handshake_is_cut_off(http_client, raw_server):
    """Encrypted connections obey the same deadline."""
    url = raw_server(drip(b"", b"")).replace("http:", "https:")
    started_s = time.monotonic()
    with pytest.raises(NoReply):
        http_client.send(url, None, token=None, deadline=SocketDeadline(WITHIN_S))
    assert time.monotonic() - started_s < LATEST_S


def test_a_kept_tls_connection_is_watched():
    """Python does not duplicate TLS sockets; the deadline shuts them down nevertheless, and keeps their timeout."""
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    with theirs, context.wrap_socket(ours, do_handshake_on_connect=False, server_hostname="localhost") as wrapped:
        wrapped.settimeout(LATEST_S)
        with socket_deadline.SocketDeadline(0.01) as deadline:
            deadline.watch(wrapped)
            assert wrapped.gettimeout() == LATEST_S
            theirs.settimeout(LATEST_S)
            assert theirs.recv(1) == b""
            assert deadline.has_expired
            with pytest.raises(TimeoutError):
                deadline.watch(wrapped)


def test_server_without_tls_is_no_connection(http_client, raw_server):
    """A client that uses TLS gets no connection to it."""
    with pytest.raises(NoReply) as caught:
        http_client.send(raw_server(once(HEAD)).replace("http:", "https:"), None, token=None, deadline=SocketDeadline(5.0))
    assert caught.value.kind is NoReplyReason.CONNECT


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", NoReplyReason.RESET),
        (b"220 mail ESMTP\r\n", NoReplyReason.RESET),
        (HEAD + b"Content-Length: 10\r\n\r\n[1]", NoReplyReason.TRUNCATED),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\n[1]", NoReplyReason.TRUNCATED),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[1]", NoReplyReason.TRUNCATED),
        (HEAD + b"Content-Length: 200000\r\n\r\n" + b" " * 200_000, NoReplyReason.TOO_BIG),
        (HEAD + b"\r\n" + b" " * 200_000, NoReplyReason.TOO_BIG),
    ],
)
def test_each_broken_reply_has_its_kind(http_client, raw_server, content, kind):
    """Each kind of damage has a failure kind of its own."""
    with pytest.raises(NoReply) as caught:
        http_client.send(raw_server(once(content)), None, token=None, deadline=SocketDeadline(5.0))
    assert caught.value.kind is kind


def test_a_compressed_reply_is_not_unpacked(http_client, raw_server):
    """The client does not ask for compression, and a megabyte of gzip may become a gigabyte."""
    content = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n[1]"
    assert http_client.send(raw_server(once(content)), None, token=None, deadline=SocketDeadline(5.0)).body == b"[1]"


def test_silence_is_shorter_than_the_deadline_if_so_set(raw_server):
    """The read timeout counts from the last byte."""
    http_client = HttpClient(connect_timeout_s=1.0, read_timeout_s=0.05, max_reply_bytes=1000, connections=1)
    with pytest.raises(NoReply) as caught:
        http_client.send(raw_server(drip(b"", b"")), None, token=None, deadline=SocketDeadline(30.0))
    assert caught.value.kind is NoReplyReason.READ_TIMEOUT
    http_client.close()


def test_server_that_accepts_no_connection(http_client):
    """The connect timeout ends it, or the deadline if that is sooner."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        started_s = time.monotonic()
        with pytest.raises(NoReply) as caught:
            http_client.send(f"http://127.0.0.1:{port}", None, token=None, deadline=SocketDeadline(WITHIN_S))
        for filler in fillers:
            filler.close()
    assert time.monotonic() - started_s < LATEST_S
    assert caught.value.kind in {NoReplyReason.CONNECT_TIMEOUT, NoReplyReason.DEADLINE}


def test_nothing_is_sent_after_the_deadline(http_client, stub):
    """Without time left, no request is sent."""
    with pytest.raises(NoReply) as caught:
        http_client.send(stub.url, None, token=None, deadline=SocketDeadline(0.0))
    assert caught.value.kind is NoReplyReason.DEADLINE
    assert stub.received == []


def test_a_name_server_that_is_silent(http_client, monkeypatch):
    """The connect timeout bounds name resolution, although getaddrinfo has no timeout."""
    ends = threading.Event()
    numeric = socket.AI_NUMERICHOST

    def resolve(*_: object, flags: int = 0, **__: object) -> list[object]:
        if flags & numeric:
            raise socket.gaierror(socket.EAI_NONAME, "no number")
        ends.wait(10)
        return []

    monkeypatch.setattr(socket_deadline.socket, "getaddrinfo", resolve)
    started_s = time.monotonic()
    with pytest.raises(NoReply) as caught:
        http_client.send("http://slow.example:8080", None, token=None, deadline=SocketDeadline(WITHIN_S))
    ends.set()
    assert time.monotonic() - started_s < LATEST_S
    assert caught.value.kind in {NoReplyReason.CONNECT_TIMEOUT, NoReplyReason.DEADLINE}


def test_connections_are_kept(http_client, stub):
    """The second request uses the connection of the first."""
    ports = []
    original = stub._server.process_request
    stub._server.process_request = lambda request, address: (ports.append(address), original(request, address))
    for _ in range(3):
        http_client.send(stub.url, RequestBody(b"image", "image/png", "data"), token=None, deadline=SocketDeadline(5.0))
    assert len(ports) == 1


def test_the_key_goes_into_the_header_and_nothing_else_does(http_client, stub, monkeypatch):
    """There are no proxies, no .netrc, no cookies and no redirects, whatever the environment contains."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    stub.will(Canned(302, b"", headers={"Location": "/elsewhere", "Set-Cookie": "a=b"}), GOOD)
    assert http_client.send(stub.url + "/x", None, token=Token("k-1"), deadline=SocketDeadline(5.0)).status == 302
    http_client.send(stub.url + "/y", None, token=None, deadline=SocketDeadline(5.0))
    first, second = stub.received
    assert (first.path, first.authorization, second.path, second.authorization) == ("/x", "Bearer k-1", "/y", None)
    assert "Cookie" not in second.headers
    assert first.headers["Accept-Encoding"] == "identity"


def _foreign(*roots: type[BaseException]) -> list[type[BaseException]]:
    found = list(roots)
    for kind in found:
        found += [child for child in kind.__subclasses__() if child not in found]
    return found


@pytest.mark.parametrize("kind", _foreign(requests.RequestException, urllib3.exceptions.HTTPError), ids=lambda kind: kind.__name__)
def test_every_foreign_error_is_translated(http_client, monkeypatch, kind):
    """Each error of requests and urllib3 becomes a NoReply, without the foreign error behind it."""
    error = kind.__new__(kind)
    error.args = ("told",)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(http_client._session, "request", fail)
    with pytest.raises(NoReply) as caught:
        http_client.send("http://127.0.0.1:9", None, token=None, deadline=SocketDeadline(1.0))
    assert isinstance(caught.value.kind, NoReplyReason)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_the_bearer_shows_nothing():
    """Tracebacks with local variables would print it."""
    assert "secret" not in repr(http._Bearer(Token("secret")))
