"""Routes of the editor: the page, images of a drawing, and what the page asks for while a figure is corrected.

    GET  /edit/KEY                      the page
    GET  /edit/KEY/figures              how many figures, their names, the motions
    GET  /edit/KEY/N                    figure N: crop, joints, mask, layers
    GET  /edit/KEY/N/drawing, texture   images
    POST /edit/KEY/N/preview            an edit and a motion -> a GIF
    POST /edit/KEY/N/box                a box -> the figure in it, as the pose model sees it
    POST /edit/KEY/N/snap               an edit and a band -> the mask with its edge on the ink
    POST /edit/KEY/N/cut                an edit and lines -> layers
    POST /edit/KEY/N/layers             an edit -> layers
    POST /edit/KEY/accept               edits of all figures: saved, or animated again

The page holds all that is changed: a request has the whole edit, and the server remembers nothing. Errors are problems (RFC 9457).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from daemon.web.editor.edits import CutLine, Edit, FigureSource
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.provider import EditableDrawing, FigureProvider, UnknownDrawing
from pipeline.errors import DoodledError, PermanentError

MAX_RUNS: Final = 2_000_000
MAX_POINTS: Final = 20_000
MAX_JOINTS: Final = 1000
MAX_FIGURES: Final = 100
MAX_LINES: Final = 50
_SIDE: Final = 1 << 15

ShowPage = Callable[[Request, str, Mapping[str, object], HTTPStatus], Response]
"""Makes a page: the request, the template's name, its values and the status."""

Coordinate = Annotated[int, Field(ge=-_SIDE, le=_SIDE)]
Pixel = tuple[Coordinate, Coordinate]
Runs = Annotated[list[Annotated[int, Field(ge=0, le=1 << 31)]], Field(max_length=MAX_RUNS)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class EditBody(_Body):
    """An `Edit` as JSON."""

    box: Annotated[list[Coordinate], Field(min_length=4, max_length=4)] | None = None
    joints: Annotated[dict[str, Annotated[list[Coordinate], Field(min_length=2, max_length=2)]], Field(max_length=MAX_JOINTS)] = {}
    mask: Runs | None = None
    labels: Runs | None = None
    has_own_layers: bool = False

    def edit(self) -> Edit:
        """The edit."""
        box = None if self.box is None else (self.box[0], self.box[1], self.box[2], self.box[3])
        joints = {name: (x, y) for name, (x, y) in self.joints.items()}
        mask, labels = (None if runs is None else tuple(runs) for runs in (self.mask, self.labels))
        return Edit(box, joints, mask, labels, self.has_own_layers)


class PreviewBody(_Body):
    """What to show."""

    edit: EditBody
    motion: Annotated[str, Field(max_length=200)]


class BoxBody(_Body):
    """A box that a user drew, px of the drawing."""

    box: Annotated[list[Coordinate], Field(min_length=4, max_length=4)]


Points = Annotated[list[Annotated[list[Coordinate], Field(min_length=2, max_length=2)]], Field(min_length=1, max_length=MAX_POINTS)]


class SnapBody(_Body):
    """A band along the edge, px of the crop."""

    edit: EditBody
    points: Points
    radius: Annotated[float, Field(gt=0, le=_SIDE, strict=False)]


class LineBody(_Body):
    """A cut line, px of the crop."""

    limb: Annotated[str, Field(max_length=40)]
    points: Points


class CutBody(_Body):
    """All lines of the limbs that are cut."""

    edit: EditBody
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=MAX_LINES)]


class LayersBody(_Body):
    """A figure whose layers are wanted."""

    edit: EditBody


class AcceptBody(_Body):
    """Corrections of a drawing, by the figure's number."""

    edits: Annotated[dict[str, EditBody], Field(max_length=MAX_FIGURES)]


def editor_router(provider: FigureProvider, process: EditorProcess, show: ShowPage) -> APIRouter:
    """The editor's routes, below /edit. The application around them decides who may use them.

    Args:
        show: makes a page of a template, such as `editor/editor.html`, which extends the application's base template.
    """
    router = APIRouter(prefix="/edit", include_in_schema=False, dependencies=[Depends(_check_type)], route_class=_ProblemRoute)
    handlers = _Handlers(provider, process, show)
    get_routes: dict[str, Callable[..., Any]] = {
        "/{key}": handlers.page,
        "/{key}/figures": handlers.figures,
        "/{key}/{number}": handlers.figure,
        "/{key}/{number}/drawing": handlers.drawing_image,
        "/{key}/{number}/texture": handlers.texture_image,
    }
    post_routes: dict[str, Callable[..., Any]] = {
        "/{key}/accept": handlers.accept,
        "/{key}/{number}/preview": handlers.preview,
        "/{key}/{number}/box": handlers.box,
        "/{key}/{number}/snap": handlers.snap,
        "/{key}/{number}/cut": handlers.cut,
        "/{key}/{number}/layers": handlers.layers,
    }
    for method, routes in (("GET", get_routes), ("POST", post_routes)):
        for path, handler in routes.items():
            router.add_api_route(path, handler, methods=[method])
    return router


