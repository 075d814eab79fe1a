"""Whether anything is to be seen in the frames that came out: an animation that is blank, or becomes blank, is no success."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pipeline.errors import BlankAnimation, RenderFailed
from pipeline.types import Bools, Bytes, Canvas, Floats, Frame, Layer, PixelLayout

COARSE = 16
"""Every sixteenth pixel of every sixteenth row is looked at first: that mostly settles it."""

LEAST_PX = 16
"""A figure that is narrower or lower may have no pixel of its own in some frame, and nobody is to blame."""


class Sightings:
    """What was seen of one animation so far."""

    def __init__(self, canvas: Canvas, layout: PixelLayout) -> None:
        self._canvas = canvas
        self._layout = layout
        self._seen = False
        self._lost_pts: Fraction | None = None

    def note(self, frame: Frame, layers: Sequence[Layer]) -> None:
        """Look at a frame in which `layers` were drawn."""
        if self._shows_something(frame, layers):
            self._seen = True
        elif any(self._must_be_seen(layer) for layer in layers):
            self._lost_pts = frame.pts

    def check(self) -> None:
        """To be called once, after the last frame.

        Raises:
            BlankAnimation: nothing was to be seen in any frame.
            RenderFailed: a frame was blank although a whole figure, and no tiny one, is in view.
        """
        if not self._seen:
            raise BlankAnimation("nothing is to be seen in any frame", hint="is the figure in view of the camera, and its mask not empty?")
        if self._lost_pts is not None:
            raise RenderFailed(
                f"nothing was drawn at {float(self._lost_pts):.3f} s, though the figure is in view", hint="was the graphics card lost?"
            )

    def _shows_something(self, frame: Frame, layers: Sequence[Layer]) -> bool:
        """Whether anything is in the frame: in its pixels, and, where the background fills every frame, of the figures too."""
        is_cropped = frame.pixels.shape[:2] != (self._canvas.height, self._canvas.width)
        return has_content(frame.pixels, self._layout) and (
            is_cropped or not layers or any(bool(self._in_view(layer).any()) for layer in layers)
        )

    def _must_be_seen(self, layer: Layer) -> bool:
        if not self._in_view(layer).all():
            return False
        clip = self._clip(layer)
        spread = np.ptp(clip[:, :2] / clip[:, 3:], axis=0) * (self._canvas.width, self._canvas.height) / 2
        return bool(spread.min() >= LEAST_PX)

    def _in_view(self, layer: Layer) -> Bools:
        """(V,) which vertices are inside the picture."""
        clip = self._clip(layer)
        return np.asarray((clip[:, 3] > 0) & (np.abs(clip[:, 0]) < clip[:, 3]) & (np.abs(clip[:, 1]) < clip[:, 3]))

    def _clip(self, layer: Layer) -> Floats:
        """(V, 4) the vertices in clip space."""
        points = np.column_stack([layer.vertices, np.full(len(layer.vertices), layer.z), np.ones(len(layer.vertices))])
        return np.asarray(points @ self._canvas.view_projection.T, np.float64)


def has_content(pixels: Bytes, layout: PixelLayout) -> bool:
    """Whether some pixel of (h, w, 4) is not transparent, or, behind an opaque background, not like the first one."""
    if not pixels.size:
        return False
    if layout is PixelLayout.OPAQUE:
        return any(bool((some != pixels[0, 0]).any()) for some in (pixels[::COARSE, ::COARSE], pixels))
    return any(bool(some.any()) for some in (pixels[::COARSE, ::COARSE, 3], pixels[..., 3]))
