"""Distance transform and medial axis of a mask."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import Bools, Ints, Singles


def depth_inside(mask: Bools, *, kernel: int = 5) -> Singles:
    """Distance (h, w) float32 to the nearest pixel outside the mask, px; 1 on the outermost pixels, 0 outside, including beyond the image.

    `kernel` is OpenCV's mask size: 3 is faster, 5 is closer to the Euclidean distance.
    """
    return np.asarray(cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, kernel)[1:-1, 1:-1], np.float32)


def middle_line(mask: Bools, depth: Singles) -> Bools:
    """Local maxima (h, w) of the depth inside a mask: the middle of limbs and lines."""
    return np.asarray(mask & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8))), np.bool_)


def nearest_pixels(sought: Bools) -> tuple[Ints, Ints]:
    """Rows and columns (h, w) int32 of the nearest pixel outside `sought`, by Euclidean distance: of each pixel outside, itself.

    At least one pixel must be outside.
    """
    from scipy import ndimage  # slow to import, and many figures need no nearest pixel

    rows, columns = ndimage.distance_transform_edt(sought, return_distances=False, return_indices=True)
    return rows, columns
