"""Moving drawings to `failed/` and back: a report for each, no replacement, nothing half moved."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from claimed_jobs import claim_file, drop_file, names_below

from daemon.files import durable
from daemon.spool import quarantine as quarantining
from daemon.spool.job_folder import Job
from daemon.spool.layout import Layout
from daemon.spool.quarantine import FailedDrawing, all_failed_drawings, discard, failed_drawings, finish_quarantine, quarantine, retry
from daemon.spool.spool import Spool
from pipeline.errors import OptionError

ID = "01HF7YAT00ABCDEFGHJKMNPQRS"


def put_away(spool: Spool, job: Job, **reason: object) -> str:
    return quarantine(spool.layout.failed, spool.path(job), job, {"job_id": job.id, **reason})


def reason_of(spool: Spool, name: str) -> dict[str, object]:
    reason: dict[str, object] = json.loads((spool.layout.failed / f"{name}.error.json").read_text())
    return reason


# --- in --------------------------------------------------------------------------------------------------------------


def test_failed_drawing_keeps_name_report_and_sidecar(spool: Spool) -> None:
    job = claim_file(spool, folder=("dab",), sidecar=b"{}")
    assert put_away(spool, job, message="no figure") == "garlic.png"
    assert names_below(spool.layout.failed) == ["garlic.png", "garlic.png.error.json", "garlic.png.options.json"]
    assert (spool.layout.failed / "garlic.png").read_bytes() == b"a drawing"
    assert (spool.layout.failed / "garlic.png.options.json").read_bytes() == b"{}"
    assert reason_of(spool, "garlic.png") == {
        "job_id": job.id,
        "message": "no figure",
        "file": "garlic.png",
        "folder": ["dab"],
        "name": "garlic.png",
        "sidecar": "garlic.json",
    }


@pytest.mark.parametrize("taken", ["garlic.png", "garlic.png.error.json", "garlic.png.options.json"])
def test_taken_name_gets_a_number(spool: Spool, taken: str) -> None:
    (spool.layout.failed / taken).write_bytes(b"somebody's")
    assert put_away(spool, claim_file(spool)) == "garlic-2.png"
    assert (spool.layout.failed / taken).read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("nosuffix", "nosuffix-2"),
        (".hidden", ".hidden-2"),
        ("a.longsuffix", "a.longsuffix-2"),
        ("tar.gz.png", "tar.gz-2.png"),
        ("x" * 251 + ".png", "x" * 231 + "-2.png"),
        ("\N{GARLIC}" * 63 + ".p", "\N{GARLIC}" * 58 + "-2.p"),
        ("x" * 222 + "." + "\N{GARLIC}" * 8, "x" * 202 + "-2." + "\N{GARLIC}" * 8),
        ("\udcff" * 255, "\udcff" * 235 + "-2"),
        ("\udcff" * 250 + ".png", "\udcff" * 231 + "-2.png"),
    ],
)
def test_number_is_before_suffix_and_within_name_length(spool: Spool, name: str, second: str) -> None:
    first = put_away(spool, claim_file(spool, name))
    assert put_away(spool, claim_file(spool, name)) == second
    assert len(os.fsencode(first)) <= 255
    assert reason_of(spool, first)["name"] == name


def test_folder_name_has_no_suffix(spool: Spool) -> None:
    for expected in ("king.v2", "king.v2-2"):
        (spool.layout.inbox / "king.v2").mkdir()
        job = spool.claim("king.v2", (), is_folder=True, sidecar=None, now_s=1e9)
        assert job is not None
        assert put_away(spool, job) == expected
        assert (spool.layout.failed / expected).is_dir()


@pytest.mark.parametrize("late", ["garlic.png", "garlic.png.error.json", "garlic.png.options.json"])
def test_does_not_replace_file_that_appears_meanwhile(spool: Spool, monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    moved = quarantining._move

    def too_late(name: str, job_folder: Path, target: int) -> bool:
        if name == "garlic.png":
            (spool.layout.failed / late).write_bytes(b"somebody's")
        return moved(name, job_folder, target)

    monkeypatch.setattr(quarantining, "_move", too_late)
    assert put_away(spool, claim_file(spool, sidecar=b"{}")) == "garlic-2.png"
    ours = ["garlic-2.png", "garlic-2.png.error.json", "garlic-2.png.options.json"]
    assert names_below(spool.layout.failed) == sorted([*ours, late])
    assert reason_of(spool, "garlic-2.png")["file"] == "garlic-2.png"


def test_fails_without_leftovers_if_every_name_is_taken(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantining, "_move", lambda *_: False)
    with pytest.raises(FileExistsError, match=r"garlic\.png"):
        put_away(spool, claim_file(spool))
    assert names_below(spool.layout.failed) == []


@pytest.mark.parametrize("call", ["link_or_copy", "rename_without_replacing"])
def test_refusing_disk_leaves_nothing_and_can_be_retried(spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuses(*_: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    job = claim_file(spool, sidecar=b"{}")
    monkeypatch.setattr(quarantining, call, refuses)
    with pytest.raises(OSError, match="No space"):
        put_away(spool, job)
    assert names_below(spool.layout.failed) == []
    assert names_below(spool.path(job)) == ["error.json", "job.json", "sidecar.json", "source"]
    monkeypatch.undo()
    assert put_away(spool, job) == "garlic.png"


def test_copies_sidecar_that_can_not_be_linked(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with fs.protected_hardlinks, for files of another user."""
    link, job = durable.link, claim_file(spool, sidecar=b"{}")
    theirs = (spool.path(job) / "sidecar.json").stat().st_ino

    def protected(source: Path, name: str, folder: int) -> bool:
        if source.stat().st_ino == theirs:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return link(source, name, folder)

    monkeypatch.setattr(durable, "link", protected)
    put_away(spool, job)
    options = spool.layout.failed / "garlic.png.options.json"
    assert options.read_bytes() == b"{}"
    assert options.stat().st_ino != theirs


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_moves_irregular_sidecar_unread(spool: Spool, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]) -> None:
    job = claim_file(spool)
    make(spool.path(job) / "sidecar.json")
    link = durable.link

    def protected(source: Path, name: str, folder: int) -> bool:
        if source.name == "sidecar.json":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return link(source, name, folder)

    monkeypatch.setattr(durable, "link", protected)
    put_away(spool, job)
    options = spool.layout.failed / "garlic.png.options.json"
    assert options.exists()
    assert not options.is_file()
    (one,) = failed_drawings(spool.layout.failed)
    discard(spool.layout, one)
    assert not list(spool.layout.failed.iterdir())


