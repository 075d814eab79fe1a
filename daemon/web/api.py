"""HTTP API, version 1: drop drawings, watch jobs, fetch results. etc/doc/web.md describes it; /openapi.json is made of it."""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from daemon.options.sidecar import MAX_BYTES
from daemon.spool.drawing_states import DrawingState
from daemon.spool.previews import MOVING, PREVIEW, STILL
from daemon.web import changes
from daemon.web.drawing_ids import is_public_id, name_without_id
from daemon.web.drawings import FINAL, DrawingEntry
from daemon.web.index import Snapshot
from daemon.web.live import MAX_LISTENERS
from daemon.web.media import file_response
from daemon.web.problems import MEDIA_TYPE, Problem, ProblemError
from daemon.web.schemas import JobAnswer, JobsAnswer, MotionAnswer, MotionsAnswer, QueueEvent, counts, job_answer
from daemon.web.site import Site, SiteOf, thumbnail_location
from daemon.web.uploads import upload_of

MAX_PAGE: Final = 200
_BAD_CURSOR: Final = "after must be the value of `next` in the page before"
_FILE: Final = {"schema": {"type": "string", "format": "binary"}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of a route that are problems, for OpenAPI. Any route may answer with those of the access layer."""
    every = sorted({400, 401, 403, 413, 421, 429, 503, *statuses})
    return {status: {"model": Problem, "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}} for status in every}


router = APIRouter(prefix="/v1")
DrawingId = Annotated[str, Path(description="A drawing's public id.", max_length=40)]
_KEY = Header(
    alias="Idempotency-Key",
    description="Any text of the caller's: a request with the same key and drawing is answered as the first one, without a second job.",
    min_length=1,
    max_length=200,
)

_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "options": {"type": "string", "description": "JSON, as in a sidecar: motions, formats, size, fps, background, ..."},
                },
            }
        },
        "image/jpeg": _FILE,
        "image/png": _FILE,
        "image/webp": _FILE,
        "image/heic": _FILE,
        "application/pdf": _FILE,
        "application/zip": _FILE,
        "application/octet-stream": _FILE,
    },
}


@router.post(
    "/drawings",
    status_code=HTTPStatus.CREATED,
    response_model=JobAnswer,
    responses={**_problems(408, 415, 422), 200: {"model": JobAnswer, "description": "A request with this key was accepted before."}},
    openapi_extra={"requestBody": _BODY},
)
async def drop_drawing(  # noqa: PLR0917 - parameters of the request
    request: Request,
    response: Response,
    site: SiteOf,
    idempotency_key: Annotated[str | None, _KEY] = None,
    name: Annotated[str, Query(description="The file's name, if the file is the body.", max_length=1000)] = "drawing",
    options: Annotated[str | None, Query(description="Options as JSON, if the file is the body.", max_length=MAX_BYTES)] = None,
) -> JobAnswer:
    """Drop a drawing into the inbox. When this is answered with 201, the drawing is on the disk and will be animated."""
    del name, options  # read by `upload_of`, where the file is the body
    length = request.headers.get("content-length", "0")
    site.intake.check_room(int(length) if length.isdigit() else 0)
    key = None if idempotency_key is None else f"{request.state.principal}\0{idempotency_key}"
    async with upload_of(request, site.intake) as upload, site.uploads:
        accepted = await run_in_threadpool(site.intake.accept, upload.draft, upload.name, options=upload.options, key=key)
    if accepted.is_new:
        await site.live.wake()
    else:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"{site.root_path}/v1/jobs/{accepted.drawing.id}"
    return job_answer(accepted.drawing, site.index.snapshot, site.clock())


@router.get("/jobs", response_model=JobsAnswer, responses=_problems(422))
async def list_jobs(
    site: SiteOf,
    state: Annotated[list[DrawingState] | None, Query(description="Only these states.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Drawings on a page.")] = 50,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=100)] = None,
) -> JobsAnswer:
    """List drawings: claimed ones, waiting ones in their order, then those not taken, for review, failed and done, newest first."""
    snapshot = site.index.snapshot
    chosen = [each for each in _in_order(snapshot) if state is None or each.state in state]
    start = _start_of_page(chosen, after)
    page = chosen[start : start + limit]
    has_more = start + limit < len(chosen)
    return JobsAnswer(
        jobs=[job_answer(each, snapshot, site.clock()) for each in page],
        counts=counts(snapshot),
        next=cursor(page[-1]) if has_more and page else None,
        daemon=snapshot.status.summary,
    )


@router.get("/jobs/{drawing_id}", response_model=JobAnswer, responses=_problems(404, 422))
async def show_job(drawing_id: DrawingId, site: SiteOf) -> JobAnswer:
    """Show one drawing."""
    return job_answer(find_drawing(site, drawing_id), site.index.snapshot, site.clock())


@router.delete("/jobs/{drawing_id}", status_code=HTTPStatus.NO_CONTENT, responses=_problems(404, 409, 422))
async def remove_job(drawing_id: DrawingId, site: SiteOf) -> Response:
    """Cancel a waiting drawing, discard one that is not taken, failed or in review, or remove the results of one that is done."""
    await run_in_threadpool(changes.remove, site, find_drawing(site, drawing_id))
    await site.live.wake()
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/jobs/{drawing_id}/retry", status_code=HTTPStatus.ACCEPTED, response_model=JobAnswer, responses=_problems(404, 409, 422))
async def retry_job(drawing_id: DrawingId, site: SiteOf) -> JobAnswer:
    """Put a drawing that failed or waits for review back into the inbox, with its options."""
    again = await run_in_threadpool(changes.retry, site, find_drawing(site, drawing_id))
    await site.live.wake()
    return job_answer(again, site.index.snapshot, site.clock())


@router.post("/jobs/{drawing_id}/approve", status_code=HTTPStatus.ACCEPTED, response_model=JobAnswer, responses=_problems(404, 409, 422))
async def approve_job(drawing_id: DrawingId, site: SiteOf) -> JobAnswer:
    """Animate a drawing that waits for review as it is."""
    again = await run_in_threadpool(changes.approve, site, find_drawing(site, drawing_id))
    await site.live.wake()
    return job_answer(again, site.index.snapshot, site.clock())


@router.post(
    "/jobs/{drawing_id}/again",
    status_code=HTTPStatus.CREATED,
    response_model=list[JobAnswer],
    responses=_problems(404, 409, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object", "description": "Options as in a sidecar."}}},
        }
    },
)
async def animate_again(drawing_id: DrawingId, request: Request, site: SiteOf) -> list[JobAnswer]:
    """Animate the figures of a finished drawing with other motions or options, without analyzing the drawing again."""
    options = await request.body()
    again = await run_in_threadpool(changes.animate_again, site, find_drawing(site, drawing_id), options or b"{}")
    await site.live.wake()
    return [job_answer(each, site.index.snapshot, site.clock()) for each in again]


@router.get(
    "/jobs/{drawing_id}/outputs/{name}", response_class=Response, responses={**_problems(404, 422), 200: {"content": {"image/gif": {}}}}
)
async def fetch_output(
    drawing_id: DrawingId,
    name: Annotated[str, Path(description="Name of an output.", max_length=300)],
    request: Request,
    site: SiteOf,
    download: Annotated[bool, Query(description="Ask the browser to save it.")] = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """Fetch an animation. Ranges, ETag and If-None-Match are supported."""
    return output_response(site, request, find_drawing(site, drawing_id), name, is_download=download)


@router.get(
    "/jobs/{drawing_id}/thumbnail", response_class=Response, responses={**_problems(404, 422), 200: {"content": {"image/jpeg": {}}}}
)
async def fetch_thumbnail(drawing_id: DrawingId, request: Request, site: SiteOf) -> Response:
    """Fetch the drawing itself, small."""
    return thumbnail_response(site, request, find_drawing(site, drawing_id))


@router.get(
    "/jobs/{drawing_id}/preview.gif", response_class=Response, responses={**_problems(404, 422), 200: {"content": {"image/gif": {}}}}
)
async def fetch_preview(drawing_id: DrawingId, request: Request, site: SiteOf) -> Response:
    """Fetch a few small frames of a drawing that is being animated; gone when it is done."""
    return _preview_response(site, request, find_drawing(site, drawing_id), MOVING)


@router.get(
    "/jobs/{drawing_id}/preview.png", response_class=Response, responses={**_problems(404, 422), 200: {"content": {"image/png": {}}}}
)
async def fetch_preview_still(drawing_id: DrawingId, request: Request, site: SiteOf) -> Response:
    """Fetch the first of these frames."""
    return _preview_response(site, request, find_drawing(site, drawing_id), STILL)


@router.get(
    "/jobs/{drawing_id}/events",
    response_class=StreamingResponse,
    responses={**_problems(404, 422), 200: {"content": {"text/event-stream": {}}}},
)
async def job_events(drawing_id: DrawingId, site: SiteOf) -> StreamingResponse:
    """Events of one drawing as server-sent events: `job` with its present state whenever that changes, `gone` if it is removed."""
    find_drawing(site, drawing_id)
    return _event_stream(site, _job_events(site, drawing_id))


@router.get("/events", response_class=StreamingResponse, responses={**_problems(), 200: {"content": {"text/event-stream": {}}}})
async def queue_events(site: SiteOf) -> StreamingResponse:
    """Events of the whole queue as server-sent events: `queue` with the number of drawings in each state whenever anything changes."""
    return _event_stream(site, _queue_events(site))


@router.get("/motions", response_model=MotionsAnswer, responses=_problems())
async def list_motions(site: SiteOf) -> MotionsAnswer:
    """List the motions that can be asked for."""
    return MotionsAnswer(
        motions=[MotionAnswer(name=name, title=title, preview=f"v1/motions/{name}/preview") for name, title in site.motions.items()]
    )


# --- parts -----------------------------------------------------------------------------------------------------------


def find_drawing(site: Site, drawing_id: str) -> DrawingEntry:
    """The drawing with a public id. Raises ProblemError if there is none."""
    drawing = site.index.get(drawing_id) if is_public_id(drawing_id) else None
    if drawing is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such drawing")
    return drawing


def output_response(site: Site, request: Request, drawing: DrawingEntry, name: str, *, is_download: bool) -> Response:
    """The answer with an animation of a drawing, by its name without the id."""
    output = next((each for each in drawing.outputs if name in {name_without_id(each.file), each.file}), None)
    if output is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "the drawing has no such output")
    shown = name_without_id(output.file)
    return file_response(request, site.layout.outbox, drawing.folder, output.file, shown=shown, tag=output.sha256, is_download=is_download)


def thumbnail_response(site: Site, request: Request, drawing: DrawingEntry) -> Response:
    """The answer with the thumbnail of a finished drawing."""
    if drawing.state not in FINAL:
        raise ProblemError(HTTPStatus.NOT_FOUND, "the drawing has no thumbnail yet")
    root, folder, name = thumbnail_location(site.layout, drawing)
    return file_response(request, root, folder, name, shown=f"{drawing.id}.jpg")


def _preview_response(site: Site, request: Request, drawing: DrawingEntry, name: str) -> Response:
    if not drawing.has_preview:
        raise ProblemError(HTTPStatus.NOT_FOUND, "the drawing has no preview now")
    folder = (drawing.instance, drawing.job, PREVIEW)
    return file_response(request, site.layout.work, folder, name, shown=f"{drawing.id}.{name}")


def _in_order(snapshot: Snapshot) -> Sequence[DrawingEntry]:
    return (*snapshot.active, *snapshot.waiting, *snapshot.rejected, *snapshot.review, *snapshot.failed, *snapshot.done)


def cursor(drawing: DrawingEntry) -> str:
    """The position after a drawing, for the next page. It stays valid when the drawing itself goes."""
    return f"{drawing.at_s:.6f}~{drawing.id}"


def _start_of_page(drawings: Sequence[DrawingEntry], after: str | None) -> int:
    if after is None:
        return 0
    _, mark, drawing_id = after.partition("~")
    position = next((position for position, each in enumerate(drawings, start=1) if each.id == drawing_id), None)
    if position is not None:
        return position
    if not mark:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, _BAD_CURSOR)
    return older_than(drawings, time_in_cursor(after))


def time_in_cursor(after: str) -> float:
    """The time in a cursor. Raises ProblemError."""
    try:
        at_s = float(after.partition("~")[0])
    except ValueError:
        at_s = math.nan
    if not math.isfinite(at_s):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, _BAD_CURSOR)
    return at_s


def older_than(drawings: Sequence[DrawingEntry], at_s: float) -> int:
    """Where the drawings begin, of those that are newest first, that are older than a time."""
    return bisect.bisect_left(drawings, -at_s, key=lambda each: -each.at_s)


def _event_stream(site: Site, events: AsyncIterator[str]) -> StreamingResponse:
    if site.live.listeners >= MAX_LISTENERS:
        retry = {"Retry-After": "30"}
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "too many event streams are open", hint="ask for the job itself instead", headers=retry
        )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _job_events(site: Site, drawing_id: str) -> AsyncIterator[str]:
    before = None
    async for snapshot in site.live.snapshots():
        drawing = site.index.get(drawing_id)
        if snapshot is None:
            yield ": still here\n\n"
        elif drawing is None:
            yield "event: gone\ndata: {}\n\n"
            return
        else:
            answer = job_answer(drawing, snapshot, site.clock())
            answer = answer.model_copy(update={"expected_s": answer.expected_s and float(round(answer.expected_s))})
            if answer != before:
                before = answer
                yield f"event: job\ndata: {answer.model_dump_json()}\n\n"
            if drawing.state in FINAL:
                return


async def _queue_events(site: Site) -> AsyncIterator[str]:
    async for snapshot in site.live.snapshots():
        if snapshot is None:
            yield ": still here\n\n"
        else:
            previews = [each.id for each in snapshot.active if each.has_preview]
            event = QueueEvent(version=snapshot.version, counts=counts(snapshot), daemon=snapshot.status.summary, previews=previews)
            yield f"event: queue\nid: {snapshot.version}\ndata: {json.dumps(event.model_dump())}\n\n"
