"""When a file is complete: fed with looks and times, no files and no clock."""

from __future__ import annotations

import pytest

from daemon.inbox.stability import Observation, StabilityRules, StabilityTracker, Waiting

RULES = StabilityRules(debounce_s=0.1, stable_s=5.0, samples=3)


def look(size: int = 10, mtime_ns: int = 1, inode: int = 7, *, has_writer: bool | None = False) -> Observation:
    return Observation(size, mtime_ns, inode, has_writer)


def settling(size: int = 10) -> StabilityTracker:
    return StabilityTracker(100.0, look(size), RULES)


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


def test_why_a_file_waits_is_told_in_words_that_operators_know() -> None:
    """They stand in status files and in the README."""
    assert [str(each) for each in Waiting] == ["new", "empty", "changing", "writer", "quiet_time"]


def test_the_rules_that_hold_where_nobody_says_otherwise() -> None:
    assert StabilityRules() == StabilityRules(debounce_s=0.1, stable_s=5.0, samples=3)


def test_what_was_just_found_is_new_since_now_and_looked_at_after_the_quiet_time() -> None:
    file = settling()
    assert (file.first_seen_s, file.waiting, file.due_s) == (100.0, Waiting.NEW, 100.1)


@pytest.mark.parametrize(
    ("rules", "has_writer", "pause_s"),
    [
        (StabilityRules(0.1, 1.5, 3), False, 0.1),  # the kernel knows: soon
        (StabilityRules(0.1, 1.5, 3), True, 0.5),
        (StabilityRules(0.1, 1.5, 3), None, 0.5),  # so many looks within the stable time
        (StabilityRules(0.1, 60.0, 3), None, 1.0),
        (StabilityRules(0.7, 1.5, 3), None, 0.7),  # never sooner than the quiet time
        (StabilityRules(9.0, 1.5, 3), False, 1.0),
    ],
)
def test_how_soon_the_next_look_is_worth_it(rules: StabilityRules, has_writer: bool | None, pause_s: float) -> None:
    file = StabilityTracker(100.0, look(), rules)
    file.step(200.0, look(has_writer=has_writer))
    assert file.due_s == pytest.approx(200.0 + pause_s)


def test_the_quiet_time_counts_from_when_an_empty_file_was_last_empty() -> None:
    """Of an equal modification time, as where clocks are coarse: only the size says that something came."""
    file = settling(size=0)
    file.step(200.0, look(0))
    assert not file.step(200.05, look(0, has_writer=False))
    file.seen = look()
    assert not file.step(200.1, look())
    assert file.step(200.2, look())


def unsure_steps(*at_s: float) -> list[bool]:
    """Whether each look completes a file that was first seen at 100.0 and that the kernel says nothing about."""
    file = settling()
    return [file.step(now, look(has_writer=None)) for now in at_s]


def test_the_stable_time_ends_to_the_second_with_enough_looks() -> None:
    assert unsure_steps(102.0, 104.0, 104.99, 105.0) == [False, False, False, True]


def test_three_looks_are_three_with_the_first() -> None:
    assert unsure_steps(103.0, 106.0) == [False, True]
    assert unsure_steps(106.0) == [False]


def test_looks_in_quick_succession_count_as_one() -> None:
    """Of three that are to be spread over five seconds, each is worth something after one and a half."""
    assert unsure_steps(101.4, 101.45, 105.1) == [False, False, False]
    assert unsure_steps(101.5, 101.6, 101.7, 105.1) == [False, False, False, True]
    assert unsure_steps(104.0, 105.3, 105.4) == [False, False, False]


def test_a_change_makes_all_looks_before_it_worthless() -> None:
    file = settling()
    for now in (102.0, 104.0):
        file.step(now, look(has_writer=None))
    file.step(104.5, look(size=11, has_writer=None))
    assert not file.step(109.6, look(size=11, has_writer=None))  # long enough, but seen twice only
    assert file.step(111.2, look(size=11, has_writer=None))


def test_a_writer_makes_looks_worthless_where_the_kernel_stops_saying() -> None:
    file = settling()
    file.step(104.0, look(has_writer=True))
    assert not file.step(106.0, look(has_writer=None))
    assert not file.step(108.9, look(has_writer=None))
    assert file.step(109.0, look(has_writer=None))
