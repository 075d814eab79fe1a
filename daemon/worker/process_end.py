"""The end of processes: a command's, without Python's teardown; children's, with their parent; multiprocessing's helpers', with ours.

Python 3.11 leaves its fork server and resource tracker alone at the exit, and systemd logs a process that it finds after the main one as
killed (SIGKILL). There is no public function for it; tests/unit/daemon/worker/test_process_end.py fails when Python names them otherwise.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final

SERVER_MODULE: Final = "multiprocessing.forkserver"
TRACKER_MODULE: Final = "multiprocessing.resource_tracker"
_PR_SET_PDEATHSIG: Final = 1


@contextmanager
def skip_teardown() -> Iterator[None]:
    """If the block raises SystemExit, leave with its status once the atexit callbacks registered inside the block have been called.

    Python would take another 0.1 s to free modules, models and OpenGL's driver one by one, which the kernel does at once. Only for the
    outermost frame of a process: if a caller catches the SystemExit, the process still ends with its status.
    """
    status: list[int] = []
    atexit.register(_leave, status)  # what is registered first is called last
    try:
        yield
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            status.append(leaving.code or 0)
        raise


def _leave(status: list[int]) -> None:
    if not status:  # an exception or a signal, which Python reports after this
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError:  # Python reports that, too
        return
    os._exit(status[0] & 0xFF)


def die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends (prctl(2)); a parent that is dead already does nothing."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_multiprocessing() -> None:
    """Stop multiprocessing's fork server and resource tracker, and wait for their end.

    Call it after multiprocessing's own cleanup, whose semaphores the tracker removes.
    """
    # The server comes first: it reports to the tracker, which ends only when no process has its pipe open.
    for module, helper in ((SERVER_MODULE, "_forkserver"), (TRACKER_MODULE, "_resource_tracker")):
        if module in sys.modules:
            with suppress(ChildProcessError, FileNotFoundError):  # it has been waited for; its socket has been removed
                getattr(sys.modules[module], helper)._stop()  # noqa: SLF001 - there is no public function


def report_unless_stopped(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that ended a process (sys.excepthook), unless its daemon stopped while it started: its semaphores are gone."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    module = last.tb_frame.f_globals["__name__"] if last is not None else ""
    if kind is not FileNotFoundError or module != "multiprocessing.synchronize":
        sys.__excepthook__(kind, error, trace)
