"""Good photographs of drawings, made worse as bad photographs and bad paper are; and AnimatedDrawings' method, for comparison."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from pipeline.files.image_files import read_mask, read_rgba

NAMES = ("char1", "char2", "char3", "char4")


def drawings_root() -> Path | None:
    """Where AnimatedDrawings' examples are, if anywhere."""
    root = os.environ.get("ANIMATED_DRAWINGS_ROOT")
    return Path(root) if root else None


def folder_of(root: Path, name: str) -> Path:
    """char1 and char2 are among the examples, char3 and char4 in the folder beside them."""
    inside = root / "examples" / "characters" / name
    return inside if inside.is_dir() else root.parent / "drawings" / name


def crop_and_mask(root: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The crop (h, w, 3) uint8 and the original's mask (h, w) bool."""
    folder = folder_of(root, name)
    return read_rgba(folder / "texture.png")[..., :3].copy(), read_mask(folder / "mask.png")


# --- what the original does -------------------------------------------------------------------------------------------


def threshold_and_flood_mask(rgb: np.ndarray) -> np.ndarray:
    """Mask by AnimatedDrawings' method (etc/doc/file-formats.md, "Annotation folder"); an empty one where it gives up."""
    dark = rgb.min(axis=2)
    ink = 255 - cv2.adaptiveThreshold(dark, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 115, 8)
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, square, iterations=2)
    ink = cv2.morphologyEx(ink, cv2.MORPH_DILATE, square, iterations=2)
    height, width = ink.shape
    flooded = ink.copy()
    seen = np.zeros((height + 2, width + 2), np.uint8)
    seen[1:-1, 1:-1] = ink
    seeds = [(x, y) for x in range(0, width, 10) for y in (0, height - 1)] + [(x, y) for y in range(0, height, 10) for x in (0, width - 1)]
    for x, y in seeds:
        cv2.floodFill(flooded, seen, (x, y), 0)
    outside = (seen[1:-1, 1:-1] > 0) & (ink == 0)
    solid = ~outside
    solid[[0, -1], :] = False
    solid[:, [0, -1]] = False
    contours, _ = cv2.findContours(solid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    mask = np.zeros((height, width), np.uint8)
    if contours:
        cv2.drawContours(mask, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return ndimage.binary_fill_holes(mask > 0)


# --- making it worse --------------------------------------------------------------------------------------------------

Worse = tuple[np.ndarray, np.ndarray]
Worsening = Callable[[np.ndarray, np.ndarray], Worse]


def _shaded(rgb: np.ndarray, light: np.ndarray) -> np.ndarray:
    return np.clip(rgb * light[..., None], 0, 255).astype(np.uint8)


def as_it_is(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    return rgb, mask


def shadow_gradient(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    height, width = mask.shape
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return _shaded(rgb, 1.1 - 0.85 * (0.5 * x + 0.5 * y) ** 1.2), mask


def hand_shadow(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    height, width = mask.shape
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    edge = 0.45 + 0.12 * np.sin(6 * x) - (0.8 * y - 0.3 * x)
    return _shaded(rgb, 0.5 + 0.5 / (1 + np.exp(-edge * max(height, width) / 2.5))), mask


def _ruled(rgb: np.ndarray, *, squares: bool) -> np.ndarray:
    height, width = rgb.shape[:2]
    step = max(height, width) / 22
    lines = np.zeros((height, width), np.float32)
    tilt = np.deg2rad(1.7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across = [y * np.cos(tilt) - x * np.sin(tilt)] + ([x * np.cos(tilt) + y * np.sin(tilt)] if squares else [])
    for distance in across:
        off = np.abs((distance + step / 3) % step - step / 2)
        lines = np.maximum(lines, np.clip(1.6 - off, 0, 1))
    color = np.array([0.45, 0.3, 0.16]) if not squares else np.array([0.28, 0.26, 0.2])
    return np.clip(rgb * (1 - lines[..., None] * color), 0, 255).astype(np.uint8)


def ruled_paper(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    return _ruled(rgb, squares=False), mask


def squared_paper(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    return _ruled(rgb, squares=True), mask


def noise(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    grain = np.random.default_rng(7).normal(0, 16, rgb.shape)
    return np.clip(rgb + grain, 0, 255).astype(np.uint8), mask


def blur(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    return cv2.GaussianBlur(rgb, (0, 0), 2.2), mask


def gaps(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    """Eight gaps rubbed into the outline, each 2.2 % of the longer side wide."""
    outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(outline, key=len)[:, 0]
    paper = np.median(rgb[~mask], axis=0)
    rubbed = rgb.astype(float)
    depth = 0.04 * max(mask.shape)
    width = 0.022 * max(mask.shape)
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]]
    for k in range(8):
        index = int((k + 0.37) * len(longest) / 8)
        here, near = longest[index].astype(float), longest[(index + 6) % len(longest)] - longest[index - 6].astype(float)
        along = near / max(float(np.linalg.norm(near)), 1e-9)
        across = (x - here[0]) * along[0] + (y - here[1]) * along[1]
        deep = -(x - here[0]) * along[1] + (y - here[1]) * along[0]
        hit = (np.abs(across) < width / 2) & (np.abs(deep) < depth)
        rubbed[hit] = paper
    soft = cv2.GaussianBlur(rubbed, (0, 0), 0.7)
    return np.where((rubbed != rgb).any(axis=2, keepdims=True), soft, rgb).astype(np.uint8), mask


def faint(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    paper = np.median(rgb[~mask], axis=0)
    return np.clip(paper + 0.3 * (rgb.astype(float) - paper), 0, 255).astype(np.uint8), mask


def border_contact(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    """The box cut so tightly that hands and feet are lost: 4 % off the left and the bottom of the figure."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    bottom = int(rows[-1] - 0.04 * (rows[-1] - rows[0]))
    left = int(columns[0] + 0.04 * (columns[-1] - columns[0]))
    return rgb[:bottom, left:].copy(), mask[:bottom, left:].copy()


def jpeg(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    ok, coded = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 20])
    assert ok
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)), mask


def chalk(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    """A negative with the unevenness of a wiped board."""
    board: np.ndarray = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, mask.shape).astype(np.float32), (0, 0), 25)
    board = board / float(np.abs(board).max())
    return np.clip((255 - rgb) * 0.8 + 18 * board[..., None], 0, 255).astype(np.uint8), mask


def ground_line(rgb: np.ndarray, mask: np.ndarray) -> Worse:
    """The figure stands on a line that goes from border to border, with room on both sides."""
    side = round(0.15 * mask.shape[1])
    wide = cv2.copyMakeBorder(rgb, 0, round(0.06 * mask.shape[0]), side, side, cv2.BORDER_REFLECT_101)
    paper = np.median(rgb[~mask], axis=0)
    shape = cv2.copyMakeBorder(mask.astype(np.uint8), 0, wide.shape[0] - mask.shape[0], side, side, cv2.BORDER_CONSTANT) > 0
    wide[
        ~cv2.copyMakeBorder(np.ones_like(mask, np.uint8), 0, wide.shape[0] - mask.shape[0], side, side, cv2.BORDER_CONSTANT).astype(bool)
    ] = paper
    y = int(np.flatnonzero(mask.any(axis=1))[-1]) - 4
    points = np.array([[x, y + 2 * np.sin(x / 40)] for x in range(0, wide.shape[1], 4)], np.float32)
    cv2.polylines(wide, [np.round(points).astype(np.int32)], isClosed=False, color=tuple(float(v) for v in paper * 0.35), thickness=3)
    return wide, shape


WORSENINGS: tuple[Worsening, ...] = (
    as_it_is,
    shadow_gradient,
    hand_shadow,
    ruled_paper,
    squared_paper,
    noise,
    blur,
    gaps,
    faint,
    border_contact,
    jpeg,
    chalk,
    ground_line,
)
