"""A window of an image, scaled into a square without changing its proportions, as a network's input; and the way back.

Pixel centers are at +0.5, as everywhere. Pixels outside the image are filled with the color of the paper: repeating the image's border
would extend limbs that the border cuts off.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.reduction import averaged
from pipeline.types import Bytes, Floats

RIM_SHARE = 0.03
"""Width of the rim whose median is the paper's color, as a share of the image's longer side."""

RIM_SAMPLES, RIM_ROWS = 400, 8
"""About how many pixels of the rim are sampled along the image's longer side, and about how many across the rim."""

AROUND_PX = 2
"""Pixels around the window that interpolation may reach, px of the image."""


@dataclass(frozen=True)
class Letterbox:
    """Position and scale of an image in the square.

    Attributes:
        side: of the square, px.
        scale: square px per image px.
        left, top: position of the image's top-left corner in the square, px; negative if it is outside.
    """

    side: int
    scale: float
    left: float
    top: float

    @classmethod
    def whole(cls, width: int, height: int, side: int) -> Letterbox:
        """A whole image of `width` x `height` px, in the middle of the square."""
        return cls.around((0.0, 0.0, float(width), float(height)), side, fill=1.0)

    @classmethod
    def around(cls, box: tuple[float, ...], side: int, *, fill: float) -> Letterbox:
        """A box (left, top, right, bottom), image px, in the middle of the square; its longer side is `fill` of the square's side."""
        left, top, right, bottom = box
        scale = fill * side / max(right - left, bottom - top, 1.0)
        return cls(side, scale, side / 2 - scale * (left + right) / 2, side / 2 - scale * (top + bottom) / 2)

    def into(self, points: Floats) -> Floats:
        """Points (..., 2) in px of the image as px of the square, float64."""
        moved: Floats = np.asarray(points, np.float64) * self.scale + (self.left, self.top)
        return moved

    def back(self, points: Floats) -> Floats:
        """Points (..., 2) in px of the square as px of the image, float64."""
        moved: Floats = (np.asarray(points, np.float64) - (self.left, self.top)) / self.scale
        return moved

    def cut(self, image: Bytes, color: tuple[float, float, float]) -> Bytes:
        """The square's pixels, (side, side, 3) or (side, side) uint8.

        Args:
            image: (H, W, 3) or (H, W) uint8.
            color: of pixels outside the image, 0..255.
        """
        if self.scale < 1.0:
            part, (zoom_x, zoom_y, left, top) = self._reduced_part(image)
        else:
            part, (zoom_x, zoom_y, left, top) = image, (self.scale, self.scale, self.left, self.top)
        # cv2 counts pixel centers from 0
        matrix = np.array([[zoom_x, 0.0, left + 0.5 * zoom_x - 0.5], [0.0, zoom_y, top + 0.5 * zoom_y - 0.5]])
        warped = cv2.warpAffine(
            part, matrix, (self.side, self.side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=color
        )
        return np.asarray(warped, np.uint8)

    def _reduced_part(self, image: Bytes) -> tuple[Bytes, tuple[float, float, float, float]]:
        """The part of an image that the square shows, averaged down to about its scale: interpolation alone would skip thin lines.

        Returns:
            The part; square px per px of the part, across and down, and the position of the part's corner in the square, px.
        """
        height, width = image.shape[:2]
        corners = self.back(np.array([[0.0, 0.0], [self.side, self.side]]))
        x0, y0 = np.clip(np.floor(corners[0]).astype(int) - AROUND_PX, 0, (width - 1, height - 1))
        x1, y1 = np.clip(np.ceil(corners[1]).astype(int) + AROUND_PX, (x0 + 1, y0 + 1), (width, height))
        part = image[y0:y1, x0:x1]
        if self.scale < 0.5 and min(part.shape[:2]) > 1:  # averaging pairs first takes a third of the time
            x1, y1 = x1 - (x1 - x0) % 2, y1 - (y1 - y0) % 2
            part = averaged(image[y0:y1, x0:x1], ((x1 - x0) // 2, (y1 - y0) // 2))
        size = (max(1, round((x1 - x0) * self.scale)), max(1, round((y1 - y0) * self.scale)))
        across, down = size[0] / (x1 - x0), size[1] / (y1 - y0)
        return averaged(part, size), (self.scale / across, self.scale / down, self.left + x0 * self.scale, self.top + y0 * self.scale)


def paper_color(rgb: Bytes) -> tuple[float, float, float]:
    """The likely color of the paper, RGB 0..255: the median of the rim of an image (H, W, 3) uint8."""
    height, width = rgb.shape[:2]
    rim = max(1, round(RIM_SHARE * max(height, width)))
    step = max(1, max(height, width) // RIM_SAMPLES)
    parts = (rgb[:rim, ::step], rgb[-rim:, ::step], rgb[::step, :rim], rgb[::step, -rim:])
    colors = np.concatenate([part[:: max(1, rim // RIM_ROWS)].reshape(-1, 3) for part in parts])
    red, green, blue = np.median(colors, axis=0)
    return float(red), float(green), float(blue)
