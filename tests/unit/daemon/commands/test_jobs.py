"""`doodled jobs`: listing drawings, and retrying and discarding failed ones, with and without a daemon."""

from __future__ import annotations

import errno
import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from claimed_jobs import claim_file, drop_file, names_below, write_results
from typer.testing import CliRunner

from daemon.cli import command_line
from daemon.commands import jobs_cli
from daemon.commands.job_decisions import Selection, approve_jobs, discard_jobs, retry_jobs
from daemon.commands.jobs import HOOK, WAIT_TEXTS, JobRow, describe_job, job_table, list_jobs
from daemon.inbox.stability import WaitReason
from daemon.spool import quarantine as quarantine_module
from daemon.spool.drawing_states import DrawingState
from daemon.spool.events import EventKind, SpoolEvent, give_up, pending_events, record_event
from daemon.spool.layout import SpoolUnusable
from daemon.spool.publish import publish
from daemon.spool.quarantine import quarantine
from daemon.spool.review import hold_for_review
from daemon.spool.spool import Spool
from pipeline.errors import OptionError


def test_every_reason_to_wait_has_a_text() -> None:
    assert set(WaitReason) <= set(WAIT_TEXTS)
    assert all(text and text != str(reason) for reason, text in WAIT_TEXTS.items())


def failed(spool: Spool, name: str) -> str:
    """Move a drawing to failed/; returns the id of its job."""
    job = claim_file(spool, name, folder=("dab",), sidecar=b"{}")
    reason = {"job_id": job.id, "error_type": "no_figure", "message": "no figure there"}
    quarantine(spool.layout.failed, spool.path(job), job, reason)
    spool.remove(job)
    return job.id


def published(spool: Spool, name: str) -> str:
    job = claim_file(spool, name)
    publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
    spool.acknowledge(job, keep_source=True)
    return job.id


def write_status(spool: Spool, **status: object) -> None:
    """Write the daemon's status file."""
    (spool.layout.status / f"{spool.instance}.json").write_text(json.dumps(status))


def test_lists_every_drawing_with_its_state(spool: Spool) -> None:
    drop_file(spool, "new.png")
    drop_file(spool, "old.png", folder=("dab",))
    (spool.layout.inbox / "link.png").symlink_to("/etc/passwd")
    running, held, waiting = (claim_file(spool, f"{name}.png") for name in ("running", "held", "waiting"))
    (spool.path(waiting) / "job.json").write_text("{")
    no_figure, done = failed(spool, "failed.png"), published(spool, "done.png")
    waits = [{"name": "dab/old.png", "why": "writer", "age_s": 61.3}]
    write_status(spool, running=[running.id], deferred={held.id: "changed"}, waiting=waits)
    found = list_jobs(spool.layout, done=False, max_depth=4)
    assert set(found) == {
        JobRow(DrawingState.WAITING, "", "new.png", ""),
        JobRow(DrawingState.WAITING, "", "old.png", "another process has it open for writing", "dab"),
        JobRow(DrawingState.REJECTED, "", "link.png", "a link, pipe or device: drop the file itself"),
        JobRow(DrawingState.RUNNING, running.id, "running.png"),
        JobRow(DrawingState.DEFERRED, held.id, "held.png", "changed"),
        JobRow(DrawingState.DEFERRED, waiting.id, "?", ""),
        JobRow(DrawingState.FAILED, no_figure, "failed.png", "no figure there", "dab"),
    }
    assert all(datetime.fromisoformat(row.since) for row in found if row.state is not DrawingState.FAILED)
    assert list_jobs(spool.layout, done=True, max_depth=4)[-1] == JobRow(DrawingState.DONE, done, "done.png", outputs=("done.gif",))


def test_lists_results_by_their_names_in_the_outbox(spool: Spool) -> None:
    job = published(spool, "50%.png")
    result = spool.layout.outbox / "50%25.gif"
    assert result.exists()
    assert list_jobs(spool.layout, done=True, max_depth=4) == [JobRow(DrawingState.DONE, job, "50%25.png", outputs=(result.name,))]
    manifest = spool.layout.done / job / "manifest.json"
    original = {"duplicate_of": {"job_id": job, "folder": ["50%"], "manifest": "50%25.json"}}
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | original))
    assert list_jobs(spool.layout, done=True, max_depth=4)[0].why == "not animated again: the same drawing as outbox/50%25/50%25.json"


