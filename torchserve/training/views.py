"""What `evaluate.py` looks at: detections as arrays, and small pictures of them side by side."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline.pose.letterbox import Letterbox
from pipeline.types import Detection

CROP_MARGIN = 0.06
TILE = 256


def crop_of(rgb: np.ndarray, box: Any) -> tuple[np.ndarray, np.ndarray]:
    """A detection's box with a small margin, inside the picture; the crop and its top-left corner."""
    margin = CROP_MARGIN * max(box.width, box.height)
    x0, y0 = max(0, int(box.left - margin)), max(0, int(box.top - margin))
    x1, y1 = min(rgb.shape[1], round(box.right + margin)), min(rgb.shape[0], round(box.bottom + margin))
    return np.ascontiguousarray(rgb[y0:y1, x0:x1]), np.array([x0, y0], np.float64)


def mask_in_picture(found: Detection, shape: tuple[int, int]) -> np.ndarray:
    """A detection's mask (H, W) bool, where its box lies to a fraction of a pixel."""
    if found.mask is None:
        return np.zeros(shape, bool)
    return _in_picture(found.mask, found, shape, cv2.INTER_LINEAR) > 0.5


def parts_in_picture(found: Detection, shape: tuple[int, int]) -> np.ndarray:
    """A detection's body parts (H, W) uint8 in the picture."""
    return np.zeros(shape, np.uint8) if found.parts is None else _in_picture(found.parts, found, shape, cv2.INTER_NEAREST)


def _in_picture(layer: np.ndarray, found: Detection, shape: tuple[int, int], flags: int) -> np.ndarray:
    step = np.array(layer.shape[::-1]) / np.array([found.box.width, found.box.height])
    # from the picture's pixel centres, which cv2 counts from 0, to the layer's
    offset = (0.5 - np.array([found.box.left, found.box.top])) * step - 0.5
    matrix = np.column_stack([np.diag(step), offset])
    return cv2.warpAffine(layer, matrix, shape[::-1], flags=flags | cv2.WARP_INVERSE_MAP, borderValue=0.0)


def mask_in_crop(found: Detection, corner: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A detection's mask in a crop whose top-left corner lies at `corner`, (h, w) float32."""
    whole = mask_in_picture(found, (int(corner[1]) + shape[0], int(corner[0]) + shape[1]))
    return whole[int(corner[1]) :, int(corner[0]) :].astype(np.float32)


def parts_in(parts: np.ndarray, window: Letterbox, side: int) -> np.ndarray:
    """The parts (H, W) in a window, at `side` px instead of the window's own."""
    step = window.side / (side * window.scale)
    corner = window.back(np.zeros(2)) + 0.5 * step - 0.5  # cv2 counts pixel centres from 0
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
    bones = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12))
    for colours, joints in (((0, 200, 255), wanted), ((255, 0, 0), points)):
        if joints is None:
            continue
        for one, other in bones:
            if min(joints[one, 2], joints[other, 2]) > 0.02:
                start, end = ((joints[row, :2] * zoom).astype(int).tolist() for row in (one, other))
                left = colours if one % 2 else tuple(c // 2 for c in colours)
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
