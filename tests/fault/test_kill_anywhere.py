"""Rows 1 and 11 of etc/doc/faults.md: a kill, or an error, at every system call that changes the disk for a job.

strace counts the calls of an undisturbed run, then disturbs one run at each of them. The next daemon must end with exactly one complete
result, or with the file in `failed/`, as the undisturbed run does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from spool_oracle import ROOT, STUB, Places, check_published, check_tidy

CALLS = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,write,ftruncate"
SIDECAR = b'{"motion": "dab"}'
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.001", "PYTHONDONTWRITEBYTECODE": "1"}
RECOVER = "import sys; sys.path.insert(0, sys.argv[1]); import stub_daemon; [stub_daemon.main(root, '--drain') for root in sys.argv[2:]]"


def trace(root: Path, trace: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS}", *options, sys.executable, str(STUB), str(root), "--drain"]
    return subprocess.run(command, env=ENVIRON, capture_output=True, timeout=60, check=False)


def drop_file(root: Path, content: bytes) -> Path:
    for folder in ("inbox", "outbox", "failed", "spool/work", "spool/done", "spool/status"):
        (root / folder).mkdir(parents=True)
    (root / "inbox" / "garlic.json").write_bytes(SIDECAR)
    (root / "inbox" / "garlic.jpg").write_bytes(content)
    return root


def points(trace: Path) -> list[tuple[str, int]]:
    """Every system call of the main thread from the claim on, with its number among calls of the same name."""
    lines = [line.split(maxsplit=1) for line in trace.read_text(errors="replace").splitlines()]
    main = lines[0][0]
    counts: Counter[str] = Counter()
    found, is_claiming = [], False
    for thread, call in lines:
        name = re.match(r"[a-z0-9]+(?=\()", call)
        if thread != main or name is None:
            continue
        counts[name[0]] += 1
        is_claiming = is_claiming or ("/spool/work/" in call and name[0] == "mkdir" and "/.new-" not in call)
        if is_claiming:
            found.append((name[0], counts[name[0]]))
    return found


pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def run_disturbed(folder: Path, content: bytes, injection: str, calls: str = CALLS) -> tuple[dict[str, int], list[Path]]:
    """Run a daemon for each call, disturbed there, and then one more on each root; returns exit statuses and roots."""
    clean = trace(drop_file(folder / "clean", content), folder / "trace")
    if b"ptrace" in clean.stderr:
        pytest.skip("ptrace is forbidden here")
    assert clean.returncode == 0, clean.stderr.decode()
    wanted = [(call, number) for call, number in points(folder / "trace") if call in calls.split(",")]
    roots = [folder / f"{call}-{number}" for call, number in wanted]

    def run_daemon(root: Path, call: str, number: int) -> int:
        drop_file(root, content)
        return trace(root, folder / f"{root.name}.trace", "-e", f"inject={call}:{injection}:when={number}").returncode

    with ThreadPoolExecutor(os.cpu_count()) as several:
        ends = list(several.map(lambda root, kill: run_daemon(root, *kill), roots, wanted))
    command = [sys.executable, "-c", RECOVER, str(STUB.parent), *map(str, roots)]
    recovered = subprocess.run(command, env=ENVIRON, capture_output=True, timeout=120, check=False)
    assert recovered.returncode == 0, recovered.stderr.decode()
    return {root.name: end for root, end in zip(roots, ends, strict=True)}, roots


@pytest.mark.parametrize("content", [b"a drawing", b"refuse this"])
def test_kill_at_any_call_loses_and_doubles_nothing(tmp_path: Path, content: bytes) -> None:
    ends, roots = run_disturbed(tmp_path, content, "signal=SIGKILL")
    assert len(ends) > 25
    assert all(ends.values()), ends
    for root in roots:
        check_ending(root, content)


def test_single_disk_error_only_delays(tmp_path: Path) -> None:
    ends, roots = run_disturbed(tmp_path, b"a drawing", "error=EIO", "fsync,linkat,rename,renameat")
    assert len(ends) > 12
    assert set(ends.values()) <= {0, 75}, ends
    for root in roots:
        check_ending(root, b"a drawing")


def check_ending(root: Path, content: bytes) -> None:
    places = Places(root)
    check_tidy(root)
    if content.startswith(b"refuse"):
        reason = places.failed("garlic.jpg")
        assert reason is not None, root.name
        assert reason["error_type"] == "no_figure"
        assert (root / "failed" / "garlic.jpg").read_bytes() == content
        assert (root / "failed" / "garlic.jpg.options.json").read_bytes() == SIDECAR
        assert len(list((root / "failed").iterdir())) == 3
    else:
        check_published(root, "garlic.jpg", content)
        assert {path.name for path in (root / "outbox").iterdir()} == {"garlic.gif", "garlic.json"}
