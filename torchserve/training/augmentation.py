"""Random augmentation of crops and images: they are turned, bent, moved, mirrored, recolored, and cut out as detectors do."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from settings import REPOSITORY  # noqa: F401  # makes `pipeline` importable

from pipeline.pose.letterbox import paper_color
from pipeline.types import MIRRORED_PARTS
from pipeline.types.keypoints import MIRRORED_KEYPOINTS

MIRRORED = np.array(MIRRORED_KEYPOINTS)
"""(17,) which keypoint each becomes in a mirror."""

MIRRORED_LABELS = np.array(MIRRORED_PARTS, np.uint8)
"""(18,) which `BodyPart` each becomes in a mirror."""

BEND_NODES = 4
"""Random displacements across and down a crop, between which its bend is smooth."""
BEND_STEPS = 6
"""Steps of the iteration that finds where a point moves to: bends are gentle, and it converges in a few."""

COARSE = 4
"""The figure's bounds are measured at a size that is this many times smaller: a random shift by more pixels follows."""

KEPT_SHARE = 0.4
"""A box of which at most this share is inside the square is no label."""

MIN_CUT_PX = 8
"""A crop of which less than this would be left is not cut out."""

Rng = np.random.Generator


def figure_crop(
    crop: np.ndarray, keypoints: np.ndarray, box: np.ndarray, rng: Rng, side: int, config: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A random view of a crop, and its labels, for the pose network.

    Some are bent smoothly, so that the network also learns proportions and outlines that the generator never draws. Now and then one is on
    its side or its head; then all its joints are labeled absent, since such a figure is not animated.

    Args:
        crop: (C, C, 4) uint8, RGB and `BodyPart`s.
        keypoints: (17, 3) px of the crop and visibility.
        box: (4,) left, top, right, bottom of the figure, px of the crop.
        side: of the square, px.
        config: the table `augmentation` of the pose network.
    Returns:
        rgb (side, side, 3) uint8, mask (side, side) uint8 0..255, parts (side/2, side/2) uint8, keypoints (17, 3) in px of the square.
    """
    linear, is_upright, is_mirrored = _crop_map(box, rng, side, config)
    moved = keypoints[MIRRORED] if is_mirrored else keypoints.copy()
    parts = np.ascontiguousarray(crop[:, :, 3])
    shape = (parts > 0).astype(np.uint8) * 255
    offset = _crop_offset(shape, box, linear, side) + rng.normal(0.0, config["shift"], 2) * side
    paper = paper_color(np.ascontiguousarray(crop[:, :, :3]))
    bend = _sampled_bend(rng, side, rng.uniform(0.0, config["bend"])) if rng.random() < config["bent"] else None
    warped = _warped(np.dstack([crop[:, :, :3], shape]), linear, offset, side, (*paper, 0.0), bend=bend)
    rgb, mask = np.ascontiguousarray(warped[:, :, :3]), np.ascontiguousarray(warped[:, :, 3])
    parts = _warped(parts, linear / 2, offset / 2, side // 2, (0.0, 0.0, 0.0), flags=cv2.INTER_NEAREST, bend=bend)
    if is_mirrored:
        parts = MIRRORED_LABELS[parts]
    moved[:, :2] = _bent_points(moved[:, :2] @ linear.T + offset, bend)
    rgb = recolored(rgb, rng)
    if rng.random() < config["cut_out"]:
        _cut_out(rgb, mask, rng, config)
        parts[mask[::2, ::2] == 0] = 0
    outside = np.any((moved[:, :2] < 0) | (moved[:, :2] > side), axis=1)
    moved[outside, 2] = 0
    if not is_upright:
        moved[:, 2] = 0
    return rgb, mask, parts, moved


def _crop_map(box: np.ndarray, rng: Rng, side: int, config: dict[str, Any]) -> tuple[np.ndarray, bool, bool]:
    """The linear part (2, 2) of the map from a crop to the square, whether the figure is upright in it, and whether it is mirrored."""
    longer = max(box[2] - box[0], box[3] - box[1], 1.0)
    zoom = rng.uniform(*config["fill"]) * side / longer
    turn = np.deg2rad(_turn_deg(rng, config))
    is_upright = bool(rng.random() >= config["on_its_side"])
    if not is_upright:
        turn += rng.integers(1, 4) * np.pi / 2
    stretch = 2.0 ** rng.normal(0.0, config["stretch"])
    is_mirrored = bool(rng.random() < 0.5)
    scale = np.diag([zoom * stretch * (-1.0 if is_mirrored else 1.0), zoom / stretch])
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ scale, is_upright, is_mirrored


def _crop_offset(shape: np.ndarray, box: np.ndarray, linear: np.ndarray, side: int) -> np.ndarray:
    """The offset (2,), px, that moves the middle of the figure's bounds, as they are after the turn, to the middle of the square."""
    center = (box[:2] + box[2:]) / 2
    bounds = _bounds(_warped(shape, linear / COARSE, side / (2 * COARSE) - linear @ center / COARSE, side // COARSE, (0.0, 0.0, 0.0)))
    offset = side / 2 - linear @ center
    if bounds is not None:
        offset += side / 2 - np.array([bounds[0] + bounds[2], bounds[1] + bounds[3]]) * (COARSE / 2)
    return offset


def _turn_deg(rng: Rng, config: dict[str, Any]) -> float:
    """A random turn, degrees: in 15 % any up to 40, in 55 % normally distributed, else none."""
    draw = rng.random()
    if draw < 0.15:
        return float(rng.uniform(-40.0, 40.0))
    return float(np.clip(rng.normal(0.0, config["turn_deg"]), -45.0, 45.0)) if draw < 0.7 else 0.0


def whole_image(
    image: np.ndarray, boxes: np.ndarray, rng: Rng, side: int, config: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random view of a whole image, and its labels, for the detector.

    Args:
        image: (P, P, 4) uint8, RGB and the mask of all figures.
        boxes: (k, 4) left, top, right, bottom, px of the image; NaN where there is none.
        side: of the square, px.
        config: the table `augmentation` of the detector.
    Returns:
        rgb (side, side, 3) uint8, mask (side/2, side/2) uint8 0..255, boxes (n, 4) px of the square, cut to it.
    """
    if rng.random() < config["on_its_side"]:  # what is not upright is no figure: of four turns the upright one is to score highest
        image = np.ascontiguousarray(np.rot90(image, int(rng.integers(1, 4))))
        image[:, :, 3] = 0
        boxes = np.full_like(boxes, np.nan)
    length = image.shape[0]
    zoom = side / length * (1.0 if rng.random() < 0.35 else rng.uniform(*config["zoom"]))
    stretch = 2.0 ** rng.normal(0.0, 0.08)
    is_mirrored = rng.random() < 0.5
    linear = np.diag([zoom * stretch * (-1.0 if is_mirrored else 1.0), zoom / stretch])
    offset = side / 2 - linear @ np.full(2, length / 2) + rng.normal(0.0, config["shift"], 2) * side * (zoom * length != side)
    rgb = np.ascontiguousarray(image[:, :, :3])
    paper = paper_color(rgb) if rng.random() < 0.8 else tuple(float(c) for c in rng.integers(0, 256, 3))
    corners = boxes[~np.isnan(boxes[:, 0])].reshape(-1, 2, 2) @ linear.T + offset
    kept = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    inside = np.clip(kept, 0.0, side)
    share = _area(inside) / np.maximum(_area(kept), 1e-6)
    mask = _warped(np.ascontiguousarray(image[:, :, 3]), linear, offset, side, (0.0, 0.0, 0.0))
    rgb = _warped(rgb, linear, offset, side, paper)
    return recolored(rgb, rng), cv2.resize(mask, (side // 2, side // 2), interpolation=cv2.INTER_AREA), inside[share > KEPT_SHARE]


def recolored(rgb: np.ndarray, rng: Rng) -> np.ndarray:
    """The image (h, w, 3) uint8 in other light and colors, perhaps with noise or blur; sometimes gray, rarely a negative."""
    levels = np.arange(256, dtype=np.float64) / 255.0
    contrast, light = 2.0 ** rng.normal(0.0, 0.35), rng.normal(0.0, 0.08)
    gammas = 2.0 ** (rng.normal(0.0, 0.3) + rng.normal(0.0, 0.12, 3))
    curves = np.clip((levels[:, None] ** gammas - 0.5) * min(contrast, 1.6) + 0.5 + light, 0.0, 1.0)
    if rng.random() < 0.03:
        curves = 1.0 - curves
    rgb = cv2.LUT(rgb, (curves[None] * 255.0).astype(np.uint8))
    chance = rng.random()
    if chance < 0.12:
        rgb = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif chance < 0.3:
        rgb = np.ascontiguousarray(rgb[:, :, rng.permutation(3)])
    if rng.random() < 0.15:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.3))
    if rng.random() < 0.15:
        noise = rng.normal(0.0, rng.uniform(2.0, 9.0), rgb.shape[:2]).astype(np.float32)
        rgb = np.clip(rgb + noise[:, :, None], 0, 255).astype(np.uint8)
    return rgb


def _sampled_bend(rng: Rng, side: int, strength: float) -> np.ndarray:
    """A smooth random bend, (side, side, 2) float32: from each pixel of the square to where its color comes from, shares of the side."""
    nodes = rng.normal(0.0, strength, (BEND_NODES, BEND_NODES, 2)).astype(np.float32)
    return cv2.resize(nodes, (side, side), interpolation=cv2.INTER_CUBIC)


def _bent_points(points: np.ndarray, bend: np.ndarray | None) -> np.ndarray:
    """The bent points (n, 2) of the square: p moves to q with q + bend(q) = p, found by fixed-point iteration."""
    if bend is None:
        return points
    side = len(bend)
    found = points
    for _ in range(BEND_STEPS):
        columns, rows = np.clip(np.nan_to_num(found), 0, side - 1).astype(int).T
        found = points - side * bend[rows, columns]
    return found


def _warped(
    layer: np.ndarray,
    linear: np.ndarray,
    offset: np.ndarray,
    side: int,
    color: tuple[float, ...],
    *,
    flags: int = cv2.INTER_LINEAR,
    bend: np.ndarray | None = None,
) -> np.ndarray:
    """A layer (h, w) or (h, w, c), moved into a square of `side` px: a point p goes to `linear` p + `offset`, and is then bent.

    Args:
        color: of what is outside the layer.
        bend: of `_sampled_bend`, of any size.
    """
    shift = offset + linear @ np.array([0.5, 0.5]) - 0.5  # cv2 counts pixel centers from 0
    matrix = np.column_stack([linear, shift])
    if bend is None:
        return cv2.warpAffine(layer, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=color)
    back = cv2.invertAffineTransform(matrix).astype(np.float32)
    moved = cv2.resize(bend, (side, side)) * np.float32(side)
    moved += np.stack(np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32)), axis=-1)
    columns, rows = cv2.split(moved @ back[:, :2].T + back[:, 2])
    return cv2.remap(layer, columns, rows, flags, borderMode=cv2.BORDER_CONSTANT, borderValue=color)


def _cut_out(rgb: np.ndarray, mask: np.ndarray, rng: Rng, config: dict[str, Any]) -> None:
    """Replace everything outside a random box around the figure by paper, as in a crop by the detector; writes to `rgb` and `mask`.

    Neighbors and captions go; a hand may lose its finger tips.
    """
    side = len(mask)
    left, top, right, bottom = _bounds(mask) or (side // 8, side // 8, side - side // 8, side - side // 8)
    longer = max(right - left, bottom - top)
    low, high = config["margin"]
    margins = rng.uniform(low, high, 4) * longer
    x0, x1 = max(0, int(left - margins[0])), min(side, int(right + margins[2]))
    y0, y1 = max(0, int(top - margins[1])), min(side, int(bottom + margins[3]))
    inside = rgb[y0:y1, x0:x1]
    if inside.shape[0] < MIN_CUT_PX or inside.shape[1] < MIN_CUT_PX:
        return
    color = paper_color(np.ascontiguousarray(inside)) if rng.random() < 0.9 else (255.0, 255.0, 255.0)
    paper = np.array(color).astype(np.uint8)
    for outside in (np.s_[:y0], np.s_[y1:], np.s_[y0:y1, :x0], np.s_[y0:y1, x1:]):
        rgb[outside], mask[outside] = paper, 0


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Bounds of the set pixels of a mask (h, w) uint8 0..255: left, top, right, bottom, px, the latter two exclusive; None if empty."""
    drawn = mask > 127
    xs, ys = np.flatnonzero(drawn.any(axis=0)), np.flatnonzero(drawn.any(axis=1))
    return (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1) if len(xs) else None


def _area(boxes: np.ndarray) -> np.ndarray:
    """(n,) areas of boxes (n, 4), px^2; 0 of boxes without extent."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0.0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
