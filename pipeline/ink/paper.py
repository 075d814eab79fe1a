"""How much each pixel of an image differs from the paper, whatever the light: the paper's color is estimated, and the image divided by it.

All contrasts are ratios to the paper's own color, channel by channel, so that neither the lamp's color nor a shadow counts. An image of
dark paper (chalk on a blackboard) is inverted first. Values are float32; images are (h, w, 3) uint8 sRGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.types import Bytes, Singles

BORDER_SHARE = 0.06
"""Width of the strip along the border, as a share of the longer side, that mostly shows paper: crops have a margin around the figure."""

DARK_PAPER = 120.0
"""Paper up to this brightness, 0..255, is dark, as a blackboard."""

GRAY_PAPER = 190.0
"""Paper up to this brightness, 0..255, is gray or brown, and may be drawn on in white."""

LIGHTER_ON_DARK, LIGHTER_ON_GRAY = 1.2, 4.0
"""Drawing that is lighter than dark or gray paper outweighs the darker more than so many times."""

SMALL_SIDE_PX, SURFACE_SIDE_PX = 192, 96
"""Longer sides that an image is reduced to before dark paper is recognized, and before a surface is fitted to the paper."""

STROKE_SHARE = 0.09
"""Strokes are narrower than this share of the longer side; wider dark things are light and shade, or filled areas."""

FAINTEST = 6.0
"""Paper is taken to be at least this bright (0..255), so that ratios stay finite in black corners."""

FIT_ROUNDS = 4
"""How often the surface is fitted: after each time, pixels that are far from it count less."""

RIDGE = 1e-3 * np.eye(6, dtype=np.float32)
"""Keeps the fit solvable where the image is one pixel wide."""

BINS, MIN_VALUE, MAX_VALUE = 256, -0.3, 1.2
"""Bins and range of the histogram in which the most frequent contrast, the paper's, is found."""

MIN_NOISE = 1e-3
"""Lower bound of the paper's noise."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """What stands out from the paper.

    Attributes:
        stroke: (h, w) float32, about 0 on paper, 1 for black on white: darkness against the paper right beside it.
        stroke_noise: standard deviation of `stroke` on bare paper.
        gray: (h, w) float32, as `stroke`, but what all channels agree on: large for pencil and ink, small for pale blue lines.
        shade: (h, w) float32, darkness against the paper as a whole: filled areas, and shadows.
        color: (h, w) float32, how far the channels disagree about that darkness: colored areas, hardly shadows.
        color_noise: standard deviation of `color` on bare paper.
    """

    stroke: Singles
    stroke_noise: float
    gray: Singles
    shade: Singles
    color: Singles
    color_noise: float


def contrast(rgb: Bytes) -> Contrast:
    """What stands out from the paper in an image (h, w, 3) uint8, h and w at least 8."""
    light = (255 - rgb if has_dark_paper(rgb) else rgb).astype(np.float32)
    darkest, lightest, _ = _extremes(_divided(light, local_paper(light)))
    gray = 1.0 - lightest
    stroke, stroke_noise = _levelled(1.0 - darkest)
    darkest, lightest, mean = _extremes(_divided(np.asarray(cv2.blur(light, (3, 3)), np.float32), paper_surface(light)))
    color, color_noise = _levelled(lightest - darkest)
    return Contrast(stroke, stroke_noise, gray, 1.0 - mean, color, color_noise)


def _divided(light: Singles, paper: Singles) -> Singles:
    """The image as ratios to the paper's color, both (h, w, 3) 0..255."""
    return np.asarray(cv2.divide(light, np.maximum(paper, np.float32(FAINTEST))), np.float32)


def _extremes(ratios: Singles) -> tuple[Singles, Singles, Singles]:
    """The darkest, the lightest and the mean channel of each pixel of (h, w, 3); (h, w) each."""
    red, green, blue = (np.asarray(channel, np.float32) for channel in cv2.split(ratios))
    darkest, lightest = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    return darkest, lightest, (red + green + blue) / np.float32(3)


def has_dark_paper(rgb: Bytes) -> bool:
    """Whether the paper of an image (h, w, 3) uint8 is dark and what is drawn on it mostly lighter.

    The drawing is what a wide median filter removes; it is compared with the paper's brightness in the strip along the border.
    """
    small = _reduced(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), SMALL_SIDE_PX)
    strip = _border_weights(*small.shape) > 0
    brightness = float(np.median(small[strip]))
    side = max(3, round(0.2 * max(small.shape))) | 1
    difference = small - cv2.medianBlur(np.clip(small, 0, 255).astype(np.uint8), side)
    slack = max(4.0, 4.0 * float(np.median(np.abs(difference))))
    lighter, darker = np.maximum(difference - slack, 0).sum(), np.maximum(-difference - slack, 0).sum()
    return bool(lighter > (LIGHTER_ON_DARK if brightness <= DARK_PAPER else LIGHTER_ON_GRAY) * darker and brightness <= GRAY_PAPER)


