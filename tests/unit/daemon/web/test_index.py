"""Index of drawings: what moves is never lost, what changes is read again, and large spools stay fast."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from web_spool import INSTANCE, WebSpool

from daemon.spool.drawing_states import DrawingState
from daemon.web import index as index_module
from daemon.web.drawing_ids import dropped_id, id_in_name, is_public_id, name_without_id, stem_for, upload_id
from daemon.web.folders import waiting_drawing
from daemon.web.index import GRACE_S, Index

UPLOAD = "garlic-w0123456789abcdef.png"
ID = "w0123456789abcdef"


@pytest.fixture
def now() -> list[float]:
    return [time.time()]


@pytest.fixture
def index(spool: WebSpool, now: list[float]) -> Index:
    return Index(spool.layout, max_depth=4, clock=lambda: now[0])


def test_id_survives_from_inbox_to_outbox(spool: WebSpool, index: Index) -> None:
    path = spool.drop(UPLOAD)
    index.refresh()
    assert index.snapshot.by_id[ID].state is DrawingState.WAITING
    path.unlink()
    job = spool.claim(UPLOAD)
    index.refresh()
    assert (index.snapshot.by_id[ID].state, index.snapshot.by_id[ID].job) == (DrawingState.RUNNING, job)
    spool.publish(UPLOAD, job_id=job)  # the job's folder is still in work
    index.refresh()
    assert index.snapshot.by_id[ID].state is DrawingState.DONE
    assert index.snapshot.active == ()
    assert index.snapshot.by_id[ID].name == "garlic.png"


def test_upload_that_is_between_two_folders_is_kept_for_a_while(spool: WebSpool, index: Index, now: list[float]) -> None:
    path = spool.drop(UPLOAD)
    index.refresh()
    path.unlink()
    assert not index.refresh()
    assert index.get(ID) is not None
    assert index.find_upload(ID[:11]) is index.get(ID)
    now[0] += GRACE_S + 1
    index.refresh()
    assert index.get(ID) is None
    assert index.find_upload(ID[:11]) is None


def test_new_upload_is_known_at_once_and_a_removed_one_is_gone(spool: WebSpool, index: Index) -> None:
    path = spool.drop(UPLOAD)
    index.add(waiting_drawing((), UPLOAD, path.lstat()))
    assert index.get(ID) is not None
    assert index.waiting_count == 1
    index.refresh()
    assert index.waiting_count == 1
    index.forget(ID)
    assert index.get(ID) is None
    index.refresh()  # its file is still seen
    assert index.get(ID) is None


def test_order_of_the_queue_is_that_of_arrival(spool: WebSpool, index: Index) -> None:
    for name in ("b.png", "a.png", "c.png"):
        path = spool.drop(name)
        path.rename(path)
        time.sleep(0)
        os.utime(path)
    index.refresh()
    arrived = sorted(("b.png", "a.png", "c.png"), key=lambda name: ((spool.layout.inbox / name).stat().st_ctime, name))
    assert [each.file for each in index.snapshot.waiting] == arrived
    assert [index.snapshot.positions[each.id] for each in index.snapshot.waiting] == [1, 2, 3]


def test_ignored_names_sidecars_and_deep_folders_are_no_drawings(spool: WebSpool) -> None:
    index = Index(spool.layout, max_depth=1)
    for name in (".hidden.png", "a.part", "a.json", "Thumbs.db"):
        spool.drop(name)
    spool.drop("here.png", "dab")
    spool.drop("deep.png", "dab", "deeper")
    (spool.layout.inbox / "link.png").symlink_to("/etc/passwd")
    spool.drop("char_cfg.yaml", "king")
    index.refresh()
    assert sorted((each.name, each.is_folder) for each in index.snapshot.waiting) == [("dab/here.png", False), ("king", True)]


def test_folder_that_is_closed_to_us_hides_nothing_else(spool: WebSpool, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.drop("a.png")
    spool.drop("b.png", "closed")
    lstat, open_folder = Path.lstat, os.open

    def refuse(path: Path) -> os.stat_result:
        if "closed" in path.parts:
            raise PermissionError(13, "Permission denied")
        return lstat(path)

    def refuse_open(path: str, *args: int, **more: int) -> int:
        if path == "closed":
            raise PermissionError(13, "Permission denied")
        return open_folder(path, *args, **more)

    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(os, "open", refuse_open)
    index.refresh()
    assert [each.name for each in index.snapshot.waiting] == ["a.png"]


def test_changed_manifest_is_read_again_and_removed_output_goes(spool: WebSpool, index: Index) -> None:
    job = spool.publish("a.png", motions=("wave", "dab"))
    index.refresh()
    assert len(index.snapshot.done[0].outputs) == 2
    (spool.layout.outbox / "a.dab.gif").unlink()
    index.refresh()
    assert [each.motion for each in index.snapshot.done[0].outputs] == ["wave"]
    manifest = spool.layout.outbox / "a.json"
    fields = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**fields, "source": {"name": "renamed.png"}}))
    os.utime(spool.layout.outbox)
    index.refresh()
    assert (index.snapshot.done[0].name, index.snapshot.done[0].id) == ("renamed.png", job)
    (spool.layout.outbox / "a.wave.gif").unlink()
    index.refresh()
    assert index.snapshot.done == ()


def test_unchanged_folders_are_not_listed_again(spool: WebSpool, index: Index, now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    spool.publish("a.png", "dab")
    spool.drop("b.png")
    now[0] += 10
    assert index.refresh()
    listed: list[object] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    version = index.snapshot.version
    assert not index.refresh()
    assert (listed, index.snapshot.version) == ([], version)


def test_stale_status_is_that_of_no_daemon(spool: WebSpool, index: Index, now: list[float]) -> None:
    spool.claim("a.png", deferred="the disk is full")
    index.refresh()
    assert index.snapshot.status.is_alive
    assert index.snapshot.active[0].state is DrawingState.DEFERRED
    assert index.snapshot.active[0].why == "the disk is full"
    now[0] += 60
    index.refresh()
    assert not index.snapshot.status.is_alive
    assert (index.snapshot.active[0].state, index.snapshot.active[0].why) == (DrawingState.ORPHANED, "no daemon is running")


def test_drawing_runs_from_its_claim_on(spool: WebSpool, index: Index) -> None:
    """The status names it up to a second later."""
    spool.claim("a.png")
    spool.report()
    index.refresh()
    assert index.snapshot.active[0].state is DrawingState.RUNNING
    spool.claim("b.png", instance="01JAAAAAAAAAAAAAAAAAAAAAAB")
    spool.report()
    index.refresh()
    orphan = next(each for each in index.snapshot.active if each.file == "b.png")
    assert (orphan.state, orphan.why) == (DrawingState.ORPHANED, "its daemon has stopped: another one goes on with it")


def test_preview_is_that_of_a_running_drawing(spool: WebSpool, index: Index) -> None:
    job = spool.claim(UPLOAD)
    index.refresh()
    assert (index.snapshot.by_id[ID].has_preview, index.has_new_preview()) == (False, False)
    place = spool.preview(job)
    assert index.has_new_preview()
    assert index.refresh()
    assert (index.snapshot.by_id[ID].has_preview, index.has_new_preview()) == (True, False)
    spool.report(deferred={job: "the disk is full"})
    index.refresh()
    assert (index.snapshot.by_id[ID].has_preview, index.has_new_preview()) == (False, False)
    shutil.rmtree(place)
    index.refresh()
    spool.preview(job)
    assert index.has_new_preview()  # of the next attempt


def test_link_or_file_is_no_preview(spool: WebSpool, index: Index) -> None:
    spool.claim("a.png")
    for place in (spool.layout.work / INSTANCE).iterdir():
        (place / "preview").symlink_to(spool.layout.failed)
    assert not index.has_new_preview()


def test_previews_are_expected_of_a_daemon_that_has_drawings(spool: WebSpool, index: Index) -> None:
    assert not index.expects_previews
    spool.drop("a.png")
    index.refresh()
    assert not index.expects_previews  # no daemon runs
    spool.report()
    index.refresh()
    assert index.expects_previews
    (spool.layout.inbox / "a.png").unlink()
    spool.claim("a.png", deferred="the disk is full")
    index.refresh()
    assert not index.expects_previews
    spool.claim("b.png")
    index.refresh()
    assert index.expects_previews


def test_entries_that_the_daemon_leaves_say_why(spool: WebSpool, index: Index, now: list[float]) -> None:
    spool.drop("good.png")
    empty = spool.drop("empty-w0123456789abcdef.png", "dab")
    spool.drop("a\nb.png", sidecar="{}")
    spool.drop("x.png", "deep", "er")
    left = {"dab/empty-w0123456789abcdef.png": "empty", "a%0Ab.json": "no_drawing", "a%0Ab.png": "unreadable", "deep/er": "too_deep"}
    spool.report(rejected=[{"name": name, "why": why} for name, why in {**left, "gone.png": "empty", "../up": "empty"}.items()])
    index.refresh()
    assert [each.file for each in index.snapshot.waiting] == ["good.png", "x.png"]
    found = {each.name: each for each in index.snapshot.rejected}
    assert {name: each.why for name, each in found.items()} == {
        "dab/empty.png": "it is empty: copy it again",
        "a b.png": "the daemon may not read it: change its permissions (chmod g+r)",
        "deep/er": "a folder deeper than inbox.max_depth: move it up",
    }
    assert found["dab/empty.png"].id == ID
    empty.unlink()
    now[0] += GRACE_S + 1
    index.refresh()
    assert ID not in {each.id for each in index.snapshot.rejected}


def test_expected_time_follows_recent_drawings(spool: WebSpool, index: Index, now: list[float]) -> None:
    for number in range(3):
        spool.publish(f"{number}.png")
    spool.claim("running.png")
    for number in range(4):
        spool.drop(f"w{number}.png")
    index.refresh()
    snapshot = index.snapshot
    assert snapshot.seconds_each == pytest.approx(2.0)
    assert snapshot.expected_s(snapshot.active[0], now[0]) == pytest.approx(2.0, abs=0.2)
    assert snapshot.expected_s(snapshot.waiting[-1], now[0]) == pytest.approx(2.0 * 5)
    assert snapshot.expected_s(snapshot.done[0], now[0]) is None


def test_failure_after_a_result_is_what_counts(spool: WebSpool, index: Index) -> None:
    spool.publish(UPLOAD, at_s=time.time() - 100)
    spool.fail(UPLOAD)
    index.refresh()
    assert index.snapshot.by_id[ID].state is DrawingState.FAILED


def test_unreadable_spool_is_an_error(spool: WebSpool, index: Index) -> None:
    spool.layout.failed.rmdir()
    with pytest.raises(OSError, match="failed"):
        index.refresh()
    assert index_module.GRACE_S > 0


def test_ids_in_names() -> None:
    assert id_in_name("garlic-w0123456789abcdef.dance.gif") == ID
    assert name_without_id("garlic-w0123456789abcdef.dance.gif") == "garlic.dance.gif"
    assert name_without_id("garlic-w0123456789abcdef-2.gif") == "garlic-w0123456789abcdef-2.gif"
    assert id_in_name("garlic-w0123456789abcdei.gif") is None
    assert id_in_name("-w0123456789abcdef.gif") is None
    assert stem_for("garlic-w0123456789abcdef.png") == "garlic"
    one, two = upload_id("key", b"content" * 4), upload_id("key", b"another" * 4)
    assert (one[:11], one == two, is_public_id(one)) == (two[:11], False, True)
    assert upload_id(None, b"content" * 4) != upload_id(None, b"content" * 4)
    assert is_public_id(dropped_id(("dab",), "a\udcff.png"))
    assert not is_public_id("../x")
