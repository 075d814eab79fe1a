"""Animated WebP: small, lossy, with full alpha.

Writes the animation chunks (RFC 9649, section 2.7); Pillow's libwebp compresses each image. libwebp's own animation encoder compares
whole frames on one thread; the crops are known here, so they are compressed one by one on the pool's threads.

- Transparent canvas: every image is the crop around the figure, cleared afterwards.
- Opaque canvas: every image is the rectangle that changed.
- Alpha is quantized to steps of about 15 levels, with 0 and 255 exact: invisible at a soft edge, and a fifth smaller. A background
  image, which may fade, keeps full alpha.
- Images are placed at even pixels, as the format requires, and begin at whole milliseconds, rounded from pts.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from pipeline.adapters.encoding.frame_sink import PlacedImage, changed_rectangle, copied, open_sink
from pipeline.adapters.encoding.frame_times import Ticks
from pipeline.adapters.encoding.output_file import check_size
from pipeline.ports import Sink
from pipeline.types import Canvas, Format, Frame, OutputClock, Palette, PixelLayout

_LARGEST_SIDE = 16383
_HAS_ALPHA, _ANIMATED = 0x10, 0x02
_TO_NOTHING, _NO_BLENDING = 0x01, 0x02
_QUALITY = 85
_EFFORT = 0
_ALPHA_QUALITY = 60
_EVERY_LEVEL = 100


class WebpEncoder:
    """Encoder for animated WebP."""

    def layout(self, canvas: Canvas) -> PixelLayout:
        """See `Encoder.layout`."""
        return PixelLayout.OPAQUE if canvas.is_opaque else PixelLayout.RGBA

    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> AbstractContextManager[Sink]:  # noqa: ARG002  the port's
        """See `Encoder.open`.

        Raises:
            OptionError: a canvas beyond 16383 px.
            OutputFailed: the file can't be made.
        """
        check_size(path, "a WebP", canvas, _LARGEST_SIDE)
        return open_sink(path, _WebpContainer(canvas), canvas, clock)


class _WebpContainer:
    kind = Format.WEBP
    # Browsers play delays of up to 10 ms as 100 ms.
    ticks = Ticks(per_second=1000, shortest=11, longest=0xFFFFFF)

    def __init__(self, canvas: Canvas) -> None:
        self._size = (canvas.width, canvas.height)
        self._opaque = canvas.is_opaque
        self._alpha_quality = _ALPHA_QUALITY if canvas.background_image is None else _EVERY_LEVEL
        self.layout = PixelLayout.OPAQUE if self._opaque else PixelLayout.RGBA

    def header(self) -> bytes:
        """Write the RIFF header with length 0, the extended header and the animation chunk: transparent background, looping forever."""
        flags = _ANIMATED | (0 if self._opaque else _HAS_ALPHA)
        extended = struct.pack("<I", flags) + b"".join(_three_bytes(side - 1) for side in self._size)
        return b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", extended) + _chunk(b"ANIM", struct.pack("<IH", 0, 0))

    def copy_frame(self, frame: Frame) -> PlacedImage:
        return copied(frame)

    def part_to_store(self, taken: PlacedImage, shown: PlacedImage | None) -> PlacedImage:
        if self._opaque:
            if shown is None:
                return taken
            rows, columns = changed_rectangle(shown.pixels, taken.pixels)[1]
            top, left = rows.start & ~1, columns.start & ~1
            return PlacedImage(taken.pixels[top : rows.stop, left : columns.stop], left, top)
        if taken.pixels.size == 0:
            return PlacedImage(np.zeros((1, 1, 4), dtype=np.uint8), 0, 0)
        across, down = taken.left & 1, taken.top & 1
        if across or down:
            pixels = np.pad(taken.pixels, ((down, 0), (across, 0), (0, 0)))
            return PlacedImage(pixels, taken.left - across, taken.top - down)
        return taken

    def compress(self, image: PlacedImage) -> bytes:
        """The chunks of a still WebP that hold pixels: ALPH and VP8."""
        pixels = np.ascontiguousarray(image.pixels)
        still = io.BytesIO()
        mode = "RGBX" if self._opaque else "RGBA"
        to_save = Image.frombuffer(mode, pixels.shape[1::-1], pixels, "raw", mode, 0, 1)
        to_save.save(still, "WEBP", quality=_QUALITY, method=_EFFORT, alpha_quality=self._alpha_quality)
        return b"".join(_chunk(name, body) for name, body in _chunks(still.getvalue()) if name in {b"ALPH", b"VP8 ", b"VP8L"})

    def block(self, image: PlacedImage, compressed: bytes, delay: int) -> bytes:
        height, width = image.pixels.shape[:2]
        fields = (image.left // 2, image.top // 2, width - 1, height - 1, delay)
        flags = _NO_BLENDING | (0 if self._opaque else _TO_NOTHING)
        return _chunk(b"ANMF", b"".join((*map(_three_bytes, fields), bytes([flags]), compressed)))

    def end(self, file: IO[bytes], count: int) -> None:  # noqa: ARG002  a WebP doesn't say how many images it has
        length = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", length - 8))


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join((name, struct.pack("<I", len(body)), body, b"\0" * (len(body) & 1)))


def _chunks(riff: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and bodies of a RIFF file's chunks."""
    position = 12
    while position + 8 <= len(riff):
        name, length = struct.unpack_from("<4sI", riff, position)
        yield name, riff[position + 8 : position + 8 + length]
        position += 8 + length + (length & 1)
