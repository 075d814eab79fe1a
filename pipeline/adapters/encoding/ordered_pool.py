"""Thread pool that delivers results in the order of submission, with a bound on the work in flight.

Errors come back to the caller. Codecs release the GIL, so encoding runs beside rendering; the bound keeps memory flat when the codec is
the slower one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NoReturn, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def _raise_closed(_: Any) -> NoReturn:  # noqa: ANN401  # replaces any callable
    raise RuntimeError("this pool is closed")


class OrderedPool(Generic[Given, Made]):
    """`work` runs on `threads` threads; `deliver` runs on the caller's thread, in order.

    With one thread, `work` too runs in order, and may own something that isn't thread-safe. An exception of `work` or `deliver`
    is raised by the next `put` or `drain`; after that only `close` may be called.
    """

    def __init__(self, work: Callable[[Given], Made], deliver: Callable[[Made], None], *, threads: int, in_flight: int, name: str) -> None:
        """At most `in_flight` items are running or waiting when `put` returns."""
        self._work = work
        self._deliver = deliver
        self._in_flight = in_flight
        self._pending: deque[Future[Made]] = deque()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def put(self, item: Given) -> None:
        """Deliver finished results, then queue `item`; blocks while too much is in flight."""
        while self._pending and (len(self._pending) >= self._in_flight or self._pending[0].done()):
            self._deliver(self._pending.popleft().result())
        self._pending.append(self._executor.submit(self._work, item))

    def drain(self) -> None:
        """Wait for all items and deliver their results."""
        while self._pending:
            self._deliver(self._pending.popleft().result())

    def close(self) -> None:
        """Stop the threads and drop items that have not started. May be called twice.

        Releases the callables: they are usually methods of the pool's owner, and the reference cycle would keep its codec (70 MB for a
        WebM) until the next garbage collection.
        """
        self._pending.clear()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._work = self._deliver = _raise_closed
