"""Clear color of a frame by pixel layout.

The CUT_OUT layout has no half-transparent pixels, but figures are blended as in all layouts. So that no foreign color shows at their
edges, the invisible color behind the figures is the mean color of their own edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.types import HALF_SEEN, Canvas, Floats, PixelLayout, Sprite


def clear_color(canvas: Canvas, sprites: Sequence[Sprite], layout: PixelLayout) -> tuple[float, float, float, float]:
    """Clear color RGBA, 0..1, as it is stored in the framebuffer.

    RGBA: the background, premultiplied. OPAQUE: over white. CUT_OUT: the plain background if its alpha is at least 0.5; otherwise the
    edge color with alpha 0.
    """
    red, green, blue, alpha = (min(max(float(channel), 0.0), 1.0) for channel in canvas.background)
    if layout is PixelLayout.CUT_OUT:
        return (red, green, blue, 1.0) if alpha >= HALF_SEEN else (*rim_color(sprites), 0.0)
    if layout is PixelLayout.OPAQUE:
        white = 1.0 - alpha
        return red * alpha + white, green * alpha + white, blue * alpha + white, 1.0
    return red * alpha, green * alpha, blue * alpha, alpha


def rim_color(sprites: Sequence[Sprite]) -> tuple[float, float, float]:
    """Mean color RGB, 0..1, along the cut edges, with equal weight for each figure; black if nothing is visible."""
    rims = [rim for rim in map(_rim, sprites) if rim is not None]
    if not rims:
        return 0.0, 0.0, 0.0
    red, green, blue = np.mean(rims, axis=0)
    return float(red), float(green), float(blue)


def _rim(sprite: Sprite) -> Floats | None:
    """Mean color (3,) of half-transparent pixels, or of all visible pixels if the edge is hard; None if nothing is visible."""
    alpha = sprite.rgba[..., 3]
    seen = alpha > 0
    if not seen.any():
        return None
    if sprite.colors is not None:
        return np.asarray(sprite.colors.mean(axis=0), np.float64)
    soft = seen & (alpha < 255)
    rim: Floats = sprite.rgba[soft if soft.any() else seen][:, :3].mean(axis=0) / 255
    return rim
