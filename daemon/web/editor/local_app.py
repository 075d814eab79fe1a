"""The application of `doodled edit`: the editor alone, for one user's browser on this machine.

Every path begins with a secret that only the printed address contains, so that other users of the machine can't change the figure. The
command line of a browser that we start is visible to them: it contains a ticket, which leads to the page once. The access layer of the web
application does the rest (`daemon.web.access`).
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from daemon.web.access import LOOPBACK_NAMES, Access, AccessRules
from daemon.web.editor.local_figures import KEY
from daemon.web.editor.process import EditorProcess
from daemon.web.editor.provider import FigureProvider
from daemon.web.editor.router import editor_router
from daemon.web.templates import render_page, templates_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class SecretPath:
    """Middleware that lets requests in only below a secret path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tickets: list[str] = []
        self.root_path = f"/{secrets.token_urlsafe(16)}"

    def page(self) -> str:
        """The path of the page, without its first slash."""
        return f"{self.root_path}/edit/{KEY}".lstrip("/")

    def ticket(self) -> str:
        """A path that redirects to the page once; it needs not be kept secret after that."""
        self._tickets.append(secrets.token_urlsafe(16))
        return self._tickets[-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, redirect it, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(f"{self.root_path}/"):
            await self._app(scope, receive, send)
            return
        response: Response = PlainTextResponse("not found", HTTPStatus.NOT_FOUND)
        if Request(scope).url.hostname in LOOPBACK_NAMES:
            with suppress(ValueError):
                self._tickets.remove(scope["path"].strip("/"))
                response = RedirectResponse(f"/{self.page()}", HTTPStatus.SEE_OTHER, {"Referrer-Policy": "no-referrer"})
        await response(scope, receive, send)


def local_app(provider: FigureProvider, process: EditorProcess) -> SecretPath:
    """The application for the figures of a provider; its child process ends with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        process.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    guarded = SecretPath(app)
    templates = templates_of(guarded.root_path)

    def show(request: Request, template: str, context: Mapping[str, object], status: HTTPStatus) -> Response:
        return HTMLResponse(render_page(templates, request, template, context), status)

    app.include_router(editor_router(provider, process, show))
    app.mount("/static", StaticFiles(directory=Path(str(resources.files("daemon.web"))) / "static"), name="static")
    app.add_middleware(Access, rules=AccessRules(LOOPBACK_NAMES, root_path=guarded.root_path))
    return guarded
