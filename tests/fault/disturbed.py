"""Runs of a daemon that are disturbed at each system call that changes the disk for a job, and then recovered.

strace counts the calls of an undisturbed run, then disturbs one run at each of them.
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
from spool_oracle import ROOT, STUB

CALLS = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,write,ftruncate"
SIDECAR = b'{"motion": "dab"}'
RECOVER = "import sys; sys.path.insert(0, sys.argv[1]); import stub_daemon; [stub_daemon.main(root, '--drain') for root in sys.argv[2:]]"


def environ() -> dict[str, str]:
    ours = {"PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.001", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **ours, "DOODLED_INBOX_DUPLICATES": "link"}


def trace(root: Path, trace: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS}", *options, sys.executable, str(STUB), str(root), "--drain"]
    return subprocess.run(command, env=environ(), capture_output=True, timeout=60, check=False)


def drop_file(root: Path, content: bytes, earlier: Path | None = None) -> Path:
    if earlier is not None:
        shutil.copytree(earlier, root, symlinks=True)
    for folder in ("inbox", "outbox", "failed", "spool/work", "spool/done", "spool/status"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "inbox" / "garlic.json").write_bytes(SIDECAR)
    (root / "inbox" / "garlic.jpg").write_bytes(content)
    return root


def points(trace: Path, *, threads: bool = False) -> list[tuple[str, int]]:
    """Every system call of the main thread, or of any, from the claim on, with its number among calls of this thread and name."""
    lines = [line.split(maxsplit=1) for line in trace.read_text(errors="replace").splitlines()]
    main = lines[0][0]
    counts: Counter[tuple[str, str]] = Counter()
    found, is_claiming = [], False
    for thread, call in lines:
        name = re.match(r"[a-z0-9]+(?=\()", call)
        if name is None or not (threads or thread == main):
            continue
        counts[thread, name[0]] += 1
        is_claiming = is_claiming or ("/spool/work/" in call and name[0] == "mkdir" and "/.new-" not in call)
        if is_claiming:
            found.append((name[0], counts[thread, name[0]]))
    return list(dict.fromkeys(found))


NEEDS_STRACE = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def run_disturbed(
    folder: Path, content: bytes, injection: str, calls: str = CALLS, *, threads: bool = False, earlier: Path | None = None
) -> tuple[dict[str, int], list[Path]]:
    """Run a daemon for each call, disturbed there, and then one more on each root; returns exit statuses and roots.

    Args:
        earlier: a root with results of earlier drawings, of which each daemon gets a copy.
    """
    clean = trace(drop_file(folder / "clean", content, earlier), folder / "trace")
    if b"ptrace" in clean.stderr:
        pytest.skip("ptrace is forbidden here")
    assert clean.returncode == 0, clean.stderr.decode()
    wanted = [(call, number) for call, number in points(folder / "trace", threads=threads) if call in calls.split(",")]
    roots = [folder / f"{call}-{number}" for call, number in wanted]

    def run_daemon(root: Path, call: str, number: int) -> int:
        drop_file(root, content, earlier)
        return trace(root, folder / f"{root.name}.trace", "-e", f"inject={call}:{injection}:when={number}").returncode

    with ThreadPoolExecutor(os.cpu_count()) as several:
        ends = list(several.map(lambda root, kill: run_daemon(root, *kill), roots, wanted))
    command = [sys.executable, "-c", RECOVER, str(STUB.parent), *map(str, roots)]
    recovered = subprocess.run(command, env=environ(), capture_output=True, timeout=120, check=False)
    assert recovered.returncode == 0, recovered.stderr.decode()
    return {root.name: end for root, end in zip(roots, ends, strict=True)}, roots
