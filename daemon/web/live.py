"""Live updates: refreshes the index, and wakes those who wait for a change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.concurrency import run_in_threadpool

from daemon.web.index import Index, Snapshot

POLL_S: Final = 0.5
KEEP_ALIVE_S: Final = 15.0
MAX_LISTENERS: Final = 64
_log = logging.getLogger("doodled.web")


class Live:
    """The index, kept up to date.

    Attributes:
        is_ready: the spool could be read at the last refresh.
        listeners: number of open event streams.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
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
        async with self._changed:
            self._changed.notify_all()

    async def snapshots(self) -> AsyncIterator[Snapshot | None]:
        """The present snapshot, and each one that follows; None where nothing has changed for KEEP_ALIVE_S."""
        self.listeners += 1
        try:
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

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            if await self._refresh():
                await self.wake()

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
