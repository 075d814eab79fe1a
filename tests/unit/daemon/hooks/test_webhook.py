"""Webhooks against real sockets: signature, statuses, redirects, and receivers that hang, drip, break or never stop answering."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.hooks import webhook
from daemon.hooks.event_document import EventDocument
from daemon.hooks.webhook import Webhook, host_of, secret_of, signature
from daemon.spool.events import EventKind, SpoolEvent

EVENT = SpoolEvent("01HF7YAT00ABCDEFGHJKMNPQRS", EventKind.DONE)
DOCUMENT = EventDocument(EVENT, "garlic.png", (), ("outbox/garlic.gif",), {"name": "garlic.png"})
NOW_S = 1_700_000_000.9
Behavior = Callable[[socket.socket, threading.Event], None]


class RawServer:
    """Accepts connections, reads one request of each, and does what a test says.

    Attributes:
        requests: as received.
    """

    def __init__(self, behave: Behavior) -> None:
        self.requests: list[bytes] = []
        self._behave, self._is_over = behave, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/secret-path?token=secret"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self.requests.append(_request(connection))
                    self._behave(connection, self._is_over)
                except OSError:
                    continue

    def close(self) -> None:
        self._is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def _request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content or len(content.partition(b"\r\n\r\n")[2]) < len(DOCUMENT.to_json()):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError
        content += part
    return content


@pytest.fixture
def serve() -> Iterator[Callable[[Behavior], RawServer]]:
    servers: list[RawServer] = []

    def start(behave: Behavior) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def says(content: bytes) -> Behavior:
    return lambda connection, _: connection.sendall(content)


def deliver(url: str, within_s: float = 5.0, secret_file: Path | None = None) -> webhook.DeliveryFailure | None:
    hook = Webhook(url, secret_file=secret_file, wall_clock=lambda: NOW_S)
    end_s = time.monotonic() + within_s
    try:
        return hook.deliver(DOCUMENT, lambda: end_s)
    finally:
        hook.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(serve: Callable[[Behavior], RawServer], status: int) -> None:
    server = serve(says(b"HTTP/1.1 %d Fine\r\nContent-Length: 0\r\n\r\n" % status))
    assert deliver(server.url) is None
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /secret-path?token=secret HTTP/1.1\r\n")
    assert body == DOCUMENT.to_json()
    lines = {name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:])}
    assert lines[b"content-type"] == b"application/json"
    assert lines[b"webhook-id"] == EVENT.id.encode()
    assert lines[b"webhook-timestamp"] == b"1700000000"
    assert b"webhook-signature" not in lines
    assert not {b"authorization", b"cookie"} & set(lines)


@pytest.mark.parametrize("text", [b"a secret\n", b"whsec_" + base64.b64encode(b"a secret") + b"\n"])
def test_signature_is_that_of_standard_webhooks(serve: Callable[[Behavior], RawServer], tmp_path: Path, text: bytes) -> None:
    server = serve(says(b"HTTP/1.1 204 Fine\r\n\r\n"))
    file, linked = tmp_path / "key", tmp_path / "link"
    file.write_bytes(text)
    linked.symlink_to(file)  # as credentials and mounted secrets are
    assert deliver(server.url, secret_file=linked) is None
    expected = hmac.new(b"a secret", f"{EVENT.id}.1700000000.".encode() + DOCUMENT.to_json(), hashlib.sha256).digest()
    assert b"webhook-signature: v1," + base64.b64encode(expected) + b"\r\n" in server.requests[0]


def test_example_of_the_specification() -> None:
    key = secret_of(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("content", [b"", b" \n", b"whsec_%%%", b"x" * 5000])
def test_bad_secret_sends_nothing(serve: Callable[[Behavior], RawServer], tmp_path: Path, content: bytes) -> None:
    server = serve(says(b"HTTP/1.1 204 Fine\r\n\r\n"))
    (tmp_path / "key").write_bytes(content)
    failure = deliver(server.url, secret_file=tmp_path / "key")
    assert failure is not None
    assert failure.reason.startswith(f"{tmp_path}/key can't be used: expected ")
    missing = deliver(server.url, secret_file=tmp_path / "missing")
    assert missing is not None
    assert missing.reason == f"{tmp_path}/missing can't be used: No such file or directory"
    assert server.requests == []


@pytest.mark.parametrize(("status", "is_final"), [(400, False), (401, False), (404, False), (410, True), (429, False), (500, False)])
def test_refusal_shows_status_and_a_few_words(serve: Callable[[Behavior], RawServer], status: int, is_final: bool) -> None:
    server = serve(says(b"HTTP/1.1 %d No\r\nContent-Length: 16\r\n\r\nno \x1b[31m\n\xffthanks" % status))
    failure = deliver(server.url)
    assert failure is not None
    assert (failure.status_code, failure.is_final) == (status, is_final)
    assert failure.reason == f"{host_of(server.url)} answers {status}: no [31m \ufffdthanks"
    assert "secret" not in failure.reason


@pytest.mark.parametrize(("text", "expected_s"), [("120", 120.0), ("999999", 3600.0), ("soon", None), ("-1", None), ("9" * 99, None)])
def test_retry_after(serve: Callable[[Behavior], RawServer], text: str, expected_s: float | None) -> None:
    server = serve(says(f"HTTP/1.1 503 No\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n".encode()))
    failure = deliver(server.url)
    assert failure is not None
    assert failure.retry_after_s == expected_s


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(serve: Callable[[Behavior], RawServer], status: int) -> None:
    other = serve(says(b"HTTP/1.1 204 Fine\r\n\r\n"))
    server = serve(says(f"HTTP/1.1 {status} There\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode()))
    failure = deliver(server.url)
    assert failure is not None
    assert failure.reason.endswith(f"a redirect to {host_of(other.url)}: set that address in the settings")
    assert other.requests == []


def drips(start: bytes, part: bytes) -> Behavior:
    def behave(connection: socket.socket, is_over: threading.Event) -> None:
        connection.sendall(start)
        while not is_over.wait(0.02):
            connection.sendall(part)

    return behave


@pytest.mark.parametrize(
    "behave",
    [
        lambda _, is_over: is_over.wait(10),
        drips(b"HTTP/1.1 200 Fine\r\n", b"X-More: x\r\n"),
        drips(b"", b"H"),
        drips(b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n", b"x"),
    ],
    ids=["silent", "headers drip", "status drips", "body drips"],
)
def test_slow_receiver_ends_with_the_deadline(serve: Callable[[Behavior], RawServer], behave: Behavior) -> None:
    server = serve(behave)
    started_s = time.monotonic()
    failure = deliver(server.url, within_s=0.4)
    assert failure is not None
    assert time.monotonic() - started_s < 3
    assert failure.reason == f"{host_of(server.url)}: no answer within 0.4 s"


@pytest.mark.parametrize(("status", "is_taken"), [(200, True), (500, False)])
def test_endless_answer_is_not_read(serve: Callable[[Behavior], RawServer], status: int, is_taken: bool) -> None:
    sent = []

    def flood(connection: socket.socket, is_over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 %d Here\r\n\r\n" % status)
        while not is_over.is_set():
            sent.append(connection.send(b"x" * 65536))

    server = serve(flood)
    assert (deliver(server.url) is None) == is_taken
    assert sum(sent) < 64 << 20  # what the sockets' buffers hold


@pytest.mark.parametrize("content", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 " + b"x" * 100_000])
def test_broken_answers_are_failures(serve: Callable[[Behavior], RawServer], content: bytes) -> None:
    server = serve(says(content))
    failure = deliver(server.url)
    assert failure is not None
    assert failure.reason.startswith(f"{host_of(server.url)}: ")
    assert "secret" not in failure.reason


def test_closed_port_is_named_without_the_path() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failure = deliver(f"http://user:password@127.0.0.1:{port}/secret")
    assert failure is not None
    assert failure.reason == f"http://127.0.0.1:{port}: Connection refused"


def test_receiver_without_tls(serve: Callable[[Behavior], RawServer]) -> None:
    server = serve(says(b"HTTP/1.1 204 Fine\r\n\r\n"))
    failure = deliver(server.url.replace("http:", "https:"), within_s=1.0)
    assert failure is not None
    assert "secret" not in failure.reason


def test_proxies_and_netrc_are_ignored(serve: Callable[[Behavior], RawServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = serve(says(b"HTTP/1.1 204 Fine\r\n\r\n"))
    assert deliver(server.url) is None
    assert b"uthorization" not in server.requests[0]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@example.org:8443/path?key#x", "https://example.org:8443"),
        ("http://[::1]:80/", "http://[::1]:80"),
        ("/elsewhere", ""),
        ("http://[", ""),
        ("http://host:port/", ""),
    ],
)
def test_host_is_all_that_is_shown_of_a_url(url: str, shown: str) -> None:
    assert host_of(url) == shown
