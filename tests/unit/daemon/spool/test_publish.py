"""Publishing: names, no replacement, no repetition, and nothing left of failed attempts."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from claimed_jobs import claim_file, names_below, write_results

from daemon.spool import publish as publishing
from daemon.spool.publish import finish_publishing, publish
from daemon.spool.spool import Spool
from pipeline.errors import OutputFailed


def test_result_has_the_name_of_its_drawing_and_is_in_the_manifest(spool: Spool) -> None:
    job = claim_file(spool, folder=("dab",))
    named = publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
    folder = spool.layout.outbox / "dab"
    assert (folder / "garlic.gif").read_bytes() == b"GIF"
    assert json.loads((folder / "garlic.json").read_text()) == named
    assert named["manifest"] == "garlic.json"
    assert named["outputs"] == [{"result": "0000.gif", "label": [], "format": "gif", "file": "garlic.gif"}]
    assert named["source"] == {"name": "garlic.png"}


def test_labels_distinguish_results(spool: Spool) -> None:
    job = claim_file(spool)
    publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"one", b"two"))
    assert names_below(spool.layout.outbox) == ["garlic.1.gif", "garlic.2.gif", "garlic.json"]
    assert (spool.layout.outbox / "garlic.2.gif").read_bytes() == b"two"


@pytest.mark.parametrize("taken", ["garlic.gif", "garlic.json"])
def test_taken_name_gets_a_number_for_all_files(spool: Spool, taken: str) -> None:
    (spool.layout.outbox / taken).write_bytes(b"somebody's")
    (spool.layout.outbox / "garlic-2.gif").symlink_to("nowhere")
    job = claim_file(spool)
    named = publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
    assert named["outputs"][0]["file"] == "garlic-3.gif"
    assert names_below(spool.layout.outbox) == sorted([taken, "garlic-2.gif", "garlic-3.gif", "garlic-3.json"])
    assert (spool.layout.outbox / taken).read_bytes() == b"somebody's"


def test_fails_if_every_name_is_taken(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MAX_SUFFIXES", 2)
    for name in ("garlic.json", "garlic-2.json"):
        (spool.layout.outbox / name).touch()
    job = claim_file(spool)
    with pytest.raises(OutputFailed, match="taken"):
        publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
    (spool.layout.outbox / "garlic-2.json").unlink()
    assert publish(spool.layout.outbox, spool.path(job), job, {"outputs": []})["manifest"] == "garlic-2.json"


def test_manifest_appears_after_media_are_durable(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    link, sync = publishing.link, os.fsync

    def linked(source: Path, name: str, folder: int) -> bool:
        happened.append(name)
        return link(source, name, folder)

    def synced(file: int) -> None:
        if os.path.samestat(os.fstat(file), spool.layout.outbox.stat()):
            happened.append("fsync")
        sync(file)

    job = claim_file(spool)
    manifest = write_results(spool, job, b"one", b"two")
    monkeypatch.setattr(publishing, "link", linked)
    monkeypatch.setattr(os, "fsync", synced)
    publish(spool.layout.outbox, spool.path(job), job, manifest)
    assert happened == ["garlic.1.gif", "garlic.2.gif", "fsync", "garlic.json", "fsync"]


@pytest.mark.parametrize("name", ["garlic.gif", "garlic.json"])
def test_does_not_replace_file_that_appears_meanwhile(spool: Spool, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    link = publishing.link

    def late(source: Path, wanted: str, folder: int) -> bool:
        if wanted == name:
            (spool.layout.outbox / name).write_bytes(b"somebody's")
        return link(source, wanted, folder)

    job = claim_file(spool)
    manifest = write_results(spool, job, b"GIF")
    monkeypatch.setattr(publishing, "link", late)
    publish(spool.layout.outbox, spool.path(job), job, manifest)
    assert names_below(spool.layout.outbox) == sorted([name, "garlic-2.gif", "garlic-2.json"])
    assert (spool.layout.outbox / name).read_bytes() == b"somebody's"
    assert json.loads((spool.path(job) / "manifest.json").read_text())["manifest"] == "garlic-2.json"


@pytest.mark.parametrize("name", ["garlic.1.gif", "garlic.2.gif", "garlic.json"])
def test_refusing_disk_leaves_nothing_and_next_attempt_uses_the_same_names(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    link = publishing.link

    def refuses(source: Path, wanted: str, folder: int) -> bool:
        if wanted == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return link(source, wanted, folder)

    job = claim_file(spool)
    manifest = write_results(spool, job, b"one", b"two")
    monkeypatch.setattr(publishing, "link", refuses)
    with pytest.raises(OSError, match="No space"):
        publish(spool.layout.outbox, spool.path(job), job, manifest)
    assert names_below(spool.layout.outbox) == []
    monkeypatch.undo()
    publish(spool.layout.outbox, spool.path(job), job, manifest)
    assert names_below(spool.layout.outbox) == ["garlic.1.gif", "garlic.2.gif", "garlic.json"]


# --- taken over ------------------------------------------------------------------------------------------------------


def begun(spool: Spool, *contents: bytes) -> tuple[Path, dict[str, object]]:
    """A job whose manifest is written and that has no links yet; its folder and manifest."""
    job = claim_file(spool)
    named = publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, *contents))
    for path in spool.layout.outbox.iterdir():
        path.unlink()
    return spool.path(job), named


def test_finishes_under_the_names_in_the_manifest(spool: Spool) -> None:
    job_folder, named = begun(spool, b"one", b"two")
    os.link(job_folder / "result" / "0000.gif", spool.layout.outbox / "garlic.1.gif")
    assert finish_publishing(spool.layout.outbox, job_folder, claim_file(spool)) == named
    assert names_below(spool.layout.outbox) == ["garlic.1.gif", "garlic.2.gif", "garlic.json"]


def test_does_not_publish_again_after_results_were_moved_away(spool: Spool, tmp_path: Path) -> None:
    """The manifest had a second link, so everything was published."""
    job_folder, named = begun(spool, b"GIF")
    os.link(job_folder / "manifest.json", tmp_path / "fetched.json")
    assert finish_publishing(spool.layout.outbox, job_folder, claim_file(spool)) == named
    assert names_below(spool.layout.outbox) == []


def test_finishes_under_another_name_if_taken_meanwhile(spool: Spool) -> None:
    job_folder, _ = begun(spool, b"GIF")
    (spool.layout.outbox / "garlic.gif").write_bytes(b"somebody's")
    named = finish_publishing(spool.layout.outbox, job_folder, claim_file(spool))
    assert named["manifest"] == "garlic-2.json"
    assert names_below(spool.layout.outbox) == ["garlic-2.gif", "garlic-2.json", "garlic.gif"]


GOOD = {"manifest": "garlic.json", "outputs": [{"result": "0000.gif", "file": "garlic.gif", "label": ["dab"]}]}


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        {**GOOD, "outputs": {}},
        {**GOOD, "outputs": ["garlic.gif"]},
        {**GOOD, "outputs": [{"result": "0000.gif", "file": "garlic.gif"}]},
        {**GOOD, "outputs": [{**GOOD["outputs"][0], "label": [".."]}]},  # type: ignore[dict-item]
        {**GOOD, "outputs": [{**GOOD["outputs"][0], "file": "../garlic.gif"}]},  # type: ignore[dict-item]
        {**GOOD, "outputs": [{**GOOD["outputs"][0], "result": "/etc/passwd"}]},  # type: ignore[dict-item]
        {**GOOD, "manifest": "../garlic.json"},
        {**GOOD, "manifest": None},
    ],
)
def test_publishes_nothing_of_damaged_manifest(spool: Spool, manifest: dict[str, object]) -> None:
    job_folder, _ = begun(spool, b"GIF")
    (job_folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="manifest"):
        finish_publishing(spool.layout.outbox, job_folder, claim_file(spool))
    assert names_below(spool.layout.outbox) == []
    (job_folder / "manifest.json").write_text(json.dumps(GOOD))
    assert finish_publishing(spool.layout.outbox, job_folder, claim_file(spool, "b.png")) == GOOD


def test_replaces_manifest_of_earlier_attempt(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    job = claim_file(spool)
    manifest = write_results(spool, job, b"GIF")
    (spool.path(job) / "manifest.json").write_bytes(b"{half of o")
    made: list[tuple[Path, str]] = []
    create = publishing.create_durably

    def created(folder: Path, name: str, content: bytes) -> None:
        made.append((folder, name))
        create(folder, name, content)

    monkeypatch.setattr(publishing, "create_durably", created)
    named = publish(spool.layout.outbox, spool.path(job), job, manifest)
    assert made == [(spool.path(job), "manifest.json")]
    assert json.loads((spool.path(job) / "manifest.json").read_text()) == named


def test_finishes_in_folder_that_was_removed(spool: Spool) -> None:
    job = claim_file(spool, folder=("dab",))
    named = publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
    for path in (spool.layout.outbox / "dab").iterdir():
        path.unlink()
    (spool.layout.outbox / "dab").rmdir()
    assert finish_publishing(spool.layout.outbox, spool.path(job), job) == named
    assert names_below(spool.layout.outbox) == ["dab/garlic.gif", "dab/garlic.json"]
