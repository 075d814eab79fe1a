"""Row 29 of etc/doc/faults.md: memory runs out. The kernel kills a worker; its job is retried and fails; other jobs continue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fault.test_daemon import ENVIRON, command, drop, events, running_daemon, until
from spool_oracle import Places, check_published, check_tidy

ROOM = 700 << 20
CONTROL_GROUPS = Path("/sys/fs/cgroup")
ENTER = "import os, sys; open(sys.argv[1], 'w').write('0'); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with little memory, of version 2 or 1 (cgroups(7))."""
    is_new = (CONTROL_GROUPS / "cgroup.controllers").exists()
    made = (CONTROL_GROUPS if is_new else CONTROL_GROUPS / "memory") / f"doodled-test-{os.getpid()}"
    try:
        if is_new:
            (CONTROL_GROUPS / "cgroup.subtree_control").write_text("+memory")
        made.mkdir()
        (made / ("memory.max" if is_new else "memory.limit_in_bytes")).write_text(str(ROOM))
        with suppress(OSError):
            (made / "memory.swap.max").write_text("0")
    except OSError as error:
        with suppress(OSError):
            made.rmdir()
        pytest.skip(f"control groups are forbidden here: {error}")
    yield made
    until(lambda: is_removed(made))


def is_removed(folder: Path) -> bool:
    with suppress(OSError):  # the kernel has not reaped all processes yet
        folder.rmdir()
    return not folder.exists()


def test_kernel_kills_only_the_worker_that_exhausts_memory(group: Path, tmp_path: Path) -> None:
    drop(tmp_path, "devour.png", b"devour")
    contents = [drop(tmp_path, f"fine{number}.png", b"fine %d" % number) for number in range(6)]
    enter = [sys.executable, "-c", ENTER, str(group / "cgroup.procs"), *command(tmp_path, "--pool", "--drain", 2)]
    environ = {**ENVIRON, "DOODLED_LOG_HEARTBEAT_S": "0.2"}
    done = subprocess.run(enter, env=environ, capture_output=True, timeout=100, check=False)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    reason = Places(tmp_path).failed("devour.png")
    assert reason is not None
    assert (reason["error_type"], reason["attempts"]) == ("oom", 3)
    assert [record["reason"] for record in events(records, "job.retried")] == ["oom", "oom"]
    for content in contents:
        check_published(tmp_path, "fine.png", content)
    check_tidy(tmp_path)


def test_kernel_prefers_to_kill_workers(tmp_path: Path) -> None:
    with running_daemon(tmp_path, "--pool") as daemon:
        drop(tmp_path, "drawing.png", b"hang")
        until(lambda: b"500\n" in scores(daemon.pid))
        assert Path(f"/proc/{daemon.pid}/oom_score_adj").read_bytes() == Path("/proc/self/oom_score_adj").read_bytes()


def scores(process: int) -> list[bytes]:
    """Scores of all processes below one."""
    found = []
    with suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            found += [Path(f"/proc/{child}/oom_score_adj").read_bytes(), *scores(int(child))]
    return found
