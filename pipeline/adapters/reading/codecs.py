"""Opens an image with the codec of its format, after checking that decoding takes bounded time and memory.

Uses the codecs' classes directly, not `Image.open`: no plugin is registered, no global limit is changed, and no other format's parser
sees the bytes. Pillow's plugins warn about metadata that is not used here; `quietly` suppresses that.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile
from pillow_heif import HeifImageFile

from pipeline.adapters.reading.image_kinds import ImageKind
from pipeline.adapters.reading.tiff_tags import tiff_tags
from pipeline.errors import DecodeError, DecodeReason
from pipeline.types.decode_limits import DecodeLimits, halving_reduction

_CODECS: dict[ImageKind, type[ImageFile]] = {
    ImageKind.PNG: PngImagePlugin.PngImageFile,
    ImageKind.JPEG: JpegImagePlugin.JpegImageFile,
    ImageKind.WEBP: WebPImagePlugin.WebPImageFile,
    ImageKind.HEIF: HeifImageFile,
    ImageKind.TIFF: TiffImagePlugin.TiffImageFile,
    ImageKind.BMP: BmpImagePlugin.BmpImageFile,
    ImageKind.GIF: GifImagePlugin.GifImageFile,
}

_BYTES_PER_PIXEL: dict[ImageKind, float] = {
    ImageKind.PNG: 4,
    ImageKind.JPEG: 4,
    ImageKind.WEBP: 19,  # two canvases of libwebp's animation decoder, its reply, Pillow's image
    ImageKind.HEIF: 14,  # libheif's planes and its interleaved copy, its reply, Pillow's image
    ImageKind.TIFF: 8,  # its codec turns it upright at full size
    ImageKind.BMP: 4,
    ImageKind.GIF: 4,
}
"""Peak while decoding, measured at 24 megapixels, without the file itself and some 40 MB for strips whatever the size is."""
_COEFFICIENT_BYTES = 6
"""A progressive JPEG holds its coefficients, three channels of 16 bits, for the whole image at full size."""

_MAX_SCANS = 100
"""A progressive JPEG has about ten scans; each further scan costs a pass over the whole image, for a few bytes of file."""
_SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Marker, length and number of channels, which must agree for libjpeg (ITU-T T.81, B.2.3). A phone's video after the image contains many
false markers, but none that match this."""
_TIFF_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946}
"""None, fax, LZW, JPEG, Deflate, PackBits. Rarer ones (LZMA, Zstandard, ...) let the file decide how much memory is used."""
_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH = 259, 322, 323

