"""Animated PNG: lossless, with full alpha, and large.

Writes the animation chunks (PNG specification, third edition, section 11.3.6); OpenCV compresses the pixels.

- Transparent canvas: every frame but the first, which must cover the canvas, is the crop around the figure, cleared afterwards.
- Opaque canvas: every frame is the rectangle that changed, without an alpha channel.
- Delays are fractions of 16 bits: those of the clock if its denominator fits, else ten-thousandths with the remainder carried over.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from pipeline.adapters.encoding.frame_sink import PlacedImage, changed_rectangle, copied, open_sink
from pipeline.adapters.encoding.frame_times import Ticks
from pipeline.adapters.encoding.output_file import check_size
from pipeline.ports import Sink
from pipeline.types import Bytes, Canvas, Format, Frame, OutputClock, Palette, PixelLayout

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_SIDE = 1 << 20
_LARGEST_FIELD = 0xFFFF
_OTHER_TICKS = 10_000
_KEEP, _TO_NOTHING = 0, 1
_LEVEL = 1


class ApngEncoder:
    """Encoder for animated PNG."""

    def layout(self, canvas: Canvas) -> PixelLayout:
        """See `Encoder.layout`."""
        return PixelLayout.OPAQUE if canvas.is_opaque else PixelLayout.RGBA

    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> AbstractContextManager[Sink]:  # noqa: ARG002  the port's
        """See `Encoder.open`.

        Raises:
            OptionError: a canvas beyond 2^20 px.
            OutputFailed: the file can't be made.
        """
        check_size(path, "an APNG", canvas, _LARGEST_SIDE)
        return open_sink(path, _ApngContainer(canvas, clock), canvas, clock)


class _ApngContainer:
    kind = Format.APNG

    def __init__(self, canvas: Canvas, clock: OutputClock) -> None:
        self._size = (canvas.width, canvas.height)
        self._opaque = canvas.is_opaque
        self.layout = PixelLayout.OPAQUE if self._opaque else PixelLayout.RGBA
        self._sequence = 0
        per_second = clock.frame_time.denominator if clock.frame_time.denominator <= _LARGEST_FIELD else _OTHER_TICKS
        # Browsers play delays of up to 10 ms as 100 ms.
        self.ticks = Ticks(per_second, shortest=per_second // 100 + 1, longest=_LARGEST_FIELD)

    def header(self) -> bytes:
        """Write the signature, the image header and a placeholder for the number of frames."""
        color_type = 2 if self._opaque else 6
        return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", *self._size, 8, color_type, 0, 0, 0)) + _control(0)

    def copy_frame(self, frame: Frame) -> PlacedImage:
        return copied(frame)

    def part_to_store(self, taken: PlacedImage, shown: PlacedImage | None) -> PlacedImage:
        if self._opaque:
            if shown is None:
                return taken
            rows, columns = changed_rectangle(shown.pixels, taken.pixels)[1]
            return PlacedImage(taken.pixels[rows, columns], columns.start, rows.start)
        if shown is None:
            return PlacedImage(on_whole_canvas(taken, self._size), 0, 0)
        if taken.pixels.size == 0:
            return PlacedImage(np.zeros((1, 1, 4), dtype=np.uint8), 0, 0)
        return taken

    def compress(self, image: PlacedImage) -> bytes:
        order = cv2.COLOR_RGBA2BGR if self._opaque else cv2.COLOR_RGBA2BGRA
        done, still = cv2.imencode(".png", cv2.cvtColor(image.pixels, order), [cv2.IMWRITE_PNG_COMPRESSION, _LEVEL])
        if not done:
            raise OSError("OpenCV made no PNG")
        return b"".join(body for name, body in _chunks(still.tobytes()) if name == b"IDAT")

    def block(self, image: PlacedImage, compressed: bytes, delay: int) -> bytes:
        """Frame control and pixels; the first frame is the PNG's default image, which viewers without animation support show."""
        height, width = image.pixels.shape[:2]
        rectangle = (width, height, image.left, image.top)
        disposal = _KEEP if self._opaque else _TO_NOTHING
        number = self._sequence
        control = _chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *rectangle, delay, self.ticks.per_second, disposal, 0))
        if number == 0:
            self._sequence = 1
            return control + _chunk(b"IDAT", compressed)
        self._sequence += 2
        return control + _chunk(b"fdAT", struct.pack(">I", number + 1) + compressed)

    def end(self, file: IO[bytes], count: int) -> None:
        file.write(_chunk(b"IEND", b""))
        file.seek(len(self.header()) - len(_control(0)))
        file.write(_control(count))


def on_whole_canvas(taken: PlacedImage, size: tuple[int, int]) -> Bytes:
    """The crop (h, w, 4) on a transparent image of the canvas's size."""
    whole = np.zeros((size[1], size[0], 4), dtype=np.uint8)
    if taken.pixels.size:
        height, width = taken.pixels.shape[:2]
        whole[taken.top : taken.top + height, taken.left : taken.left + width] = taken.pixels
    return whole


def _control(count: int) -> bytes:
    """Animation control: the number of frames, looping forever."""
    return _chunk(b"acTL", struct.pack(">II", count, 0))


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and bodies of a PNG's chunks."""
    position = len(_SIGNATURE)
    while position < len(png):
        length, name = struct.unpack_from(">I4s", png, position)
        yield name, png[position + 8 : position + 8 + length]
        position += length + 12
