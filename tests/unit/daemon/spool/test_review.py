"""Drawings that wait for a person: put away whole, under a free name, and back into the inbox as they were or approved."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from claimed_jobs import claim_file, drop_file, names_below

from daemon.files import durable
from daemon.spool import review as reviewing
from daemon.spool.job_folder import ANNOTATIONS, Job
from daemon.spool.review import approve, discard_review, drawings_for_review, finish_review, hold_for_review, retry_review
from daemon.spool.spool import Spool
from pipeline.errors import OptionError

REASON = {"message": "quality 0.20", "figures": [{"folder": "figure_1", "quality": 0.2, "reasons": []}]}
WHOLE = ["drawing.png", "figure_1/char_cfg.yaml", "options.json", "review.json", "thumbnail.jpg"]


def annotated(
    spool: Spool, name: str = "garlic.png", sidecar: bytes | None = b'{"motion": "dab"}', folder: tuple[str, ...] = ("dab",)
) -> Job:
    job = claim_file(spool, name, folder=folder, sidecar=sidecar)
    figure = spool.path(job) / ANNOTATIONS / "figure_1"
    figure.mkdir(parents=True)
    (figure / "char_cfg.yaml").write_text("width: 9")
    (spool.path(job) / "thumbnail.jpg").write_text("thumbnail")
    return job


def put_away(spool: Spool, job: Job) -> str:
    return hold_for_review(spool.layout, spool.path(job), job, {"job_id": job.id, **REASON})


def reason_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "review.json").read_text())
    return found


def test_folder_has_drawing_sidecar_figures_and_reason(spool: Spool) -> None:
    job = annotated(spool)
    assert put_away(spool, job) == "garlic.png"
    folder = spool.layout.review / "garlic.png"
    assert names_below(folder) == WHOLE
    assert (folder / "drawing.png").read_bytes() == b"a drawing"
    reason = reason_in(folder)
    assert (reason["name"], reason["folder"], reason["sidecar"], reason["file"]) == ("garlic.png", ["dab"], "garlic.json", "drawing.png")
    assert reason["figures"] == REASON["figures"]
    (one,) = drawings_for_review(spool.layout.review)
    assert (one.name, one.job_id) == ("garlic.png", job.id)


def test_second_of_a_name_gets_a_number(spool: Spool) -> None:
    assert [put_away(spool, annotated(spool)) for _ in range(3)] == ["garlic.png", "garlic-2.png", "garlic-3.png"]
    assert reason_in(spool.layout.review / "garlic-2.png")["review"] == "garlic-2.png"


def test_name_that_is_taken_in_the_last_moment(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = reviewing.rename_without_replacing

    def late(source: Path, folder: int | None, name: str, review: int) -> None:
        if name == "garlic.png":
            (spool.layout.review / name).mkdir()
        rename(source, folder, name, review)

    monkeypatch.setattr(reviewing, "rename_without_replacing", late)
    assert put_away(spool, annotated(spool)) == "garlic-2.png"
    assert names_below(spool.layout.review / "garlic-2.png") == WHOLE
    assert reason_in(spool.layout.review / "garlic-2.png")["review"] == "garlic-2.png"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("figure_1", "drawing"),
        ("review.json.PNG", "drawing.png"),
        ("a.b c", "drawing"),
        (f"{'x' * 250}.png", "drawing.png"),
        (b"\xff.jpg".decode("utf-8", "surrogateescape"), "drawing.jpg"),
        ("a\n.jpeg", "drawing.jpeg"),
    ],
)
def test_any_name(spool: Spool, name: str, file: str) -> None:
    job = annotated(spool, name, sidecar=None)
    folder = spool.layout.review / put_away(spool, job)
    assert (folder / file).read_bytes() == b"a drawing"
    (one,) = drawings_for_review(spool.layout.review)
    assert retry_review(spool.layout, one) == spool.layout.inbox / "dab" / name


@pytest.mark.parametrize("call", ["write_durably", "rename", "link", "link_or_copy", "rename_without_replacing", "sync_folder"])
def test_refusing_disk_is_no_loss_and_can_be_finished(spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    job = annotated(spool)
    monkeypatch.setattr(reviewing, call, refuse)
    with pytest.raises(OSError, match="Input/output"):
        put_away(spool, job)
    assert names_below(spool.layout.review) == []
    monkeypatch.undo()
    if (spool.path(job) / "review.json").exists():
        assert finish_review(spool.layout, spool.path(job)) == "garlic.png"
    else:
        put_away(spool, job)
    assert names_below(spool.layout.review / "garlic.png") == WHOLE


def test_finishing_again_changes_nothing(spool: Spool) -> None:
    job = annotated(spool)
    put_away(spool, job)
    assert finish_review(spool.layout, spool.path(job)) == "garlic.png"
    approve(spool.layout, drawings_for_review(spool.layout.review)[0])  # before the job is acknowledged
    assert finish_review(spool.layout, spool.path(job)) == "garlic.png"
    assert names_below(spool.layout.review) == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"name": "../x", "file": "drawing.png", "review": "x"}'])
def test_damaged_reason_gives_the_drawing_back_to_its_job(spool: Spool, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    job = annotated(spool)
    with monkeypatch.context() as patch:
        patch.setattr(reviewing, "rename_without_replacing", refuse)
        with pytest.raises(OSError, match="Input/output"):
            put_away(spool, job)
    assert not spool.has_source(job)
    assert not spool.has_lost_source(job)
    (spool.path(job) / "review.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"review.json|Expecting"):
        finish_review(spool.layout, spool.path(job))
    assert (spool.path(job) / "source").read_bytes() == b"a drawing"
    assert not (spool.path(job) / "review.json").exists()


def test_group_may_change_what_it_may_change_in_review(spool: Spool) -> None:
    for mode, expected in ((0o770, 0o020), (0o750, 0)):
        spool.layout.review.chmod(mode)
        job = annotated(spool, sidecar=None)
        (spool.path(job) / ANNOTATIONS / "figure_1").chmod(0o750)
        folder = spool.layout.review / put_away(spool, job)
        assert (folder / "figure_1").stat().st_mode & 0o020 == expected
        assert folder.stat().st_mode & 0o020 >= expected


# --- for people ------------------------------------------------------------------------------------------------------


def test_retry_restores_drawing_and_sidecar(spool: Spool) -> None:
    put_away(spool, annotated(spool))
    (one,) = drawings_for_review(spool.layout.review)
    assert retry_review(spool.layout, one) == spool.layout.inbox / "dab" / "garlic.png"
    assert names_below(spool.layout.inbox) == ["dab/garlic.json", "dab/garlic.png"]
    assert (spool.layout.inbox / "dab" / "garlic.json").read_bytes() == b'{"motion": "dab"}'
    assert names_below(spool.layout.review) == []


@pytest.mark.parametrize("sidecar", [None, b"{}", b'\xef\xbb\xbf{"motion": "dab", "review": true}'])
def test_approve_adds_to_the_sidecar(spool: Spool, sidecar: bytes | None) -> None:
    put_away(spool, annotated(spool, sidecar=sidecar))
    approve(spool.layout, drawings_for_review(spool.layout.review)[0])
    options = json.loads((spool.layout.inbox / "dab" / "garlic.json").read_text())
    assert options["review"] is False
    assert options.get("motion") == ("dab" if sidecar and b"dab" in sidecar else None)
    assert names_below(spool.layout.review) == []


@pytest.mark.parametrize("call", [retry_review, approve])
@pytest.mark.parametrize("taken", ["garlic.png", "garlic.json"])
def test_taken_name_moves_nothing(spool: Spool, call: Any, taken: str) -> None:
    put_away(spool, annotated(spool))
    drop_file(spool, taken, b"another", ("dab",))
    with pytest.raises(OptionError, match=rf"^{taken} is already in the inbox"):
        call(spool.layout, drawings_for_review(spool.layout.review)[0])
    assert names_below(spool.layout.inbox) == [f"dab/{taken}"]
    assert names_below(spool.layout.review / "garlic.png") == WHOLE


def test_name_taken_meanwhile_moves_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    put_away(spool, annotated(spool))
    rename = durable.rename_without_replacing

    def late(source: str, folder: int, name: str, inbox: int) -> None:
        rename(source, folder, name, inbox)
        if name == "garlic.json":
            drop_file(spool, content=b"another", folder=("dab",))

    monkeypatch.setattr(durable, "rename_without_replacing", late)
    with pytest.raises(OptionError, match=r"^garlic\.png is already"):
        retry_review(spool.layout, drawings_for_review(spool.layout.review)[0])
    assert names_below(spool.layout.review / "garlic.png") == WHOLE


@pytest.mark.parametrize(
    ("file", "content"),
    [("review.json", b"{"), ("review.json", b'{"name": "../../x", "file": "drawing.png", "review": "garlic.png"}'), ("options.json", b"[")],
)
def test_damaged_files_are_named(spool: Spool, file: str, content: bytes) -> None:
    put_away(spool, annotated(spool))
    (spool.layout.review / "garlic.png" / file).unlink()
    (spool.layout.review / "garlic.png" / file).write_bytes(content)
    (one,) = drawings_for_review(spool.layout.review)
    with pytest.raises(OptionError, match=file):
        approve(spool.layout, one)
    assert names_below(spool.layout.inbox) == []
    discard_review(spool.layout, one)
    assert drawings_for_review(spool.layout.review) == []


def test_options_that_are_a_link_are_not_read(spool: Spool, tmp_path: Path) -> None:
    put_away(spool, annotated(spool, sidecar=None))
    (tmp_path / "secret").write_text('{"secret": 1}')
    (spool.layout.review / "garlic.png" / "options.json").symlink_to(tmp_path / "secret")
    with pytest.raises(OptionError, match=r"options\.json"):
        approve(spool.layout, drawings_for_review(spool.layout.review)[0])


def test_other_entries_are_not_listed(spool: Spool) -> None:
    (spool.layout.review / "notes.txt").touch()
    (spool.layout.review / ".hidden").mkdir()
    (spool.layout.review / "link").symlink_to("/")
    assert drawings_for_review(spool.layout.review) == []
    assert drawings_for_review(spool.layout.root / "none") == []
