"""What workers print: it is copied to the worker's own stderr, and the last lines of a job are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
PROGRAM = """
import os, sys
from daemon.cluster.worker_output import MAX_LINES, WorkerOutput
output = WorkerOutput()
print("before", file=sys.stderr, flush=True)
output.last_lines()
output.begin()
os.system("echo of a child >&2; printf 'not ended' >&2")
assert output.last_lines() == ["of a child", "not ended"], output.last_lines()
for number in range(100):
    print(number, "x" * 1000, file=sys.stderr, flush=True)
lines = output.last_lines()
assert len(lines) == MAX_LINES and lines[-1].startswith("99 ") and len(lines[-1]) == 500
"""


def test_keeps_the_last_lines_and_copies_all() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [line[:10] for line in done.stderr.splitlines()][:3] == ["before", "of a child", "not ended"]
    assert "\0" not in done.stderr
    assert len(done.stderr.splitlines()) == 103


RACING = """
import os, sys
from daemon.cluster.worker_output import WorkerOutput
sys.setswitchinterval(1e-6)
output = WorkerOutput()
for number in range(1000):
    output.begin()
    os.write(2, b"first\\nline %d\\n" % number)
    assert output.last_lines() == ["first", f"line {number}"], number
"""


def test_no_line_is_missed_between_pipe_and_copy() -> None:
    """Lines that the copying thread had just taken out of the pipe, once in sixty times with threads that change so often."""
    done = subprocess.run([sys.executable, "-c", RACING], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-300:]
