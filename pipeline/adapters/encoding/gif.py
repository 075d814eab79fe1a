"""Animated GIF: our own container around Pillow's LZW compressor.

Writes the blocks of the GIF89a specification, chooses what each image stores, and maps pixels to palette indices. The caller provides
the palette.

- A frame is copied as 16-bit codes, 5 bits a channel, in one vectorized conversion of OpenCV. Codes are compared between frames, and
  become palette indices through one table, on the pool's threads.
- Transparent canvas: every image is the crop around the figure, cleared afterwards; an empty frame is one transparent pixel.
- Opaque canvas: every image is the rectangle that changed, drawn over the previous one; unchanged pixels inside it are transparent.
- A frame begins at round(100 * pts) centiseconds. AnimatedDrawings plays 33 ms as 30 ms, and 8 ms as 20 ms; here neither does.
"""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.encoding.frame_sink import PlacedImage, changed_rectangle, open_sink
from pipeline.adapters.encoding.frame_times import Ticks
from pipeline.adapters.encoding.lzw import image_data
from pipeline.adapters.encoding.output_file import check_size
from pipeline.errors import OptionError
from pipeline.ports import Sink
from pipeline.types import Bytes, Canvas, Format, Frame, OutputClock, Palette, PixelLayout

_LARGEST_SIDE = 0xFFFF
_KEEP, _TO_BACKGROUND = 1, 2
_LOOP_FOREVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_TRAILER = b"\x3b"
_SEEN = 0x8000
_NOTHING = np.uint16(0)


class GifEncoder:
    """Encoder for GIF. Needs a palette."""

    def layout(self, canvas: Canvas) -> PixelLayout:  # noqa: ARG002  the same for every canvas
        """See `Encoder.layout`."""
        return PixelLayout.CUT_OUT

    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> AbstractContextManager[Sink]:
        """See `Encoder.open`.

        Raises:
            OptionError: no palette, or a canvas beyond 65535 px.
            OutputFailed: the file can't be made.
        """
        if palette is None:
            raise OptionError("a GIF needs a palette", path=path)
        check_size(path, "a GIF", canvas, _LARGEST_SIDE)
        return open_sink(path, _GifContainer(canvas, palette), canvas, clock)


class _GifContainer:
    kind = Format.GIF
    layout = PixelLayout.CUT_OUT
    # Browsers play a delay of 0 or 1 centiseconds as 10 centiseconds.
    ticks = Ticks(per_second=100, shortest=2, longest=0xFFFF)

    def __init__(self, canvas: Canvas, palette: Palette) -> None:
        self._size = (canvas.width, canvas.height)
        self._opaque = canvas.is_opaque
        self._palette = palette
        self._index_of_code = index_of_code(palette)

    def header(self) -> bytes:
        """Write the signature, the screen descriptor, the color table with the transparent entry last, and the loop extension."""
        transparent = self._palette.transparent
        bits = max(1, transparent.bit_length())
        flags = 0x80 | (bits - 1) << 4 | (bits - 1)
        screen = struct.pack("<6sHHBBB", b"GIF89a", *self._size, flags, transparent, 0)
        return screen + self._palette.colors.tobytes().ljust(3 << bits, b"\0") + _LOOP_FOREVER

    def copy_frame(self, frame: Frame) -> PlacedImage:
        return PlacedImage(codes(frame.pixels), frame.left, frame.top)

    def part_to_store(self, taken: PlacedImage, shown: PlacedImage | None) -> PlacedImage:
        if taken.pixels.size == 0:
            return PlacedImage(np.full((1, 1), _NOTHING), 0, 0)
        if not self._opaque or shown is None:
            return taken
        changed, rectangle = changed_rectangle(shown.pixels, taken.pixels)
        pixels = np.where(changed[rectangle], taken.pixels[rectangle], _NOTHING)
        return PlacedImage(pixels, rectangle[1].start, rectangle[0].start)

    def compress(self, image: PlacedImage) -> bytes:
        return image_data(self._index_of_code.take(image.pixels))

    def block(self, image: PlacedImage, compressed: bytes, delay: int) -> bytes:
        """Graphic control extension, image descriptor and image data."""
        height, width = image.pixels.shape
        disposal = _KEEP if self._opaque else _TO_BACKGROUND
        control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | 1, delay, self._palette.transparent, 0)
        descriptor = struct.pack("<BHHHHB", 0x2C, image.left, image.top, width, height, 0)
        return b"".join((control, descriptor, compressed))

    def end(self, file: IO[bytes], count: int) -> None:  # noqa: ARG002  a GIF doesn't say how many images it has
        file.write(_TRAILER)


def codes(rgba: Bytes) -> NDArray[np.uint16]:
    """Codes (h, w) uint16 of pixels (h, w, 4) uint8: bit 15 if alpha is above 0, then the upper 5 bits of red, green, blue.

    OpenCV names channel orders from the lowest bits upwards.
    """
    height, width = rgba.shape[:2]
    if rgba.size == 0:
        return np.zeros((height, width), np.uint16)
    return cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR555).view(np.uint16).reshape(height, width)


def index_of_code(palette: Palette) -> Bytes:
    """Palette index for each code, (65536,) uint8."""
    table = np.full(2 * _SEEN, palette.transparent, np.uint8)
    table[_SEEN:] = palette.lookup.reshape(-1)
    return table