_ISPE = re.compile(rb"ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)

_quiet = threading.Lock()


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress Pillow's warnings. Replaces the process-wide filters, so it is locked and only used around header parsing."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_image(kind: ImageKind, source: bytes, limits: DecodeLimits, name: str) -> tuple[ImageFile, tuple[int, int]]:
    """Open the image: header parsed and size checked, no pixel decoded. Returns it with its width and height, px.

    A JPEG is configured to be reduced while decoding; its own size attribute is that of the result.

    Raises:
        DecodeError: TOO_MANY_PIXELS, TOO_SMALL, UNSUPPORTED (an untrusted compression), CORRUPT (too many scans).
        Exception: from the codec, for damaged bytes; `pipeline.adapters.reading.image_reader` maps it.
    """
    if kind is ImageKind.WEBP:
        _check_size(_webp_canvas(source), kind, limits, name)  # its codec allocates when it is created
    if kind is ImageKind.TIFF:
        _check_tiff(source, limits, name)
    if kind is ImageKind.HEIF:
        _check_area(_heif_coded_size(source), kind, limits, name)  # the coded image may be larger than the cropped one that is shown
    with quietly():
        image = _CODECS[kind](BytesIO(source))
    progressive = kind is ImageKind.JPEG and "progressive" in image.info
    if progressive:
        _check_scans(source, name)
    _check_size(image.size, kind, limits, name, extra=_COEFFICIENT_BYTES if progressive else 0)
    size = image.size
    if kind is ImageKind.JPEG:
        factor = halving_reduction(max(size), limits.working_side)
        image.draft(image.mode, (max(1, image.width // factor), max(1, image.height // factor)))
    return image, size


def load(kind: ImageKind, image: ImageFile) -> None:
    """Decode the pixels. Raises what the codec raises."""
    if kind is ImageKind.TIFF:  # its codec reads more metadata at the end, and warns about it
        with quietly():
            image.load()
    else:
        image.load()


def _check_size(size: tuple[int, int], kind: ImageKind, limits: DecodeLimits, name: str, *, extra: float = 0) -> None:
    if min(size) < limits.min_side:
        expected = f"expected at least {limits.min_side} x {limits.min_side} pixels"
        summary = f"the image is too small: {expected}, found {size[0]} x {size[1]}"
        raise DecodeError(DecodeReason.TOO_SMALL, summary, path=name, hint="photograph the drawing closer")
    _check_area(size, kind, limits, name, extra=extra)


def _check_area(size: tuple[int, int], kind: ImageKind, limits: DecodeLimits, name: str, *, extra: float = 0) -> None:
    width, height = size
    found = f"found {width} x {height}"
    memory = width * height * (_BYTES_PER_PIXEL[kind] + extra)
    if max(size) > limits.max_side:
        expected = f"at most {limits.max_side} pixels a side"
    elif width * height > limits.max_pixels:
        expected = f"at most {limits.max_pixels / 1e6:.0f} megapixels"
    elif memory > limits.max_memory_bytes:
        expected = f"a {kind} that takes at most {limits.max_memory_bytes / 1e6:.0f} MB to decode"
        found += f", which takes {memory / 1e6:.0f} MB"
    else:
        return
    raise DecodeError(
        DecodeReason.TOO_MANY_PIXELS, f"the image is too big: expected {expected}, {found}", path=name, hint="save it smaller"
    )


def _webp_canvas(source: bytes) -> tuple[int, int]:
    """Width and height, px, from the first chunk (RFC 9649, 2.5 to 2.7). A damaged chunk raises ValueError."""
    chunk, header = source[12:16], source[20:30]
    if chunk == b"VP8X" and len(header) == 10:
        return int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:10], "little") + 1
    if chunk == b"VP8L" and header[:1] == b"\x2f":
        bits = int.from_bytes(header[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 " and len(header) == 10:
        return int.from_bytes(header[6:8], "little") & 0x3FFF, int.from_bytes(header[8:10], "little") & 0x3FFF
    message = "the WebP's first chunk is damaged"
    raise ValueError(message)


def _heif_coded_size(source: bytes) -> tuple[int, int]:
    """Width and height, px, of the largest image item in the file (ISO 23008-12, 6.5.3, "ispe" boxes)."""
    before_pixels = source[: source.find(b"mdat")] if source.find(b"mdat") > source.find(b"meta") else source
    sizes = [(int.from_bytes(found[1], "big"), int.from_bytes(found[2], "big")) for found in _ISPE.finditer(before_pixels)]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def _check_tiff(source: bytes, limits: DecodeLimits, name: str) -> None:
    tags = tiff_tags(source)
    foreign = set(tags.get(_COMPRESSION, ())) - _TIFF_COMPRESSIONS
    if foreign:
        summary = f"the TIFF has an unsupported compression (number {min(foreign)})"
        raise DecodeError(DecodeReason.UNSUPPORTED, summary, path=name, hint="save it with LZW, Deflate or no compression")
    tile = max(tags.get(_TILE_WIDTH, (0,))) * max(tags.get(_TILE_LENGTH, (0,)))
    if tile > limits.max_pixels // 4:  # a tile is buffered whole, however small the image is
        summary = f"the TIFF's tiles are too big: expected at most {limits.max_pixels // 4} pixels, found {tile}"
        raise DecodeError(DecodeReason.TOO_MANY_PIXELS, summary, path=name, hint="save it without tiles")


def _check_scans(source: bytes, name: str) -> None:
    scans = sum(1 for _ in _SCAN.finditer(source))
    if scans > _MAX_SCANS:
        summary = f"the JPEG has too many scans: expected at most {_MAX_SCANS}, found {scans}"
        raise DecodeError(DecodeReason.CORRUPT, summary, path=name, hint="save it anew")
