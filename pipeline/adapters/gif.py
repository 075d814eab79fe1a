"""Animated GIF: a container of our own around Pillow's compressor.

Owns the blocks of the GIF89a specification, what each picture stores and for how long it shows. The palette is the caller's; pixels
arrive as its indices.

- Transparent canvas: every picture is the crop around the figure, disposed of to transparent.
- Opaque canvas: every picture is the rectangle that changed, drawn over what was there; what did not change inside it is transparent.
- Equal pictures in a row become one that is shown for longer. Empty ones are a single transparent pixel.
- Picture k begins at round(100 * pts) centiseconds. AnimatedDrawings writes 33 ms as 30 ms, and 8 ms as 20 ms; see `centiseconds`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from pipeline.adapters.centiseconds import SHORTEST_DELAY_CS, Timetable
from pipeline.adapters.lzw import image_data
from pipeline.adapters.ordered_pool import OrderedPool
from pipeline.adapters.output_file import check_place, described, failures, kept_if_finished
from pipeline.errors import OptionError
from pipeline.ports import Sink
from pipeline.types import Animation, Bytes, Canvas, Format, Frame, OutputClock, Palette, PixelLayout

_LONGEST_DELAY_CS = 0xFFFF
_LARGEST_SIDE = 0xFFFF
_KEEP, _TO_BACKGROUND = 1, 2
_LOOP_FOREVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_TRAILER = b"\x3b"
_THREADS = 2


@dataclass(frozen=True, eq=False)
class _Picture:
    """One image of the file: its indices (h, w), where it lies (px), and when it begins (cs)."""

    indices: Bytes
    left: int
    top: int
    begin: int


class GifEncoder:
    """`Encoder` for GIF."""

    format = Format.GIF
    has_alpha = True

    def layout(self, canvas: Canvas) -> PixelLayout:  # noqa: ARG002  the port asks per canvas
        return PixelLayout.INDEXED

    @contextmanager
    def open(self, path: Path, canvas: Canvas, clock: OutputClock, *, palette: Palette | None = None) -> Iterator[Sink]:
        """See `Encoder.open`.

        Raises:
            OptionError: no palette, or a canvas beyond 65535 px.
            OutputFailed: the file can't be made.
        """
        if palette is None:
            raise OptionError("a GIF needs a palette", path=path)
        if max(canvas.width, canvas.height) > _LARGEST_SIDE:
            raise OptionError(f"a GIF is at most {_LARGEST_SIDE} px wide and high, not {canvas.width} x {canvas.height}", path=path)
        with failures(path, Format.GIF):
            file = path.open("wb")
        sink = _GifSink(path, file, canvas, clock, palette)
        with kept_if_finished(path, sink):
            sink.start()
            yield sink


class _GifSink:
    """Writes each picture when its successor arrives, which says for how long it is shown."""

    def __init__(self, path: Path, file: IO[bytes], canvas: Canvas, clock: OutputClock, palette: Palette) -> None:
        self._path = path
        self._file = file
        self._canvas = canvas
        self._opaque = canvas.is_opaque
        self._palette = palette
        self._times = Timetable(clock, ticks_per_second=100, shortest=SHORTEST_DELAY_CS)
        self._pool = OrderedPool(_compressed, self._store, threads=_THREADS, in_flight=2 * _THREADS + 2, name="gif")
        self._shown: Frame | None = None
        self._waiting: tuple[_Picture, bytes] | None = None
        self._count = 0
        self.finished = False

    def start(self) -> None:
        with failures(self._path, Format.GIF):
            self._file.write(_header(self._canvas, self._palette))

    def write(self, frame: Frame) -> None:
        """See `Sink.write`.

        Raises:
            ShapeError: pixels that aren't indices, or beyond the canvas; on an opaque canvas, not the whole of it.
            OutputFailed: as the port says.
        """
        check_place(frame, self._canvas, PixelLayout.INDEXED, whole=self._opaque)
        if self._shown is not None and _equal(self._shown, frame):
            return
        begin = self._times.begin(frame.pts)
        if begin is None:
            return
        kept = Frame(frame.pixels.copy(), frame.left, frame.top, frame.pts)
        picture = self._picture(kept, begin)
        self._shown = kept
        with failures(self._path, Format.GIF):
            self._pool.put(picture)

    def finish(self) -> Animation:
        """See `Sink.finish`.

        Raises:
            OptionError: no frame was written.
            OutputFailed: as the port says.
        """
        if self._shown is None:
            raise OptionError("an animation needs at least one frame", path=self._path)
        with failures(self._path, Format.GIF):
            self._pool.drain()
            self._write_waiting(until=self._times.end)
            self._file.write(_TRAILER)
            self._file.close()
        duration = Fraction(self._times.end, 100)
        size = (self._canvas.width, self._canvas.height)
        animation = described(self._path, Format.GIF, frame_count=self._count, duration=duration, size=size)
        self.finished = True
        return animation

    def close(self) -> None:
        self._pool.close()
        with suppress(OSError):  # closing flushes; whoever gets here has given up on the file
            self._file.close()

    def _picture(self, frame: Frame, begin: int) -> _Picture:
        if frame.pixels.size == 0:
            return _Picture(np.full((1, 1), self._palette.transparent, dtype=np.uint8), 0, 0, begin)
        if not self._opaque or self._shown is None:
            return _Picture(frame.pixels, frame.left, frame.top, begin)
        return _difference(self._shown.pixels, frame.pixels, self._palette.transparent, begin)

    def _store(self, compressed: tuple[_Picture, bytes]) -> None:
        self._write_waiting(until=compressed[0].begin)
        self._waiting = compressed

    def _write_waiting(self, *, until: int) -> None:
        """The picture that waits, shown until `until` (cs); more than once where one image's delay can't be so long."""
        if self._waiting is None:
            return
        picture, pixels = self._waiting
        height, width = picture.indices.shape
        disposal = _KEEP if self._opaque else _TO_BACKGROUND
        for delay in _delays(until - picture.begin):
            control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | 1, delay, self._palette.transparent, 0)
            place = struct.pack("<BHHHHB", 0x2C, picture.left, picture.top, width, height, 0)
            self._file.write(b"".join((control, place, pixels)))
            self._count += 1


def _compressed(picture: _Picture) -> tuple[_Picture, bytes]:
    return picture, image_data(picture.indices)


def _equal(first: Frame, second: Frame) -> bool:
    """Nothing different is to be seen in two cropped frames."""
    if first.pixels.size == 0 and second.pixels.size == 0:
        return True
    same_place = (first.left, first.top) == (second.left, second.top)
    return same_place and np.array_equal(first.pixels, second.pixels)


def _difference(before: Bytes, after: Bytes, transparent: int, begin: int) -> _Picture:
    """What turns one whole picture (h, w) into another, different one."""
    changed = (before != after).view(np.uint8)
    left, top, width, height = cv2.boundingRect(changed)
    rectangle = slice(top, top + height), slice(left, left + width)
    indices = np.where(changed[rectangle], after[rectangle], np.uint8(transparent))
    return _Picture(indices, left, top, begin)


def _delays(total: int) -> Iterator[int]:
    """Delays of at most 65535 cs and at least the shortest, summing to `total`."""
    while total > _LONGEST_DELAY_CS:
        yield _LONGEST_DELAY_CS - SHORTEST_DELAY_CS
        total -= _LONGEST_DELAY_CS - SHORTEST_DELAY_CS
    yield total


def _header(canvas: Canvas, palette: Palette) -> bytes:
    """Signature, screen, colour table with the transparent entry last, and the order to loop for ever."""
    bits = max(1, len(palette.colours).bit_length())
    flags = 0x80 | (bits - 1) << 4 | (bits - 1)
    screen = struct.pack("<6sHHBBB", b"GIF89a", canvas.width, canvas.height, flags, palette.transparent, 0)
    table = palette.colours.tobytes().ljust(3 << bits, b"\0")
    return screen + table + _LOOP_FOREVER
