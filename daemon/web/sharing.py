"""Share links: one drawing with its animations for anyone who has the link, without signing in.

The link proves itself with a signature of the drawing's id. It works as long as the drawing is in the outbox; removing the results ends it.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from daemon.spool.drawing_states import DrawingState
from daemon.web.api import find_drawing, output_response, thumbnail_response
from daemon.web.drawings import DrawingEntry
from daemon.web.pages import page
from daemon.web.problems import ProblemError
from daemon.web.site import Site, SiteOf

router = APIRouter(include_in_schema=False)


@router.get("/share/{drawing_id}/{signature}/")
async def show_shared(drawing_id: str, signature: str, request: Request, site: SiteOf) -> Response:
    """One drawing, to look at."""
    drawing = _shared(site, drawing_id, signature)
    return page(request, site, "shared.html", context={"drawing": drawing, "files_url": f"share/{drawing_id}/{signature}/"})


@router.get("/share/{drawing_id}/{signature}/outputs/{name}")
async def fetch_shared(drawing_id: str, signature: str, name: str, request: Request, site: SiteOf, *, download: bool = False) -> Response:
    """One of its animations."""
    return output_response(site, request, _shared(site, drawing_id, signature), name, is_download=download)


@router.get("/share/{drawing_id}/{signature}/thumbnail")
async def fetch_shared_thumbnail(drawing_id: str, signature: str, request: Request, site: SiteOf) -> Response:
    """The drawing itself, small."""
    return thumbnail_response(site, request, _shared(site, drawing_id, signature))


def _shared(site: Site, drawing_id: str, signature: str) -> DrawingEntry:
    if not hmac.compare_digest(site.signature(drawing_id).encode(), signature.encode()):
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such drawing")
    drawing = find_drawing(site, drawing_id)
    if drawing.state is not DrawingState.DONE:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such drawing")
    return drawing
