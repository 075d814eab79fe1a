"""Row 17 of etc/doc/faults.md with `inbox.duplicates`: the same drawing is dropped again."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spool_oracle import Places, check_tidy
from stepped_daemon import SteppedDaemon, drop

from daemon.settings import DuplicatePolicy, Settings, SettingsError, read_settings
from daemon.spool import originals
from daemon.spool.layout import Layout
from daemon.spool.originals import Originals

CONTENT = b"a drawing"


@pytest.fixture
def linking(tmp_path: Path) -> Iterator[SteppedDaemon]:
    with SteppedDaemon.opened(tmp_path, {"inbox": {"duplicates": "link"}}) as daemon:
        yield daemon
    check_tidy(tmp_path)


def drop_all(daemon: SteppedDaemon, root: Path, *names: str) -> list[dict[str, Any]]:
    """Drop the drawing under several names, one after the other; returns the manifests."""
    found = []
    for name in names:
        known = set(Places(root).manifests())
        drop(root, name, CONTENT)
        daemon.run(1000.0 * (1 + daemon.completion.done))
        (path,) = set(Places(root).manifests()) - known
        found.append(json.loads(path.read_text()))
    return found


def policies(daemon: SteppedDaemon) -> list[tuple[str, str]]:
    return [(record["original_job_id"], record["policy"]) for record in daemon.logged("job.duplicate")]


def inodes(root: Path, *names: str) -> set[int]:
    return {(root / "outbox" / name).stat().st_ino for name in names}


def test_links_results_of_first(tmp_path: Path, linking: SteppedDaemon) -> None:
    first, *others = drop_all(linking, tmp_path, "garlic.png", "copy.png", "dab/copy.png", "garlic.png")
    files = ("garlic.gif", "copy.gif", "dab/copy.gif", "garlic-2.gif")
    assert [(tmp_path / "outbox" / file).read_bytes() for file in files] == [CONTENT] * 4
    assert len(inodes(tmp_path, *files)) == 1
    assert policies(linking) == [(first["job_id"], "link")] * 3
    assert {manifest["duplicate_of"]["job_id"] for manifest in others} == {first["job_id"]}
    assert [manifest["source"]["name"] for manifest in others] == ["copy.png", "copy.png", "garlic.png"]
    assert len({manifest["job_id"] for manifest in (first, *others)}) == 4
    assert all("not animated again: garlic.json in the outbox" in manifest["notes"][-1] for manifest in others)
    assert Places(tmp_path).kept() == [CONTENT] * 4


def test_skips_what_is_published(tmp_path: Path) -> None:
    with SteppedDaemon.opened(tmp_path, {"inbox": {"duplicates": "skip"}}) as daemon:
        first, second = drop_all(daemon, tmp_path, "dab/garlic.png", "copy.png")
        assert policies(daemon) == [(first["job_id"], "skip")]
    assert second["outputs"] == []
    assert second["duplicate_of"] == {"job_id": first["job_id"], "folder": ["dab"], "manifest": "garlic.json"}
    assert sorted(path.name for path in (tmp_path / "outbox").iterdir()) == ["copy.json", "dab"]
    check_tidy(tmp_path)


def test_animates_again_once_results_are_gone(tmp_path: Path, linking: SteppedDaemon) -> None:
    first, _ = drop_all(linking, tmp_path, "garlic.png", "copy.png")
    for name in ("garlic.gif", "garlic.json"):
        (tmp_path / "outbox" / name).unlink()
    second, third = drop_all(linking, tmp_path, "other.png", "last.png")
    assert "duplicate_of" not in second
    assert third["duplicate_of"]["job_id"] == second["job_id"]  # from now on, this one counts
    assert policies(linking) == [(first["job_id"], "link"), (first["job_id"], "again"), (second["job_id"], "link")]
    assert len(inodes(tmp_path, "copy.gif", "other.gif")) == 2


@pytest.mark.parametrize("harm", ["bytes", "link", "folder", "fifo"])
def test_animates_again_if_results_were_changed(tmp_path: Path, linking: SteppedDaemon, harm: str) -> None:
    drop_all(linking, tmp_path, "garlic.png")
    result = tmp_path / "outbox" / "garlic.gif"
    result.unlink()
    match harm:
        case "bytes":
            result.write_bytes(bytes(len(CONTENT)))
        case "link":
            result.symlink_to("/etc/passwd")
        case "folder":
            result.mkdir()
        case "fifo":
            os.mkfifo(result)
    (second,) = drop_all(linking, tmp_path, "copy.png")
    assert "duplicate_of" not in second
    assert (tmp_path / "outbox" / "copy.gif").read_bytes() == CONTENT
    result.rmdir() if harm == "folder" else result.unlink()
    result.write_bytes(CONTENT)


@pytest.mark.parametrize("call", ["link", "exchange"])
def test_copies_where_links_are_impossible(tmp_path: Path, linking: SteppedDaemon, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    drop_all(linking, tmp_path, "garlic.png")
    link = os.link

    def refuse(*arguments: Any, **options: Any) -> None:
        if call == "link" and "src_dir_fd" not in options:
            return link(*arguments, **options)
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(*{"link": (os, "link"), "exchange": (originals, "exchange")}[call], refuse)
    (second,) = drop_all(linking, tmp_path, "copy.png")
    assert second["duplicate_of"]
    assert (tmp_path / "outbox" / "copy.gif").read_bytes() == CONTENT
    assert len(inodes(tmp_path, "garlic.gif", "copy.gif")) == 2


def test_duplicate_is_no_proof_that_workers_animate(tmp_path: Path, linking: SteppedDaemon) -> None:
    drop_all(linking, tmp_path, "garlic.png")
    assert linking.scheduler.self_test.are_proven
    linking.scheduler.self_test.are_proven = False
    drop_all(linking, tmp_path, "copy.png")
    assert not linking.scheduler.self_test.are_proven


def test_other_options_and_other_users_are_no_duplicates(tmp_path: Path, linking: SteppedDaemon) -> None:
    (first,) = drop_all(linking, tmp_path, "garlic.png")
    layout, sha256 = Layout(tmp_path), first["source"]["sha256"]
    assert Originals(layout, DuplicatePolicy.LINK, "").find(sha256, None) is not None
    assert Originals(layout, DuplicatePolicy.LINK, "").find(sha256, {"motions": ["dab"]}) is None
    assert Originals(layout, DuplicatePolicy.LINK, "anna").find(sha256, None) is None
    assert Originals(layout, DuplicatePolicy.LINK, "").find("0" * 64, None) is None


def test_needs_kept_sources() -> None:
    assert Settings().inbox.duplicates is DuplicatePolicy.AGAIN
    with pytest.raises(SettingsError, match=r'\[inbox\] duplicates = "skip" needs \[storage\] retention_h above 0'):
        read_settings(None, {"DOODLED_INBOX_DUPLICATES": "skip", "DOODLED_STORAGE_RETENTION_H": "0"})
