"""multiprocessing's own processes: stopped before this one ends, so that a service manager finds nothing to kill."""

from __future__ import annotations

import multiprocessing.synchronize
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.worker.process_end import report_unless_stopped

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
from daemon import cli

def command():
    global event
    import multiprocessing.forkserver
    event = multiprocessing.get_context("forkserver").Event()  # as the pool of workers has one: it starts the tracker
    multiprocessing.forkserver.ensure_running()
    {otherwise}
    sys.exit(0)

cli.command_line = lambda _: command
cli.main()
"""


ENDING = """
import atexit, sys
from daemon.worker.process_end import skip_teardown

class Freed:
    def __del__(self):
        print("freed")

with skip_teardown():
    kept = sys.modules["kept"] = Freed()
    atexit.register(print, "called")
    print("printed", end=" ")
    {ending}
"""


@pytest.mark.parametrize(
    ("ending", "status", "printed"),
    [
        ("sys.exit()", 0, "printed called\n"),
        ("sys.exit(75)", 75, "printed called\n"),
        ("sys.exit('why')", 1, "printed called\nfreed\n"),
        ("pass", 0, "printed called\nfreed\n"),
        ("raise OSError('a bug')", 1, "printed called\nfreed\n"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "printed called\nfreed\n"),
    ],
)
def test_leaves_after_what_atexit_knows(ending: str, status: int, printed: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ENDING.format(ending=ending)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (status, printed)


def test_output_that_cannot_be_written_is_reported() -> None:
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | {"PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", ENDING.format(ending="sys.exit()")]
        done = subprocess.run(command, env=environ, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, "No space left on device" in done.stderr) == (120, True)


AS_IT_IS = ("", "nothing is left")
WITHOUT = ("import atexit; atexit.unregister(cli.stop_multiprocessing)", "a process is left")
"""Shows that the other case would notice. Newer Pythons may wait for their tracker themselves."""


@pytest.mark.parametrize(("otherwise", "expected"), [AS_IT_IS, WITHOUT] if sys.version_info < (3, 12) else [AS_IT_IS])
def test_no_helper_process_outlives_the_daemon(otherwise: str, expected: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHECK, COMMAND.format(otherwise=otherwise)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def reported(failing: Callable[[], object]) -> None:
    """Report what a process would that ends with an exception."""
    try:
        failing()
    except OSError as error:
        report_unless_stopped(type(error), error, error.__traceback__)


def test_worker_that_starts_as_its_daemon_stops_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    gone = multiprocessing.synchronize.SemLock.__new__(multiprocessing.synchronize.SemLock)
    reported(lambda: gone.__setstate__((0, 1, 1, "/gone-with-the-daemon")))
    assert capsys.readouterr().err == ""
    reported(lambda: os.stat("/no/such/file"))  # noqa: PTH116 - any other call that finds no file
    assert "FileNotFoundError" in capsys.readouterr().err
