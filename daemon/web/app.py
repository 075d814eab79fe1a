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
from daemon.web.problems import ProblemError, problem_of
from daemon.web.site import Site
from pipeline.errors import DoodledError


def create_app(site: Site) -> FastAPI:
    """The application of a site, with its access layer."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_clean_up, site)
        await site.live.start()
        yield
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
    app.mount("/static", StaticFiles(directory=Path(str(resources.files("daemon.web"))) / "static"), name="static")
    app.add_exception_handler(ProblemError, _answer_problem)
    app.add_exception_handler(DoodledError, _answer_error)
    app.add_exception_handler(OSError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(Exception, _answer_defect)
    app.add_middleware(Access, rules=site.rules)
    return app


def _clean_up(site: Site) -> None:
    site.intake.remove_stale_files(site.clock())
    if site.rules.secrets is not None:
        site.rules.secrets.remove_expired()


async def _answer_problem(request: Request, error: Exception) -> Response:
    del request
    assert_problem = error if isinstance(error, ProblemError) else ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem_response(assert_problem)


async def _answer_error(request: Request, error: Exception) -> Response:
    del request
    return problem_response(problem_of(error)) if isinstance(error, DoodledError | OSError) else problem_response(_defect())


async def _answer_http(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, HTTPException):
        return problem_response(_defect())
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return problem_response(ProblemError(HTTPStatus(error.status_code), detail, headers=dict(error.headers or {})))


async def _answer_invalid(request: Request, error: Exception) -> Response:
    del request
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problems = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in found]
    return problem_response(ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the request is not as the API describes it", errors=problems))


async def _answer_defect(request: Request, error: Exception) -> Response:
    """A defect of ours: the log has the traceback, the answer says nothing about this machine."""
    del request, error
    return problem_response(_defect())


def _defect() -> ProblemError:
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a defect of the server; its log says more")
