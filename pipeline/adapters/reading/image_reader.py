"""Reader of untrusted image files: bytes in, an upright `Drawing` of bounded size out, or a `DecodeError` with the reason.

Owns the order of checks, and maps the codecs' exceptions. Formats: `image_kinds`. Reads only the first frame of an animation or the
first page of a document. In HEIF the container gives the orientation and EXIF is ignored (ISO 23008-12, 6.5.10); libheif turns the
image itself.

A JPEG that lacks only its end marker is read, since some cameras never write one. Other truncated files are refused, since they may be
incomplete copies. Missing image data shows when decoding twice with different filler bytes: if the bytes were needed, the results
differ. A progressive JPEG may lack whole scans unnoticed, so a truncated one is always refused.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile

from pipeline.adapters.reading.codecs import load, open_image
from pipeline.adapters.reading.image_kinds import ImageKind, kind_of, looks_cut, suffix_note
from pipeline.adapters.reading.pixels import rgb_and_alpha, working_copy
from pipeline.adapters.reading.tiff_tags import Tags, exif_orientation, has_more_pages, tiff_tags
from pipeline.errors import DecodeError, DecodeReason
from pipeline.stages.decode import UPRIGHT, drawing
from pipeline.types import Bytes, Drawing
from pipeline.types.decode_limits import DecodeLimits

DEFAULT_LIMITS = DecodeLimits()

FOREIGN_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    MemoryError,
    BufferError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    ImageCms.PyCMSError,
    Warning,  # where warnings are errors
)
"""Exceptions of Pillow, pillow-heif and their dependencies for damaged bytes; a test compares the list with their source."""

_END_MARKER = b"\xff\xd9"
_FILLINGS = (b"", b"\x55\xa9\x33" * 20)
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


def read_drawing(path: Path, limits: DecodeLimits = DEFAULT_LIMITS) -> Drawing:
    """Read a drawing from a file. Follows links, does not wait on a pipe, and reads at most `limits.max_bytes`.

    Raises:
        DecodeError: as `decode_drawing`; UNREADABLE if the file is missing, unreadable, or not a regular file.
    """
    try:
        with open(path, "rb", opener=_open_nonblocking) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DecodeError(DecodeReason.UNREADABLE, "not a regular file: expected an image", path=path)
            _check_bytes(status.st_size, limits, str(path))
            source = file.read(limits.max_bytes + 1)  # it may be growing
    except OSError as error:
        summary = f"the file can't be read: {error.strerror or error}"
        raise DecodeError(DecodeReason.UNREADABLE, summary, path=path) from error
    return decode_drawing(source, name=str(path), limits=limits)


def decode_drawing(source: bytes, *, name: str, limits: DecodeLimits = DEFAULT_LIMITS) -> Drawing:
    """Decode a drawing: 8-bit sRGB, upright, its longer side at most `limits.working_side` px.

    Args:
        name: of the file, for messages and for the note about a wrong suffix; it does not select the codec.
    Raises:
        DecodeError: with its reason. No other error, for any bytes.
    """
    _check_bytes(len(source), limits, name)
    kind = kind_of(source, name)
    with _map_errors(kind, source, name):
        rgb, alpha, orientation, notes = _read_pixels(kind, source, limits, name)
    if min(rgb.shape[:2]) < limits.min_side:
        summary = f"the image is too narrow: expected at least {limits.min_side} pixels when reduced, found {rgb.shape[1]} x {rgb.shape[0]}"
        raise DecodeError(DecodeReason.TOO_SMALL, summary, path=name, hint="cut it to the drawing")
    notes = (suffix_note(kind, Path(name).suffix), *notes)
    return drawing(rgb, alpha, orientation=orientation, sha256=hashlib.sha256(source).hexdigest(), notes=tuple(filter(None, notes)))


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _check_bytes(found: int, limits: DecodeLimits, name: str) -> None:
    if found > limits.max_bytes:
        summary = f"the file is too big: expected at most {limits.max_bytes} bytes, found {found} or more"
        raise DecodeError(DecodeReason.TOO_MANY_BYTES, summary, path=name, hint="save it smaller, or as JPEG")


@contextmanager
def _map_errors(kind: ImageKind, source: bytes, name: str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, Image.DecompressionBombError) as error:
        summary = f"the {kind} needs more memory than there is"
        raise DecodeError(DecodeReason.TOO_MANY_PIXELS, summary, path=name, hint="save it smaller") from error
    except FOREIGN_ERRORS as error:
        if looks_cut(kind, source) or "truncated" in str(error):
            summary = f"the {kind} is cut short ({len(source)} bytes): {error}"
            raise DecodeError(DecodeReason.TRUNCATED, summary, path=name, hint="copy it once more") from error
        summary = f"the {kind} is damaged: {error or type(error).__name__}"
        raise DecodeError(DecodeReason.CORRUPT, summary, path=name, hint="open it in another program and save it anew") from error


def _read_pixels(kind: ImageKind, source: bytes, limits: DecodeLimits, name: str) -> tuple[Bytes, Bytes | None, int, tuple[str, ...]]:
    """Colors, alpha and orientation as stored, and notes."""
    image, size, end_note = _load_image(kind, source, limits, name)
    notes = [_frames_note(kind, image, source), end_note]
    orientation, tags = _orientation(kind, image), tiff_tags(source)
    working = working_copy(image, limits.working_side, bits=_depth(tags), inverted=_is_inverted(tags))
    profile = image.info.get("icc_profile")
    image.close()
    if max(working.size) < max(size):
        notes.append(f"it was reduced from {max(size)} x {min(size)} to {max(working.size)} x {min(working.size)} pixels")
    rgb, alpha, profile_note = rgb_and_alpha(working, profile if isinstance(profile, bytes) else None)
    return rgb, alpha, orientation, (*notes, profile_note)


def _load_image(kind: ImageKind, source: bytes, limits: DecodeLimits, name: str) -> tuple[ImageFile, tuple[int, int], str]:
    """The image with decoded pixels, its size before the reduction, and a note or ""."""
    image, size = open_image(kind, source, limits, name)
    try:
        load(kind, image)
    except OSError:
        complete = _load_without_end_marker(kind, source, limits, name)
        if complete is None:
            raise
        return complete, size, "its end marker is missing"
    return image, size, ""


def _load_without_end_marker(kind: ImageKind, source: bytes, limits: DecodeLimits, name: str) -> ImageFile | None:
    """The image of a JPEG that lacks only its end marker, or None."""
    if kind is not ImageKind.JPEG or not looks_cut(kind, source):
        return None
    filled = [open_image(kind, source + filling + _END_MARKER, limits, name)[0] for filling in _FILLINGS]
    if any("progressive" in image.info for image in filled) or filled[0].tobytes() != filled[1].tobytes():
        return None
    return filled[0]


def _orientation(kind: ImageKind, image: ImageFile) -> int:
    """EXIF orientation, unless the codec turns the image itself, as those of HEIF and TIFF do."""
    if kind in {ImageKind.HEIF, ImageKind.TIFF}:
        return UPRIGHT
    exif = image.info.get("exif")
    return exif_orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def _depth(tags: Tags) -> int | None:
    bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
    return bits if 8 < bits <= 16 else None


def _is_inverted(tags: Tags) -> bool:
    """Whether zero is white; Pillow inverts 8-bit samples itself, but not deeper ones."""
    return tags.get(_PHOTOMETRIC, (1,))[0] == _WHITE_IS_ZERO


def _frames_note(kind: ImageKind, image: ImageFile, source: bytes) -> str:
    if kind is ImageKind.TIFF:
        several = has_more_pages(source)
    elif kind in {ImageKind.PNG, ImageKind.WEBP, ImageKind.HEIF}:
        several = bool(getattr(image, "is_animated", False))
    else:
        several = False  # a GIF would have to be read to its end
    return "only the first image in the file is used" if several else ""
