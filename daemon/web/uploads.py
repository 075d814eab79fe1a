"""Reads a drawing and its options from a request: a form, or the file itself as the body.

The file goes straight into a draft in the inbox as it arrives (`daemon.web.intake`), so that nothing of it is held in memory or copied.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from daemon.options.sidecar import MAX_BYTES
from daemon.web.intake import Draft, Intake
from daemon.web.problems import ProblemError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FIELDS: Final = 20
_MAX_HEAD: Final = 4096
_FILES: Final = {b"application/octet-stream", b"application/pdf", b"application/zip"}
"""Types of bodies that are the file itself, beside images."""


@dataclass(frozen=True)
class Upload:
    """One drawing as it was sent.

    Attributes:
        options: content of its sidecar, or None.
    """

    draft: Draft
    name: str
    options: bytes | None


@asynccontextmanager
async def upload_of(request: Request, intake: Intake) -> AsyncIterator[Upload]:
    """The drawing in a request, as a draft that exists during the `with` block. Raises ProblemError if there is none."""
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    with intake.draft() as draft:
        if kind == b"multipart/form-data":
            form = _Form(draft)
            await form.read(request, parameters.get(b"boundary", b""))
            yield Upload(draft, form.file_name or "drawing", _content(form.fields.get("options")))
        elif kind.startswith(b"image/") or kind in _FILES:
            async for block in request.stream():
                draft.write(block)
            options = request.query_params.get("options", "")
            yield Upload(draft, request.query_params.get("name", "drawing"), _content(options.encode("utf-8", "replace")))
        else:
            expected = "multipart/form-data with a field `file`, or the file as the body with its type (image/jpeg, application/pdf, ...)"
            raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {expected}")


def _content(options: bytes | bytearray | None) -> bytes | None:
    return bytes(options) if options and options.strip() else None


@dataclass
class _Form:
    """A form (RFC 7578) while it arrives; its field `file` goes into the draft.

    Attributes:
        fields: the other fields.
    """

    draft: Draft
    file_name: str | None = None
    fields: dict[str, bytearray] = field(default_factory=dict)
    _name: str = ""
    _head: dict[bytes, bytearray] = field(default_factory=dict)
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _is_complete: bool = False

    async def read(self, request: Request, boundary: bytes) -> None:
        """Read the whole form. Raises ProblemError."""
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._add(self._header, data[start:end], _MAX_HEAD),
            "on_header_value": lambda data, start, end: self._add(self._value, data[start:end], _MAX_HEAD),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take,
            "on_end": self._end,
        }
        try:
            parser = MultipartParser(boundary, callbacks)
            async for block in request.stream():
                parser.write(block)
            parser.finalize()
        except MultipartParseError as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"the form can't be read: {error}") from error
        if not self._is_complete:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the form ends before its last boundary")
        if self.file_name is None:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no file: expected one in the field `file`")

    def _begin_part(self) -> None:
        self._head = {}

    def _end_header(self) -> None:
        self._head[bytes(self._header).lower()] = self._value
        self._header, self._value = bytearray(), bytearray()

    def _end_headers(self) -> None:
        _, parameters = parse_options_header(bytes(self._head.get(b"content-disposition", b"")))
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self.file_name is not None:
                raise ProblemError(HTTPStatus.BAD_REQUEST, "the form has several files: expected one a request")
            self.file_name = parameters.get(b"filename", b"drawing").decode("utf-8", "replace")
        elif len(self.fields) >= MAX_FIELDS:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"the form has too many fields: expected at most {MAX_FIELDS}")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self.draft.write(data[start:end])
        else:
            self._add(self.fields.setdefault(self._name, bytearray()), data[start:end], MAX_BYTES)

    def _end(self) -> None:
        self._is_complete = True

    @staticmethod
    def _add(text: bytearray, more: bytes, max_bytes: int) -> None:
        text += more
        if len(text) > max_bytes:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"a part of the form is too long: expected at most {max_bytes} bytes")
