"""`doodled web` as a process, for tests that speak to it over a socket."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import stop

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def served_web(root: Path, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve the spool at `root` on a free port; gives the address, without a slash at its end."""
    settings = {"DOODLED_ROOT": str(root), "DOODLED_STORAGE_RESERVE_MB": "0", "PYTHONPATH": str(ROOT), **(environ or {})}
    command = [sys.executable, "-m", "daemon", "web", "--port", "0"]
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("serving http"), line
            yield line.split()[1].rstrip("/")
        finally:
            stop(process)
