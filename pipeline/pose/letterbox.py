"""A window of a picture, scaled into a square without changing its proportions: what a network sees, and the way back.

Coordinates are edges, as everywhere: pixel centers are at +0.5. Pixels outside the image are paper, not a repetition of its border,
which would grow limbs where the picture cuts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.ink.reduction import averaged
from pipeline.types import Bytes, Floats

RIM_SHARE = 0.03
"""Of a picture's longer side: how wide a rim is asked for the paper's color."""


@dataclass(frozen=True)
class Letterbox:
    """Position and scale of an image in the square.

    Attributes:
        side: of the square, px.
        scale: square px per picture px.
        left, top: position of the image's top-left corner in the square, px; negative if it is outside.
    """

    side: int
    scale: float
    left: float
    top: float

    @classmethod
    def whole(cls, width: int, height: int, side: int) -> Letterbox:
        """A whole picture of `width` x `height` px, in the middle of the square."""
        return cls.around((0.0, 0.0, float(width), float(height)), side, fill=1.0)

    @classmethod
    def around(cls, box: tuple[float, ...], side: int, *, fill: float) -> Letterbox:
        """The box (left, top, right, bottom) in the middle of the square, its longer side filling so great a share of it."""
        left, top, right, bottom = box
        scale = fill * side / max(right - left, bottom - top, 1.0)
        return cls(side, scale, side / 2 - scale * (left + right) / 2, side / 2 - scale * (top + bottom) / 2)

    def into(self, points: Floats) -> Floats:
        """Points (..., 2) of the picture in the square."""
        moved: Floats = np.asarray(points, np.float64) * self.scale + (self.left, self.top)
        return moved

    def back(self, points: Floats) -> Floats:
        """Points (..., 2) of the square in the picture."""
        moved: Floats = (np.asarray(points, np.float64) - (self.left, self.top)) / self.scale
        return moved

    def cut(self, picture: Bytes, color: tuple[float, float, float]) -> Bytes:
        """The square's pixels from a picture (H, W, 3) or (H, W) uint8; `color` where there is no picture."""
        height, width = picture.shape[:2]
        if self.scale < 1.0:  # averaged, or thin lines would come and go
            near = self.back(np.array([[0.0, 0.0], [self.side, self.side]]))
            x0, y0 = np.clip(np.floor(near[0]).astype(int) - 2, 0, (width - 1, height - 1))
            x1, y1 = np.clip(np.ceil(near[1]).astype(int) + 2, (x0 + 1, y0 + 1), (width, height))
            part = picture[y0:y1, x0:x1]
            if self.scale < 0.5 and min(part.shape[:2]) > 1:  # averaging pairs first takes a third of the time
                x1, y1 = x1 - (x1 - x0) % 2, y1 - (y1 - y0) % 2
                part = averaged(picture[y0:y1, x0:x1], ((x1 - x0) // 2, (y1 - y0) // 2))
            reduced = (max(1, round((x1 - x0) * self.scale)), max(1, round((y1 - y0) * self.scale)))
            part = averaged(part, reduced)
            across, down = reduced[0] / (x1 - x0), reduced[1] / (y1 - y0)
            placed = (self.scale / across, self.scale / down, self.left + x0 * self.scale, self.top + y0 * self.scale)
        else:
            part, placed = picture, (self.scale, self.scale, self.left, self.top)
        zoom_x, zoom_y, left, top = placed
        # cv2 counts pixel centers from 0
        matrix = np.array([[zoom_x, 0.0, left + 0.5 * zoom_x - 0.5], [0.0, zoom_y, top + 0.5 * zoom_y - 0.5]])
        warped = cv2.warpAffine(
            part, matrix, (self.side, self.side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=color
        )
        return np.asarray(warped, np.uint8)


def paper_color(rgb: Bytes) -> tuple[float, float, float]:
    """The median color of a picture's rim: what the paper is likely to look like."""
    height, width = rgb.shape[:2]
    rim = max(1, round(RIM_SHARE * max(height, width)))
    step = max(1, max(height, width) // 400)
    parts = (rgb[:rim, ::step], rgb[-rim:, ::step], rgb[::step, :rim], rgb[::step, -rim:])
    colors = np.concatenate([part[:: max(1, rim // 8)].reshape(-1, 3) for part in parts])
    red, green, blue = np.median(colors, axis=0)
    return float(red), float(green), float(blue)
