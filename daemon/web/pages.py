"""Pages for people: drop a drawing, watch the queue, look at the results."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse

from daemon.options.values import JobOptions
from daemon.spool.drawing_states import DrawingState
from daemon.web import changes
from daemon.web.api import cursor, find_drawing, older_than, time_in_cursor
from daemon.web.drawings import DrawingEntry
from daemon.web.editor.spool_figures import is_document_file
from daemon.web.index import Snapshot
from daemon.web.intake import LIMITS
from daemon.web.motion_previews import motion_preview
from daemon.web.problems import ProblemError
from daemon.web.schemas import counts
from daemon.web.site import Site, SiteOf
from daemon.web.templates import render_page
from pipeline.adapters.documents.reader import MAX_PAGES, DocumentKind
from pipeline.adapters.reading.image_kinds import SUFFIXES
from pipeline.types import Format

GALLERY_PAGE: Final = 24
CURSOR_S: Final = 1e-6
QUEUE_ROWS: Final = 40
SIZES: Final = ("300x300", "500x500", "800x800", "1080x1080")
_ACTIONS: Final = {"retry": changes.retry, "approve": changes.approve}
POPULAR: Final = ("wave", "dance", "jump", "dab", "walk", "cheer")

_log = logging.getLogger("doodled.web")
router = APIRouter(include_in_schema=False)


def page(request: Request, site: Site, template: str, *, context: Mapping[str, object], status: int = HTTPStatus.OK) -> Response:
    """A page from its template."""
    return HTMLResponse(render_page(site.templates, request, template, context), status)


@router.get("/")
async def drop_page(request: Request, site: SiteOf) -> Response:
    """Drop drawings."""
    defaults = site.settings.animation.options()
    snapshot = site.index.snapshot
    suffixes = ",".join((*(suffix for kind in SUFFIXES.values() for suffix in kind), *(f".{kind.lower()}" for kind in DocumentKind)))
    return page(
        request,
        site,
        "drop.html",
        context={
            "motions": _motions_in_order(site),
            "chosen": defaults.motions,
            "formats": list(Format),
            "defaults": defaults,
            "sizes": _sizes(site, defaults),
            "accept": f"image/*,{suffixes}",
            "max_bytes": LIMITS.max_bytes,
            "max_pages": MAX_PAGES,
            "daemon_is_alive": snapshot.status.is_alive,
            "latest": snapshot.done[:6],
        },
    )


@router.get("/watch")
async def watch_page(request: Request, site: SiteOf) -> Response:
    """Watch the queue."""
    return page(request, site, "watch.html", context=_queue(site, site.index.snapshot))


@router.get("/watch/list")
async def watch_list(request: Request, site: SiteOf) -> Response:
    """The changing part of the watch page."""
    return page(request, site, "queue.html", context=_queue(site, site.index.snapshot))


@router.get("/gallery")
async def gallery_page(request: Request, site: SiteOf, after: Annotated[str | None, Query(max_length=100)] = None) -> Response:
    """All results, newest first."""
    return page(request, site, "gallery.html", context=_gallery(site, after))


@router.get("/gallery/more")
async def gallery_more(request: Request, site: SiteOf, after: Annotated[str, Query(max_length=100)]) -> Response:
    """The next cards of the gallery."""
    return page(request, site, "cards.html", context=_gallery(site, after))


@router.get("/drawings/{drawing_id}")
async def drawing_page(drawing_id: str, request: Request, site: SiteOf) -> Response:
    """One drawing with all of its results, or with its state."""
    drawing = find_drawing(site, drawing_id)
    snapshot = site.index.snapshot
    is_document = drawing.state is DrawingState.FAILED and await run_in_threadpool(is_document_file, site.layout.failed / drawing.file)
    can_repeat = drawing.state is DrawingState.DONE and bool(await run_in_threadpool(changes.character_folders, site, drawing))
    return page(
        request,
        site,
        "drawing.html",
        context={
            "drawing": drawing,
            "expected_s": snapshot.expected_s(drawing, site.clock()),
            "position": snapshot.positions.get(drawing.id),
            "files_url": f"v1/jobs/{drawing.id}/",
            "can_repeat": can_repeat,
            "options": await run_in_threadpool(changes.figure_options, site, drawing) if can_repeat else {},
            "is_document": is_document,
            "motions": _motions_in_order(site),
            "signature": _signature(site, drawing) if drawing.state is DrawingState.DONE else "",
        },
    )


@router.post("/drawings/{drawing_id}/{action}")
async def change_drawing(drawing_id: str, action: str, site: SiteOf) -> Response:
    """The buttons of the pages, for browsers without scripts, too."""
    drawing = find_drawing(site, drawing_id)
    if action == "remove":
        await run_in_threadpool(changes.remove, site, drawing)
        target = "gallery" if drawing.state is DrawingState.DONE else "watch"
    elif action in _ACTIONS:
        drawing = await run_in_threadpool(_ACTIONS[action], site, drawing)
        target = "watch"
    else:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such action")
    await site.live.wake()
    return RedirectResponse(f"{site.root_path}/{target}", HTTPStatus.SEE_OTHER)


@router.get("/v1/motions/{name}/preview")
async def show_motion_preview(name: str, site: SiteOf) -> Response:
    """A motion as moving lines (`daemon.web.motion_previews`)."""
    if name not in site.motions:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such motion")
    content = await run_in_threadpool(motion_preview, name, site.environ)
    return Response(content, media_type="application/json", headers={"Cache-Control": "private, max-age=86400"})


# --- parts -----------------------------------------------------------------------------------------------------------


def _signature(site: Site, drawing: DrawingEntry) -> str:
    """What the drawing's share link proves itself with; "" if its key can't be read or made: the page is shown without the link."""
    try:
        return site.signature(drawing.id)
    except OSError as error:
        _log.warning("no link for others: the key of share links can't be used: %s", error.strerror or error)
        return ""


def _queue(site: Site, snapshot: Snapshot) -> dict[str, object]:
    now_s = site.clock()
    rows = [*snapshot.active[:QUEUE_ROWS], *snapshot.waiting[:QUEUE_ROWS]]
    return {
        "counts": counts(snapshot),
        "version": snapshot.version,
        "daemon": snapshot.status.summary,
        "daemon_is_alive": snapshot.status.is_alive,
        "rows": [(each, snapshot.positions.get(each.id), snapshot.expected_s(each, now_s)) for each in rows],
        "more": len(snapshot.active) + len(snapshot.waiting) - len(rows),
        "rejected": snapshot.rejected[:QUEUE_ROWS],
        "review": snapshot.review[:QUEUE_ROWS],
        "failed": snapshot.failed[:QUEUE_ROWS],
        "more_failed": max(0, len(snapshot.failed) - QUEUE_ROWS),
        "done": snapshot.done[:6],
    }


def _gallery(site: Site, after: str | None) -> dict[str, object]:
    done = site.index.snapshot.done
    start = 0
    if after is not None:
        at_s, drawing_id = time_in_cursor(after), after.partition("~")[2]
        start = older_than(done, at_s)
        while start < len(done) and done[start].at_s >= at_s - CURSOR_S and done[start].id >= drawing_id:
            start += 1
    cards = done[start : start + GALLERY_PAGE]
    has_more = start + GALLERY_PAGE < len(done)
    return {"drawings": cards, "total": len(done), "next": cursor(cards[-1]) if has_more else "", "is_first": start == 0}


def _motions_in_order(site: Site) -> list[tuple[str, str]]:
    """Name and title of each motion, the popular ones first."""
    names = [name for name in POPULAR if name in site.motions]
    names += [name for name in site.motions if name not in names]
    return [(name, site.motions[name]) for name in names]


def _sizes(site: Site, defaults: JobOptions) -> list[str]:
    max_side = site.settings.animation.max_side_px
    return sorted(
        {str(defaults.size), *(size for size in SIZES if int(size.split("x")[0]) <= max_side)}, key=lambda size: int(size.split("x")[0])
    )
