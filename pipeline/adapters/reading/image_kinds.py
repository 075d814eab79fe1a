"""Detection of image formats by content; the file name is only used for notes.

Lists the supported formats, and the messages for common unsupported ones. Decodes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from pipeline.adapters.reading.tiff_tags import tiff_tags
from pipeline.errors import DecodeError, DecodeReason

AS_IMAGE = "save it as PNG or JPEG"


class ImageKind(StrEnum):
    """Supported image formats."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"
    HEIF = "HEIF"
    TIFF = "TIFF"
    BMP = "BMP"
    GIF = "GIF"


SUFFIXES: dict[ImageKind, tuple[str, ...]] = {
    ImageKind.PNG: (".png", ".apng"),
    ImageKind.JPEG: (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    ImageKind.WEBP: (".webp",),
    ImageKind.HEIF: (".heic", ".heif", ".heics", ".heifs", ".hif"),
    ImageKind.TIFF: (".tif", ".tiff"),
    ImageKind.BMP: (".bmp", ".dib"),
    ImageKind.GIF: (".gif",),
}

_KINDS: tuple[tuple[bytes, ImageKind], ...] = (
    (rb"\x89PNG\r\n\x1a\n", ImageKind.PNG),
    (rb"\xff\xd8\xff", ImageKind.JPEG),
    (rb"RIFF....WEBP", ImageKind.WEBP),
    (rb"II\*\0|MM\0\*", ImageKind.TIFF),
    (rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", ImageKind.BMP),
    (rb"GIF8[79]a", ImageKind.GIF),
)

_RAW_HINT = "develop it, or save it as JPEG"
_VIDEO_HINT = "save one frame of it as PNG or JPEG"

_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (rb"\s*%PDF-", "a PDF document", "save the page with the drawing as PNG or JPEG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing", AS_IMAGE),
    (rb"8BPS", "a Photoshop document", AS_IMAGE),
    (rb"gimp xcf", "a GIMP document", AS_IMAGE),
    (rb"FUJIFILMCCD-RAW|II\x1a\0\0\0HEAPCCDR|IIRO|IIRS|MMOR|IIU\0|FOVb|\0MRM", "a camera's raw file", _RAW_HINT),
    (rb"II\+\0|MM\0\+", "a BigTIFF", "save it as ordinary TIFF, PNG or JPEG"),
    (rb"II\xbc\x01", "a JPEG XR image", AS_IMAGE),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL image", AS_IMAGE),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image", AS_IMAGE),
    (rb"\0\0[\x01\x02]\0[^\0]\0", "an icon", AS_IMAGE),
    (rb"\x1a\x45\xdf\xa3|RIFF....AVI |\0\0\x01[\xb3\xba]|FLV\x01|OggS|....(?:moov|mdat|wide|free)", "a video or sound", _VIDEO_HINT),
    (rb"RIFF|ID3|fLaC|MThd|\xff[\xfb\xf3\xf2]", "a sound", "drop an image of the drawing"),
    (rb"PK\x03\x04|7z\xbc\xaf|\x1f\x8b|Rar!|BZh|\xfd7zXZ", "an archive or an office document", "unpack it, and drop the image alone"),
    (rb"\x7fELF|MZ|\xca\xfe\xba\xbe|\xcf\xfa\xed\xfe", "a program", "drop an image of the drawing"),
)

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}
_RAW_TAGS = {50706, 50740}
"""DNGVersion; DNGPrivateData, which Sony writes without DNGVersion."""
_NEW_SUBFILE_TYPE, _SUB_IFDS = 254, 330
_TEXT_BYTES = 1024
_SVG_BYTES = 8192


def kind_of(source: bytes, name: str) -> ImageKind:
    """The format of a file's bytes.

    Raises:
        DecodeError: EMPTY, or UNSUPPORTED with the detected format.
    """
    if not source.strip(b"\0"):
        found = "nothing" if not source else f"{len(source)} zeros"
        raise DecodeError(DecodeReason.EMPTY, f"the file is empty: expected an image, found {found}", path=name, hint="copy it once more")
    for pattern, kind in _KINDS:
        if re.match(pattern, source, re.DOTALL):
            if kind is ImageKind.TIFF and _is_raw(source):
                raise _refusal("a camera's raw file", _RAW_HINT, name)
            return kind
    if source[4:8] == b"ftyp":
        return _kind_by_brand(source, name)
    raise _refusal(*_foreign(source), name)


