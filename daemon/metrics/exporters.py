"""Metrics exporters: an HTTP endpoint for Prometheus and a file for node_exporter's textfile collector, both of `prometheus_client`.

Each runs on a thread of its own, so that the daemon never waits for a client. An exporter that can't be opened (the port is taken, the
folder is missing) logs one warning and tries again: drawings never wait for metrics, and a port that an old daemon still holds is free half
a minute later. Prometheus sees a missing endpoint as `up == 0`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app, write_to_textfile
from prometheus_client.exposition import ThreadingWSGIServer

from daemon.log.events import Event, EventLog
from daemon.log.health_snapshot import HealthSnapshot
from daemon.metrics.counters import Metrics
from daemon.settings import MetricsSettings
from daemon.version import version

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

RETRY_S: Final = 30.0
MAX_CONNECTIONS: Final = 8
IDLE_TIMEOUT_S: Final = 5.0
JOIN_S: Final = 2.0


class Exporters:
    """All exporters that the settings switch on."""

    def __init__(self, settings: MetricsSettings, log: EventLog, health: Callable[[], HealthSnapshot | None]) -> None:
        metrics = Metrics(health, version=version())
        log.observe(metrics.observe)
        self._exporters: list[_Exporter] = []
        if settings.port:
            self._exporters.append(Endpoint(metrics.registry, log, host=str(settings.host), port=settings.port))
        if settings.textfile is not None:
            self._exporters.append(Textfile(metrics.registry, log, path=settings.textfile, interval_s=settings.textfile_s))

    def start(self) -> None:
        """Start every exporter without waiting until it is open."""
        for exporter in self._exporters:
            exporter.start()

    def stop(self) -> None:
        """Stop every exporter within a few seconds; the file is written once more."""
        for exporter in self._exporters:
            exporter.stop()


class _Exporter:
    """A thread that retries until it is stopped, and logs a problem once."""

    name: str

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._stopped = threading.Event()
        self._is_unavailable = False
        self._thread = threading.Thread(target=self._run, name=f"metrics {self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        raise NotImplementedError

    def _log_unavailable(self, where: str, error: OSError) -> None:
        if not self._is_unavailable:
            reason = error.strerror or str(error)
            self._log.emit(Event.METRICS_UNAVAILABLE, exporter=self.name, where=where, errno=error.errno, reason=reason, retry_s=RETRY_S)
        self._is_unavailable = True

    def _log_ready(self, where: str) -> None:
        self._log.emit(Event.METRICS_READY, exporter=self.name, where=where)
        self._is_unavailable = False


class Endpoint(_Exporter):
    """`GET /metrics`, in Prometheus' text format or OpenMetrics, as the client accepts."""

    name = "http"

    def __init__(self, registry: CollectorRegistry, log: EventLog, *, host: str, port: int) -> None:
        super().__init__(log)
        self._app = partial(_serve_metrics_only, make_wsgi_app(registry))
        self._host, self._port = host, port
        self._server: _Server | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            server = self._server
        if server is not None:
            server.shutdown()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        where = f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}/metrics"
        while not self._stopped.is_set():
            try:
                server = make_server(self._host, self._port, self._app, _Server, _Handler)
            except OSError as error:
                self._log_unavailable(where, error)
                self._stopped.wait(RETRY_S)
                continue
            with server:
                with self._lock:
                    if self._stopped.is_set():
                        return
                    self._server = server
                self._log_ready(where)
                server.serve_forever()
            return


class _Server(ThreadingWSGIServer):
    """Serves at most MAX_CONNECTIONS clients at once and closes further connections, so that clients can't use up the daemon's threads."""

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        super().__init__(address, handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401, ARG002 - as socketserver has it
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """A client that disconnects or times out is no error of the daemon."""


class _Handler(WSGIRequestHandler):
    timeout = IDLE_TIMEOUT_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
        """Requests are not logged."""


def _serve_metrics_only(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """WSGI application that answers 404 for every path but / and /metrics."""
    if environ["PATH_INFO"] in {"/", "/metrics"}:
        return app(environ, start_response)
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"expected the path /metrics\n"]


class Textfile(_Exporter):
    """A file that is replaced atomically; it stays when the daemon ends, so that `--drain` on a timer can be monitored as well."""

    name = "textfile"

    def __init__(self, registry: CollectorRegistry, log: EventLog, *, path: Path, interval_s: float) -> None:
        super().__init__(log)
        self._registry, self._path, self._interval_s = registry, path, interval_s

    def _run(self) -> None:
        is_first, is_last = True, False
        while not is_last:
            is_last = self._stopped.wait(0.0 if is_first else self._interval_s)
            try:
                write_to_textfile(str(self._path), self._registry)
                self._path.chmod(0o644)  # whatever the umask: node_exporter runs as another user
            except OSError as error:
                self._log_unavailable(str(self._path), error)
            else:
                if self._is_unavailable or is_first:
                    self._log_ready(str(self._path))
            is_first = False
