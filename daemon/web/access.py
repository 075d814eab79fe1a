"""Access layer: everything that a request must pass before a route sees it. ASGI middleware around the whole application.

1. Host: must be a name of this site, so that no other page's name can be made to point here (DNS rebinding).
2. Sign-in: a bearer token, or the cookie of a session, unless the site is for this machine alone.
3. Cross-site requests: an unsafe method must come from this site's own pages, or from a program that is no browser.
4. Body: bounded in bytes and in time. Uploads and sign-ins: bounded in number.

Each answer gets the headers that keep a browser from doing more with it than meant.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from daemon.web.limits import BodyTooLarge, BodyTooSlow, RateLimit, limited_body
from daemon.web.problems import MEDIA_TYPE, ProblemError
from daemon.web.tokens import SecretStore

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
COOKIE: Final = "doodled"
_log = logging.getLogger("doodled.web")
OPEN_PATHS: Final = ("/healthz", "/readyz", "/sign-in", "/static/", "/share/")
"""For everyone: what these say is no secret, or proves itself (/share/)."""

_FROM_PAGES: Final = frozenset({"sec-fetch-site", "origin", "cookie"})
"""Headers that pages in browsers send, and other programs do not."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES: Final = 1 << 20
SIGN_INS_PER_MINUTE: Final = 10

POLICY: Final = "; ".join(  # noqa: FLY002 - one directive a line
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=(self)",
}


@dataclass(frozen=True)
class AccessRules:
    """Who may do what.

    Attributes:
        names: host names and addresses of this site.
        secrets: tokens and sessions, or None if there are none.
        is_open: everyone who reaches the site may use it as long as there is no token.
        root_path: prefix of every path, such as "/doodled", or "".
        body_bytes: longest body by path; others may have MAX_BODY_BYTES.
        uploads_per_minute: of one client.
    """

    names: frozenset[str]
    secrets: SecretStore | None = None
    is_open: bool = True
    root_path: str = ""
    body_bytes: Mapping[str, int] = field(default_factory=dict)
    uploads_per_minute: int = 600

    @classmethod
    def local(cls, names: Iterable[str] = LOOPBACK_NAMES) -> AccessRules:
        """For the users of this machine alone."""
        return cls(frozenset(names))


