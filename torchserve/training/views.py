"""Detections as `evaluate.py` compares them: arrays, and small images of them side by side."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline.pose.letterbox import Letterbox
from pipeline.types import Detection, Pose
from pipeline.types.keypoints import SKELETON

CROP_MARGIN = 0.06
TILE = 256


def crop_of(rgb: np.ndarray, box: Any) -> tuple[np.ndarray, np.ndarray]:
    """A detection's box with a small margin, inside the image; the crop and its top-left corner."""
    margin = CROP_MARGIN * max(box.width, box.height)
    x0, y0 = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    x1, y1 = min(rgb.shape[1], round(box.right + margin)), min(rgb.shape[0], round(box.bottom + margin))
    return np.ascontiguousarray(rgb[y0:y1, x0:x1]), np.array([x0, y0], np.float64)


def mask_in_crop(found: Pose, shape: tuple[int, ...]) -> np.ndarray:
    """A figure's mask in the crop (h, w) that it covers, float32 0..1."""
    return np.zeros(shape, np.float32) if found.mask is None else _stretched(found.mask, shape, cv2.INTER_LINEAR)


def parts_in_crop(found: Pose, shape: tuple[int, ...]) -> np.ndarray:
    """A figure's body parts in the crop (h, w) that it covers, uint8."""
    return np.zeros(shape, np.uint8) if found.parts is None else _stretched(found.parts, shape, cv2.INTER_NEAREST)


def in_image(layer: np.ndarray, corner: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A layer of a crop whose top-left corner is at `corner`, in the image (H, W); 0 elsewhere."""
    whole, (left, top) = np.zeros(shape, layer.dtype), corner.astype(int)
    whole[top : top + layer.shape[0], left : left + layer.shape[1]] = layer
    return whole


def _stretched(layer: np.ndarray, shape: tuple[int, ...], flags: int) -> np.ndarray:
    return np.asarray(cv2.resize(layer, shape[1::-1], interpolation=flags))


def parts_in(parts: np.ndarray, window: Letterbox, side: int) -> np.ndarray:
    """The parts (H, W) in a window, at `side` px instead of the window's own."""
    step = window.side / (side * window.scale)
    corner = window.back(np.zeros(2)) + 0.5 * step - 0.5  # cv2 counts pixel centers from 0
    matrix = np.array([[step, 0.0, corner[0]], [0.0, step, corner[1]]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(np.ascontiguousarray(parts), matrix, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def drawn_tile(
    rgb: np.ndarray, points: np.ndarray | None, mask: np.ndarray | None, words: str = "", wanted: np.ndarray | None = None
) -> np.ndarray:
    """A crop (H, W, 3) in a square, with its mask in green, joints found (17, 3) in red and joints wanted in blue."""
    zoom = TILE / max(rgb.shape[:2])
    small = cv2.resize(rgb, (max(1, int(rgb.shape[1] * zoom)), max(1, int(rgb.shape[0] * zoom))), interpolation=cv2.INTER_AREA)
    if mask is not None:
        over = cv2.resize(mask, small.shape[1::-1]) > 0.5
        small[over] = (small[over] * 0.6 + np.array([0, 100, 0])).astype(np.uint8)
    tile = np.full((TILE, TILE, 3), 90, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    for colors, joints in (((0, 200, 255), wanted), ((255, 0, 0), points)):
        if joints is None:
            continue
        for one, other in SKELETON:
            if min(joints[one, 2], joints[other, 2]) > 0.02:
                start, end = ((joints[row, :2] * zoom).astype(int).tolist() for row in (one, other))
                left = colors if one % 2 else tuple(c // 2 for c in colors)
                cv2.line(tile, tuple(start), tuple(end), left, 1, cv2.LINE_AA)
    cv2.putText(tile, words, (3, TILE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 0, 255), 1, cv2.LINE_AA)
    return tile


def sheet(tiles: list[np.ndarray], across: int = 8) -> np.ndarray:
    """Tiles in rows."""
    tiles = tiles + [np.full((TILE, TILE, 3), 90, np.uint8)] * (-len(tiles) % across)
    return np.vstack([np.hstack(tiles[row : row + across]) for row in range(0, len(tiles), across)])


def edges(found: Detection) -> np.ndarray:
    """Left, top, right, bottom of a detection's box."""
    return np.array([found.box.left, found.box.top, found.box.right, found.box.bottom])