class _ProblemRoute(APIRoute):
    """A route that answers errors as problems."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_answer(request: Request) -> Response:
            try:
                return await handle(request)
            except DoodledError as error:
                return _problem(error)

        return handle_or_answer


class _Handlers:
    """What the routes do: each finds its figure and lets the child process work."""

    def __init__(self, provider: FigureProvider, process: EditorProcess, show: ShowPage) -> None:
        self._provider, self._process, self._show = provider, process, show

    async def page(self, request: Request, key: str) -> Response:
        try:
            drawing = await self._drawing(key)
        except UnknownDrawing as error:
            return self._show(request, "editor/missing.html", {"reason": error.summary}, HTTPStatus.NOT_FOUND)
        return self._show(request, "editor/editor.html", {"drawing": drawing, "key": key}, HTTPStatus.OK)

    async def figures(self, key: str) -> Response:
        drawing = await self._drawing(key)
        names = [source.name for source in drawing.sources]
        motions = await self._process.call("motions", drawing.motion)
        return _json({"figures": names, "motions": motions, "notes": list(drawing.notes), "is_saved": drawing.is_saved})

    async def figure(self, key: str, number: int) -> Response:
        return _json(await self._process.call("describe", await self._source(key, number)))

    async def drawing_image(self, key: str, number: int) -> Response:
        return _image(*await self._process.call("drawing_image", await self._source(key, number)))

    async def texture_image(self, key: str, number: int) -> Response:
        return _image(*await self._process.call("texture_image", await self._source(key, number)))

    async def preview(self, key: str, number: int, body: PreviewBody) -> Response:
        first = (await self._drawing(key)).motion
        shown = await self._process.call("preview", await self._source(key, number), body.edit.edit(), body.motion, first)
        return _json({"gif": base64.b64encode(shown.gif).decode("ascii"), "notes": list(shown.notes)})

    async def box(self, key: str, number: int, body: BoxBody) -> Response:
        return _json(await self._process.call("redraw_box", await self._source(key, number), tuple(body.box)))

    async def snap(self, key: str, number: int, body: SnapBody) -> Response:
        edit, points = body.edit.edit(), _pixels(body.points)
        return _json({"mask": await self._process.call("snap", await self._source(key, number), edit, points, body.radius)})

    async def cut(self, key: str, number: int, body: CutBody) -> Response:
        lines = [CutLine(line.limb, _pixels(line.points)) for line in body.lines]
        return _json({"labels": await self._process.call("cut", await self._source(key, number), body.edit.edit(), lines)})

    async def layers(self, key: str, number: int, body: LayersBody) -> Response:
        return _json({"labels": await self._process.call("layers", await self._source(key, number), body.edit.edit())})

    async def accept(self, key: str, body: AcceptBody) -> Response:
        count = len((await self._drawing(key)).sources)
        edits = {int(number): edit.edit() for number, edit in body.edits.items() if number in map(str, range(count))}
        outcome = await self._provider.accept(key, edits, self._process)
        return _json({"message": outcome.message, "notes": list(outcome.notes), "link": outcome.link})

    async def _drawing(self, key: str) -> EditableDrawing:
        return await run_in_threadpool(self._provider.drawing, key)  # it reads the disk

    async def _source(self, key: str, number: int) -> FigureSource:
        sources = (await self._drawing(key)).sources
        if not 0 <= number < len(sources):
            raise UnknownDrawing(f"this drawing has {len(sources)} figures")
        return sources[number]


def _image(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": "no-store"})


def _check_type(request: Request) -> None:
    """Refuse bodies that are no JSON. The application around the routes bounds their length."""
    if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")


def _pixels(points: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((x, y) for x, y in points)


def _json(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _problem(error: DoodledError) -> Response:
    """An error as a problem: 404 for an unknown drawing, 422 for a permanent error, 503 for a temporary one."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, PermanentError) else HTTPStatus.SERVICE_UNAVAILABLE
    status = HTTPStatus.NOT_FOUND if isinstance(error, UnknownDrawing) else status
    detail = f"{error.summary} ({error.hint})" if error.hint else error.summary
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "2"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {})
    content = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return JSONResponse(content, status, headers, media_type="application/problem+json")
