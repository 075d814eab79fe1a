"""Workers of a cluster and their installations: who may work, who came and who went."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from daemon.cluster.installation import Installation
from daemon.cluster.members import Members
from daemon.log.factory import json_log

OURS = Installation("0.1.0", "aaaa", "bbbb")


class Logged:
    """Members and their log records."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.members = Members(OURS, json_log(lambda line: self.records.append(json.loads(line)), instance="x"))

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(record["event"], record["host"]) for record in self.records]


def worker(host: str, installation: Installation = OURS) -> dict[str, Any]:
    return {"doodled": installation.fields(), "doodled_host": host, "nthreads": 1}


def test_notes_who_came_and_who_went() -> None:
    logged = Logged()
    logged.members.note({"tcp://a:1": worker("a"), "tcp://b:1": worker("b")})
    logged.members.note({"tcp://b:1": worker("b")})
    assert (logged.members.count, logged.members.reason) == (1, "")
    assert sorted(logged.events[:2]) == [("worker.joined", "a"), ("worker.joined", "b")]
    assert logged.events[2:] == [("worker.left", "a")]
    logged.members.note({})
    assert (logged.members.count, logged.members.reason) == (0, "no worker is connected to the scheduler")


def test_refuses_other_installations_once_each() -> None:
    logged, other = Logged(), replace(OURS, doodled="0.2.0", motions="cccc")
    for _ in range(2):
        logged.members.note({"tcp://a:1": worker("a", other)})
    assert logged.events == [("worker.refused", "a")]
    assert (
        logged.records[0]["reason"] == "it has doodled 0.2.0 instead of 0.1.0, motions cccc instead of bbbb; install the same doodled there"
    )
    assert logged.members.reason.startswith("all workers are refused, such as that on a: it has doodled 0.2.0")
    logged.members.note({})
    assert len(logged.events) == 1  # it never joined


def test_leaves_out_workers_of_other_programs() -> None:
    logged = Logged()
    logged.members.note({"tcp://a:1": {"nthreads": 8}})
    assert (logged.members.count, logged.events) == (0, [])


def test_forgets_without_a_word() -> None:
    logged = Logged()
    logged.members.note({"tcp://a:1": worker("a")})
    logged.members.forget()
    assert (logged.members.count, logged.events) == (0, [("worker.joined", "a")])


@pytest.mark.parametrize("name", ["doodled", "models", "motions"])
def test_resource_differs_with_each_version(name: str) -> None:
    other = replace(OURS, **{name: "x"})
    assert other.resource != OURS.resource
    assert OURS.difference_from(other).startswith(f"it has {name} x instead of ")
    assert OURS.difference_from(replace(OURS)) == ""


def test_installation_of_this_machine_is_stable() -> None:
    here = Installation.local()
    assert here == Installation.local() == Installation.from_fields(here.fields())
    assert len(here.models) == len(here.motions) == 12
