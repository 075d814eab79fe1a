"""When a file is complete: fed with looks and times, no files and no clock."""

from __future__ import annotations

from daemon.settle import Observation, SettleRules, Settling, Waiting

RULES = SettleRules(quiet_s=0.1, stable_s=5.0, samples=3)


def look(size: int = 10, mtime_ns: int = 1, inode: int = 7, *, has_writer: bool | None = False) -> Observation:
    return Observation(size, mtime_ns, inode, has_writer)


def settling(size: int = 10) -> Settling:
    return Settling(100.0, look(size), RULES)


def test_a_file_that_nobody_writes_to_is_complete_after_the_quiet_time() -> None:
    file = settling()
    assert not file.step(100.05, look())
    assert file.waiting is Waiting.QUIET_TIME
    assert file.step(100.1, look())
    assert file.waiting is None


def test_a_file_that_was_renamed_in_is_complete_at_its_first_look_once_it_is_due() -> None:
    file = settling()
    assert file.step(file.due_s, look())


def test_a_writer_keeps_a_file_waiting_however_long_it_pauses() -> None:
    file = settling()
    for minute in range(1, 10):
        assert not file.step(100.0 + 60 * minute, look(has_writer=True))
        assert file.waiting is Waiting.WRITER
    assert not file.step(640.05, look())  # the quiet time starts when the writer has gone
    assert file.step(640.2, look())


def test_a_change_starts_the_quiet_time_again_whatever_it_was() -> None:
    for changed in (look(size=11), look(mtime_ns=2), look(inode=8)):
        file = settling()
        assert not file.step(100.2, changed)
        assert file.waiting is Waiting.CHANGING
        assert file.step(100.4, changed)


def test_a_modification_time_in_the_past_makes_no_file_complete() -> None:
    file = settling()
    assert not file.step(100.2, look(size=20, mtime_ns=-(10**18)))


def test_an_empty_file_is_waited_for() -> None:
    file = settling(size=0)
    assert not file.step(5000.0, look(0))
    assert file.waiting is Waiting.EMPTY
    assert not file.step(5001.0, look(5))
    assert file.step(5001.2, look(5))


def test_where_the_kernel_can_not_say_several_equal_looks_over_a_longer_time_are_needed() -> None:
    file = settling()
    now, looks = 100.0, 0
    while not file.step(now, look(has_writer=None)):
        now, looks = file.due_s, looks + 1
    assert now >= 105.0
    assert looks >= RULES.samples


def test_one_late_look_is_not_enough_where_the_kernel_can_not_say() -> None:
    file = settling()
    assert not file.step(300.0, look(has_writer=None))


def test_a_clock_that_stands_still_completes_nothing() -> None:
    file = settling()
    assert not any(file.step(100.0, look()) for _ in range(100))


def test_the_next_look_is_never_more_than_a_second_away() -> None:
    file = settling()
    for has_writer in (True, False, None):
        file.step(200.0, look(has_writer=has_writer))
        assert 200.0 < file.due_s <= 201.0
