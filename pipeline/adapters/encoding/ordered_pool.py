"""Work done on a few threads beside the caller's, its results handed over in the order in which it was given.

Owns the order, the bound on what is in flight, and bringing errors back to the caller. Codecs release the GIL, so encoding hides
behind rendering; the bound keeps memory flat when the codec is the slower one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, NoReturn, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def _closed(_: Any) -> NoReturn:  # noqa: ANN401  # stands in for any callable
    raise RuntimeError("this pool is closed")


class OrderedPool(Generic[Given, Made]):
    """`work` runs on `threads` threads; `deliver` runs on the caller's thread, in order.

    With one thread, `work` too runs in order, and may own something that isn't thread-safe. An exception of `work` or `deliver`
    comes out of the `put` or `drain` that meets it; after that the pool is only good for `close`.
    """

    def __init__(self, work: Callable[[Given], Made], deliver: Callable[[Made], None], *, threads: int, in_flight: int, name: str) -> None:
        """At most `in_flight` items are being worked on or waiting when `put` returns."""
        self._work = work
        self._deliver = deliver
        self._in_flight = in_flight
        self._pending: deque[Future[Made]] = deque()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def put(self, item: Given) -> None:
        """Queue `item`, after delivering what is ready; blocks while too much is in flight."""
        while self._pending and (len(self._pending) >= self._in_flight or self._pending[0].done()):
            self._deliver(self._pending.popleft().result())
        self._pending.append(self._executor.submit(self._work, item))

    def drain(self) -> None:
        """Wait for everything and deliver it."""
        while self._pending:
            self._deliver(self._pending.popleft().result())

    def close(self) -> None:
        """Stop the threads; what has not begun is dropped. May be called twice.

        The callables are let go of: they are usually methods of the pool's owner, and a circle of the two would keep its codec (70 MB for a
        WebM) until the garbage collector happens to come by.
        """
        self._pending.clear()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._work = self._deliver = _closed
