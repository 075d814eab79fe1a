"""Reads a drawing and its options from a request: a form, or the file itself as the body."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from daemon.options.sidecar import MAX_BYTES
from daemon.web.problems import ProblemError

IN_MEMORY_BYTES: Final = 1 << 20
MAX_FIELDS: Final = 20
OPTION_FIELDS: Final = ("motions", "formats")
_TEXT_FIELDS: Final = ("size", "fps", "background", "figures", "layers")


@dataclass(frozen=True)
class Upload:
    """One drawing as it was sent.

    Attributes:
        options: content of its sidecar, or None.
    """

    file: IO[bytes]
    name: str
    options: bytes | None


@asynccontextmanager
async def upload_of(request: Request) -> AsyncIterator[Upload]:
    """The drawing in a request. Raises ProblemError if there is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with _form(request) as form:
            yield _upload_in(form)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        query = request.query_params
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            async for block in request.stream():
                file.write(block)
            file.seek(0)
            yield Upload(file, query.get("name", "drawing"), _checked_json(query.get("options")))
    else:
        expected = "multipart/form-data with a field `file`, or an image as the body with its type (image/jpeg, ...)"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {expected}")


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_BYTES)
    except HTTPException as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the form can't be read: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()


def _upload_in(form: FormData) -> Upload:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no file: expected one in the field `file`")
    return Upload(file.file, file.filename or "drawing", options_in(form))


def options_in(form: FormData) -> bytes | None:
    """The options of a form: the field `options` as JSON, else the fields that are named as the keys of a sidecar."""
    text = form.get("options")
    if isinstance(text, str) and text.strip():
        return _checked_json(text)
    options: dict[str, Any] = {}
    for name in OPTION_FIELDS:
        chosen = [value for value in form.getlist(name) if isinstance(value, str) and value]
        if chosen:
            options[name] = chosen
    for name in _TEXT_FIELDS:
        value = form.get(name)
        if isinstance(value, str) and value:
            options[name] = value
    return json.dumps(options).encode() if options else None


def _checked_json(text: str | None) -> bytes | None:
    """The text of a sidecar as it will be written; its keys are checked later, with everything else."""
    return text.encode("utf-8", "replace") if text and text.strip() else None
