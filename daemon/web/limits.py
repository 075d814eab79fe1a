"""Limits of clients: requests a minute, and the time that a body may take."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Message, Receive

MAX_CLIENTS: Final = 10_000
IDLE_S: Final = 20.0
"""Longest pause within a body."""

START_S: Final = 30.0
MIN_BYTES_PER_S: Final = 16 * 1024
"""A body may take START_S, and one second more for each MIN_BYTES_PER_S bytes that have arrived."""


class RateLimit:
    """Token bucket for each client.

    Args:
        per_minute: how fast a bucket fills, and how many requests it holds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = float(per_minute), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Take one request from a client's bucket; 0.0 if it had one, else the seconds until it has."""
        now = self._clock()
        left, at = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60.0)
        is_allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if is_allowed else left, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if is_allowed else (1.0 - left) * 60.0 / self._most


class BodyTooLarge(Exception):
    """A request's body has more bytes than its address takes."""


class BodyTooSlow(Exception):
    """A request's body does not arrive."""


def limited_body(receive: Receive, max_bytes: int, *, idle_s: float = IDLE_S, start_s: float = START_S) -> Receive:
    """An ASGI `receive` that raises BodyTooLarge or BodyTooSlow. After the body it waits for a disconnect without a limit."""
    count, is_complete = 0, False
    until_s: float | None = None

    async def receive_limited() -> Message:
        nonlocal count, is_complete, until_s
        if is_complete:
            return await receive()
        now = asyncio.get_running_loop().time()
        until_s = now + start_s if until_s is None else until_s
        if now >= until_s:
            raise BodyTooSlow
        try:
            async with asyncio.timeout(min(idle_s, until_s - now)):
                message = await receive()
        except TimeoutError as error:
            raise BodyTooSlow from error
        body = message.get("body", b"")
        count += len(body)
        until_s += len(body) / MIN_BYTES_PER_S
        if count > max_bytes:
            raise BodyTooLarge
        is_complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return receive_limited
