"""Reader of untrusted documents of several drawings: PDF pages and the images in a ZIP archive, one after the other.

Bounded in pages (MAX_PAGES), in bytes (of the file and of each unpacked image, as for images), in pixels (a PDF page is drawn at about the
size that images are reduced to), and in time (a PDF page is drawn in a process of its own, `pdf_child`; its caller bounds the rest). An
archive is never unpacked to the disk, and its names are only shown. Archives and documents inside an archive are not opened.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from pipeline.adapters.reading.image_kinds import SUFFIXES
from pipeline.errors import DecodeError, DecodeReason
from pipeline.types.decode_limits import DecodeLimits

DEFAULT_LIMITS = DecodeLimits()
MAX_PAGES = 50
MAX_ENTRIES = 5_000
PATIENCE_S = 40.0
_ENTRY = b"PK\1\2"
_BLOCK_BYTES = 1 << 20
_CHILD = Path(__file__).with_name("pdf_child.py")
_SPLIT = "split it into smaller ones"
_IMAGE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, LookupError)


class DocumentKind(StrEnum):
    """Supported documents."""

    PDF = "PDF"
    ZIP = "ZIP"


@dataclass(frozen=True)
class Page:
    """A page of a document, or an image in an archive.

    Attributes:
        number: from 1.
        name: for messages, from the document; untrusted.
        content: an image file, or the error that its reading ended with.
    """

    number: int
    name: str
    content: bytes | DecodeError


def document_kind(source: bytes) -> DocumentKind | None:
    """The kind of a document by its content; None for everything else."""
    if re.match(rb"\s{0,64}%PDF-", source):
        return DocumentKind.PDF
    return DocumentKind.ZIP if source.startswith(b"PK\x03\x04") else None


def read_pages(source: bytes, *, name: str) -> Iterator[Page]:
    """The pages of a document, each read when it is asked for.

    Args:
        name: of the file, for messages.
    Raises:
        DecodeError: before the first page: it can't be opened, has no page, or more than MAX_PAGES.
    """
    if len(source) > DEFAULT_LIMITS.max_bytes:
        summary = f"the document is too big: expected at most {DEFAULT_LIMITS.max_bytes} bytes"
        raise DecodeError(DecodeReason.TOO_MANY_BYTES, summary, path=name, hint=_SPLIT)
    return _pdf_pages(source, name) if document_kind(source) is DocumentKind.PDF else _zip_pages(source, name)


def _check_count(count: int, kind: DocumentKind, name: str) -> None:
    if count == 0:
        raise DecodeError(DecodeReason.EMPTY, f"there is no image in this {kind}", path=name, hint="expected an image on each page")
    if count > MAX_PAGES:
        summary = f"the {kind} has too many pages: expected at most {MAX_PAGES}, found {count}"
        raise DecodeError(DecodeReason.TOO_MANY_PIXELS, summary, path=name, hint=_SPLIT)


def _pdf_pages(source: bytes, name: str) -> Iterator[Page]:
    count, first = _render_page(source, 0, name)
    if count is None:
        raise first if isinstance(first, DecodeError) else _pdf_error(name, "no page was found")
    _check_count(count, DocumentKind.PDF, name)
    yield Page(1, "page 1", first)
    for number in range(2, count + 1):
        yield Page(number, f"page {number}", _render_page(source, number - 1, name)[1])


def _pdf_error(name: str, why: str) -> DecodeError:
    return DecodeError(DecodeReason.CORRUPT, f"the PDF can't be read: {why}", path=name, hint="print it into a new PDF without a password")


def _render_page(source: bytes, index: int, name: str) -> tuple[int | None, bytes | DecodeError]:
    """The number of pages, or None where the document can't be opened; and the page as PNG, or why there is none."""
    try:
        done = subprocess.run(  # noqa: S603 - our own script, and a number as its argument
            [sys.executable, "-I", str(_CHILD), str(index)], input=source, capture_output=True, timeout=PATIENCE_S, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        return None, _pdf_error(name, f"page {index + 1} is not drawn within {PATIENCE_S:g} s")
    head, _, image = done.stdout.partition(b"\n")
    count = int(head) if head.isdigit() else None
    if done.returncode == 0 and image:
        return count, image
    reason = done.stderr.decode("utf-8", "replace").strip()[-200:]
    return count, _pdf_error(name, reason or f"its reader left with status {done.returncode}")


def check_archive(file: BinaryIO, *, name: str) -> None:
    """Check that an archive can be opened and has images, but not too many, without reading any of them.

    Args:
        file: ZIP, of at most as many bytes as `read_pages` takes.
        name: of the file, for messages.
    Raises:
        DecodeError: `read_pages` would raise it, too.
    """
    with _open_zip(file, name):
        pass


def _zip_pages(source: bytes, name: str) -> Iterator[Page]:
    with _open_zip(io.BytesIO(source), name) as (archive, images):
        for number, entry in enumerate(images, start=1):
            yield Page(number, Path(entry.filename).name, _unpack_image(archive, entry))


@contextmanager
def _open_zip(file: BinaryIO, name: str) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """An archive and its images, during the `with` block. Raises DecodeError."""
    if (count := _entry_count(file)) > MAX_ENTRIES:  # before the directory is read, which takes memory for each
        summary = f"the ZIP has too many files: expected at most {MAX_ENTRIES}, found {count}"
        raise DecodeError(DecodeReason.TOO_MANY_BYTES, summary, path=name, hint=_SPLIT)
    try:
        with zipfile.ZipFile(file) as archive:
            images = [entry for entry in archive.infolist() if _is_image(entry)]
            _check_count(len(images), DocumentKind.ZIP, name)
            yield archive, images
    except _ZIP_ERRORS as error:
        raise DecodeError(DecodeReason.CORRUPT, f"the ZIP is damaged: {error}", path=name, hint="pack it anew") from error


def _entry_count(file: BinaryIO) -> int:
    """The number of entries that the directory of an archive can have at most."""
    count, rest = 0, b""
    while block := file.read(_BLOCK_BYTES):
        count += (rest + block).count(_ENTRY)
        rest = block[1 - len(_ENTRY) :]
    return count


def _is_image(entry: zipfile.ZipInfo) -> bool:
    path = Path(entry.filename)
    is_hidden = any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in path.parts)
    return not entry.is_dir() and not is_hidden and path.suffix.lower() in _IMAGE_SUFFIXES


def _unpack_image(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | DecodeError:
    """An image of the archive, at most as large as an image may be, whatever the archive says about its size."""
    name = Path(entry.filename).name
    if entry.flag_bits & 1:
        return DecodeError(DecodeReason.UNSUPPORTED, "it is encrypted", path=name, hint="pack it without a password")
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return DecodeError(
            DecodeReason.UNSUPPORTED, "its compression is not supported", path=name, hint="pack it as ordinary ZIP (deflate)"
        )
    try:
        with archive.open(entry) as file:
            content = file.read(DEFAULT_LIMITS.max_bytes + 1)
    except _ZIP_ERRORS as error:
        return DecodeError(DecodeReason.CORRUPT, f"it is damaged: {error}", path=name, hint="pack it anew")
    if len(content) > DEFAULT_LIMITS.max_bytes:
        summary = f"it is too big: expected at most {DEFAULT_LIMITS.max_bytes} bytes unpacked"
        return DecodeError(DecodeReason.TOO_MANY_BYTES, summary, path=name, hint="save it smaller")
    return content
