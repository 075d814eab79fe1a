"""The web application: pages and HTTP API over one spool. A process of its own; the daemon does not know it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from daemon.version import version
from daemon.web import api, health, pages, sharing, sign_in
from daemon.web.access import Access, problem_response
from daemon.web.editor.site_figures import site_process, site_router
from daemon.web.problems import ProblemError, problem_of
from daemon.web.site import Site
from pipeline.errors import DoodledError


def create_app(site: Site) -> FastAPI:
    """The application of a site, with its access layer."""
    editor = site_process(site)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_clean_up, site)
        await site.live.start()
        yield
        editor.close()
        await site.live.stop()

    app = FastAPI(
        title="doodled",
        version=version(),
        description="Drop photographs of drawn figures, and fetch their animations.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        root_path_in_servers=False,
    )
    app.state.site = site
    for router in (api.router, health.router, pages.router, sharing.router, sign_in.router):
        app.include_router(router)
    app.include_router(site_router(site, editor))
    app.mount("/static", StaticFiles(directory=Path(str(resources.files("daemon.web"))) / "static"), name="static")
    for kind in (ProblemError, DoodledError, OSError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer_error)
    app.add_middleware(Access, rules=site.rules)
    return app


def _clean_up(site: Site) -> None:
    site.intake.remove_stale_files(site.clock())
    if site.rules.secrets is not None:
        site.rules.secrets.remove_expired()


async def _answer_error(request: Request, error: Exception) -> Response:
    """The answer to any error: a page for people, problem details for programs."""
    found = _problem(error)
    site: Site = request.app.state.site
    path = request.url.path.removeprefix(site.root_path)
    if "text/html" in request.headers.get("accept", "") and not path.startswith("/v1/"):
        response = pages.page(request, site, "problem.html", context={"problem": found.problem}, status=found.problem.status)
        response.headers.update(found.headers)
        return response
    return problem_response(found)


def _problem(error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, DoodledError | OSError):
        return problem_of(error)
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return ProblemError(status, "" if error.detail == status.phrase else str(error.detail), headers=dict(error.headers or {}))
    if isinstance(error, RequestValidationError):
        problems = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is not as the API describes it", errors=problems)
    raise error
