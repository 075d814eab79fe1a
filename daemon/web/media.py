"""Files of the spool as answers: ranges, ETag, and no way out of their folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from daemon.files.durable import open_folder
from daemon.web.problems import ProblemError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

TYPES: Final = {
    "gif": "image/gif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "webp": "image/webp",
    "apng": "image/apng",
    "jpg": "image/jpeg",
    "png": "image/png",
}
_PRIVATE: Final = "private, max-age=31536000, immutable"


def file_response(
    request: Request, root: Path, folder: Sequence[str], name: str, *, shown: str, tag: str = "", is_download: bool = False
) -> Response:
    """Answer with a regular file; no component of its path may be a link.

    Args:
        shown: the name that a browser saves it under.
        tag: what its content is known by, such as its SHA-256; by default, its size and time.
    Raises:
        ProblemError: there is no such file.
    """
    try:
        with open_folder(root, folder) as opened_folder:
            opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=opened_folder)
    except (OSError, ValueError) as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such file") from error
    status = os.fstat(opened)
    if not stat.S_ISREG(status.st_mode):
        os.close(opened)
        raise ProblemError(HTTPStatus.NOT_FOUND, "there is no such file")
    headers = {
        "ETag": f'"{tag or f"{status.st_mtime_ns:x}-{status.st_size:x}"}"',
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        "Cache-Control": _PRIVATE if tag else "private, no-cache",
        "Content-Disposition": f"{'attachment' if is_download else 'inline'}; filename*=UTF-8''{quote(shown, safe='')}",
    }
    if _is_known(request, headers["ETag"], status):
        os.close(opened)
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    kind = TYPES.get(Path(name).suffix.removeprefix("."), "application/octet-stream")
    return _OpenFile(opened, headers, kind, status)


class _OpenFile(FileResponse):
    """The file that was opened, whatever has its name by now."""

    def __init__(self, opened: int, headers: Mapping[str, str], kind: str, status: os.stat_result) -> None:
        self._opened = opened
        super().__init__(f"/proc/self/fd/{opened}", headers=headers, media_type=kind, stat_result=status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, _with_problems(send))
        finally:
            os.close(self._opened)


def _with_problems(send: Send) -> Send:
    """A `send` that refuses ranges with a problem, in place of Starlette's plain text. Raises ProblemError."""

    async def send_or_refuse(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
            size = Headers(raw=message["headers"]).get("content-range")
            detail, headers = "the Range header can't be used", {"Content-Range": size} if size else {}
            raise ProblemError(HTTPStatus(message["status"]), detail, hint='expected "bytes=FIRST-LAST" within the file', headers=headers)
        await send(message)

    return send_or_refuse


def _is_known(request: Request, tag: str, status: os.stat_result) -> bool:
    """Whether the client has this content already (RFC 9110, 13.2.2)."""
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in known.split(",")}
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(since).timestamp() >= int(status.st_mtime)
    except (ValueError, TypeError, OverflowError):
        return False
