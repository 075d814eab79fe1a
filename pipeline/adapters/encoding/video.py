"""Video files through PyAV, shared by MP4 and WebM.

Sets the stream's time base, color tags and size, and runs the codec on a thread beside the renderer.

- Name: absolute, since FFmpeg takes "12:30.mp4" for a protocol.
- Time: pts are exact, in a time base from the clock's denominator; the last frame has a duration, too.
- Color: limited-range BT.601 (`yuv.py`) of sRGB images, with matching tags.
- Size: chroma is subsampled, so an odd width or height grows by one pixel, a copy of the last column or row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.container
import av.error
import cv2
import numpy as np
from av.video.stream import VideoStream

from pipeline.adapters.encoding.ordered_pool import OrderedPool
from pipeline.adapters.encoding.output_file import check_frame, check_size, describe_animation, map_write_errors, remove_unless_finished
from pipeline.adapters.encoding.yuv import Converter, planes
from pipeline.errors import OptionError
from pipeline.types import Animation, Bytes, Canvas, Format, Frame, OutputClock, PixelLayout

_IN_FLIGHT = 4
_FINEST_TIME_BASE = 10_000_000
_OTHER_TIME_BASE = 1_000_000
_LARGEST_INT = 2**31 - 1
_LIMITED_RANGE, _BT601_MATRIX, _BT709_PRIMARIES, _SRGB_CURVE = 1, 6, 1, 13
_CODEC_ERRORS = (av.error.FFmpegError, cv2.error)
_BLEED = np.ones((5, 5), dtype=np.uint8)


@dataclass(frozen=True)
class Recipe:
    """Codec, options and largest side (px) of one kind of video."""

    kind: Format
    codec: str
    layout: PixelLayout
    largest_side: int
    codec_options: Mapping[str, str]
    container_options: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def pixel_format(self) -> str:
        return "yuva420p" if self.layout is PixelLayout.RGBA else "yuv420p"


@contextmanager
def open_video(path: Path, recipe: Recipe, canvas: Canvas, clock: OutputClock) -> Iterator[VideoSink]:
    """Open a sink for a video at `path`; the file is removed unless it was finished.

    Raises:
        OptionError: a canvas that is too large.
        OutputFailed: the file can't be made.
    """
    check_size(path, f"a {recipe.kind}", canvas, recipe.largest_side)
    with map_write_errors(path, recipe.kind, av.error.FFmpegError):
        container = av.open(str(path.absolute()), "w", format=recipe.kind.value, options=dict(recipe.container_options))
    sink = VideoSink(path, recipe, container, canvas, clock)
    with remove_unless_finished(path, sink):
        with map_write_errors(path, recipe.kind, av.error.FFmpegError):
            container.start_encoding()
        yield sink


class _Slot:
    """Buffers for one frame in flight: pixels (h, w, 4) uint8 of the video's size, and the codec's frame."""

    def __init__(self, size: tuple[int, int], pixel_format: str) -> None:
        self.rgba: Bytes = np.zeros((size[1], size[0], 4), dtype=np.uint8)
        self.image = _frame(size, pixel_format)


class VideoSink:
    """`Sink` over a PyAV container; made by `open_video`.

    `write` only copies the pixels into a ring buffer of all frames in flight; the pool's thread converts and encodes them.
    """

    def __init__(self, path: Path, recipe: Recipe, container: av.container.OutputContainer, canvas: Canvas, clock: OutputClock) -> None:
        self._path = path
        self._recipe = recipe
        self._container = container
        self._canvas = canvas
        self._clock = clock
        self._size = (canvas.width + canvas.width % 2, canvas.height + canvas.height % 2)
        self._stream = _stream(container, recipe, self._size, clock)
        self._time_base = _time_base(clock)
        self._converter = Converter(*self._size)
        self._ring = [_Slot(self._size, recipe.pixel_format) for _ in range(_IN_FLIGHT + 1)]
        self._pool = OrderedPool(self._encode, _ignore, threads=1, in_flight=_IN_FLIGHT, name=recipe.kind)
        self._count = 0
        self.finished = False

    def write(self, frame: Frame) -> None:
        """See `Sink.write`.

        Raises:
            ShapeError: pixels with another layout or position.
            OutputFailed: as the port says.
        """
        check_frame(frame, self._canvas, self._recipe.layout, whole=self._recipe.layout is PixelLayout.OPAQUE)
        slot = self._ring[self._count % len(self._ring)]
        self._copy_pixels(frame, slot.rgba)
        slot.image.pts = round(frame.pts / self._time_base)
        self._count += 1
        with map_write_errors(self._path, self._recipe.kind, *_CODEC_ERRORS):
            self._pool.put(slot)

    def finish(self) -> Animation:
        """See `Sink.finish`.

        Raises:
            OptionError: no frame was written.
            OutputFailed: as the port says.
        """
        if self._count == 0:
            raise OptionError("an animation needs at least one frame", path=self._path)
        with map_write_errors(self._path, self._recipe.kind, *_CODEC_ERRORS):
            self._pool.put(None)
            self._pool.drain()
            self._container.close()
        duration = self._count * self._clock.frame_time
        animation = describe_animation(self._path, self._recipe.kind, frame_count=self._count, duration=duration, size=self._size)
        self.finished = True
        return animation

    def close(self) -> None:
        """Stop the thread and release the file, finished or not."""
        self._pool.close()
        with suppress(OSError, av.error.FFmpegError):  # closing writes a trailer, which fails on a full disk
            self._container.close()

    def _copy_pixels(self, frame: Frame, whole: Bytes) -> None:
        """Copy the frame's pixels to their position in an otherwise empty image of the video's size."""
        height, width = frame.pixels.shape[:2]
        if frame.pixels.shape != whole.shape:
            whole[:] = 0
        whole[frame.top : frame.top + height, frame.left : frame.left + width] = frame.pixels
        whole[self._canvas.height :] = whole[self._canvas.height - 1]
        whole[:, self._canvas.width :] = whole[:, self._canvas.width - 1 : self._canvas.width]

    def _encode(self, slot: _Slot | None) -> None:
        """Convert and encode a frame, or flush the codec, on the pool's thread."""
        if slot is not None:
            luma, blue, red, *alpha = planes(slot.image)
            self._converter.fill(luma, blue, red, _bled(slot.rgba) if alpha else slot.rgba)
            if alpha:
                cv2.extractChannel(slot.rgba, 3, dst=alpha[0])
        for packet in self._stream.encode(None if slot is None else slot.image):
            packet.duration = self._duration_at(packet.pts or 0)
            self._container.mux(packet)

    def _duration_at(self, pts: int) -> int:
        """Duration of a frame in time base units, up to the next frame."""
        number = round(pts * self._time_base / self._clock.frame_time)
        return max(1, round((number + 1) * self._clock.frame_time / self._time_base) - pts)


