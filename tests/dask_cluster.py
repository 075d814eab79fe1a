"""A Dask cluster of processes: a scheduler, workers with fake work (fault/stub_worker.py), and daemons that use it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import waiting
from spool_oracle import ROOT

WORKER = ROOT / "tests" / "fault" / "stub_worker.py"
PATIENCE_S = 240.0
SCHEDULER_ENVIRON = {"DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s", "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s"}
"""Settings of the scheduler, as in its unit and in etc/compose.yaml; workers set the same themselves."""


def free_port() -> int:
    """A TCP port that is free at present."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Cluster:
    """Processes of a cluster; all are killed at the end.

    Attributes:
        folder: of their logs.
        address: the scheduler's.
        prefix: what starts each process, by its place, such as a network namespace: "scheduler", "daemon", or a name of a worker.
        environ: variables for all of them.
    """

    folder: Path
    address: str
    stack: ExitStack
    prefix: Mapping[str, Sequence[str]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    scheduler_arguments: Sequence[str] = ()

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, **more: Any) -> Iterator[Cluster]:
        """A cluster without any process yet, on a free port of the loopback interface unless `address` says otherwise."""
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            yield cls(folder, more.pop("address", f"tcp://127.0.0.1:{free_port()}"), stack, **more)

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler; the workers and daemons may be there already."""
        host, _, port = self.address.partition("://")[2].rpartition(":")
        program = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"]
        if self.address.startswith("tls"):
            program += ["--protocol", "tls"]
        return self.start("scheduler", [*program, *self.scheduler_arguments])

    def start_worker(self, name: str, *arguments: str, is_fake: bool = True) -> subprocess.Popen[bytes]:
        """Start a worker; it joins when it can."""
        program = [str(WORKER), self.address] if is_fake else ["-m", "daemon", "worker", "--scheduler", self.address]
        return self.start(name, [sys.executable, *program, *arguments])

    def start_daemon(self, root: Path, *arguments: str, executor: str = "dask") -> subprocess.Popen[bytes]:
        """Start a daemon on a root."""
        environ = {"DOODLED_ROOT": str(root), "DOODLED_JOBS_EXECUTOR": executor, "DOODLED_DASK_SCHEDULER": self.address}
        return self.start("daemon", [sys.executable, "-m", "daemon", "run", *arguments], environ)

    def records(self, event: str = "") -> list[dict[str, Any]]:
        """Log records of all daemons, or those of one event."""
        records = [json.loads(line) for line in (self.folder / "daemon.log").read_text().splitlines() if line.startswith("{")]
        return [record for record in records if not event or record["event"] == event]

    def wait_for(self, event: str, count: int = 1) -> None:
        """Wait until a daemon has logged an event this often."""
        waiting.until(lambda: len(self.records(event)) >= count, PATIENCE_S)

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self.folder / f"{name}.log").read_text()

    def start(self, name: str, program: Sequence[str], more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start any program, with the variables of the cluster and `more`; its output is `log(name)`."""
        environ = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "DOODLED_LOG_FORMAT": "json",
            "DOODLED_STORAGE_RESERVE_MB": "0",
            "DOODLED_INBOX_DEBOUNCE_S": "0.02",
            "DOODLED_JOBS_RETRY_FIRST_S": "0.02",
            "DOODLED_JOBS_MEMORY_LIMIT_MB": "1024",
            **SCHEDULER_ENVIRON,
            **self.environ,
            **(more or {}),
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([*self.prefix.get(name, ()), *program], env=environ, stdout=log, stderr=log, cwd=self.folder)
        self.stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def make_certificates(folder: Path) -> dict[str, Path]:
    """A certificate authority, and one key with its certificate for all members of a cluster."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    folder.mkdir()
    names = {name: folder / f"{name}.pem" for name in ("ca", "ca_key", "cert", "key", "request")}

    def run(*arguments: object) -> None:
        subprocess.run([openssl, *map(str, arguments)], check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *new, "-days", 2, "-subj", "/CN=doodled test", "-keyout", names["ca_key"], "-out", names["ca"])
    run("req", *new, "-subj", "/CN=member", "-keyout", names["key"], "-out", names["request"])
    signed = ("-CA", names["ca"], "-CAkey", names["ca_key"], "-CAcreateserial", "-days", 2)
    run("x509", "-req", "-in", names["request"], *signed, "-out", names["cert"])
    return names
