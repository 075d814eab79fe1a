"""Synthetic figures in several styles, with exactly known masks and joints, for tests of cutting out and rigging."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

ENLARGED = 4
PAPER = (214, 210, 200)
STYLES = ("stick", "outlined", "crayon", "chalk", "silhouette", "dress")

JOINTS = {
    0: (0.50, 0.17),
    5: (0.59, 0.34),
    6: (0.41, 0.34),
    7: (0.73, 0.37),
    8: (0.27, 0.37),
    9: (0.86, 0.30),
    10: (0.14, 0.30),
    11: (0.55, 0.62),
    12: (0.45, 0.62),
    13: (0.60, 0.76),
    14: (0.40, 0.76),
    15: (0.63, 0.90),
    16: (0.37, 0.90),
}
"""COCO keypoints in shares of the image."""

LIMBS = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16))


@dataclass(frozen=True, eq=False)
class DrawnFigure:
    """An image (h, w, 3) uint8, the figure's exact mask (h, w) bool and its keypoints (17, 3), score 1 (eyes and ears 0)."""

    rgb: np.ndarray
    mask: np.ndarray
    keypoints: np.ndarray


def drawn_figure(style: str, *, height: int = 420, width: int = 340, seed: int = 0) -> DrawnFigure:
    """A figure with arms half raised, seen from the front, in one of STYLES."""
    rng = np.random.default_rng(seed)
    size = np.array([width, height])
    at = {k: (np.array(v) + rng.normal(0, 0.008, 2)) * size for k, v in JOINTS.items()}
    pen = max(3.0, 0.011 * height)
    thick = _limb_width(style, height)
    body = _shape(at, size, 0.0 if style == "stick" else thick / 2, with_skirt=style == "dress", with_trunk=style != "stick")
    if style == "stick":
        inside = body["head"]
        lines = _lines(at, (height, width), pen)
        ink = lines | (body["head"] & ~_shrunk(body["head"], pen))
        mask = inside | ink
    else:
        mask = body["all"]
        ink = mask if style in {"crayon", "silhouette"} else mask & ~_shrunk(mask, pen)
    return DrawnFigure(_painted(style, ink, rng), _hard(mask), _keypoints(at))


def _limb_width(style: str, height: int) -> float:
    return {"stick": 0.0, "dress": 0.05}.get(style, 0.075) * height


def _keypoints(at: dict[int, np.ndarray]) -> np.ndarray:
    keypoints = np.zeros((17, 3))
    for joint, point in at.items():
        keypoints[joint] = (*point, 1.0)
    return keypoints


def _shape(at: dict[int, np.ndarray], size: np.ndarray, radius: float, *, with_skirt: bool, with_trunk: bool) -> dict[str, np.ndarray]:
    """Draw head and body at the enlarged size."""
    shape = (int(size[1]) * ENLARGED, int(size[0]) * ENLARGED)
    head, whole = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    cv2.circle(head, _at(at[0]), int(0.095 * size[1] * ENLARGED), 1, cv2.FILLED)
    if with_trunk:
        for first, second in LIMBS:
            cv2.line(whole, _at(at[first]), _at(at[second]), 1, int(2 * radius * ENLARGED))
        corners = [at[6], at[5], at[11], at[12]]
        if with_skirt:
            corners = [at[6], at[5], at[11] + [0.12 * size[0], 0.1 * size[1]], at[12] + [-0.12 * size[0], 0.1 * size[1]]]
        cv2.fillPoly(whole, [np.array([_at(p) for p in corners])], 1)
        cv2.polylines(whole, [np.array([_at(p) for p in corners])], isClosed=True, color=1, thickness=int(2 * radius * ENLARGED))
        cv2.line(whole, _at(at[0]), _at((at[5] + at[6]) / 2), 1, int(1.6 * radius * ENLARGED))
    return {"head": head > 0, "all": (whole | head) > 0}


def _lines(at: dict[int, np.ndarray], shape: tuple[int, int], pen: float) -> np.ndarray:
    lines = np.zeros((shape[0] * ENLARGED, shape[1] * ENLARGED), np.uint8)
    chest, hip = (at[5] + at[6]) / 2, (at[11] + at[12]) / 2
    strokes = [(at[0] + [0, 0.09 * shape[0]], chest), (chest, hip), (chest, at[7]), (chest, at[8]), (hip, at[13]), (hip, at[14])]
    strokes += [(at[7], at[9]), (at[8], at[10]), (at[13], at[15]), (at[14], at[16])]
    for start, end in strokes:
        cv2.line(lines, _at(start), _at(end), 1, int(pen * ENLARGED))
    return lines > 0


def _shrunk(mask: np.ndarray, pen: float) -> np.ndarray:
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return depth > pen * ENLARGED


def _at(point: np.ndarray) -> tuple[int, int]:
    x, y = np.round(np.asarray(point) * ENLARGED).astype(int).tolist()
    return x, y


def _hard(mask: np.ndarray) -> np.ndarray:
    return _soft(mask) > 0.5


def _soft(mask: np.ndarray) -> np.ndarray:
    size = (mask.shape[1] // ENLARGED, mask.shape[0] // ENLARGED)
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _painted(style: str, ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    paper, color = {
        "chalk": ((38, 52, 44), (225, 228, 220)),
        "crayon": (PAPER, (226, 128, 60)),
        "silhouette": (PAPER, (52, 50, 54)),
    }.get(style, (PAPER, (60, 58, 66)))
    cover = cv2.GaussianBlur(_soft(ink), (0, 0), 0.6)
    if style == "crayon":  # wax leaves specks of paper between
        grain = cv2.GaussianBlur(np.asarray(rng.normal(0, 1, cover.shape), np.float32), (0, 0), 1.2)
        cover = cover * np.clip(0.75 + 0.8 * grain, 0.25, 1.0).astype(np.float32)
    rgb = np.array(paper) * (1 - cover[..., None]) + np.array(color) * cover[..., None]
    return np.clip(rgb + rng.normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)
