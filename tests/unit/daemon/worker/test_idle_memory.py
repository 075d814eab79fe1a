"""Memory of an idle worker: given back after a while without a task, and never while one runs."""

from __future__ import annotations

import threading

import pytest

from daemon.worker import idle_memory
from daemon.worker.idle_memory import IdleMemory, release_memory


class Timer:
    """A timer that never ends."""

    daemon = False

    def __init__(self, wait_s: float, work: object) -> None:
        self.wait_s, self.work, self.state = wait_s, work, "made"

    def start(self) -> None:
        self.state = "runs"

    def cancel(self) -> None:
        self.state = "cancelled"


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Timer]:
    """The timers that are made."""
    made: list[Timer] = []

    def make(wait_s: float, work: object) -> Timer:
        made.append(Timer(wait_s, work))
        return made[-1]

    monkeypatch.setattr(threading, "Timer", make)
    return made


def test_memory_is_released_after_the_last_task(timers: list[Timer]) -> None:
    memory = IdleMemory(release_memory, idle_s=7.0)
    with memory.in_use():
        assert not timers
    with memory.in_use():
        assert [timer.state for timer in timers] == ["cancelled"]
    assert [timer.state for timer in timers] == ["cancelled", "runs"]
    last = timers[-1]
    assert (last.wait_s, last.work, last.daemon) == (7.0, release_memory, True)


def test_memory_is_released_after_a_failure(timers: list[Timer]) -> None:
    memory = IdleMemory()
    with pytest.raises(ValueError, match="wrong"), memory.in_use():
        raise ValueError("wrong")
    assert [timer.state for timer in timers] == ["runs"]


def test_releasing_works_with_and_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    release_memory()
    monkeypatch.setattr(idle_memory.ctypes, "CDLL", lambda _: object())
    release_memory()