def _ignore(_: None) -> None:
    """Nothing to deliver: packets are written on the pool's thread."""


def _time_base(clock: OutputClock) -> Fraction:
    denominator = clock.frame_time.denominator
    return Fraction(1, denominator if denominator <= _FINEST_TIME_BASE else _OTHER_TIME_BASE)


def _rate(clock: OutputClock) -> Fraction:
    """Frame rate as a fraction within the codec's limits."""
    rate = 1 / clock.frame_time
    return rate if max(rate.numerator, rate.denominator) <= _LARGEST_INT else rate.limit_denominator(1000)


def _stream(container: av.container.OutputContainer, recipe: Recipe, size: tuple[int, int], clock: OutputClock) -> VideoStream:
    stream = cast(VideoStream, container.add_stream(recipe.codec, rate=_rate(clock), options=dict(recipe.codec_options)))
    stream.width, stream.height = size
    stream.pix_fmt = recipe.pixel_format
    stream.time_base = _time_base(clock)
    stream.metadata.update(recipe.metadata)
    context = stream.codec_context
    context.time_base = _time_base(clock)
    context.color_range = _LIMITED_RANGE
    context.colorspace = _BT601_MATRIX
    context.color_primaries = _BT709_PRIMARIES
    context.color_trc = _SRGB_CURVE
    return stream


def _frame(size: tuple[int, int], pixel_format: str) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pixel_format)
    frame.colorspace = _BT601_MATRIX
    frame.color_range = _LIMITED_RANGE
    return frame


def _bled(rgba: Bytes) -> Bytes:
    """Colors extended by two pixels into transparent areas, so that chroma subsampling and the codec's blocks don't darken the edge."""
    unseen = cv2.inRange(rgba, (0, 0, 0, 0), (255, 255, 255, 0))
    left, top, width, height = cv2.boundingRect(cv2.bitwise_not(unseen))
    near = (slice(max(0, top - 2), top + height + 2), slice(max(0, left - 2), left + width + 2))
    bled = np.zeros_like(rgba)
    drawn = cv2.copyTo(rgba[near], cv2.bitwise_not(unseen[near]))
    bled[near] = cv2.copyTo(drawn, cv2.bitwise_not(unseen[near]), cv2.dilate(drawn, _BLEED))
    return bled
