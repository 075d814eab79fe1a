"""Surroundings of a photographed page: tables, floors, cloth around it, its shadow, fingers that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from drawings.papers import FloatImage
from drawings.textures import cutting

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """How the camera sees the page.

    Attributes:
        frame_from_page: `(3, 3)` homography.
        shape: height and width of the frame, pixels.
    """

    frame_from_page: Matrix
    shape: tuple[int, int]

    def moved(self, page_points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Page points `(N, 2)` in the frame."""
        return np.asarray(cv2.perspectiveTransform(page_points[None], self.frame_from_page)[0])

    def mask(self, owned: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A page's 0 or 255 mask in the frame, interpolated."""
        height, width = self.shape
        return np.asarray(cv2.warpPerspective(owned, self.frame_from_page, (width, height), flags=cv2.INTER_LINEAR))

    def parts(self, parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A page's body parts in the frame."""
        height, width = self.shape
        return np.asarray(cv2.warpPerspective(parts, self.frame_from_page, (width, height), flags=cv2.INTER_NEAREST))


def sampled_view(rng: np.random.Generator, page: tuple[int, int], frame: tuple[int, int], *, cover: float) -> View:
    """A page seen at an angle, turned a little, taking up a share `cover` of the frame's sides (above 1: cropped by it)."""
    (page_height, page_width), (height, width) = page, frame
    corners = np.array([[0, 0], [page_width, 0], [page_width, page_height], [0, page_height]], float)
    scale = cover * min(width / page_width, height / page_height)
    centerd = (corners - (page_width / 2, page_height / 2)) * scale
    angle = np.radians(rng.normal(0, 5))
    turned = centerd @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned += rng.normal(0, 0.035, (4, 2)) * scale * min(page_width, page_height)
    shift = rng.normal(0, 0.05, 2) * (width, height)
    matrix = cv2.getPerspectiveTransform(
        corners.astype(np.float32), (turned + np.array([width / 2, height / 2]) + shift).astype(np.float32)
    )
    return View(np.asarray(matrix), frame)


def table(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """Wood, cloth, stone, carpet or a plain surface."""
    image = np.empty((height, width, 3), np.float32)
    draw = rng.random()
    if draw < 0.45:
        tone = rng.uniform(0.35, 1.15)
        image[:] = np.array([185, 140, 95]) * tone + rng.normal(0, 10, 3)
        grain = cutting(rng, "fibre", height, width) * 7 + cutting(rng, "patch", height, width) * 5
        if rng.random() < 0.5:
            grain = cutting(rng, "fibre", width, height).T * 7 + cutting(rng, "patch", height, width) * 5
        image += grain[:, :, None] * np.float32(rng.uniform(0.3, 2.2))
        if rng.random() < 0.4:
            gap = int(rng.uniform(0.12, 0.4) * width)
            image[:, int(rng.integers(gap)) :: gap] *= 0.55
    elif draw < 0.75:
        image[:] = rng.uniform(15, 245) + rng.normal(0, 10, 3)
        image += cutting(rng, "grain", height, width)[:, :, None] * np.float32(rng.uniform(0, 6))
    else:
        image[:] = rng.uniform(30, 220, 3)
        texture = cutting(rng, "tooth", height, width) * rng.uniform(3, 20) + cutting(rng, "soft", height, width) * rng.uniform(0, 20)
        image += texture[:, :, None]
    return image


def room(rng: np.random.Generator, height: int, width: int) -> FloatImage:
    """A room full of things, out of focus: a wall, shelves, boxes, frames, cushions, cables, lamps."""
    image = table(rng, height, width)
    if rng.random() < 0.6:
        edge = int(rng.uniform(0.3, 0.9) * height)
        image[:edge] = table(rng, height, width)[:edge]
    drawn = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    size = np.array([width, height])
    for _ in range(int(rng.integers(6, 70))):
        at, reach = rng.uniform(-0.1, 1.0, 2) * size, rng.uniform(0.02, 0.35, 2) * min(height, width)
        color = tuple(int(level) for level in rng.integers(10, 250, 3))
        draw = rng.random()
        if draw < 0.5:
            corners = cv2.boxPoints((at.tolist(), reach.tolist(), float(rng.normal(0, 12))))
            cv2.fillConvexPoly(drawn, np.round(corners).astype(np.int32), color, cv2.LINE_AA)
        elif draw < 0.75:
            center, axes = tuple(at.astype(int).tolist()), tuple((reach / 2).astype(int).tolist())
            cv2.ellipse(drawn, center, axes, float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
        elif draw < 0.9:  # a row of books
            spines = np.cumsum(rng.uniform(0.01, 0.03, int(rng.integers(4, 14)))) * width + at[0]
            for left, right in pairwise(spines):
                shade = tuple(int(level) for level in rng.integers(20, 240, 3))
                low = int(at[1] + reach[1])
                cv2.rectangle(drawn, (int(left), int(at[1] + rng.uniform(0, 0.2) * reach[1])), (int(right), low), shade, -1)
        else:
            line = np.cumsum(rng.normal(0, 0.06, (8, 2)), axis=0) * min(height, width) + at
            cv2.polylines(drawn, [np.round(line).astype(np.int32)], isClosed=False, color=color, thickness=int(rng.integers(1, 5)))
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.5, 4.0)), np.float32)


def laid(rng: np.random.Generator, page: FloatImage, view: View, *, in_room: bool = False) -> FloatImage:
    """The page on a table or held up in a room, with a soft shadow at its border."""
    height, width = view.shape
    ground = (room if in_room else table)(rng, height, width)
    sheet = np.full(page.shape[:2], 255, np.uint8)
    alpha = view.mask(sheet)
    blur = rng.uniform(1.5, 7)
    small = cv2.resize(alpha, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    shadow = cv2.resize(cv2.GaussianBlur(small, (0, 0), blur / 3), (width, height), interpolation=cv2.INTER_LINEAR)
    offset = rng.normal(0, 4, 2)
    shadow = cv2.warpAffine(shadow, np.array([[1, 0, offset[0]], [0, 1, offset[1]]]), (width, height), borderMode=cv2.BORDER_REPLICATE)
    ground *= 1 - shadow[:, :, None] * np.float32(rng.uniform(0.1, 0.6) / 255)
    warped = cv2.warpPerspective(page, view.frame_from_page, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = alpha[:, :, None] * np.float32(1 / 255)
    return np.asarray(ground + share * (warped - ground))


def cluttered(rng: np.random.Generator, image: FloatImage, keep_off: list[tuple[float, float, float, float]]) -> FloatImage:
    """A pen, a crayon, an eraser or a coin on the page, off the figures, with its shadow."""
    height, width = image.shape[:2]
    size = min(height, width)
    length, thick = rng.uniform(0.04, 0.5) * size, rng.uniform(0.02, 0.06) * size
    angle, center = rng.uniform(0, np.pi), rng.uniform(0, 1, 2) * (width, height)
    along = np.array([np.cos(angle), np.sin(angle)])
    ends = np.array([center - along * length / 2, center + along * length / 2])
    low, high = ends.min(axis=0) - thick, ends.max(axis=0) + thick
    if any(low[0] < right and high[0] > left and low[1] < bottom and high[1] > top for left, top, right, bottom in keep_off):
        return image
    across = np.array([-along[1], along[0]]) * thick / 2
    tip = ends[1] + along * thick * rng.uniform(0, 1.5)
    outline = np.round(np.array([ends[0] - across, ends[1] - across, tip, ends[1] + across, ends[0] + across]) * 16).astype(np.int32)
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [outline], 255, lineType=cv2.LINE_AA, shift=4)
    shadow = np.roll(cv2.GaussianBlur(alpha, (0, 0), 3), tuple(rng.integers(1, 6, 2).tolist()), axis=(0, 1))
    shaded = image * (1 - shadow[:, :, None] * np.float32(0.4 / 255))
    return np.asarray(shaded + alpha[:, :, None] * np.float32(1 / 255) * (rng.uniform(10, 240, 3).astype(np.float32) - shaded), np.float32)


def held(
    rng: np.random.Generator, image: FloatImage, keep_off: list[tuple[float, float, float, float]], sheet: View | None = None
) -> FloatImage:
    """Fingers that reach in from the border, or over the edge of a `sheet`, where no figure is."""
    height, width = image.shape[:2]
    skin = np.array([(236, 188, 160), (214, 160, 130), (160, 110, 82), (105, 70, 52)])[rng.integers(4)] + rng.normal(0, 8, 3)
    side = int(rng.integers(4))
    along = rng.uniform(0.05, 0.95)
    base = np.array([(0, along), (1, along), (along, 0), (along, 1)][side]) * (width, height)
    inward = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)][side], float) + rng.normal(0, 0.35, 2)
    length, radius = rng.uniform(0.05, 0.2) * min(height, width), rng.uniform(0.025, 0.07) * min(height, width)
    if sheet is not None:
        middle = sheet.moved(np.array([[width / 2, height / 2]]))[0]
        base = sheet.moved(base[None] + rng.normal(0, 3, (1, 2)))[0]
        outward = (base - middle) / max(float(np.hypot(*(base - middle))), 1.0)
        inward, base = -outward + rng.normal(0, 0.2, 2), base + outward * length * 0.7
    count = 1 if rng.random() < 0.7 else int(rng.integers(2, 4))
    alpha, nails = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for finger in range(count):
        root = base + np.array([-inward[1], inward[0]]) * radius * 2.1 * finger - inward * radius
        tip = root + inward * length * rng.uniform(0.75, 1.1)
        if any(
            left - radius < tip[0] < right + radius and top - radius < tip[1] < bottom + radius for left, top, right, bottom in keep_off
        ):
            return image
        cv2.line(alpha, np.round(root).astype(int).tolist(), np.round(tip).astype(int).tolist(), 255, int(2 * radius), cv2.LINE_AA)
        if rng.random() < 0.5:
            cv2.circle(nails, np.round(tip + inward * radius * 0.3).astype(int).tolist(), max(1, int(radius * 0.5)), 255, -1, cv2.LINE_AA)
    depth = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    shade = 0.72 + 0.28 * np.minimum(depth / radius, 1)[:, :, None]
    soft = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.6, 1.5))[:, :, None] * np.float32(1 / 255)
    flesh = (skin + nails[:, :, None] * np.array([0.04, 0.06, 0.06])) * shade
    return np.asarray(image + soft * (flesh - image), np.float32)
