"""Retry policy (fail, retry, defer), error types, backoff, and the circuit breaker."""

from __future__ import annotations

import errno

import pytest

from daemon.options.sidecar import SidecarError
from daemon.policy.circuit_breaker import CircuitBreaker, CircuitState
from daemon.policy.failures import UPSTREAM_TYPES, Backoff, ErrorType, Outcome, error_type, outcome
from pipeline import errors
from pipeline.errors import DecodeError, DecodeReason, OutputFailed, UpstreamUnavailable


def every_class(base: type[BaseException]) -> list[type[BaseException]]:
    return [base, *(each for child in base.__subclasses__() for each in every_class(child))]


@pytest.mark.parametrize("permanent", every_class(errors.PermanentError))
def test_permanent_errors_fail_at_once(permanent: type[BaseException]) -> None:
    error = permanent.__new__(permanent)
    error.reason = DecodeReason.CORRUPT  # type: ignore[attr-defined]
    assert outcome(error_type(error), 1, 3) is Outcome.FAIL


@pytest.mark.parametrize("transient", every_class(errors.TransientError))
def test_transient_errors_never_fail_first_attempt(transient: type[BaseException]) -> None:
    error = transient.__new__(transient)
    error.answers_others = False  # type: ignore[attr-defined]
    assert outcome(error_type(error), 1, 3) in {Outcome.RETRY, Outcome.DEFER}


@pytest.mark.parametrize("kind", sorted({*UPSTREAM_TYPES, ErrorType.NO_OPENGL, ErrorType.DISK_FULL}))
def test_outages_never_fail_a_job(kind: ErrorType) -> None:
    assert outcome(kind, 10_000, 3) is Outcome.DEFER


@pytest.mark.parametrize("kind", [ErrorType.CRASH, ErrorType.DEADLINE, ErrorType.OUT_OF_MEMORY, ErrorType.INTERNAL, ErrorType.RENDER])
def test_broken_attempts_are_retried_up_to_limit(kind: ErrorType) -> None:
    assert [outcome(kind, attempts, 3) for attempts in (1, 2, 3)] == [Outcome.RETRY, Outcome.RETRY, Outcome.FAIL]


def test_full_disk_is_found_in_chain_of_causes() -> None:
    error = OutputFailed("the GIF can't be written")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert error_type(error) is ErrorType.DISK_FULL
    assert error_type(OutputFailed("refused")) is ErrorType.OUTPUT


def test_special_error_types() -> None:
    assert error_type(DecodeError(DecodeReason.UNSUPPORTED, "a PDF")) is ErrorType.UNSUPPORTED
    assert error_type(SidecarError(["y"])) is ErrorType.SIDECAR
    assert error_type(UpstreamUnavailable("down", url="http://x")) is ErrorType.UPSTREAM
    assert error_type(UpstreamUnavailable("silent", url="http://x", answers_others=True)) is ErrorType.NO_ANSWER
    assert outcome(ErrorType.NO_ANSWER, 3, 3) is Outcome.FAIL
    assert error_type(MemoryError()) is ErrorType.OUT_OF_MEMORY
    assert error_type(KeyError()) is ErrorType.INTERNAL


def test_backoff_doubles_up_to_maximum() -> None:
    backoff = Backoff(1.0, 60.0)
    assert [backoff.wait_s(failures) for failures in (1, 2, 3, 7, 10_000)] == [1.0, 2.0, 4.0, 60.0, 60.0]


def test_open_breaker_allows_one_probe() -> None:
    breaker = CircuitBreaker(Backoff(5.0, 30.0))
    assert breaker.may_start(0.0)
    assert breaker.record_failure(0.0, "a", "down")
    assert breaker.state is CircuitState.OPEN
    assert not breaker.may_start(4.9)
    assert breaker.may_start(5.0)
    assert breaker.record_start("b")
    assert breaker.state is CircuitState.HALF_OPEN
    assert not breaker.may_start(1000.0)
    assert not breaker.record_failure(10.0, "b", "down")
    assert not breaker.may_start(19.0)
    assert breaker.may_start(20.0)
    breaker.record_start("c")
    assert breaker.record_success("c")
    assert breaker.state is CircuitState.CLOSED


def test_jobs_started_before_opening_change_nothing() -> None:
    breaker = CircuitBreaker(Backoff(5.0, 30.0))
    breaker.record_failure(0.0, "a", "down")
    assert not breaker.record_failure(1.0, "late", "down")
    assert not breaker.record_success("late")
    assert breaker.failures == 1
    assert breaker.due_s() == 5.0


def test_probes_are_at_most_maximum_backoff_apart() -> None:
    breaker, now, probes = CircuitBreaker(Backoff(5.0, 30.0)), 0.0, 0
    breaker.record_failure(now, "first", "down")
    while now < 6 * 3600:
        due_s = breaker.due_s()
        assert due_s is not None
        assert due_s - now <= 30.0
        now, probes = due_s, probes + 1
        breaker.record_start("probe")
        breaker.record_failure(now, "probe", "down")
    assert probes <= 6 * 3600 / 30 + 5


def test_forgotten_probe_makes_room_for_another() -> None:
    breaker = CircuitBreaker(Backoff(5.0, 30.0))
    breaker.record_failure(0.0, "a", "down")
    breaker.record_start("b")
    breaker.forget("b")
    assert breaker.may_start(5.0)


def test_retry_after_is_bounded() -> None:
    breaker = CircuitBreaker(Backoff(5.0, 30.0))
    breaker.record_failure(0.0, "a", "busy", retry_after_s=120.0)
    assert not breaker.may_start(119.0)
    assert breaker.may_start(120.0)
    endless = CircuitBreaker(Backoff(5.0, 30.0))
    endless.record_failure(0.0, "a", "busy", retry_after_s=1e9)
    assert endless.may_start(300.0)


def test_backoff_counts_from_start_of_probe() -> None:
    breaker = CircuitBreaker(Backoff(30.0, 30.0))
    breaker.record_failure(0.0, "a", "down")
    breaker.record_start("b", 30.0)
    breaker.record_failure(70.0, "b", "no answer")
    assert breaker.may_start(70.0)
    breaker.record_start("c", 70.0)
    breaker.record_failure(71.0, "c", "down")
    assert breaker.due_s() == 100.0
    breaker.record_start("d", 100.0)
    breaker.record_failure(101.0, "d", "busy", retry_after_s=120.0)
    assert breaker.due_s() == 221.0
