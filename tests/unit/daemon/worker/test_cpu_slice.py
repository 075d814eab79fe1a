"""Short CPU time slices, as the running kernel grants them."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemon.worker.cpu_slice import SHORT_NS, request_default_slices, request_short_slices

LISTENING_SINCE = (6, 12)
GET_CALLS = {"x86_64": 315, "aarch64": 275, "riscv64": 275}
ATTRIBUTES = "=IIQiIQQQ"


def granted() -> tuple[int, int]:
    """Niceness and slice of this thread, read from the kernel."""
    attributes = ctypes.create_string_buffer(struct.calcsize(ATTRIBUTES))
    assert ctypes.CDLL(None).syscall(GET_CALLS[platform.machine()], 0, attributes, len(attributes), 0) == 0
    _, _, _, niceness, _, slice_ns, _, _ = struct.unpack(ATTRIBUTES, attributes.raw)
    return niceness, slice_ns


def on_a_thread_of_its_own(niceness: int = 0) -> list[tuple[int, int]]:
    def asks() -> list[tuple[int, int]]:
        os.nice(niceness)
        request_default_slices()  # an earlier test in this process may have requested short ones
        usual = granted()
        assert request_short_slices()
        short = granted()
        with ThreadPoolExecutor(1) as thread:
            inherited = thread.submit(granted).result()
        assert request_default_slices()
        return [usual, short, inherited, granted()]

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asks).result()


@pytest.mark.skipif(platform.machine() not in GET_CALLS, reason="the number of the system call is not known here")
def test_kernel_grants_short_slices_and_changes_nothing_else() -> None:
    usual, short, inherited, again = on_a_thread_of_its_own(niceness=1)
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    assert short == inherited == ((usual[0], SHORT_NS) if release >= LISTENING_SINCE else usual)
    assert again == usual


def test_unknown_architecture_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    assert not request_short_slices()


def test_other_scheduling_policy_is_kept() -> None:
    program = (
        "import os; from daemon.worker.cpu_slice import *; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0));"
        "print(request_short_slices(), os.sched_getscheduler(0) == os.SCHED_BATCH)"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert printed.stdout.split() == ["False", "True"]
