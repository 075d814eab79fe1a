"""The workers of a cluster as the scheduler lists them: which of them this daemon can use, who came and who went."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from daemon.cluster.installation import Installation
from daemon.log.events import Event, EventLog

INSTALLATION: Final = "doodled"
"""Key of a worker's installation in the scheduler's list."""

HOST: Final = "doodled_host"
"""Key of the name of its machine there."""


def startup_information(installation: Installation) -> dict[str, Callable[[object], object]]:
    """What a worker reports to the scheduler about itself, in the form that Dask expects."""
    return {INSTALLATION: lambda _: installation.fields(), HOST: lambda _: socket.gethostname()}


class Members:
    """Workers that are connected to the scheduler.

    Attributes:
        count: workers with the daemon's own installation.
        reason: why there are none, or "".
    """

    def __init__(self, installation: Installation, log: EventLog) -> None:
        self._installation, self._log = installation, log
        self._known: dict[str, tuple[str, str]] = {}
        self.count = 0
        self.reason = ""

    def forget(self) -> None:
        """Forget all workers, because the scheduler is lost."""
        self._known.clear()
        self.count, self.reason = 0, ""

    def note(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in the present list: fields of each worker by address. Others than doodled's workers are left out. Logs what is new."""
        seen = {address: fields for address, fields in workers.items() if isinstance(fields.get(INSTALLATION), Mapping)}
        for address in self._known.keys() - seen.keys():
            host, problem = self._known.pop(address)
            if not problem:
                self._log.emit(Event.WORKER_LEFT, host=host, worker=address)
        for address in seen.keys() - self._known.keys():
            host = str(seen[address].get(HOST))
            problem = self._installation.difference_from(Installation.from_fields(seen[address][INSTALLATION]))
            self._known[address] = host, problem
            if problem:
                self._log.emit(Event.WORKER_REFUSED, host=host, worker=address, reason=f"{problem}; install the same doodled there")
            else:
                self._log.emit(Event.WORKER_JOINED, host=host, worker=address)
        refused = [(host, problem) for host, problem in self._known.values() if problem]
        self.count = len(self._known) - len(refused)
        self.reason = ""
        if not self.count:
            self.reason = "no worker is connected to the scheduler"
            if refused:
                self.reason = f"all workers are refused, such as that on {refused[0][0]}: {refused[0][1]}"