def suffix_note(kind: ImageKind, suffix: str) -> str:
    """A note if `suffix` (".png") does not belong to the format, else ""."""
    if not suffix or suffix.lower() in SUFFIXES[kind]:
        return ""
    return f"it is a {kind} although its name ends in {suffix}"


def looks_cut(kind: ImageKind, source: bytes) -> bool:
    """Whether the file ends before its declared end, or without its end marker. Also true for some readable images."""
    return _CUT[kind](source)


def _refusal(found: str, hint: str, name: str) -> DecodeError:
    expected = ", ".join(ImageKind)
    return DecodeError(DecodeReason.UNSUPPORTED, f"the file is {found}: expected an image ({expected})", path=name, hint=hint)


def _is_raw(source: bytes) -> bool:
    """Whether this is a camera's raw file: Canon marks its header; others are TIFF files whose first page is a preview."""
    tags = tiff_tags(source)
    is_preview = tags.get(_NEW_SUBFILE_TYPE, (0,))[:1] == (1,) and _SUB_IFDS in tags
    return source[8:10] == b"CR" or is_preview or not _RAW_TAGS.isdisjoint(tags)


def _kind_by_brand(source: bytes, name: str) -> ImageKind:
    """ISO 14496-12, 4.3: the box's length, "ftyp", the major brand, its version, and the compatible brands."""
    end = min(int.from_bytes(source[:4], "big"), 1024)
    brands = {source[8:12], *(source[at : at + 4] for at in range(16, end, 4))}
    if source[8:12] in _HEIC_BRANDS or brands & _HEIC_BRANDS:
        return ImageKind.HEIF
    if brands & _AVIF_BRANDS:
        raise _refusal("an AVIF image", AS_IMAGE, name)
    if brands & _HEIF_BRANDS:
        return ImageKind.HEIF
    if source[8:12] == b"crx ":
        raise _refusal("a camera's raw file", _RAW_HINT, name)
    raise _refusal("a video or sound", _VIDEO_HINT, name)


def _foreign(source: bytes) -> tuple[str, str]:
    for pattern, found, hint in _FOREIGN:
        if re.match(pattern, source, re.DOTALL):
            return found, hint
    beginning = source[:_SVG_BYTES].replace(b"\0", b"").lower()
    if b"<svg" in beginning:
        return "an SVG drawing", AS_IMAGE
    if b"<html" in beginning or b"<!doctype html" in beginning:
        return "a web page", "save the image itself, not the page that shows it"
    if _is_text(source[:_TEXT_BYTES]):
        return "text", "drop an image of the drawing"
    return f"none we know (it begins with {source[:8].hex(' ')})", AS_IMAGE


def _is_text(beginning: bytes) -> bool:
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", beginning):
        return False
    try:
        beginning.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(beginning) - 4  # only the last character is cut
    return True


def _box_end(source: bytes) -> int:
    """Declared end of the last top-level box of an ISO file, bytes."""
    at = 0
    while at + 8 <= len(source):
        length = int.from_bytes(source[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(source[at + 8 : at + 16], "big")
        if length == 0:  # "to the end of the file"
            return len(source)
        at += max(length, 8)
    return at if at >= len(source) else at + 8


def _tiff_end(source: bytes) -> int:
    """End of the directory, or of the farthest strip or tile of the first page, bytes."""
    order: Literal["little", "big"] = "little" if source[:2] == b"II" else "big"
    directory = int.from_bytes(source[4:8], order)
    entries = int.from_bytes(source[directory : directory + 2], order)
    ends = [directory + 2 + 12 * entries + 4]
    tags = tiff_tags(source)
    for offsets, counts in ((273, 279), (324, 325)):
        ends += [offset + count for offset, count in zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)]
    return max(ends)


_CUT: dict[ImageKind, Callable[[bytes], bool]] = {
    ImageKind.PNG: lambda source: b"IEND" not in source,
    ImageKind.JPEG: lambda source: source.rfind(b"\xff\xd9") <= source.rfind(b"\xff\xda"),
    ImageKind.GIF: lambda source: not source.rstrip(b"\0").endswith(b";"),
    ImageKind.WEBP: lambda source: int.from_bytes(source[4:8], "little") + 8 > len(source),
    ImageKind.BMP: lambda source: int.from_bytes(source[2:6], "little") > len(source),
    ImageKind.HEIF: lambda source: _box_end(source) > len(source),
    ImageKind.TIFF: lambda source: _tiff_end(source) > len(source),
}
