"""Stability of inbox files, from observations and times; no files, no clock."""

from __future__ import annotations

import pytest

from daemon.inbox.stability import Observation, StabilityRules, StabilityTracker, WaitReason

RULES = StabilityRules(debounce_s=0.1, stable_s=5.0, samples=3)


def observation(size: int = 10, mtime_ns: int = 1, inode: int = 7, *, has_writer: bool | None = False) -> Observation:
    return Observation(size, mtime_ns, inode, has_writer)


def tracker(size: int = 10) -> StabilityTracker:
    return StabilityTracker(100.0, observation(size), RULES)


def test_file_without_writers_is_complete_after_debounce() -> None:
    file = tracker()
    assert not file.update(100.05, observation())
    assert file.wait_reason is WaitReason.DEBOUNCE
    assert file.update(100.1, observation())
    assert file.wait_reason is None


def test_renamed_file_is_complete_at_first_due_observation() -> None:
    file = tracker()
    assert file.update(file.due_s, observation())


def test_handles_slow_writer() -> None:
    file = tracker()
    for minute in range(1, 10):
        assert not file.update(100.0 + 60 * minute, observation(has_writer=True))
        assert file.wait_reason is WaitReason.WRITER
    assert not file.update(640.05, observation())  # the debounce starts when the writer closes the file
    assert file.update(640.2, observation())


def test_any_change_restarts_debounce() -> None:
    for changed in (observation(size=11), observation(mtime_ns=2), observation(inode=8)):
        file = tracker()
        assert not file.update(100.2, changed)
        assert file.wait_reason is WaitReason.CHANGING
        assert file.update(100.4, changed)


def test_handles_modification_time_in_the_past() -> None:
    file = tracker()
    assert not file.update(100.2, observation(size=20, mtime_ns=-(10**18)))


def test_empty_file_is_incomplete() -> None:
    file = tracker(size=0)
    assert not file.update(5000.0, observation(0))
    assert file.wait_reason is WaitReason.EMPTY
    assert not file.update(5001.0, observation(5))
    assert file.update(5001.2, observation(5))


def test_unknown_writers_need_several_equal_observations_over_stable_time() -> None:
    file = tracker()
    now, count = 100.0, 0
    while not file.update(now, observation(has_writer=None)):
        now, count = file.due_s, count + 1
    assert now >= 105.0
    assert count >= RULES.samples


def test_one_late_observation_is_not_enough_with_unknown_writers() -> None:
    file = tracker()
    assert not file.update(300.0, observation(has_writer=None))


def test_stopped_clock_completes_nothing() -> None:
    file = tracker()
    assert not any(file.update(100.0, observation()) for _ in range(100))


def test_next_observation_is_due_within_a_second() -> None:
    file = tracker()
    for has_writer in (True, False, None):
        file.update(200.0, observation(has_writer=has_writer))
        assert 200.0 < file.due_s <= 201.0


def test_wait_reasons_are_the_documented_ones() -> None:
    """Status files and etc/doc/troubleshooting.md use them."""
    assert [str(each) for each in WaitReason] == ["new", "empty", "changing", "writer", "debounce", "truncated"]


def test_default_rules() -> None:
    assert StabilityRules() == StabilityRules(debounce_s=0.1, stable_s=5.0, samples=3)


def test_found_file_is_new_and_due_after_debounce() -> None:
    file = tracker()
    assert (file.first_seen_s, file.wait_reason, file.due_s) == (100.0, WaitReason.NEW, 100.1)


@pytest.mark.parametrize(
    ("rules", "has_writer", "pause_s"),
    [
        (StabilityRules(0.1, 1.5, 3), False, 0.1),  # no writers: soon
        (StabilityRules(0.1, 1.5, 3), True, 0.5),
        (StabilityRules(0.1, 1.5, 3), None, 0.5),  # three samples within the stable time
        (StabilityRules(0.1, 60.0, 3), None, 1.0),
        (StabilityRules(0.7, 1.5, 3), None, 0.7),  # never before the debounce
        (StabilityRules(9.0, 1.5, 3), False, 1.0),
    ],
)
def test_when_next_observation_is_due(rules: StabilityRules, has_writer: bool | None, pause_s: float) -> None:
    file = StabilityTracker(100.0, observation(), rules)
    file.update(200.0, observation(has_writer=has_writer))
    assert file.due_s == pytest.approx(200.0 + pause_s)


def test_debounce_starts_when_an_empty_file_gets_content() -> None:
    """With equal modification times, as on coarse clocks, only the size changes."""
    file = tracker(size=0)
    file.update(200.0, observation(0))
    assert not file.update(200.05, observation(0, has_writer=False))
    file.last = observation()
    assert not file.update(200.1, observation())
    assert file.update(200.2, observation())


def updates_with_unknown_writers(*at_s: float) -> list[bool]:
    """Whether each observation completes a file that was first seen at 100.0 and whose writers are unknown."""
    file = tracker()
    return [file.update(now, observation(has_writer=None)) for now in at_s]


def test_stable_time_ends_exactly_with_enough_observations() -> None:
    assert updates_with_unknown_writers(102.0, 104.0, 104.99, 105.0) == [False, False, False, True]


def test_first_observation_counts_as_sample() -> None:
    assert updates_with_unknown_writers(103.0, 106.0) == [False, True]
    assert updates_with_unknown_writers(106.0) == [False]


def test_observations_in_quick_succession_count_once() -> None:
    """Three samples in five seconds: each counts after one and a half seconds."""
    assert updates_with_unknown_writers(101.4, 101.45, 105.1) == [False, False, False]
    assert updates_with_unknown_writers(101.5, 101.6, 101.7, 105.1) == [False, False, False, True]
    assert updates_with_unknown_writers(104.0, 105.3, 105.4) == [False, False, False]


def test_change_discards_earlier_samples() -> None:
    file = tracker()
    for now in (102.0, 104.0):
        file.update(now, observation(has_writer=None))
    file.update(104.5, observation(size=11, has_writer=None))
    assert not file.update(109.6, observation(size=11, has_writer=None))  # long enough, but only the second sample
    assert file.update(111.2, observation(size=11, has_writer=None))


def test_writer_discards_earlier_samples() -> None:
    file = tracker()
    file.update(104.0, observation(has_writer=True))
    assert not file.update(106.0, observation(has_writer=None))
    assert not file.update(108.9, observation(has_writer=None))
    assert file.update(109.0, observation(has_writer=None))
