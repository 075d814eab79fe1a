"""A small clip to encode, and what decoders make of the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from pipeline.adapters.encoding.encoders import encoder_for
from pipeline.adapters.encoding.yuv import planes
from pipeline.types import Animation, Canvas, Format, Frame, OutputClock, Palette, PixelLayout

COLORS = np.array([[250, 250, 250], [200, 40, 30], [30, 60, 180], [240, 200, 20]], dtype=np.uint8)
LOOKUP = np.array([np.abs(8 * np.moveaxis(np.indices((32, 32, 32)), 0, -1) + 4 - color).sum(axis=-1) for color in COLORS.astype(int)])
PALETTE = Palette(COLORS, LOOKUP.argmin(axis=0).astype(np.uint8))
FIGURE = np.array([[1, 1, 2, 2], [1, 3, 3, 2], [1, 3, 3, 2], [2, 2, 1, 1]], dtype=np.uint8)


@dataclass(frozen=True)
class Clip:
    """A figure of four by four blocks that walks to the right over its canvas, or whatever `places` say.

    `places[k]` is the figure's left, top in frame k, or None where the frame is empty.
    """

    places: Sequence[tuple[int, int] | None] = ((0, 0), (2, 1), (4, 2), (6, 3), (8, 3))
    frame_time: Fraction = Fraction(1, 25)
    width: int = 32
    height: int = 24
    block: int = 4
    opaque: bool = False
    image: NDArray[np.uint8] | None = field(default=None, compare=False)

    @property
    def canvas(self) -> Canvas:
        alpha = 1.0 if self.opaque else 0.0
        return Canvas(self.width, self.height, (250 / 255, 250 / 255, 250 / 255, alpha), self.image, np.eye(4, dtype=np.float32))

    @property
    def clock(self) -> OutputClock:
        return OutputClock(len(self.places), self.frame_time)

    @property
    def palette(self) -> Palette:
        return PALETTE

    def whole(self, index: int) -> NDArray[np.uint8]:
        """The visible image of a frame, (height, width, 4)."""
        image = np.zeros((self.height, self.width, 4), dtype=np.uint8)
        if self.opaque:
            image[:] = (250, 250, 250, 255)
        if (place := self.places[index]) is not None:
            left, top = place
            figure = np.kron(FIGURE, np.ones((self.block, self.block), dtype=np.uint8))
            target = image[top : top + len(figure), left : left + len(figure)]
            target[..., :3] = COLORS[figure][: target.shape[0], : target.shape[1]]
            target[..., 3] = 255
        return image

    def frame(self, index: int, layout: PixelLayout) -> Frame:
        """The same as a renderer returns it: cropped if there is no background."""
        whole = self.whole(index)
        pts = index * self.frame_time
        left = top = 0
        if not (self.opaque or layout is PixelLayout.OPAQUE):
            rows, columns = (np.flatnonzero(whole[..., 3].any(axis=axis)) for axis in (1, 0))
            if not rows.size:
                return Frame(np.zeros((0, 0, 4), dtype=np.uint8), 0, 0, pts)
            top, left = int(rows[0]), int(columns[0])
            whole = whole[top : rows[-1] + 1, left : columns[-1] + 1]
        return Frame(whole, left, top, pts)

    def written(self, path: Path, kind: Format) -> Animation:
        encoder = encoder_for(kind)
        layout = encoder.layout(self.canvas)
        with encoder.open(path, self.canvas, self.clock, palette=self.palette if kind is Format.GIF else None) as sink:
            for index in range(len(self.places)):
                sink.write(self.frame(index, layout))
            return sink.finish()


@dataclass(frozen=True)
class Decoded:
    """(T, h, w, 4) uint8 images, and the seconds at which each begins."""

    images: list[NDArray[np.uint8]]
    begins_s: list[float]
    duration_s: float


def _decoded(animation: Animation) -> Decoded:
    if animation.format in {Format.MP4, Format.WEBM}:
        return _decoded_video(animation.path)
    images, begins, now = [], [], 0.0
    with Image.open(animation.path) as file:
        for still in ImageSequence.Iterator(file):
            images.append(np.array(still.convert("RGBA")))
            begins.append(now)
            now += float(still.info["duration"]) / 1000
    return Decoded(images, begins, now)


def _decoded_video(path: Path) -> Decoded:
    """Through libvpx's own decoder, where there is alpha: FFmpeg's drops it."""
    images, begins = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if "ALPHA_MODE" in stream.metadata:
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                images.append(_rgba(frame))
                assert frame.pts is not None
                assert stream.time_base is not None
                begins.append(float(frame.pts * stream.time_base))
        assert container.duration is not None
        duration = container.duration / av.time_base
    return Decoded(images, begins, duration)


def _rgba(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """By BT.601's definition: swscale is up to 4 levels off, and leaves rubbish in the corner of images 34 px wide."""
    assert frame.format.name in {"yuv420p", "yuva420p"}
    luma, blue, red, *alpha = planes(frame)
    height, width = luma.shape
    pb, pr = ((plane.repeat(2, axis=0).repeat(2, axis=1)[:height, :width] - 128.0) / 224 for plane in (blue, red))
    gray = (luma - 16.0) / 219
    rgb = np.stack([gray + 1.402 * pr, gray - (0.299 * 1.402 * pr + 0.114 * 1.772 * pb) / 0.587, gray + 1.772 * pb], axis=-1)
    seen = alpha[0] if alpha else np.full((height, width), 255)
    return np.dstack([np.clip(np.rint(255 * rgb), 0, 255), seen]).astype(np.uint8)


@pytest.fixture
def clip() -> type[Clip]:
    return Clip


@pytest.fixture
def decoded() -> Callable[[Animation], Decoded]:
    return _decoded