# --- taken over ------------------------------------------------------------------------------------------------------


def begun(spool: Spool, **reason: object) -> Job:
    """A job whose error report is written and that is not moved yet."""
    job = claim_file(spool, sidecar=b"{}")
    (spool.path(job) / "error.json").write_text(json.dumps({"file": "garlic.png", "message": "no figure", **reason}))
    return job


def test_finishes_under_the_name_in_the_report(spool: Spool) -> None:
    job = begun(spool)
    os.link(spool.path(job) / "error.json", spool.layout.failed / "garlic.png.error.json")
    assert finish_quarantine(spool.layout.failed, spool.path(job), job) == "garlic.png"
    assert names_below(spool.layout.failed) == ["garlic.png", "garlic.png.error.json", "garlic.png.options.json"]


def test_finishes_after_drawing_was_moved(spool: Spool) -> None:
    job = begun(spool)
    (spool.path(job) / "source").unlink()
    assert finish_quarantine(spool.layout.failed, spool.path(job), job) == "garlic.png"
    assert names_below(spool.layout.failed) == []


def test_finishes_under_another_name_if_taken_meanwhile_and_keeps_report(spool: Spool) -> None:
    job = begun(spool)
    (spool.layout.failed / "garlic.png").write_bytes(b"somebody's")
    assert finish_quarantine(spool.layout.failed, spool.path(job), job) == "garlic-2.png"
    assert reason_of(spool, "garlic-2.png")["message"] == "no figure"


@pytest.mark.parametrize("name", ["../garlic.png", None, 7, ""])
def test_moves_nothing_with_damaged_report(spool: Spool, name: object) -> None:
    job = begun(spool, file=name)
    with pytest.raises(ValueError, match="name"):
        finish_quarantine(spool.layout.failed, spool.path(job), job)
    assert spool.has_source(job)


# --- the operator's side ---------------------------------------------------------------------------------------------


def test_lists_oldest_first_with_reports(spool: Spool) -> None:
    for name in ("b.png", "a.png"):
        put_away(spool, claim_file(spool, name), message=name)
    jobs = sorted(str(reason_of(spool, name)["job_id"]) for name in ("a.png", "b.png"))
    (spool.layout.failed / ".hidden").touch()
    found = failed_drawings(spool.layout.failed)
    assert [each.job_id for each in found] == jobs
    assert {(each.name, each.reason["message"]) for each in found} == {("a.png", "a.png"), ("b.png", "b.png")}


