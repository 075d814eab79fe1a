"""What a frame is filled with before anything is drawn into it, by pixel layout.

A cut-out has no half-transparent pixels, but its figures are blended like all others. So what its edges are blended with must be
nothing foreign: the colour that lies unseen behind the figures is that of their own rims.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.types import HALF_SEEN, Canvas, Floats, PixelLayout, Sprite


def clear_colour(canvas: Canvas, sprites: Sequence[Sprite], layout: PixelLayout) -> tuple[float, float, float, float]:
    """RGBA, 0..1, as it is stored.

    RGBA: the background, premultiplied. OPAQUE: over white. CUT_OUT: the plain background if it is at least half there; otherwise the
    rim colour with alpha 0.
    """
    red, green, blue, alpha = (min(max(float(channel), 0.0), 1.0) for channel in canvas.background)
    if layout is PixelLayout.CUT_OUT:
        return (red, green, blue, 1.0) if alpha >= HALF_SEEN else (*rim_colour(sprites), 0.0)
    if layout is PixelLayout.OPAQUE:
        white = 1.0 - alpha
        return red * alpha + white, green * alpha + white, blue * alpha + white, 1.0
    return red * alpha, green * alpha, blue * alpha, alpha


def rim_colour(sprites: Sequence[Sprite]) -> tuple[float, float, float]:
    """RGB, 0..1: the mean colour where figures are cut, each figure weighing the same; black if nothing is to be seen."""
    rims = [rim for rim in map(_rim, sprites) if rim is not None]
    if not rims:
        return 0.0, 0.0, 0.0
    red, green, blue = np.mean(rims, axis=0)
    return float(red), float(green), float(blue)


def _rim(sprite: Sprite) -> Floats | None:
    """(3,) the mean of what is half seen, or of all that is seen where the cut is hard; None if nothing is."""
    alpha = sprite.rgba[..., 3]
    seen = alpha > 0
    if not seen.any():
        return None
    if sprite.colours is not None:
        return np.asarray(sprite.colours.mean(axis=0), np.float64)
    soft = seen & (alpha < 255)
    rim: Floats = sprite.rgba[soft if soft.any() else seen][:, :3].mean(axis=0) / 255
    return rim
