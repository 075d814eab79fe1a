"""Where metrics go: an HTTP endpoint on the loopback interface, or a file for node_exporter's textfile collector.

Each on a thread of its own, so that the daemon never waits for whoever asks. An outlet that can't be opened (the port is taken, the folder
is missing) is told as a warning and tried again, and the work goes on: a drawing must not wait because nobody can watch, and a port that an
old daemon still holds is free half a minute later. That nobody is watching shows in Prometheus as `up == 0`, and in the log.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, MetricsHandler, generate_latest

from daemon.log.events import Event, EventLog
from daemon.log.health_snapshot import HealthSnapshot
from daemon.metrics.counters import Metrics
from daemon.settings import MetricsSettings
from daemon.version import version

RETRY_S: Final = 30.0
MOST_CONNECTIONS: Final = 8
LONGEST_CONNECTION_S: Final = 10.0
JOIN_S: Final = 2.0


class Exporters:
    """All that are switched on."""

    def __init__(self, settings: MetricsSettings, log: EventLog, health: Callable[[], HealthSnapshot | None]) -> None:
        metrics = Metrics(health, version=version())
        log.observe(metrics.observe)
        self._outlets: list[_Outlet] = []
        if settings.port:
            self._outlets.append(Endpoint(metrics.registry, log, host=str(settings.host), port=settings.port))
        if settings.textfile is not None:
            self._outlets.append(Textfile(metrics.registry, log, path=settings.textfile, interval_s=settings.textfile_s))

    def start(self) -> None:
        """Open them, without waiting for that."""
        for outlet in self._outlets:
            outlet.start()

    def stop(self) -> None:
        """Close them, within a few seconds; the file is written once more."""
        for outlet in self._outlets:
            outlet.stop()


class _Outlet:
    """A thread that tries again until it is stopped, and tells of trouble once."""

    name: str

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._stopped = threading.Event()
        self._is_in_trouble = False
        self._thread = threading.Thread(target=self._run, name=f"metrics {self.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        raise NotImplementedError

    def _tell_trouble(self, where: str, error: OSError) -> None:
        if not self._is_in_trouble:
            reason = error.strerror or str(error)
            self._log.emit(Event.METRICS_UNAVAILABLE, outlet=self.name, where=where, errno=error.errno, reason=reason, retry_s=RETRY_S)
        self._is_in_trouble = True

    def _tell_ready(self, where: str) -> None:
        self._log.emit(Event.METRICS_READY, outlet=self.name, where=where)
        self._is_in_trouble = False


class Endpoint(_Outlet):
    """`GET /metrics`, in the text format or OpenMetrics, whichever is asked for."""

    name = "http"

    def __init__(self, registry: CollectorRegistry, log: EventLog, *, host: str, port: int) -> None:
        super().__init__(log)
        self._registry, self._host, self._port = registry, host, port
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
                server = _Server(self._host, self._port, self._registry)
            except OSError as error:
                self._tell_trouble(where, error)
                self._stopped.wait(RETRY_S)
                continue
            with server:
                with self._lock:
                    if self._stopped.is_set():
                        return
                    self._server = server
                self._tell_ready(where)
                server.serve_forever()
            return


class _Server(ThreadingTCPServer):
    """Answers a few at a time, none for long; whoever is too many is hung up on."""

    allow_reuse_address = True  # what was closed a minute ago does not count as taken; what listens does
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._open: dict[Any, float] = {}
        self._open_lock = threading.Lock()
        super().__init__((host, port), _handler_of(registry))

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        with self._open_lock:
            is_one_too_many = len(self._open) >= MOST_CONNECTIONS
            if not is_one_too_many:
                self._open[request] = time.monotonic()
        if is_one_too_many:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as above
        with self._open_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Twice a second: hang up on those who dawdle."""
        with self._open_lock:
            dawdlers = [request for request, since_s in self._open.items() if time.monotonic() - since_s > LONGEST_CONNECTION_S]
            for request in dawdlers:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """Who hangs up in the middle of an answer does not concern us."""


def _handler_of(registry: CollectorRegistry) -> type[BaseRequestHandler]:
    class Handler(MetricsHandler):
        timeout = LONGEST_CONNECTION_S / 2

        def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
            if self.path.partition("?")[0] in {"/", "/metrics"}:
                super().do_GET()
            else:
                self.send_error(404, "only /metrics is here")

        def version_string(self) -> str:
            return "doodled"

    Handler.registry = registry
    return Handler


class Textfile(_Outlet):
    """A file that is replaced in one go; it stays when the daemon ends, so that a `--drain` by timer can be watched, too."""

    name = "textfile"

    def __init__(self, registry: CollectorRegistry, log: EventLog, *, path: Path, interval_s: float) -> None:
        super().__init__(log)
        self._registry, self._path, self._interval_s = registry, path, interval_s
        self._told = False

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopped.wait(self._interval_s if self._told else 0.0)
            try:
                self._write()
            except OSError as error:
                self._tell_trouble(str(self._path), error)
            else:
                if self._is_in_trouble or not self._told:
                    self._tell_ready(str(self._path))
            self._told = True

    def _write(self) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")  # node_exporter reads *.prom
        try:
            temporary.write_bytes(generate_latest(self._registry))
            temporary.chmod(0o644)  # whatever our umask: node_exporter is somebody else
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
