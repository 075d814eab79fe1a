"""multiprocessing's resource tracker: stopped before the process ends, so that a service manager finds nothing to kill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PATIENCE_S = 60.0

CHECK = """
import ctypes, os, subprocess, sys

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: what a child leaves behind becomes ours
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("nothing is left")
else:
    print("a process is left")
"""
COMMAND = """
import sys
from daemon import __main__ as entry_point

def command():
    import multiprocessing
    global event
    event = multiprocessing.get_context("spawn").Event()  # as the pool of workers has one: it starts the tracker
    {otherwise}
    sys.exit(0)

entry_point.app = command
entry_point.main()
"""


AS_IT_IS = ("", "nothing is left")
WITHOUT = ("import atexit; atexit.unregister(entry_point.stop_resource_tracker)", "a process is left")
"""Shows that the other case would notice. Newer Pythons may wait for their tracker themselves."""


@pytest.mark.parametrize(("otherwise", "expected"), [AS_IT_IS, WITHOUT] if sys.version_info < (3, 12) else [AS_IT_IS])
def test_no_helper_process_outlives_the_daemon(otherwise: str, expected: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHECK, COMMAND.format(otherwise=otherwise)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert (done.stdout.strip(), done.stderr) == (expected, "")
