"""Live updates: when the spool is read again, and who is noted as a viewer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest
from web_spool import WebSpool

from daemon.spool.previews import VIEWERS
from daemon.web import live as live_module
from daemon.web.api import _job_events, _queue_events
from daemon.web.live import Live
from daemon.web.site import Site

Event = dict[str, Any]


def with_site(spool: WebSpool, check: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    """Run a check on a site that reads its spool."""

    async def run() -> None:
        site = spool.site()
        await site.live.start()
        try:
            async with asyncio.timeout(60):
                await check(site)
        finally:
            await site.live.stop()

    asyncio.run(run())


async def event_of(stream: AsyncIterator[str]) -> Event:
    """The data of the next event."""
    event: Event = json.loads((await anext(stream)).partition("data: ")[2])
    return event


def test_new_preview_is_an_event_long_before_the_next_refresh(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "POLL_S", 1e6)
    job = spool.claim("garlic-w0123456789abcdef.png")

    async def check(site: Site) -> None:
        async with aclosing(_queue_events(site)) as queue, aclosing(_job_events(site, "w0123456789abcdef")) as events:
            assert (await event_of(queue))["previews"] == []
            assert (await event_of(events))["preview"] is None
            spool.preview(job)
            assert (await event_of(queue))["previews"] == ["w0123456789abcdef"]
            assert (await event_of(events))["preview"] == "v1/jobs/w0123456789abcdef/preview.gif"

    with_site(spool, check)


def test_viewers_are_noted_while_events_are_followed(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = spool.layout.inbox / VIEWERS

    async def check(site: Site) -> None:
        assert not mark.exists()
        async with aclosing(_queue_events(site)) as queue:
            await anext(queue)
            assert mark.exists()
            mark.unlink()
            monkeypatch.setattr(live_module, "NOTE_VIEWERS_S", 0.0)
            await until(mark.exists)

    with_site(spool, check)


def test_no_one_is_noted_once_the_last_viewer_has_gone(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "NOTE_VIEWERS_S", 0.0)
    notes: list[str] = []

    async def check(site: Site) -> None:
        live = Live(site.index, lambda: notes.append("someone looks"))
        async with aclosing(live.snapshots()) as snapshots:
            await anext(snapshots)
            assert len(notes) == 1
        await live._note_listeners()
        assert len(notes) == 1

    with_site(spool, check)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the other tasks run until a condition holds."""
    while not is_so():  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)


def test_nothing_is_looked_for_while_no_one_would_see_it(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.claim("a.png")
    monkeypatch.setattr(live_module, "POLL_S", 0.05)

    async def check(site: Site) -> None:
        looks: list[bool] = []
        monkeypatch.setattr(site.index, "has_new_preview", lambda: looks.append(True))
        refreshes: list[bool] = []
        refresh = site.index.refresh
        monkeypatch.setattr(site.index, "refresh", lambda: refreshes.append(True) or refresh())
        await until(lambda: len(refreshes) > 2)
        assert looks == []
        async with aclosing(_queue_events(site)) as queue:
            await anext(queue)
            await until(lambda: bool(looks))

    with_site(spool, check)


def test_spool_that_can_not_be_looked_at_ends_nothing(spool: WebSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.claim("a.png")

    async def check(site: Site) -> None:
        def refuse() -> bool:
            raise OSError(116, "Stale file handle")

        monkeypatch.setattr(site.index, "has_new_preview", refuse)
        async with aclosing(_queue_events(site)) as queue:
            await anext(queue)
            spool.fail("b.png")
            assert (await event_of(queue))["counts"]["failed"] == 1

    with_site(spool, check)
