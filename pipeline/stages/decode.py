"""Normalize a decoded image of any format: reduction, EXIF orientation, bit depth, transparency.

Owns the limits and the pure arithmetic on pixels. Refuses files and codecs (`pipeline.adapters.reading.image_reader` has those).
Orientation: EXIF 2.32 (CIPA DC-008), 4.6.4, tag 0x0112.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.ink.regions import dilated, filled
from pipeline.types import Bytes, Drawing, Floats, Turn, turned_pixels

UPRIGHT = 1
_TURNS: dict[int, Turn] = {3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}
"""How far an image is turned clockwise by its EXIF orientation, after its columns were reversed if it is mirrored."""

LINE_ART_SIDE = 384
"""Line art is recognized at this longer side, px."""

LINE_ALPHA = 64
"""A pixel with at least this alpha, 0..255, at that size belongs to a line."""

ENCLOSED_SHARE = 0.5
"""Line art encloses more than this many times the area that it covers. Cut-outs have holes between limbs only: a tenth of the figure."""

THICK_PX = 4
"""Lines are thick if they are wider than twice this (2 % of the longer side)."""

THICK_SHARE = 0.3
"""Less than this share of line art is in thick lines."""


def reduced_size(width: int, height: int, working_side: int) -> tuple[int, int]:
    """Width and height, px, with the longer one at most `working_side`; at least 1."""
    longer = max(width, height)
    if longer <= working_side:
        return width, height
    return max(1, round(width * working_side / longer)), max(1, round(height * working_side / longer))


def turned(pixels: Bytes, orientation: int) -> Bytes:
    """`pixels` (H, W) or (H, W, C) uint8 as a camera with EXIF `orientation` 1..8 saw them, contiguous.

    The tag names the sides that the stored row 0 and column 0 lie on: 6 is "right, top", so row 0 becomes the right side.
    """
    if orientation in {2, 4, 5, 7}:  # mirrored
        pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
    return turned_pixels(pixels, _TURNS.get(orientation, 0))


def scale_to_bytes(lowest: float, highest: float, *, is_float: bool, bits: int | None = None) -> float:
    """What a sample deeper than 8 bits is divided by to end in 0..255.

    Args:
        lowest, highest: the samples found; only asked where the file does not say what white is (float, and 32-bit integers).
        bits: depth of a sample where the file says it.
    """
    if bits is not None:
        return ((1 << bits) - 1) / 255
    whites = (1.0, 255.0, 65535.0) if is_float else (255.0, 65535.0)
    reach = max(abs(lowest), abs(highest))
    white: float = next((white for white in whites if reach <= white), reach)
    return white / 255


def byte_samples(samples: Floats, scale: float, *, inverted: bool = False) -> Bytes:
    """Samples of any depth, of any shape, as uint8; what is no number is black, what is out of range is clipped."""
    levels = np.clip(np.nan_to_num(samples / scale, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)
    as_bytes = np.rint(levels).astype(np.uint8)
    return 255 - as_bytes if inverted else as_bytes


def drawing(rgb: Bytes, alpha: Bytes | None, *, orientation: int, sha256: str, notes: tuple[str, ...]) -> Drawing:
    """The upright drawing.

    An alpha that is 255 throughout says nothing and is dropped; so is one that is 0 throughout: some programs leave it unset.

    Args:
        rgb: (H, W, 3) uint8, as stored.
        alpha: (H, W) uint8 straight alpha, as stored, or None.
        orientation: EXIF, 1..8.
    """
    if orientation != UPRIGHT:
        notes = (*notes, f"it was turned upright (orientation {orientation})")
    if alpha is not None and not alpha.any():
        notes = (*notes, "its alpha channel is empty and was ignored")
        alpha = None
    if alpha is None or alpha.min() == 255:
        return Drawing(turned(rgb, orientation), None, sha256, notes)
    if is_line_art(alpha):
        notes = (*notes, "it is line art on a transparent ground, which was taken for white paper")
        return Drawing(turned(_on_white(rgb, alpha), orientation), None, sha256, notes)
    white = np.where(alpha[..., np.newaxis] == 0, np.uint8(255), rgb)
    return Drawing(turned(white, orientation), turned(alpha, orientation), sha256, notes)


def is_line_art(alpha: Bytes) -> bool:
    """Whether the opaque pixels of a drawing, alpha (H, W) uint8, are its lines only: then its alpha is not the shape of its figures.

    Lines enclose more than they cover, or are thin everywhere.
    """
    scale = min(1.0, LINE_ART_SIDE / max(alpha.shape))
    size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
    lines = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= LINE_ALPHA
    covered, enclosed = np.count_nonzero(lines), np.count_nonzero(filled(lines) & ~lines)
    thick = np.count_nonzero(dilated(lines & ~dilated(~lines, THICK_PX), THICK_PX) & lines)
    return bool(enclosed > ENCLOSED_SHARE * covered or thick < THICK_SHARE * covered)


def _on_white(rgb: Bytes, alpha: Bytes) -> Bytes:
    share = alpha.astype(np.float32)[..., None] / np.float32(255)
    return np.asarray(np.rint(rgb * share + np.float32(255) * (1 - share)), np.uint8)