def test_lists_orphaned_jobs_without_a_daemon(tmp_path: Path) -> None:
    with Spool.open(tmp_path) as spool:
        job = claim_file(spool)
        write_status(spool, running=[job.id])
        drop_file(spool, "new.png")
    (spool.layout.status / "damaged.json").write_text("{")
    (spool.layout.work / "a file").touch()
    (spool.instance_folder / "no job").mkdir()
    assert list_jobs(spool.layout, done=True, max_depth=4) == [
        JobRow(DrawingState.WAITING, "", "new.png", "no daemon is running"),
        JobRow(DrawingState.ORPHANED, job.id, "garlic.png", "its daemon died; the next daemon resumes it"),
    ]


def test_lists_everything_in_the_inbox_that_will_not_be_taken(tmp_path: Path) -> None:
    with Spool.open(tmp_path) as spool:
        for name in ("late.json", "garlic.jpg.json", "onion.JSON"):
            drop_file(spool, name)
        (spool.layout.inbox / "garlic.jpg").touch()
        drop_file(spool, "onion.png")
        drop_file(spool, "deep.png", folder=("a", "b"))
    rows = {row.name: (row.state, row.why) for row in list_jobs(spool.layout, done=False, max_depth=1)}
    assert rows == {
        "late.json": ("rejected", "options without a drawing: drop them before late.jpg (or .png, ...), or remove them"),
        "garlic.jpg.json": (
            "rejected",
            "options without a drawing: those of garlic.jpg are called garlic.json, and are dropped before it",
        ),
        "garlic.jpg": ("rejected", "it is empty: copy it again"),
        "b": ("rejected", "a folder deeper than inbox.max_depth: move it up"),
        "onion.png": ("waiting", "no daemon is running"),
    }


def test_lists_reasons_of_the_daemon(spool: Spool) -> None:
    drop_file(spool, "secret.png")
    write_status(spool, rejected=[{"name": "secret.png", "why": "unreadable"}])
    (row,) = list_jobs(spool.layout, done=False, max_depth=4)
    assert row.why == "the daemon may not read it: change its permissions (chmod g+r)"


def test_lists_damaged_jobs(spool: Spool) -> None:
    (spool.layout.failed / "lost.png").touch()
    done = published(spool, "done.png")
    (spool.layout.done / done / "manifest.json").write_text("{")
    (spool.layout.done / "no job").mkdir()
    assert list_jobs(spool.layout, done=True, max_depth=4) == [
        JobRow(DrawingState.FAILED, "", "lost.png", "its error report is missing"),
        JobRow(DrawingState.DONE, done, "done.png"),
    ]


@pytest.mark.parametrize("command", [("list",), ("show", "a.png"), ("retry", "a.png"), ("retry", "--all"), ("discard", "a.png")])
def test_every_command_refuses_folder_without_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("DOODLED_ROOT", str(tmp_path))
    with pytest.raises(SpoolUnusable, match="has no spool") as refused:
        CliRunner().invoke(command_line(), ["jobs", *command], catch_exceptions=False)
    assert refused.value.exit_status == 78


