"""Dark thin lines of a drawing, such as the outlines of a limb in front of a body."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bools, Bytes

CONTRAST = 28
"""A line is darker than what is beside it by more than this, 0..255."""


def dark_lines(rgb: Bytes, half_width_px: int) -> Bools:
    """Pixels (h, w) bool of an image (h, w, 3) uint8 that a closing brightens (black hat): lines of at most this half width, at least 1."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    square = np.ones((2 * half_width_px + 1,) * 2, np.uint8)
    return np.asarray(cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, square) > CONTRAST)
