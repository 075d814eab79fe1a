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
