"""Dask is loaded only where it is chosen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
PROGRAM = """
import sys
import daemon.cli
import daemon.cluster.jobs
from daemon.service.main import _workers
from daemon.settings import Settings
_workers(Settings(), None)(lambda: None).close()
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"distributed", "dask", "tornado"}, loaded
"""


def test_local_jobs_load_no_dask() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
