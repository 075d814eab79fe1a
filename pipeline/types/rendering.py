"""Types of rendering and encoding: sprites, layers, canvases, frames, palettes, finished animations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.errors import ShapeError
from pipeline.types.arrays import Bytes, Ints, Singles, check_array


class PixelLayout(StrEnum):
    """Layout and meaning of a frame's pixels."""

    CUT_OUT = "cut_out"
    """(h, w, 4) uint8, for on-off transparency: alpha 0 where nothing is visible, above 0 elsewhere; colors are not premultiplied by
    alpha and are shown as they are."""
    RGBA = "rgba"
    """(h, w, 4) uint8, straight alpha."""
    OPAQUE = "opaque"
    """(h, w, 4) uint8, composited over the background, alpha 255."""


HALF_SEEN = 0.5
"""On-off transparency shows pixels with at least this alpha."""


@dataclass(frozen=True, eq=False)
class Palette:
    """Palette of an indexed animation.

    Attributes:
        colors: (n, 3) uint8, n <= 255.
        transparent: the index of transparent pixels: n.
        lookup: (32, 32, 32) uint8: the index for a color, axes red, green, blue, 8 levels a cell.
    """

    colors: Bytes
    lookup: Bytes

    def __post_init__(self) -> None:
        check_array("Palette.colors", self.colors, ("n", 3), np.uint8)
        check_array("Palette.lookup", self.lookup, (32, 32, 32), np.uint8)
        if not 1 <= len(self.colors) <= 255:
            raise ShapeError("Palette.colors", expected="1 to 255 colors", actual=str(len(self.colors)))

    @property
    def transparent(self) -> int:
        return len(self.colors)


@dataclass(frozen=True, eq=False)
class Sprite:
    """Texture of one figure, constant over an animation.

    Attributes:
        rgba: (h, w, 4) uint8, straight alpha, soft at the edge; colors extend beyond the edge, so that texture filtering picks up no paper.
        uv: (V, 2) float32, 0..1, origin at the top-left corner of `rgba`.
        colors: (V, 3) float32 0..1 for the debug view that colors the triangles of each joint, or None.
    """

    rgba: Bytes
    uv: Singles
    colors: Singles | None = None

    def __post_init__(self) -> None:
        check_array("Sprite.rgba", self.rgba, ("h", "w", 4), np.uint8)
        check_array("Sprite.uv", self.uv, ("V", 2), np.float32)


@dataclass(frozen=True, eq=False)
class Layer:
    """One sprite in one frame.

    Attributes:
        vertices: (V, 2) float32, world x, y.
        z: world depth of the whole figure.
        triangles: (F, 3) int32, in draw order, back to front.
    """

    vertices: Singles
    z: float
    triangles: Ints


@dataclass(frozen=True, eq=False)
class Strokes:
    """Colored geometry of the debug views.

    Attributes:
        points: (N, 3) float32, world; two a line, or three a triangle.
        rgba: (N, 4) float32, 0..1, straight alpha.
        filled: triangles instead of lines.
        behind: drawn before the figures instead of after them.
    """

    points: Singles
    rgba: Singles
    filled: bool = False
    behind: bool = False


@dataclass(frozen=True, eq=False)
class Canvas:
    """Size, background and camera of an animation, constant over its frames.

    Attributes:
        width, height: pixels.
        background: RGBA, 0..1, straight alpha.
        background_image: (h, w, 4) uint8, stretched over the frame, or None.
        view_projection: (4, 4) float32: world -> clip space, column vectors, y up.
    """

    width: int
    height: int
    background: tuple[float, float, float, float]
    background_image: Bytes | None
    view_projection: Singles

    @property
    def is_opaque(self) -> bool:
        """Whether the background covers every pixel."""
        if self.background_image is not None and bool(np.all(self.background_image[..., 3] == 255)):
            return True
        return self.background[3] >= 1.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One rendered frame, cropped to its content.

    Attributes:
        pixels: (h, w, 4) uint8, as its `PixelLayout` says, top row first. A view of a reused buffer, valid until the next frame is
            drawn. Empty (h or w 0) if nothing is visible in this frame.
        left, top: position of the crop in the canvas, px.
        pts: seconds from the start, exact.
    """

    pixels: Bytes
    left: int
    top: int
    pts: Fraction


class Format(StrEnum):
    """Output formats, by their file suffix."""

    GIF = "gif"
    MP4 = "mp4"
    WEBM = "webm"
    WEBP = "webp"
    APNG = "apng"


@dataclass(frozen=True)
class Animation:
    """A finished file.

    Attributes:
        duration: seconds, as stored in the file (a GIF rounds to centiseconds), exact.
    """

    path: Path
    format: Format
    byte_count: int
    frame_count: int
    duration: Fraction
    width: int
    height: int
    sha256: str
