"""Outage: begins and ends with its reason."""

from __future__ import annotations

from daemon.policy.circuit_breaker import CircuitState
from daemon.policy.outage import Outage


def test_begins_and_ends_with_its_reason() -> None:
    outage = Outage()
    assert not outage.note("", 1.0)
    assert (outage.state, outage.opened_at_s) == (CircuitState.CLOSED, None)
    assert outage.note("the scheduler is lost", 2.0)
    assert not outage.note("the scheduler can't be reached", 3.0)
    assert (outage.state, outage.opened_at_s, outage.reason) == (CircuitState.OPEN, 2.0, "the scheduler can't be reached")
    assert outage.note("", 4.0)
    assert (outage.state, outage.opened_at_s, outage.reason) == (CircuitState.CLOSED, None, "")
