"""Row 27 of etc/doc/faults.md: files of the spool that are JSON, but not what a daemon writes.

tests/benchmarks/fuzz_sidecars.py found these cases.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from spool_oracle import Places, check_published, check_tidy
from stepped_daemon import SteppedDaemon

from daemon.files.durable import write_durably
from daemon.spool.job_folder import Job
from daemon.spool.quarantine import failed_drawings
from daemon.spool.spool import Spool

CONTENT = b"a drawing"
OUTPUT = {"result": "0000.gif", "label": [], "file": "drawing.gif"}


def leave_job_of_dead_daemon(root: Path, name: str, fields: dict[str, Any]) -> None:
    """A claimed drawing, one of whose files has other or additional content."""
    with Spool.open(root) as spool:
        (root / "inbox" / "drawing.png").write_bytes(CONTENT)
        job = spool.claim("drawing.png", (), is_folder=False, sidecar=None, now_s=2e9)
        assert job is not None
        job_folder = spool.path(job)
        known = json.loads((job_folder / name).read_bytes()) if (job_folder / name).exists() else {}
        write_durably(job_folder, name, json.dumps({**known, **fields}).encode())


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {"outputs": "../../../x", "manifest": "drawing.json"},
        {"outputs": [OUTPUT], "manifest": "../drawing.json"},
        {"outputs": [{**OUTPUT, "file": "../../drawing.gif"}], "manifest": "drawing.json"},
        {"outputs": [{**OUTPUT, "result": "../source"}], "manifest": "drawing.json"},
        {"outputs": [{**OUTPUT, "label": ["../.."]}], "manifest": "drawing.json"},
        {"outputs": [{**OUTPUT, "file": 5}], "manifest": "drawing.json"},
    ],
)
def test_renders_again_after_damaged_manifest(tmp_path: Path, manifest: dict[str, Any]) -> None:
    root = tmp_path / "root"
    leave_job_of_dead_daemon(root, "manifest.json", manifest)
    check_ending(root)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "../drawing.png"},
        {"name": None},
        {"folder": [".."]},
        {"folder": [5]},
        {"sidecar": "../../x.json"},
        {"attempts": "1"},
        {"recoveries": None},
        {"is_folder": 0},
        {"claimed_at_s": "now"},
        {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
    ],
)
def test_job_with_damaged_file_gets_new_name(tmp_path: Path, fields: dict[str, Any]) -> None:
    root = tmp_path / "root"
    leave_job_of_dead_daemon(root, "job.json", fields)
    check_ending(root)


def check_ending(root: Path) -> None:
    with SteppedDaemon.opened(root) as daemon:
        daemon.run(60.0)
    check_published(root, "drawing.png", CONTENT)
    check_tidy(root)
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_error_file_without_valid_name_is_rewritten(tmp_path: Path) -> None:
    root = tmp_path / "root"
    leave_job_of_dead_daemon(root, "error.json", {"file": "../../drawing.png"})
    check_ending(root)
    assert not list(Places(root).root.glob("failed/*"))


def test_retry_never_leaves_inbox(tmp_path: Path) -> None:
    (tmp_path / "drawing.png").write_bytes(CONTENT)
    for reason in ({"name": "../x.png"}, {"folder": [".."]}, {"folder": "x/y"}, {"sidecar": "../x.json"}):
        (tmp_path / "drawing.png.error.json").write_text(json.dumps(reason))
        assert [one.reason for one in failed_drawings(tmp_path)] == [{}]


def test_deeply_nested_json_is_damage() -> None:
    with pytest.raises(ValueError, match="too deep"):
        Job.from_json(b"[" * 100_000)