@pytest.mark.parametrize("command", [("list",), ("show", "a.png"), ("retry", "a.png"), ("discard", "a.png")])
def test_every_command_names_the_folder_that_it_may_not_read(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DOODLED_ROOT", str(spool.layout.root))

    def refused(folder: Path) -> list[quarantine_module.FailedDrawing]:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(quarantine_module, "failed_drawings", refused)
    with pytest.raises(SpoolUnusable, match=r"/failed can't be used: Permission denied \(run this as the daemon's user\)"):
        CliRunner().invoke(command_line(), ["jobs", *command], catch_exceptions=False)


def test_describes_job_by_id_or_name(spool: Spool) -> None:
    waiting, bad, done = claim_file(spool), failed(spool, "failed.png"), published(spool, "done.png")
    (spool.layout.work / "01HF7YAT00ABCDEFGHJKMNPQRS").mkdir()
    assert json.loads(describe_job(spool.layout, waiting.id, max_depth=4))["job"]["name"] == "garlic.png"
    assert json.loads(describe_job(spool.layout, waiting.id, max_depth=4))["state"] == "deferred"
    for wanted in (bad, "failed.png"):
        found = json.loads(describe_job(spool.layout, wanted, max_depth=4))
        assert (found["state"], found["message"]) == ("failed", "no figure there")
    found = json.loads(describe_job(spool.layout, done, max_depth=4))
    assert (found["state"], found["manifest"]["manifest"]) == ("done", "done.json")
    assert Path(found["path"]) == spool.layout.done / done
    for unknown in ("unknown.png", "01HF7YAT00ABCDEFGHJKMNPQRT", ""):
        with pytest.raises(OptionError, match="there is no job"):
            describe_job(spool.layout, unknown, max_depth=4)


def test_finds_whatever_the_list_shows(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_file(spool, "new.png", folder=("dab",))
    drop_file(spool, "late.json")
    claim_file(spool, "running.png")
    failed(spool, "failed.png")
    published(spool, "done.png")
    monkeypatch.setenv("DOODLED_ROOT", str(spool.layout.root))
    rows = list_jobs(spool.layout, done=True, max_depth=4)
    assert len(rows) == 5
    for row in rows:
        for wanted in filter(None, (row.name, row.job_id, f"{row.folder}/{row.name}" if row.folder else "")):
            done = CliRunner().invoke(command_line(), ["jobs", "show", wanted], catch_exceptions=False)
            assert json.loads(done.output)["state"] == row.state


def test_shows_all_drawings_of_one_name(spool: Spool) -> None:
    ids = [published(spool, "garlic.png") for _ in range(2)]
    found = json.loads(describe_job(spool.layout, "garlic.png", max_depth=4))
    assert sorted(each["job_id"] for each in found) == sorted(ids)


def test_report_of_a_failed_drawing_can_not_name_a_place_to_read(spool: Spool) -> None:
    (spool.layout.failed / "a.png").touch()
    other = claim_file(spool, "other.png")
    (spool.layout.failed / "a.png.error.json").write_text(json.dumps({"job_id": "x", "path": str(spool.path(other))}))
    assert "job" not in json.loads(describe_job(spool.layout, "a.png", max_depth=4))


def test_retries_by_name_or_id(spool: Spool) -> None:
    ids = [failed(spool, f"{number}.png") for number in range(3)]
    back = retry_jobs(spool.layout, Selection([ids[0], "1.png"]))
    assert sorted(back) == [str(spool.layout.inbox / "dab" / f"{number}.png") for number in range(2)]
    assert names_below(spool.layout.failed) == ["2.png", "2.png.error.json", "2.png.options.json"]
    assert list(discard_jobs(spool.layout, Selection([], everything=True))) == ["2.png"]
    assert names_below(spool.layout.failed) == []
    assert list(retry_jobs(spool.layout, Selection([], everything=True))) == []


def test_retry_continues_past_taken_names(spool: Spool) -> None:
    for number in range(4):
        failed(spool, f"{number}.png")
    inbox = spool.layout.inbox / "dab"
    inbox.mkdir(exist_ok=True)
    (inbox / "0.png").write_text("another file")
    back = retry_jobs(spool.layout, Selection(["0.png", "1.png"]))
    assert next(back) == f"{inbox}/1.png"
    with pytest.raises(OptionError, match=r"^0\.png is already in the inbox"):
        next(back)
    assert (inbox / "0.png").read_text() == "another file"
    assert (inbox / "1.png").exists()
    (inbox / "2.png").write_text("another file")
    with pytest.raises(OptionError, match=r"^2 stay where they are: ") as caught:
        list(retry_jobs(spool.layout, Selection([], everything=True)))
    reported = caught.value.summary.partition(": ")[2].split("; ")
    assert sorted(reported) == ["0.png is already in the inbox", "2.png is already in the inbox"]
    assert (inbox / "3.png").exists()
    assert names_below(spool.layout.failed) == [
        f"{number}.png{suffix}" for number in (0, 2) for suffix in ("", ".error.json", ".options.json")
    ]


def test_prints_no_control_characters_of_file_names(spool: Spool) -> None:
    failed(spool, "red\x1b[31m\udcff.png")
    assert list(retry_jobs(spool.layout, Selection([], everything=True))) == [f"{spool.layout.inbox}/dab/red%1B[31m%FF.png"]
    failed(spool, "red\x1b[31m.png")
    assert list(discard_jobs(spool.layout, Selection([], everything=True))) == ["red%1B[31m.png"]


def test_lists_approves_retries_and_discards_drawings_for_review(spool: Spool) -> None:
    jobs = []
    for number in range(4):
        jobs.append(claim_file(spool, f"{number}.png", folder=("dab",)))
        hold_for_review(spool.layout, spool.path(jobs[-1]), jobs[-1], {"job_id": jobs[-1].id, "message": "quality 0.20", "figures": []})
        spool.remove(jobs[-1])
    assert set(list_jobs(spool.layout, done=False, max_depth=4)) == {
        JobRow(DrawingState.REVIEW, job.id, f"{number}.png", "quality 0.20", "dab") for number, job in enumerate(jobs)
    }
    assert json.loads(describe_job(spool.layout, "0.png", max_depth=4))["state"] == "review"
    assert list(approve_jobs(spool.layout, [jobs[0].id], everything=False)) == [f"{spool.layout.inbox}/dab/0.png"]
    assert list(retry_jobs(spool.layout, Selection(["1.png"]))) == [f"{spool.layout.inbox}/dab/1.png"]
    assert list(discard_jobs(spool.layout, Selection(["2.png"]))) == ["2.png"]
    assert list(retry_jobs(spool.layout, Selection([], everything=True))) == []
    assert list(approve_jobs(spool.layout, [], everything=True)) == [f"{spool.layout.inbox}/dab/3.png"]
    assert names_below(spool.layout.inbox) == ["dab/0.json", "dab/0.png", "dab/1.png", "dab/3.json", "dab/3.png"]
    assert names_below(spool.layout.review) == []
    for wanted, refusal in ((["0.png"], r"^0\.png is not in review/"), ([], "^no drawing is named")):
        with pytest.raises(OptionError, match=refusal):
            approve_jobs(spool.layout, wanted, everything=False)


@pytest.mark.parametrize("lost", ["review.json", "drawing.png"])
def test_approves_all_others_beside_a_damaged_one(spool: Spool, lost: str) -> None:
    for name in ("0.png", "1.png"):
        job = claim_file(spool, name)
        hold_for_review(spool.layout, spool.path(job), job, {"job_id": job.id, "message": "quality 0.20", "figures": []})
        spool.remove(job)
    (spool.layout.review / "0.png" / lost).unlink()
    back = approve_jobs(spool.layout, [], everything=True)
    assert next(back) == f"{spool.layout.inbox}/1.png"
    with pytest.raises(OptionError, match=rf"^0\.png: its {lost} is missing"):
        next(back)
    assert names_below(spool.layout.inbox) == ["1.json", "1.png"]


def test_several_damaged_ones_are_no_taken_names(spool: Spool) -> None:
    for name in ("0.png", "1.png"):
        job = claim_file(spool, name)
        hold_for_review(spool.layout, spool.path(job), job, {"job_id": job.id, "message": "quality 0.20", "figures": []})
        spool.remove(job)
        (spool.layout.review / name / "review.json").write_text("{")
    with pytest.raises(OptionError, match=r"^2 stay where they are: 0\.png: .*; 1\.png: ") as caught:
        list(approve_jobs(spool.layout, [], everything=True))
    assert type(caught.value) is OptionError


def test_lists_and_retries_given_up_deliveries(spool: Spool) -> None:
    events = []
    for number in range(3):
        job = claim_file(spool, f"{number}.png")
        publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
        record_event(spool.layout, spool.path(job), job, EventKind.DONE)
        events.append(SpoolEvent(job.id, EventKind.DONE))
        give_up(spool.layout, events[-1], {"hook": "on_done", "name": f"{number}.png", "reason": "no answer"})
        spool.acknowledge(job, keep_source=True)
    assert set(list_jobs(spool.layout, done=False, max_depth=4)) == {
        JobRow(HOOK, each.id, f"{number}.png", "on_done given up: no answer") for number, each in enumerate(events)
    }
    assert list(retry_jobs(spool.layout, Selection([events[0].id]))) == [events[0].id]
    assert pending_events(spool.layout, EventKind.DONE) == [events[0]]
    assert list(discard_jobs(spool.layout, Selection([events[1].id]))) == [events[1].id]
    assert list(retry_jobs(spool.layout, Selection([], hooks=True))) == [events[2].id]
    assert list_jobs(spool.layout, done=False, max_depth=4) == []
    assert names_below(spool.layout.undelivered) == []


@pytest.mark.parametrize(("wanted", "named"), [(["unknown.png"], "unknown.png"), (["a.png", "ev\nil.png"], "ev%0Ail.png")])
def test_unknown_name_stops_retry_and_discard(spool: Spool, wanted: list[str], named: str) -> None:
    failed(spool, "a.png")
    for call in (retry_jobs, discard_jobs):
        with pytest.raises(OptionError, match=rf"is called {named} \("):
            call(spool.layout, Selection(wanted))
    assert (spool.layout.failed / "a.png").exists()


def test_name_of_two_drawings_stops_retry_and_discard(spool: Spool) -> None:
    failed_id = failed(spool, "a.png")
    job = claim_file(spool, "a.png")
    hold_for_review(spool.layout, spool.path(job), job, {"job_id": job.id, "message": "quality 0.20", "figures": []})
    spool.remove(job)
    for call in (retry_jobs, discard_jobs):
        with pytest.raises(OptionError, match=r"^a\.png is in failed/ and in review/ \(give the id"):
            call(spool.layout, Selection(["a.png"]))
    assert list(discard_jobs(spool.layout, Selection([failed_id]))) == ["a.png"]
    assert names_below(spool.layout.failed) == []
    assert (spool.layout.review / "a.png").exists()


def test_retry_and_discard_without_names_say_so(spool: Spool) -> None:
    failed(spool, "a.png")
    for call in (retry_jobs, discard_jobs):
        with pytest.raises(OptionError, match=r"^no drawing is named"):
            call(spool.layout, Selection([]))


def test_empty_name_is_no_drawing_without_a_report(spool: Spool) -> None:
    (spool.layout.failed / "a.png").touch()
    (spool.layout.review / "b.png").mkdir()
    for call in (retry_jobs, discard_jobs):
        with pytest.raises(OptionError, match=r"^no drawing is named"):
            call(spool.layout, Selection([""]))
    with pytest.raises(OptionError, match=r"^no drawing is named"):
        approve_jobs(spool.layout, [""], everything=False)


def test_table_is_as_wide_as_its_content() -> None:
    text = job_table([JobRow(DrawingState.FAILED, "ID", "a long name.png", "reason"), JobRow(DrawingState.WAITING, "", "b.png")])
    assert text.splitlines() == [
        "state    job  name             why",
        "failed   ID   a long name.png  reason",
        "waiting  -    b.png",
    ]


def test_table_has_local_time_folder_and_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC+2")
    time.tzset()
    rows = [
        JobRow(DrawingState.DONE, "A", "a.png", folder="dab", since="2026-11-29T04:31:00.123Z", outputs=("dab/a.gif", "dab/a.mp4")),
        JobRow(DrawingState.FAILED, "B", "b.png", "reason", since="0001-01-01"),
    ]
    assert job_table(rows).splitlines() == [
        "state   since             job  folder  name   outputs               why",
        "done    2026-11-29 02:31  A    dab     a.png  dab/a.gif, dab/a.mp4",
        "failed  -                 B    -       b.png  -                     reason",
    ]
    monkeypatch.undo()
    time.tzset()


def test_empty_table_has_a_message() -> None:
    assert job_table([]) == "no drawing is waiting, running or failed"


def test_table_shortens_and_cleans_reasons() -> None:
    (_, line) = job_table([JobRow(DrawingState.FAILED, "1", "a.png", "no_answer: \x1b[2Jboom\nstate  job\n" + "x" * 1000)]).splitlines()
    assert line.startswith("failed  1    a.png  no_answer: [2Jboom state job xxx")
    assert line.endswith("x...")
    assert len(line) < 250


def test_commands_use_the_spool_of_the_settings(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOODLED_ROOT", str(spool.layout.root))
    for name in ("a.png", "b.png"):
        failed(spool, name)

    def doodled(*arguments: str) -> str:
        done = CliRunner().invoke(command_line(), ["jobs", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert {row["name"] for row in json.loads(doodled("list", "--json"))} == {"a.png", "b.png"}
    assert "no figure there" in doodled("list")
    assert json.loads(doodled("show", "a.png"))["state"] == "failed"
    assert doodled("retry", "a.png") == f"{spool.layout.inbox / 'dab' / 'a.png'}\n"
    with pytest.raises(OptionError, match="this deletes 1 drawing or delivery for good"):
        doodled("discard", "--all")
    assert doodled("discard", "--all", "--yes") == "b.png\n"
    assert "waiting" in doodled("list", "--done")


@pytest.mark.parametrize(("answer", "status", "left"), [("y", 0, []), ("n", 1, ["a.png", "a.png.error.json", "a.png.options.json"])])
def test_discard_of_everything_asks_at_a_terminal(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, left: list[str]
) -> None:
    monkeypatch.setenv("DOODLED_ROOT", str(spool.layout.root))
    failed(spool, "a.png")
    monkeypatch.setattr(jobs_cli, "is_terminal", lambda: True)
    done = CliRunner().invoke(command_line(), ["jobs", "discard", "--all"], input=f"{answer}\n")
    assert "Delete 1 drawing or delivery for good?" in done.output
    assert done.exit_code == status
    assert names_below(spool.layout.failed) == left
