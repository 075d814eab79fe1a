"""Delivery queue on a clock of its own: order, waits, deadlines, other daemons, broken spools."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.hooks.delivery import DeliveryFailure
from daemon.hooks.event_document import EventDocument
from daemon.hooks.sender import FIRST_WAIT_S, MAX_WAIT_S, SCAN_S, DeliveryQueue, Hooks
from daemon.log.events import Event
from daemon.log.factory import json_log
from daemon.settings import HooksSettings
from daemon.spool import events
from daemon.spool.events import EventKind, SpoolEvent, retry_event, undelivered_events
from daemon.spool.job_ids import job_id
from daemon.spool.layout import Layout, prepare

DEADLINE_S = 3600.0
DOWN = DeliveryFailure("it answers 500", 500)


class Bench:
    """A queue, its receiver and its clock.

    Attributes:
        answer: what the receiver answers to an event.
        tried: ids of the events, in the order of their tries.
    """

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        prepare(self.layout)
        self.target = "https://example.org"
        self.now = 1000.0
        self.took_s = 0.0
        self.answer: Callable[[EventDocument], DeliveryFailure | None] = lambda _: None
        self.tried: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.log = json_log(lambda line: self.records.append(json.loads(line)), instance="one")
        self.is_closed = False
        self.queue = self.new_queue()

    def new_queue(self) -> DeliveryQueue:
        return DeliveryQueue(EventKind.DONE, self, self.layout, self.log, timeout_s=30.0, deadline_s=DEADLINE_S, clock=lambda: self.now)

    def deliver(self, document: EventDocument, until_s: Callable[[], float]) -> DeliveryFailure | None:
        assert until_s() == self.now + 30.0
        self.now += self.took_s
        self.tried.append(document.event.job_id)
        return self.answer(document)

    def close(self) -> None:
        self.is_closed = True

    def add(self, number: int = 0, content: bytes | None = None) -> str:
        job = job_id(1_700_000_000 + number, 0)
        manifest = {"source": {"name": f"{number}.png"}, "manifest": f"{number}.json", "outputs": [{"file": f"{number}.gif"}]}
        (self.layout.events / f"{job}-done.json").write_bytes(json.dumps(manifest).encode() if content is None else content)
        return job

    def run(self, until_s: float) -> None:
        """Step when something is due, as the thread does."""
        while self.now < until_s:
            due_s = self.queue.step()
            self.now = max(self.now + 0.001, min(due_s, self.now + SCAN_S, until_s))

    def logged(self, event: Event) -> list[dict[str, Any]]:
        return [record for record in self.records if record["event"] == event]

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.layout.events.glob("*.json"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_delivers_in_order_and_once(bench: Bench) -> None:
    jobs = [bench.add(number) for number in (2, 0, 1)]
    bench.run(bench.now + 100)
    assert bench.tried == sorted(jobs)
    assert bench.left == []
    (record, *_) = bench.logged(Event.HOOK_DELIVERED)
    assert (record["hook"], record["target"], record["file_name"], record["job_id"]) == ("on_done", bench.target, "0.png", jobs[1])


def test_failed_event_waits_longer_each_time_and_others_go_on(bench: Bench) -> None:
    bad, good = bench.add(0), bench.add(1)
    bench.answer = lambda document: DOWN if document.event.job_id == bad else None
    bench.run(bench.now + 50)
    assert bench.tried[:3] == [bad, good, bad]
    waits = [record["wait_s"] for record in bench.logged(Event.HOOK_RETRIED)]
    assert waits == sorted(waits)
    assert all(FIRST_WAIT_S * 2**n <= wait <= FIRST_WAIT_S * 2**n + 0.6 for n, wait in enumerate(waits))
    for number in range(2, 30):
        bench.add(number)
    bench.run(bench.now + SCAN_S)
    assert bench.left == [f"{bad}-done.json"]


def test_receiver_that_is_down_is_asked_rarely_and_gets_everything_later(bench: Bench) -> None:
    for number in range(1000):
        bench.add(number)
    bench.answer = lambda _: DOWN
    bench.run(bench.now + DEADLINE_S - 300)
    assert len(bench.tried) < 30
    assert len(bench.left) == 1000
    bench.tried.clear()
    bench.answer = lambda _: None
    bench.run(bench.now + MAX_WAIT_S + 1)
    assert len(bench.tried) == len(set(bench.tried)) == 1000
    assert bench.left == []


def test_given_up_after_the_deadline_and_retried_by_hand(bench: Bench) -> None:
    jobs = [bench.add(number) for number in range(100)]
    bench.answer = lambda _: DOWN
    bench.run(bench.now + DEADLINE_S + MAX_WAIT_S)
    assert bench.left == []
    given_up = undelivered_events(bench.layout)
    assert [each.event.job_id for each in given_up] == jobs
    assert {each.reason["hook"] for each in given_up} == {"on_done"}
    assert given_up[0].reason["reason"] == DOWN.reason
    assert len(bench.logged(Event.HOOK_FAILED)) == 100
    bench.answer = lambda _: None
    retry_event(bench.layout, given_up[7].event)
    bench.run(bench.now + MAX_WAIT_S + SCAN_S + 1)
    assert bench.tried[-1] == jobs[7]
    assert len(undelivered_events(bench.layout)) == 99


def test_single_event_is_given_up_too(bench: Bench) -> None:
    bench.add()
    bench.answer = lambda _: DOWN
    bench.run(bench.now + DEADLINE_S + MAX_WAIT_S)
    assert [each.reason["tries"] for each in undelivered_events(bench.layout)] == [len(bench.tried)]


def test_receiver_that_is_gone_is_not_asked_again(bench: Bench) -> None:
    job = bench.add()
    bench.answer = lambda _: DeliveryFailure("it answers 410", 410, is_final=True)
    bench.run(bench.now + 10)
    assert bench.tried == [job]
    assert [each.event.job_id for each in undelivered_events(bench.layout)] == [job]


def test_heeds_retry_after(bench: Bench) -> None:
    first, second = bench.add(0), bench.add(1)
    bench.answer = lambda _: DeliveryFailure("it answers 429", 429, retry_after_s=120.0)
    bench.run(bench.now + 119)
    assert bench.tried == [first]
    bench.answer = lambda _: None
    bench.run(bench.now + 2)
    assert sorted(bench.tried) == [first, first, second]


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"outputs": 3}', b'{"source": [], "outputs": [], "manifest": 1}'])
def test_damaged_event_stops_no_other(bench: Bench, content: bytes) -> None:
    damaged, good = bench.add(0, content), bench.add(1)
    bench.run(bench.now + 10)
    assert bench.tried == [good]
    assert [each.event.job_id for each in undelivered_events(bench.layout)] == [damaged]


def test_delivered_event_that_cannot_be_removed_is_not_delivered_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    job = bench.add()

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system", "spool/events")

    with monkeypatch.context() as patch:
        patch.setattr("daemon.hooks.sender.forget_event", refuse)
        bench.run(bench.now + 200)
    assert bench.tried == [job]
    assert [record["reason"] for record in bench.logged(Event.HOOK_UNAVAILABLE)] == ["Read-only file system"]
    bench.run(bench.now + 50)
    assert bench.tried == [job]
    assert bench.left == []


def test_unreadable_event_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = bench.add(0), bench.add(1)

    def refuse(layout: Layout, event: SpoolEvent) -> dict[str, Any]:
        if event.job_id == first:
            raise OSError(5, "Input/output error")
        return events.read_event(layout, event)

    with monkeypatch.context() as patch:
        patch.setattr("daemon.hooks.sender.read_event", refuse)
        bench.run(bench.now + 10)
    assert bench.tried == [second]
    bench.run(bench.now + 30)
    assert bench.tried == [second, first]


def test_one_of_two_daemons_delivers(bench: Bench) -> None:
    other = bench.new_queue()
    job = bench.add()
    bench.queue.step()
    bench.add(1)
    assert other.step() >= bench.now
    assert bench.tried == [job]
    bench.queue.close()
    assert bench.is_closed
    other.step()
    assert len(bench.tried) == 2
    other.close()


def test_event_removed_by_another_process_is_forgotten(bench: Bench) -> None:
    first, second = bench.add(0), bench.add(1)

    def remove_the_other(_: EventDocument) -> None:
        (bench.layout.events / f"{second}-done.json").unlink(missing_ok=True)

    bench.answer = remove_the_other
    bench.run(bench.now + 20)
    assert bench.tried == [first]
    assert bench.logged(Event.HOOK_UNAVAILABLE) == []


def test_stopping_tries_each_event_at_most_once_more(bench: Bench) -> None:
    jobs = [bench.add(number) for number in range(3)]
    bench.answer = lambda document: DOWN if document.event.job_id == jobs[0] else None
    bench.queue.step()
    bench.tried.clear()
    bench.now += 2
    bench.add(4)
    bench.queue.stop(math.nextafter(math.inf, 0))
    bench.queue.step()
    assert len(bench.tried) <= 2


def test_clock_that_stands_still_delivers_once(bench: Bench) -> None:
    bench.add()
    bench.queue.step()
    bench.queue.step()
    assert len(bench.tried) == 1


def test_hooks_run_only_for_what_is_set(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    prepare(layout)
    lines: list[str] = []
    log = json_log(lines.append, instance="one")
    hooks = Hooks(HooksSettings(on_failed=("/bin/true",)), layout, log, {})
    job = job_id()
    report = {"file": "a.png", "name": "a.png", "job_id": job}
    (layout.events / f"{job}-failed.json").write_text(json.dumps(report))
    (layout.events / f"{job}-done.json").write_text("{}")
    log.emit(Event.JOB_FAILED)
    hooks.start()  # not before: its first look would find the events before the record, or one that is half written
    hooks.stop()
    assert [json.loads(line)["event"] for line in lines] == ["job.failed", "hook.delivered"]
    assert [path.name for path in layout.events.glob("*.json")] == [f"{job}-done.json"]
