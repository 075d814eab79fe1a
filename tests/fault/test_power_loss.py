"""Row 2 of etc/doc/faults.md: the power fails at any moment, and any data that was not fsynced may be lost.

strace records a real run; tests/power_loss.py computes what the disk may contain after each of its calls. The next daemon must end with
exactly one complete result from each of these states, and from those that a power cut during its own recovery leaves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fault.stub_daemon import FIGURE
from power_loss import CALLS, Recording, State, put
from spool_oracle import ROOT, STUB, Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon

CONTENT = {"published": b"a drawing", "refused": b"refuse this", "forgotten": b"a drawing", "doubtful": b"doubtful"}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "published": {},
    "refused": {},
    "doubtful": {},
    "forgotten": {"storage": {"retention_h": 0, "reserve_mb": 0}},
}
SIDECAR = b'{"motion": "dab"}'
BORING = r"\.probe-|/status/"
"""Calls of the start, and of the status file, on which nothing depends."""

MAX_A_CUT = 128

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip fsync: recoveries run in this process, whose power does not fail."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def drop_file(root: Path, content: bytes) -> None:
    for folder in ("inbox/dab", "outbox", "failed", "spool/work", "spool/done", "spool/status"):
        (root / folder).mkdir(parents=True)
    (root / "inbox" / "dab" / "garlic.json").write_bytes(SIDECAR)
    (root / "inbox" / "dab" / "garlic.jpg").write_bytes(content)


def record_run(root: Path, ending: str) -> Recording:
    """Record a daemon that runs on a root until its work is done."""
    before, trace = root.with_name(f"{root.name}.before"), root.with_name(f"{root.name}.trace")
    shutil.copytree(root, before)
    command = ["strace", "-f", "-qq", "-y", "-s", "99999", "-o", str(trace), "-e", f"trace={CALLS}"]
    retention = str(SETTINGS[ending].get("storage", {}).get("retention_h", 1))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_DEBOUNCE_S": "0.001", "DOODLED_STORAGE_RETENTION_H": retention}
    command += [sys.executable, str(STUB), str(root), "--drain"]
    process = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
    if b"ptrace" in process.stderr:
        pytest.skip("ptrace is forbidden here")
    assert process.returncode == 0, process.stderr.decode()
    check_ending(root, ending)
    return Recording(root, before, trace.read_text())


def litter(root: Path) -> list[Path]:
    """Files of daemons that died while they started; the next daemon may keep them for an hour."""
    return [path for name in (".probe-*", ".new-*") for path in root.rglob(name)]


def check_ending(root: Path, ending: str) -> None:
    """The oracle, after a daemon had enough time."""
    places, content = Places(root), CONTENT[ending]
    assert not litter(root)
    check_tidy(root)
    if ending == "refused":
        assert {path.name: path.read_bytes() for path in (root / "failed").iterdir() if not path.name.endswith(".error.json")} == {
            "garlic.jpg": content,
            "garlic.jpg.options.json": SIDECAR,
        }
        reason = places.failed("garlic.jpg")
        assert reason is not None
        assert reason["error_type"] == "no_figure"
        assert not places.manifests()
        return
    assert not list((root / "failed").iterdir())
    if ending == "doubtful":
        assert places.reviewed("garlic.jpg") is not None
        assert {path.name for path in (root / "review").iterdir()} == {"garlic.jpg"}
        assert (root / "review" / "garlic.jpg" / "drawing.jpg").read_bytes() == content
        assert (root / "review" / "garlic.jpg" / "options.json").read_bytes() == SIDECAR
        assert not places.manifests()
        return
    assert {str(path.relative_to(root / "outbox")) for path in (root / "outbox").rglob("*.*")} == {"dab/garlic.gif", "dab/garlic.json"}
    if ending == "published":
        check_published(root, "garlic.jpg", content)
        assert [path.read_bytes() for path in root.glob("spool/done/*/sidecar.json")] == [SIDECAR]
    else:
        assert len(places.published(content)) == 1
        assert not list((root / "spool" / "done").iterdir())


def check_at_once(state: State) -> None:
    """Invariants before any recovery: no manifest without its files, no failed file without its reason."""
    files = {path: content for path, _, content in state if content is not None}
    for path, content in files.items():
        if path.startswith("outbox/") and path.endswith(".json"):
            folder = path.rpartition("/")[0]
            for output in json.loads(content)["outputs"]:
                assert hashlib.sha256(files[f"{folder}/{output['file']}"]).hexdigest() == output["sha256"]
        if path == "review/garlic.jpg/review.json":
            assert files["review/garlic.jpg/drawing.jpg"] == CONTENT["doubtful"]
            assert files["review/garlic.jpg/options.json"] == SIDECAR
            assert files["review/garlic.jpg/figure_1/char_cfg.yaml"] == FIGURE
        if path == "failed/garlic.jpg":
            assert json.loads(files["failed/garlic.jpg.error.json"])["error_type"] == "no_figure"


def check_recovered(folder: Path, states: Mapping[State, str], ending: str) -> None:
    """Write each state to a disk, run a daemon on it, and check the result."""
    problems = []
    for number, (state, cut) in enumerate(states.items()):
        root = folder / str(number)
        try:
            check_at_once(state)
            put(state, root)
            for path in litter(root):
                os.utime(path, (1e9, 1e9))
            with SteppedDaemon.opened(root, SETTINGS[ending]) as daemon:
                daemon.run(1000.0)
            check_ending(root, ending)
        except (AssertionError, OSError, KeyError, ValueError) as error:
            problems.append(f"{cut}:\n    {type(error).__name__}: {error}"[:2000])
        shutil.rmtree(root, ignore_errors=True)
    assert not problems, f"{len(problems)} of {len(states)} states:\n" + "\n".join(problems[:5])


@pytest.mark.parametrize("ending", list(CONTENT))
@pytest.mark.usefixtures("quick_disk")
def test_power_cut_anywhere_ends_in_one_result(tmp_path: Path, ending: str) -> None:
    root = tmp_path / "root"
    drop_file(root, CONTENT[ending])
    states = record_run(root, ending).states(max_a_cut=MAX_A_CUT, boring=BORING)
    assert len(states) > 60
    check_recovered(tmp_path / "states", states, ending)


@pytest.mark.parametrize("ending", ["published", "refused", "doubtful"])
@pytest.mark.usefixtures("quick_disk")
def test_power_cut_during_recovery_ends_in_one_result(tmp_path: Path, ending: str) -> None:
    root = tmp_path / "root"
    drop_file(root, CONTENT[ending])
    recording = record_run(root, ending)
    reached = {
        "published": r"fsync\(\d+<.*/manifest\.json>\)",
        "refused": r'rename\w*\(.*error\.json"\)',
        "doubtful": r'rename\w*\(.*review\.json"\)',
    }[ending]
    late = [cut for cut in recording.cuts if re.match(reached, cut.after.partition(" = ")[0])]
    state = recording.state(late[0], ())
    assert state is not None
    second = tmp_path / "second"
    put(state, second)
    check_recovered(tmp_path / "states", record_run(second, ending).states(max_a_cut=16, boring=BORING), ending)
