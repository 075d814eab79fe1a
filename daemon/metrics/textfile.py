"""Metrics file: the daemon's metrics in Prometheus' text format, for node_exporter's textfile collector and for `doodled web`.

It is written on a thread of its own, so that the daemon never waits for a disk. A file that can't be written (its folder is missing)
logs one warning and is tried again: drawings never wait for metrics. The daemon serves nothing over HTTP; `doodled web` adds this file to
its own metrics, at /metrics.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import write_to_textfile

from daemon.log.events import Event, EventLog
from daemon.log.health_snapshot import HealthSnapshot
from daemon.metrics.counters import Metrics
from daemon.version import version

JOIN_S: Final = 2.0


class MetricsFile:
    """A file that is replaced atomically; it stays when the daemon ends, so that `--drain` on a timer can be monitored as well."""

    def __init__(self, path: Path, interval_s: float, log: EventLog, health: Callable[[], HealthSnapshot | None]) -> None:
        self._metrics = Metrics(health, version=version())
        log.observe(self._metrics.observe)
        self._path, self._interval_s, self._log = path, interval_s, log
        self._stopped = threading.Event()
        self._is_unavailable = False
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Write the file from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write the file once more, and end."""
        self._stopped.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        is_first, is_last = True, False
        while not is_last:
            is_last = self._stopped.wait(0.0 if is_first else self._interval_s)
            try:
                write_to_textfile(str(self._path), self._metrics.registry)
                self._path.chmod(0o644)  # whatever the umask: node_exporter runs as another user
            except OSError as error:
                self._log_unavailable(error)
            else:
                if self._is_unavailable or is_first:
                    self._log.emit(Event.METRICS_READY, where=str(self._path))
                self._is_unavailable = False
            is_first = False

    def _log_unavailable(self, error: OSError) -> None:
        if not self._is_unavailable:
            reason = error.strerror or str(error)
            self._log.emit(Event.METRICS_UNAVAILABLE, where=str(self._path), errno=error.errno, reason=reason, retry_s=self._interval_s)
        self._is_unavailable = True
