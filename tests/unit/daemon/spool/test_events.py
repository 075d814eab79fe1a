"""Events of the spool: recorded once, kept until they are delivered, and given up with a reason."""

from __future__ import annotations

import pytest
from claimed_jobs import claim_file, names_below, write_results

from daemon.spool.events import (
    EventKind,
    SpoolEvent,
    discard_event,
    forget_event,
    give_up,
    pending_events,
    read_event,
    record_event,
    retry_event,
    undelivered_events,
)
from daemon.spool.job_folder import Job
from daemon.spool.publish import publish
from daemon.spool.spool import Spool


def published(spool: Spool, name: str = "garlic.png") -> tuple[Job, SpoolEvent]:
    job = claim_file(spool, name)
    publish(spool.layout.outbox, spool.path(job), job, write_results(spool, job, b"GIF"))
    return job, SpoolEvent(job.id, EventKind.DONE)


def test_survives_its_job_and_its_result(spool: Spool) -> None:
    job, event = published(spool)
    record_event(spool.layout, spool.path(job), job, EventKind.DONE)
    spool.acknowledge(job, keep_source=False)
    (spool.layout.outbox / "garlic.json").unlink()
    assert pending_events(spool.layout, EventKind.DONE) == [event]
    assert read_event(spool.layout, event)["manifest"] == "garlic.json"
    assert pending_events(spool.layout, EventKind.FAILED) == []


def test_recording_again_changes_nothing_and_makes_the_folder(spool: Spool) -> None:
    job, event = published(spool)
    spool.layout.events.rmdir()
    for _ in range(2):
        record_event(spool.layout, spool.path(job), job, EventKind.DONE)
    assert pending_events(spool.layout, EventKind.DONE) == [event]


def test_job_that_is_gone_is_no_event(spool: Spool) -> None:
    job, _ = published(spool)
    spool.remove(job)
    with pytest.raises(FileNotFoundError):
        record_event(spool.layout, spool.path(job), job, EventKind.DONE)


def test_other_files_are_no_events(spool: Spool) -> None:
    for name in ("notes.json", ".on_done.lock", f"{'0' * 26}-done", f"{'0' * 26}-done.reason.json", f"{'0' * 26}-other.json", "-done.json"):
        (spool.layout.events / name).touch()
    assert pending_events(spool.layout, EventKind.DONE) == []


def test_oldest_drawing_comes_first(spool: Spool) -> None:
    for job in ("01HF7YAT02ABCDEFGHJKMNPQRS", "01HF7YAT00ABCDEFGHJKMNPQRS", "01HF7YAT01ABCDEFGHJKMNPQRS"):
        (spool.layout.events / f"{job}-done.json").touch()
    assert [each.job_id[9] for each in pending_events(spool.layout, EventKind.DONE)] == ["0", "1", "2"]


def test_given_up_retried_and_forgotten(spool: Spool) -> None:
    job, event = published(spool)
    record_event(spool.layout, spool.path(job), job, EventKind.DONE)
    spool.layout.undelivered.rmdir()
    assert undelivered_events(spool.layout) == []
    for _ in range(2):  # a crash in between
        give_up(spool.layout, event, {"reason": "no answer"})
    assert pending_events(spool.layout, EventKind.DONE) == []
    assert [(each.event, each.reason) for each in undelivered_events(spool.layout)] == [(event, {"reason": "no answer"})]
    retry_event(spool.layout, event)
    assert undelivered_events(spool.layout) == []
    assert pending_events(spool.layout, EventKind.DONE) == [event]
    for _ in range(2):
        forget_event(spool.layout, event)
    assert names_below(spool.layout.events) == []


def test_damaged_reason_is_no_obstacle(spool: Spool) -> None:
    event = SpoolEvent("01HF7YAT00ABCDEFGHJKMNPQRS", EventKind.FAILED)
    (spool.layout.undelivered / event.file).write_text("{}")
    (spool.layout.undelivered / f"{event.id}.reason.json").write_text("{")
    assert [each.reason for each in undelivered_events(spool.layout)] == [{}]
    discard_event(spool.layout, event)
    assert names_below(spool.layout.undelivered) == []