@pytest.mark.parametrize(
    "reason",
    [
        None,
        "{",
        "[]",
        '{"name": "../up.png"}',
        '{"folder": ["..", "up"]}',
        '{"folder": "dab"}',
        '{"sidecar": "/etc/passwd"}',
        '{"name": 7}',
    ],
)
def test_ignores_reports_with_paths(spool: Spool, reason: str | None) -> None:
    (spool.layout.failed / "garlic.png").touch()
    if reason is not None:
        (spool.layout.failed / "garlic.png.error.json").write_text(reason)
    assert failed_drawings(spool.layout.failed) == [FailedDrawing("garlic.png", {})]
    assert retry(spool.layout, FailedDrawing("garlic.png", {})) == spool.layout.inbox / "garlic.png"


def test_retry_moves_drawing_and_sidecar_back(spool: Spool) -> None:
    put_away(spool, claim_file(spool))
    put_away(spool, claim_file(spool, folder=("dab", "inner"), sidecar=b"{}"))
    (spool.layout.inbox / "dab" / "inner").rmdir()
    second = next(each for each in failed_drawings(spool.layout.failed) if each.name == "garlic-2.png")
    assert retry(spool.layout, second) == spool.layout.inbox / "dab" / "inner" / "garlic.png"
    assert names_below(spool.layout.inbox) == ["dab/inner/garlic.json", "dab/inner/garlic.png"]
    assert names_below(spool.layout.failed) == ["garlic.png", "garlic.png.error.json"]


@pytest.mark.parametrize("folder", [None, [], ["bob"], ["bob", "anna"], ["anna", "dab"]])
def test_retry_of_a_private_drawing_stays_with_its_user(spool: Spool, folder: list[str] | None) -> None:
    """Users may write to their own folder in `failed/`, so its reports are untrusted, and may be missing."""
    layout = Layout(spool.layout.root, is_private=True)
    for place in (layout.failed / "anna", layout.inbox / "anna", layout.inbox / "bob"):
        place.mkdir()
    (layout.failed / "anna" / "a.png").touch()
    if folder is not None:
        (layout.failed / "anna" / "a.png.error.json").write_text(json.dumps({"folder": folder, "name": "a.png"}))
    (drawing,) = all_failed_drawings(layout)
    assert retry(layout, drawing) == layout.inbox.joinpath("anna", *(["dab"] if folder and "dab" in folder else []), "a.png")


@pytest.mark.parametrize("name", ["garlic.png", "garlic.json"])
def test_retry_does_not_replace_files_in_the_inbox(spool: Spool, name: str) -> None:
    put_away(spool, claim_file(spool, sidecar=b"{}"))
    drop_file(spool, name, b"another")
    with pytest.raises(OptionError, match=rf"^{name} is already in the inbox"):
        retry(spool.layout, failed_drawings(spool.layout.failed)[0])
    assert names_below(spool.layout.inbox) == [name]  # its sidecar would be claimed with the other drawing
    assert (spool.layout.inbox / name).read_bytes() == b"another"
    assert names_below(spool.layout.failed) == ["garlic.png", "garlic.png.error.json", "garlic.png.options.json"]


def test_retry_moves_all_or_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    put_away(spool, claim_file(spool, sidecar=b"{}"))
    rename = durable.rename_without_replacing

    def late(source: str, folder: int, name: str, inbox: int) -> None:
        rename(source, folder, name, inbox)
        if name == "garlic.json":
            drop_file(spool, content=b"another")

    monkeypatch.setattr(durable, "rename_without_replacing", late)
    with pytest.raises(OptionError, match=r"^garlic\.png is already in the inbox"):
        retry(spool.layout, failed_drawings(spool.layout.failed)[0])
    assert names_below(spool.layout.inbox) == ["garlic.png"]
    assert names_below(spool.layout.failed) == ["garlic.png", "garlic.png.error.json", "garlic.png.options.json"]


@pytest.mark.parametrize("name", ["king.error.json", "king.options.json"])
def test_lists_character_named_like_a_report(spool: Spool, name: str) -> None:
    (spool.layout.inbox / name).mkdir()
    job = spool.claim(name, (), is_folder=True, sidecar=None, now_s=1e9)
    assert job is not None
    put_away(spool, job)
    (one,) = failed_drawings(spool.layout.failed)
    assert retry(spool.layout, one) == spool.layout.inbox / name


def test_discard_deletes_drawing_report_and_sidecar(spool: Spool) -> None:
    put_away(spool, claim_file(spool, sidecar=b"{}"))
    (spool.layout.failed / "king").mkdir()
    (spool.layout.failed / "king" / "mask.png").touch()
    (spool.layout.failed / "link").symlink_to(spool.layout.inbox)
    drop_file(spool, "stays.png")
    for name in ("garlic.png", "king", "link", "nothing"):
        discard(spool.layout, FailedDrawing(name, {}))
    assert names_below(spool.layout.failed) == []
    assert names_below(spool.layout.inbox) == ["stays.png"]
