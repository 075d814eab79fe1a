"""Sink for formats that are a sequence of compressed images, each with a position and a delay: GIF, APNG, WebP.

Merges equal consecutive frames into one image with a longer delay, compresses images on a small thread pool, and writes each one when
its successor arrives, since only then its delay is known. A `Container` produces the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.encoding.frame_times import FrameTimes, Ticks
from pipeline.adapters.encoding.ordered_pool import OrderedPool
from pipeline.adapters.encoding.output_file import check_frame, describe_animation, map_write_errors, remove_unless_finished
from pipeline.errors import OptionError
from pipeline.types import Animation, Bytes, Canvas, Format, Frame, OutputClock, PixelLayout

_THREADS = 2
_CODEC_ERRORS = (cv2.error, ValueError)


@dataclass(frozen=True, eq=False)
class PlacedImage:
    """Pixels (h, w) or (h, w, 4), in the container's own encoding, and their position in the canvas, px."""

    pixels: NDArray[Any]
    left: int
    top: int


class Container(Protocol):
    """Byte format of one file."""

    @property
    def kind(self) -> Format: ...

    @property
    def layout(self) -> PixelLayout: ...

    @property
    def ticks(self) -> Ticks: ...

    def header(self) -> bytes: ...

    def copy_frame(self, frame: Frame) -> PlacedImage:
        """Copy a frame, since the renderer reuses its buffer; may be empty. Equal pixels look the same."""
        ...

    def part_to_store(self, taken: PlacedImage, shown: PlacedImage | None) -> PlacedImage:
        """The part of `taken` to store, given that `shown` is visible (None at the start); at least one pixel."""
        ...

    def compress(self, image: PlacedImage) -> bytes:
        """Compress pixels. Called from several threads at once."""
        ...

    def block(self, image: PlacedImage, compressed: bytes, delay: int) -> bytes:
        """All bytes of one image, shown for `delay` ticks. Called in the file's order."""
        ...

    def end(self, file: IO[bytes], count: int) -> None:
        """Write the trailer after `count` images, and complete the header."""
        ...


@contextmanager
def open_sink(path: Path, container: Container, canvas: Canvas, clock: OutputClock) -> Iterator[FrameSink]:
    """Open a sink that writes through `container`; the file is removed unless it was finished.

    Raises:
        OutputFailed: the file can't be made.
    """
    with map_write_errors(path, container.kind):
        file = path.open("wb")
    sink = FrameSink(path, file, container, canvas, clock)
    with remove_unless_finished(path, sink):
        with map_write_errors(path, container.kind):
            file.write(container.header())
        yield sink


class FrameSink:
    """`Sink` over a `Container`; made by `open_sink`."""

    def __init__(self, path: Path, file: IO[bytes], container: Container, canvas: Canvas, clock: OutputClock) -> None:
        self._path = path
        self._kind = container.kind
        self._file = file
        self._container = container
        self._canvas = canvas
        self._opaque = canvas.is_opaque
        self._times = FrameTimes(clock, container.ticks)
        self._pool = OrderedPool(self._compressed, self._store, threads=_THREADS, in_flight=2 * _THREADS + 2, name=container.kind)
        self._shown: PlacedImage | None = None
        self._waiting: tuple[PlacedImage, int, bytes] | None = None
        self._count = 0
        self.finished = False

    def write(self, frame: Frame) -> None:
        """See `Sink.write`.

        Raises:
            ShapeError: pixels of another layout, or beyond the canvas; on an opaque canvas, not the whole of it.
            OutputFailed: as the port says.
        """
        check_frame(frame, self._canvas, self._container.layout, whole=self._opaque)
        with map_write_errors(self._path, self._kind, *_CODEC_ERRORS):
            taken = self._container.copy_frame(frame)
            if self._shown is not None and _equal(self._shown, taken):
                return
            begin = self._times.begin(frame.pts)
            if begin is None:
                return
            image = self._container.part_to_store(taken, self._shown)
            self._shown = taken
            self._pool.put((image, begin))

    def finish(self) -> Animation:
        """See `Sink.finish`.

        Raises:
            OptionError: no frame was written.
            OutputFailed: as the port says.
        """
        if self._shown is None:
            raise OptionError("an animation needs at least one frame", path=self._path)
        with map_write_errors(self._path, self._kind, *_CODEC_ERRORS):
            self._pool.drain()
            self._write_waiting(until=self._times.end)
            self._container.end(self._file, self._count)
            self._file.close()
        size = (self._canvas.width, self._canvas.height)
        animation = describe_animation(self._path, self._kind, frame_count=self._count, duration=self._times.duration, size=size)
        self.finished = True
        return animation

    def close(self) -> None:
        """Stop the threads and let go of the file, finished or not."""
        self._pool.close()
        with suppress(OSError):  # closing flushes; an unfinished file is removed anyway
            self._file.close()

    def _compressed(self, scheduled: tuple[PlacedImage, int]) -> tuple[PlacedImage, int, bytes]:
        image, begin = scheduled
        return image, begin, self._container.compress(image)

    def _store(self, compressed: tuple[PlacedImage, int, bytes]) -> None:
        self._write_waiting(until=compressed[1])
        self._waiting = compressed

    def _write_waiting(self, *, until: int) -> None:
        """The pending image, shown until `until`; repeated if one delay can't be that long."""
        if self._waiting is None:
            return
        image, begin, compressed = self._waiting
        for delay in self._container.ticks.split(until - begin):
            self._file.write(self._container.block(image, compressed, delay))
            self._count += 1


def _equal(first: PlacedImage, second: PlacedImage) -> bool:
    """Whether two crops look the same."""
    if first.pixels.size == 0 and second.pixels.size == 0:
        return True
    same_place = (first.left, first.top) == (second.left, second.top)
    return same_place and np.array_equal(first.pixels, second.pixels)


def copied(frame: Frame) -> PlacedImage:
    """Copy of the frame, for containers that store its pixels."""
    return PlacedImage(frame.pixels.copy(), frame.left, frame.top)


def changed_rectangle(before: NDArray[Any], after: NDArray[Any]) -> tuple[Bytes, tuple[slice, slice]]:
    """Which pixels of two whole images differ, (h, w) uint8 0 or 1, and the rectangle (rows, columns) around them."""
    different = before != after
    changed = (different if different.ndim == 2 else different.any(axis=2)).view(np.uint8)
    left, top, width, height = cv2.boundingRect(changed)
    return changed, (slice(top, top + height), slice(left, left + width))
