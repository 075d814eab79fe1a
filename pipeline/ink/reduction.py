"""Reduce images in a quarter of the time that averaging over fractions of pixels takes."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bytes


def reduced(image: Bytes, size: tuple[int, int]) -> Bytes:
    """An image (h, w) or (h, w, 3) uint8, reduced to `size`: width and height, px, neither larger than the image's.

    First, blocks of whole pixels are averaged, if the sides are multiples of the block. The remaining factor is then interpolated if it is
    less than 2, so that no pixel is skipped, and averaged over fractions of pixels otherwise.
    """
    height, width = image.shape[:2]
    factor = min(width // size[0], height // size[1])
    if factor > 1 and width % factor == height % factor == 0:
        image = averaged(image, (width // factor, height // factor))
    height, width = image.shape[:2]
    if width >= 2 * size[0] or height >= 2 * size[1]:
        return averaged(image, size)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def reduced_to_side(image: Bytes, side: int, *, min_side: int = 1) -> Bytes:
    """An image (h, w) or (h, w, 3) uint8, reduced if its longer side is longer than `side`, px; else the same array.

    Args:
        min_side: neither side of the result is shorter than this, px, however narrow the image is.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    return reduced(image, (max(min_side, round(width * scale)), max(min_side, round(height * scale))))


def averaged(image: Bytes, size: tuple[int, int]) -> Bytes:
    """An image (h, w) or (h, w, 3) uint8, reduced to `size`, width and height in px, by averaging over fractions of pixels."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
