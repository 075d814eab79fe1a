"""Sign-in of a browser: with a token, or with the one-time code of a link that `doodled web link` prints."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from daemon.web.access import COOKIE, session_secret
from daemon.web.pages import page
from daemon.web.site import Site, SiteOf
from daemon.web.tokens import SESSION_S

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def show_sign_in(request: Request, site: SiteOf, to: Annotated[str, Query(alias="next", max_length=300)] = "") -> Response:
    """The form. A one-time link has its code after the #, which no server or log ever sees; the page's script puts it into the form."""
    return page(request, site, "sign_in.html", context={"next": to, "problem": ""})


@router.post("/sign-in")
async def sign_in(
    request: Request,
    site: SiteOf,
    secret: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(alias="next", max_length=300)] = "",
) -> Response:
    """Begin a session."""
    target = _target(site, to)
    if site.rules.secrets is None:
        return RedirectResponse(target, HTTPStatus.SEE_OTHER)
    session = await run_in_threadpool(site.rules.secrets.begin_session, secret.strip())
    if session is None:
        problem = "This code or token is not valid, or was used before."
        return page(request, site, "sign_in.html", context={"next": to, "problem": problem}, status=HTTPStatus.FORBIDDEN)
    response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION_S),
        path=f"{site.root_path}/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request, site: SiteOf) -> Response:
    """End the session."""
    secret = session_secret(request)
    if secret and site.rules.secrets is not None:
        await run_in_threadpool(site.rules.secrets.end_session, secret)
    response = RedirectResponse(f"{site.root_path}/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path=f"{site.root_path}/")
    return response


def _target(site: Site, to: str) -> str:
    """Where to go after signing in: a path of this site, never another site's address."""
    is_local = to.isprintable() and not to.startswith(("/", "\\")) and ":" not in to.partition("/")[0] and "\\" not in to
    return f"{site.root_path}/{to if is_local else ''}"
