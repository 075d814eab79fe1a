"""Visibility check of rendered frames: an animation that is blank, or becomes blank, is a failure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pipeline.errors import BlankAnimation, RenderFailed
from pipeline.types import Bools, Bytes, Canvas, Floats, Frame, Layer, PixelLayout

COARSE = 16
"""Every sixteenth pixel of every sixteenth row is checked first; this is mostly enough."""

MIN_PX = 16
"""A figure narrower or lower than this, px, may have no pixel in some frame without a fault."""


class VisibilityCheck:
    """Visibility of one animation's frames so far."""

    def __init__(self, canvas: Canvas, layout: PixelLayout) -> None:
        self._canvas = canvas
        self._layout = layout
        self._seen = False
        self._lost_pts: Fraction | None = None

    def note(self, frame: Frame, layers: Sequence[Layer]) -> None:
        """Check a frame with the given `layers`."""
        if self._shows_something(frame, layers):
            self._seen = True
        elif any(self._must_be_seen(layer) for layer in layers):
            self._lost_pts = frame.pts

    def check(self) -> None:
        """Raise if the animation is blank. Call it once, after the last frame.

        Raises:
            BlankAnimation: nothing is visible in any frame.
            RenderFailed: a frame is blank although a whole figure of more than a few pixels is in view.
        """
        if not self._seen:
            raise BlankAnimation("nothing is to be seen in any frame", hint="is the figure in view of the camera, and its mask not empty?")
        if self._lost_pts is not None:
            raise RenderFailed(
                f"nothing was drawn at {float(self._lost_pts):.3f} s, though the figure is in view", hint="was the graphics card lost?"
            )

    def _shows_something(self, frame: Frame, layers: Sequence[Layer]) -> bool:
        """Whether a frame shows something, and with an opaque background also whether it shows a figure."""
        is_cropped = frame.pixels.shape[:2] != (self._canvas.height, self._canvas.width)
        return has_content(frame.pixels, self._layout) and (
            is_cropped or not layers or any(bool(self._in_view(layer).any()) for layer in layers)
        )

    def _must_be_seen(self, layer: Layer) -> bool:
        if not self._in_view(layer).all():
            return False
        clip = self._clip(layer)
        spread = np.ptp(clip[:, :2] / clip[:, 3:], axis=0) * (self._canvas.width, self._canvas.height) / 2
        return bool(spread.min() >= MIN_PX)

    def _in_view(self, layer: Layer) -> Bools:
        """Whether each vertex is inside the canvas, (V,)."""
        clip = self._clip(layer)
        return np.asarray((clip[:, 3] > 0) & (np.abs(clip[:, 0]) < clip[:, 3]) & (np.abs(clip[:, 1]) < clip[:, 3]))

    def _clip(self, layer: Layer) -> Floats:
        """The vertices in clip space, (V, 4)."""
        points = np.column_stack([layer.vertices, np.full(len(layer.vertices), layer.z), np.ones(len(layer.vertices))])
        return np.asarray(points @ self._canvas.view_projection.T, np.float64)


def has_content(pixels: Bytes, layout: PixelLayout) -> bool:
    """Whether some pixel of (h, w, 4) is not transparent, or with an opaque background differs from the first pixel."""
    if not pixels.size:
        return False
    if layout is PixelLayout.OPAQUE:
        return any(bool((some != pixels[0, 0]).any()) for some in (pixels[::COARSE, ::COARSE], pixels))
    return any(bool(some.any()) for some in (pixels[::COARSE, ::COARSE, 3], pixels[..., 3]))