def local_paper(light: Singles) -> Singles:
    """The color of the paper right beside each pixel, (h, w, 3) float32 0..255: strokes vanish, shadows with sharp edges stay.

    A gray-level closing per channel, at half the size: dark things narrower than STROKE_SHARE of the longer side vanish.

    Args:
        light: (h, w, 3) float32 0..255, an image of light paper.
    """
    height, width = light.shape[:2]
    half = cv2.resize(light, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    half = cv2.medianBlur(np.clip(half, 0, 255).astype(np.uint8), 3)
    side = max(5, round(STROKE_SHARE * max(half.shape[:2]))) | 1
    kernel = np.ones((side, side), np.uint8)
    margin = side  # so that a stroke along the border is closed over as well
    wide = cv2.copyMakeBorder(
        half, margin, margin, margin, margin, cv2.BORDER_REFLECT_101 if min(half.shape[:2]) > margin else cv2.BORDER_REPLICATE
    )
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel)[margin:-margin, margin:-margin]
    closed = cv2.blur(closed, (5, 5))
    return cv2.resize(closed, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def paper_surface(light: Singles) -> Singles:
    """The color of the paper as a whole, (h, w, 3) float32 0..255: a quadratic fitted to the border strip, then to all that looks like it.

    Iteratively reweighted least squares, at a reduced size.

    Args:
        light: (h, w, 3) float32 0..255, an image of light paper; or (h, w), and the result is, too.
    """
    small = _reduced(light, SURFACE_SIDE_PX)
    small = small[..., None] if small.ndim == 2 else small
    rows, columns = small.shape[:2]
    terms = _quadratic_terms(rows, columns)
    values = small.reshape(-1, small.shape[2])
    weights = _border_weights(rows, columns).ravel()
    fitted = values
    for _ in range(FIT_ROUNDS):
        weighted = terms * weights[:, None]
        coefficients = np.linalg.solve(weighted.T @ terms + RIDGE, weighted.T @ values)
        fitted = terms @ coefficients
        error = np.abs(values - fitted).max(axis=1)
        scale = max(4.0, 1.5 * float(np.median(error[weights > 0.1])))
        weights = np.maximum(_border_weights(rows, columns).ravel(), 0.15) / (1.0 + (error / scale) ** 4)
    surface = fitted.reshape(rows, columns, -1).astype(np.float32)
    grown = cv2.resize(surface, (light.shape[1], light.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.clip(grown.reshape(light.shape), 0, 255)


def _quadratic_terms(rows: int, columns: int) -> Singles:
    """(rows * columns, 6) the terms 1, x, y, x^2, x y, y^2 at each pixel, x and y from -1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    terms = [np.ones_like(x), x, y, x * x, x * y, y * y]
    return np.stack([term.ravel() for term in terms], axis=1).astype(np.float32)


def _border_weights(rows: int, columns: int) -> Singles:
    """(rows, columns) 1 in the strip along the border, 0 elsewhere."""
    strip = max(1, round(BORDER_SHARE * max(rows, columns)))
    weights = np.ones((rows, columns), np.float32)
    weights[strip:-strip, strip:-strip] = 0.0
    return weights


def _reduced(image: Singles, longest: int) -> Singles:
    """An image (h, w) or (h, w, 3) float32, averaged down to a longer side of `longest` px if its own is longer."""
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _levelled(values: Singles) -> tuple[Singles, float]:
    """The values (h, w) with the most frequent one, the paper's, at 0; and the paper's standard deviation.

    That is measured on values below the paper's, since ink is above.
    """
    counts = np.ravel(cv2.calcHist([values], [0], None, [BINS], [MIN_VALUE, MAX_VALUE]))
    smooth = np.convolve(counts, np.ones(5) / 5, mode="same")
    mode = (int(np.argmax(smooth)) + 0.5) * (MAX_VALUE - MIN_VALUE) / BINS + MIN_VALUE
    below = values[values < mode]
    noise = float(np.sqrt(np.mean((below - mode) ** 2))) if below.size else 0.0
    return values - np.float32(mode), max(noise, MIN_NOISE)
