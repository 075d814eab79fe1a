"""Rows 1 and 11 of etc/doc/faults.md: a kill, or an error, at every system call that changes the disk for a job.

The next daemon must end with exactly one complete result, or with the file in `failed/`, as the undisturbed run does.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fault.disturbed import NEEDS_STRACE, SIDECAR, drop_file, run_disturbed
from spool_oracle import Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon

pytestmark = NEEDS_STRACE


@pytest.mark.parametrize("content", [b"a drawing", b"refuse this", b"doubtful"])
def test_kill_at_any_call_loses_and_doubles_nothing(tmp_path: Path, content: bytes) -> None:
    ends, roots = run_disturbed(tmp_path, content, "signal=SIGKILL")
    assert len(ends) > 25
    assert all(ends.values()), ends
    for root in roots:
        check_ending(root, content)


@pytest.mark.parametrize("content", [b"a drawing", b"doubtful"])
def test_single_disk_error_only_delays(tmp_path: Path, content: bytes) -> None:
    ends, roots = run_disturbed(tmp_path, content, "error=EIO", "fsync,linkat,rename,renameat")
    assert len(ends) > 12
    assert set(ends.values()) <= {0, 75}, ends
    for root in roots:
        check_ending(root, content)


@pytest.mark.parametrize(("injection", "calls"), [("signal=SIGKILL", None), ("error=EIO", "fsync,linkat,renameat2")])
def test_duplicate_is_published_once_beside_its_original(tmp_path: Path, injection: str, calls: str | None) -> None:
    """With `inbox.duplicates = "link"`: its files are the original's, or copies of them."""
    content, first = b"a drawing", tmp_path / "first"
    with SteppedDaemon.opened(first) as daemon:
        drop_file(first, content)
        daemon.run(1000.0)
    _, roots = run_disturbed(tmp_path, content, injection, **({"calls": calls} if calls else {}), earlier=first)
    assert len(roots) > 8
    for root in roots:
        check_tidy(root)
        outbox = root / "outbox"
        assert {path.name for path in outbox.iterdir()} == {"garlic.gif", "garlic.json", "garlic-2.gif", "garlic-2.json"}, root.name
        assert [(outbox / name).read_bytes() for name in ("garlic.gif", "garlic-2.gif")] == [content, content]
        assert Places(root).kept() == [content, content]


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
    elif content.startswith(b"doubt"):
        reason = places.reviewed("garlic.jpg")
        assert reason is not None, root.name
        assert (reason["name"], reason["sidecar"]) == ("garlic.jpg", "garlic.json")
        place = root / "review" / "garlic.jpg"
        assert (place / "drawing.jpg").read_bytes() == content
        assert (place / "options.json").read_bytes() == SIDECAR
        assert len(list((root / "review").iterdir())) == 1
        assert not places.manifests()
    else:
        check_published(root, "garlic.jpg", content)
        assert {path.name for path in (root / "outbox").iterdir()} == {"garlic.gif", "garlic.json"}
