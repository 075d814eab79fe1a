"""`doodled jobs`: where every drawing is, and the way back from quarantine, with a daemon and without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from claimed_jobs import claimed, dropped, names_below, with_results
from typer.testing import CliRunner

from daemon.cli import app
from daemon.commands.jobs import Row, State, discarded, retried, rows, shown, table
from daemon.spool.layout import Layout
from daemon.spool.publish import publish
from daemon.spool.quarantine import quarantine
from daemon.spool.spool import Spool
from pipeline.errors import OptionError


def failed(spool: Spool, name: str) -> str:
    """A drawing in quarantine; the id of its job."""
    job = claimed(spool, name, folder=("dab",), sidecar=b"{}")
    reason = {"job_id": job.id, "error_type": "no_figure", "message": "nobody there"}
    quarantine(spool.layout.failed, spool.path(job), job, reason)
    spool.forget(job)
    return job.id


def published(spool: Spool, name: str) -> str:
    job = claimed(spool, name)
    publish(spool.layout.outbox, spool.path(job), job, with_results(spool, job, b"GIF"))
    spool.acknowledge(job, is_kept=True)
    return job.id


def said(spool: Spool, **status: object) -> None:
    """What the daemon says of itself."""
    (spool.layout.status / f"{spool.instance}.json").write_text(json.dumps(status))


def test_everything_is_listed_where_it_is(spool: Spool) -> None:
    dropped(spool, "new.png")
    dropped(spool, "old.png", folder=("dab",))
    (spool.layout.inbox / "link.png").symlink_to("/etc/passwd")
    running, held, waiting = (claimed(spool, f"{name}.png") for name in ("running", "held", "waiting"))
    (spool.path(waiting) / "job.json").write_text("{")
    no_figure, done = failed(spool, "failed.png"), published(spool, "done.png")
    waits = [{"name": "dab/old.png", "why": "writer", "age_s": 61.3}]
    said(spool, running=[running.id], deferred={held.id: "changed"}, waiting=waits)
    found = rows(spool.layout, done=False)
    assert set(found) == {
        Row(State.INBOX, "", "new.png", ""),
        Row(State.INBOX, "", "dab/old.png", "writer, for 61 s"),
        Row(State.INBOX, "", "link.png", "not_regular"),
        Row(State.RUNNING, running.id, "running.png"),
        Row(State.WAITING, held.id, "held.png", "changed"),
        Row(State.WAITING, waiting.id, "?", ""),
        Row(State.FAILED, no_figure, "failed.png", "no_figure: nobody there"),
    }
    assert rows(spool.layout, done=True)[-1] == Row(State.DONE, done, "done.png", "done.gif")


def test_without_a_daemon_that_is_said_of_everything(tmp_path: Path) -> None:
    with Spool.opened(tmp_path) as spool:
        job = claimed(spool)
        said(spool, running=[job.id])
        dropped(spool, "new.png")
    (spool.layout.status / "damaged.json").write_text("{")
    (spool.layout.work / "a file").touch()
    (spool.own / "no job").mkdir()
    assert rows(spool.layout, done=True) == [
        Row(State.INBOX, "", "new.png", "no daemon is running"),
        Row(State.LEFT, job.id, "garlic.png", "its daemon died; the next one goes on with it"),
    ]


def test_damage_is_listed_all_the_same(spool: Spool) -> None:
    (spool.layout.failed / "lost.png").touch()
    done = published(spool, "done.png")
    (spool.layout.done / done / "manifest.json").write_text("{")
    (spool.layout.done / "no job").mkdir()
    assert rows(spool.layout, done=True) == [
        Row(State.FAILED, "", "lost.png", "?: its reason is missing"),
        Row(State.DONE, done, "?", ""),
    ]


def test_where_there_is_no_spool_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="holds no spool"):
        rows(Layout(tmp_path), done=False)


def test_a_job_is_shown_by_its_id_or_its_name_in_quarantine(spool: Spool) -> None:
    waiting, bad, done = claimed(spool), failed(spool, "failed.png"), published(spool, "done.png")
    (spool.layout.work / "01HF7YAT00ABCDEFGHJKMNPQRS").mkdir()
    assert json.loads(shown(spool.layout, waiting.id))["job"]["name"] == "garlic.png"
    assert json.loads(shown(spool.layout, waiting.id))["state"] == "waiting"
    for wanted in (bad, "failed.png"):
        found = json.loads(shown(spool.layout, wanted))
        assert (found["state"], found["message"]) == ("failed", "nobody there")
    found = json.loads(shown(spool.layout, done))
    assert (found["state"], found["manifest"]["manifest"]) == ("done", "done.json")
    assert Path(found["place"]) == spool.layout.done / done
    for unknown in ("nobody.png", "01HF7YAT00ABCDEFGHJKMNPQRS", ""):
        with pytest.raises(OptionError, match="there is no job"):
            shown(spool.layout, unknown)


def test_what_failed_goes_back_by_name_or_id(spool: Spool) -> None:
    ids = [failed(spool, f"{number}.png") for number in range(3)]
    back = retried(spool.layout, [ids[0], "1.png"], everything=False)
    assert sorted(back) == [str(spool.layout.inbox / "dab" / f"{number}.png") for number in range(2)]
    assert names_below(spool.layout.failed) == ["2.png", "2.png.error.json", "2.png.options.json"]
    assert list(discarded(spool.layout, [], everything=True)) == ["2.png"]
    assert names_below(spool.layout.failed) == []
    assert list(retried(spool.layout, [], everything=True)) == []


def test_one_whose_name_is_taken_keeps_no_other_from_going_back(spool: Spool) -> None:
    for number in range(4):
        failed(spool, f"{number}.png")
    inbox = spool.layout.inbox / "dab"
    inbox.mkdir(exist_ok=True)
    (inbox / "0.png").write_text("somebody else's")
    back = retried(spool.layout, ["0.png", "1.png"], everything=False)
    assert next(back) == f"{inbox}/1.png"
    with pytest.raises(OptionError, match=r"^0\.png lies in the inbox already"):
        next(back)
    assert (inbox / "0.png").read_text() == "somebody else's"
    assert (inbox / "1.png").exists()
    (inbox / "2.png").write_text("somebody else's")
    with pytest.raises(OptionError, match=r"^2 stay in quarantine: ") as caught:
        list(retried(spool.layout, [], everything=True))
    told = caught.value.summary.partition(": ")[2].split("; ")
    assert sorted(told) == ["0.png lies in the inbox already", "2.png lies in the inbox already"]
    assert (inbox / "3.png").exists()
    assert names_below(spool.layout.failed) == [
        f"{number}.png{suffix}" for number in (0, 2) for suffix in ("", ".error.json", ".options.json")
    ]


def test_what_is_told_of_files_that_moved_gives_no_orders_to_a_terminal(spool: Spool) -> None:
    failed(spool, "red\x1b[31m\udcff.png")
    assert list(retried(spool.layout, [], everything=True)) == [f"{spool.layout.inbox}/dab/red%1B[31m%FF.png"]
    failed(spool, "red\x1b[31m.png")
    assert list(discarded(spool.layout, [], everything=True)) == ["red%1B[31m.png"]


@pytest.mark.parametrize(("wanted", "named"), [(["nobody.png"], "nobody.png"), ([], "nothing"), (["a.png", "ev\nil.png"], "ev%0Ail.png")])
def test_one_that_is_not_there_stops_all(spool: Spool, wanted: list[str], named: str) -> None:
    failed(spool, "a.png")
    for call in (retried, discarded):
        with pytest.raises(OptionError, match=rf"^{named} is not in quarantine"):
            call(spool.layout, wanted, everything=False)
    assert (spool.layout.failed / "a.png").exists()


def test_the_table_is_as_wide_as_what_it_holds() -> None:
    text = table([Row(State.FAILED, "ID", "a long name.png", "reason"), Row(State.INBOX, "", "b.png")])
    assert text.splitlines() == [
        "state   job  name             why",
        "failed  ID   a long name.png  reason",
        "inbox   -    b.png",
    ]
    assert table([]) == "nothing waits, runs or failed"


def test_what_a_server_said_is_one_short_line_without_orders_to_a_terminal() -> None:
    (_, line) = table([Row(State.FAILED, "1", "a.png", "no_answer: \x1b[2Jboom\nstate  job\n" + "x" * 1000)]).splitlines()
    assert line.startswith("failed  1    a.png  no_answer: [2Jboom state job xxx")
    assert line.endswith("x...")
    assert len(line) < 250


def test_the_commands_do_so_for_the_spool_of_the_settings(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOODLED_ROOT", str(spool.layout.root))
    for name in ("a.png", "b.png"):
        failed(spool, name)

    def doodled(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["jobs", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert {row["name"] for row in json.loads(doodled("list", "--json"))} == {"a.png", "b.png"}
    assert "no_figure: nobody there" in doodled("list")
    assert json.loads(doodled("show", "a.png"))["state"] == "failed"
    assert doodled("retry", "a.png") == f"{spool.layout.inbox / 'dab' / 'a.png'}\n"
    assert doodled("discard", "--all") == "b.png\n"
    assert "inbox" in doodled("list", "--done")