class Access:
    """The middleware."""

    def __init__(self, app: ASGIApp, rules: AccessRules) -> None:
        self._app, self._rules = app, rules
        self._uploads = RateLimit(rules.uploads_per_minute)
        self._sign_ins = RateLimit(SIGN_INS_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path = _strip_root_path(scope, self._rules.root_path)
        request = Request(scope)
        send = _with_headers(send, is_static=path.startswith("/static/"))
        try:
            self._check_host(request)
            self._check_origin(request)
            redirect = await self._check_sign_in(request, path)
            if redirect is not None:
                await redirect(scope, receive, send)
                return
            self._check_rate(request, path)
            max_bytes = self._rules.body_bytes.get(path, MAX_BODY_BYTES)
            _check_length(request, max_bytes)
        except ProblemError as error:
            await problem_response(error)(scope, receive, send)
            return
        await self._run(scope, limited_body(receive, max_bytes), send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def note_and_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, note_and_send)
        except ClientDisconnect:  # a cancelled upload: there is no client to answer
            return
        except BodyTooLarge:
            error = ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too big", headers={"Connection": "close"})
        except BodyTooSlow:
            error = ProblemError(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time", headers={"Connection": "close"})
        except Exception:
            _log.exception("%s %s", scope["method"], scope["path"])
            if has_begun:
                raise  # the client sees that the answer is cut short
            error = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a defect of the server; its log says more")
        else:
            return
        if not has_begun:
            await problem_response(error)(scope, receive, send)

    # --- checks ------------------------------------------------------------------------------------------------------

    def _check_host(self, request: Request) -> None:
        if _host_name(request.headers.get("host", "")) not in self._rules.names:
            raise ProblemError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "the Host header names another site",
                hint="names under which this site may be called are listed in [web] names of the settings",
            )

    def _check_origin(self, request: Request) -> None:
        """Refuse unsafe requests that another site's page caused.

        Browsers send Origin with them, and most Sec-Fetch-Site as well; other programs send neither, and no cookie.
        """
        if request.method in SAFE_METHODS:
            return
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        is_foreign = site not in {None, "same-origin", "none"} or (origin is not None and not self._is_own(origin, request))
        is_unclear = site is None and origin is None and _cookie(request) is not None
        if is_foreign or is_unclear:
            raise ProblemError(HTTPStatus.FORBIDDEN, "the request does not come from a page of this site")

    @staticmethod
    def _is_own(origin: str, request: Request) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and parts.netloc.lower() == request.headers.get("host", "").lower()

    async def _check_sign_in(self, request: Request, path: str) -> Response | None:
        """Returns the redirect to the sign-in page for a browser that is not signed in."""
        secrets = self._rules.secrets
        scope = request.scope
        scope.setdefault("state", {})["principal"] = "local"
        if secrets is None or path.startswith(OPEN_PATHS) or (self._rules.is_open and not await run_in_threadpool(secrets.has_tokens)):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if await run_in_threadpool(secrets.is_token, token.strip()):
                scope["state"]["principal"] = "token"
                return None
        else:
            cookie = _cookie(request)
            if cookie is not None and await run_in_threadpool(secrets.is_session, cookie):
                return None
            if request.method == "GET" and "text/html" in request.headers.get("accept", "") and not path.startswith("/v1/"):
                target = f"{self._rules.root_path}/sign-in?next={quote(path.lstrip('/'), safe='')}"
                return RedirectResponse(target, HTTPStatus.SEE_OTHER)
        what, hint = "a token is needed", "send `Authorization: Bearer TOKEN`; the operator makes one with `doodled web token`"
        if scheme.lower() != "bearer" and not _FROM_PAGES.isdisjoint(request.headers.keys()):
            what, hint = "you are signed out", "sign in on another page of this site, then try again"
        raise ProblemError(HTTPStatus.UNAUTHORIZED, what, hint=hint, headers={"WWW-Authenticate": 'Bearer realm="doodled"'})

    def _check_rate(self, request: Request, path: str) -> None:
        if request.method in SAFE_METHODS:
            return
        limit = self._sign_ins if path == "/sign-in" else self._uploads
        wait_s = limit.wait_s(request.client.host if request.client else "")
        if wait_s:
            retry = {"Retry-After": str(max(1, round(wait_s)))}
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", hint="try again later", headers=retry)


def problem_response(error: ProblemError) -> JSONResponse:
    """The answer for a problem."""
    body = error.problem.model_dump(exclude_defaults=True) | {"type": error.problem.type}
    return JSONResponse(body, error.problem.status, error.headers, MEDIA_TYPE)


def is_signed_in_by_cookie(request: Request) -> bool:
    """Whether a request has a session's cookie."""
    return _cookie(request) is not None


def session_secret(request: Request) -> str | None:
    """The secret in a request's cookie, or None."""
    return _cookie(request)


def _cookie(request: Request) -> str | None:
    return request.cookies.get(COOKIE)  # not http.cookies, which reads none if one of another program on this host is odd


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _check_length(request: Request, max_bytes: int) -> None:
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "Content-Length must be a number")
    if len(length) > 15 or int(length) > max_bytes:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the request is too big: expected at most {max_bytes} bytes, found {length[:15]}",
            headers={"Connection": "close"},
        )


def _strip_root_path(scope: Scope, root_path: str) -> str:
    """Set a scope's root path, whether or not the proxy has removed it from the path; returns the path below it."""
    path: str = scope["path"]
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        path = path[len(root_path) :]
    path = path or "/"
    scope["root_path"], scope["path"] = root_path, root_path + path
    return path


def _with_headers(send: Send, *, is_static: bool) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "public, max-age=86400" if is_static and message["status"] == HTTPStatus.OK else "no-store")
        await send(message)

    return send_with_headers
