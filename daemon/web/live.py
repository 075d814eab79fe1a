"""Live updates: refreshes the index, and wakes those who wait for a change."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from starlette.concurrency import run_in_threadpool

from daemon.web.index import Index, Snapshot

POLL_S: Final = 0.5
PREVIEW_POLL_S: Final = 0.025
"""From one look for new previews to the next, while someone would see them."""

NOTE_VIEWERS_S: Final = 5.0
KEEP_ALIVE_S: Final = 15.0
MAX_LISTENERS: Final = 64
_log = logging.getLogger("doodled.web")


class Live:
    """The index, kept up to date.

    Attributes:
        is_ready: the spool could be read at the last refresh.
        listeners: number of open event streams.
    """

    def __init__(self, index: Index, note_viewers: Callable[[], None]) -> None:
        """`note_viewers` is called every few seconds while there are listeners, and at once when the first one comes."""
        self._index, self._note_viewers = index, note_viewers
        self._noted_s = -math.inf
        self._nudge = asyncio.Event()
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.is_ready = False
        self.is_stopping = False
        self.listeners = 0

    async def start(self) -> None:
        """Read the spool, and keep reading."""
        await self._refresh()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, and with it all event streams."""
        self.is_stopping = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.wake()

    async def wake(self) -> None:
        """Show those who wait what has changed."""
        self._nudge.set()
        async with self._changed:
            self._changed.notify_all()

    async def snapshots(self) -> AsyncIterator[Snapshot | None]:
        """The present snapshot, and each one that follows; None where nothing has changed for KEEP_ALIVE_S."""
        self.listeners += 1
        try:
            self._nudge.set()
            await self._note_listeners()
            version = -1
            while not self.is_stopping:
                snapshot = self._index.snapshot
                if snapshot.version != version:
                    version = snapshot.version
                    yield snapshot
                    continue
                async with self._changed:
                    try:
                        async with asyncio.timeout(KEEP_ALIVE_S):
                            await self._changed.wait()
                    except TimeoutError:
                        yield None
        finally:
            self.listeners -= 1

    async def _note_listeners(self) -> None:
        now_s = time.monotonic()
        if self.listeners and now_s - self._noted_s > NOTE_VIEWERS_S:
            self._noted_s = now_s
            await run_in_threadpool(self._note_viewers)

    async def _run(self) -> None:
        while True:
            await self._pause()
            await self._note_listeners()
            if await self._refresh():
                await self.wake()

    async def _pause(self) -> None:
        """Wait until the next refresh, which comes early for a new preview."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + POLL_S
        while (left_s := end_s - loop.time()) > 0:
            if self.listeners and self._index.expects_previews:
                await asyncio.sleep(min(left_s, PREVIEW_POLL_S))
                with suppress(OSError):
                    if await run_in_threadpool(self._index.has_new_preview):
                        return
            else:
                self._nudge.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._nudge.wait(), left_s)

    async def _refresh(self) -> bool:
        try:
            has_changed = await run_in_threadpool(self._index.refresh)
        except OSError as error:
            if self.is_ready:
                _log.warning("the spool can't be read: %s", error.strerror or error)
            self.is_ready = False
            return False
        except Exception:  # noqa: BLE001 - the application goes on, and /readyz says so
            _log.exception("the index could not be refreshed")
            self.is_ready = False
            return False
        self.is_ready = True
        return has_changed
