"""Camera stage: projection from world space to the canvas.

A camera from a file works as in AnimatedDrawings (etc/doc/algorithm.md, "Camera"): perspective, vertical field of view 35 degrees, looking
along the negative of `Camera.backward`. Without one, the camera faces the figures from a distance that keeps all of them in view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.types import Bytes, Camera, Canvas, Floats, Singles, View

FIELD_OF_VIEW_DEG = 35.0
NEAR, FAR = 0.1, 10000.0
MARGIN = 0.05
"""Margin around the figures as a share of the canvas, for the automatic camera."""


def canvas_of_view(view: View, bounds: Sequence[tuple[Floats, float]]) -> Canvas:
    """Canvas of a view.

    Args:
        bounds: of each figure, lowest and highest x, y (2, 2) over the whole motion, and its z; world space.
    """
    camera = view.camera or camera_around(bounds, aspect=view.width / view.height)
    projection = view_projection(camera, aspect=view.width / view.height)
    image = None if view.background_image is None else downscaled_background(view.background_image, view.width, view.height)
    return Canvas(view.width, view.height, view.background, image, projection)


def downscaled_background(image: Bytes, width: int, height: int) -> Bytes:
    """The background image (h, w, 4), averaged down to at most the canvas's width and height, px.

    The renderer would skip pixels, and texture size is limited. Averages premultiplied colors.
    """
    size = (min(image.shape[1], width), min(image.shape[0], height))
    if size == image.shape[1::-1]:
        return image
    if bool(np.all(image[..., 3] == 255)):
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    *colors, alpha = cv2.split(image)
    weighed = cv2.merge([*(cv2.multiply(channel, alpha, scale=1 / 255) for channel in colors), alpha])
    averaged = cv2.resize(weighed, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    averaged[..., :3] *= 255 / np.maximum(averaged[..., 3:], 1)
    seen: Bytes = np.rint(averaged.clip(0, 255)).astype(np.uint8)
    return seen


def camera_around(bounds: Sequence[tuple[Floats, float]], *, aspect: float) -> Camera:
    """The closest camera along -z that sees all bounds with a margin.

    For a plane at depth z, half the visible height is slope * (distance - z); every bound gives a linear condition on the camera's
    distance and on its x (or y), so the smallest distance is the largest of four sums.
    """
    slope_y = math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2) * (1 - 2 * MARGIN)
    slope_x = slope_y * aspect
    center, distances = [0.0, 0.0], [max(z for _, z in bounds) + 2 * NEAR]
    for axis, slope in ((0, slope_x), (1, slope_y)):
        above = max(float(box[1, axis]) + slope * z for box, z in bounds)
        below = max(-float(box[0, axis]) + slope * z for box, z in bounds)
        center[axis] = (above - below) / 2
        distances.append((above + below) / 2 / slope)
    return Camera((center[0], center[1], max(distances)), (0.0, 0.0, 1.0))


def camera_over(left: float, bottom: float, width: float, height: float) -> Camera:
    """The camera along -z whose frame is a rectangle at depth 0, world space."""
    return Camera((left + width / 2, bottom + height / 2, height / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)), (0.0, 0.0, 1.0))


def view_projection(camera: Camera, *, aspect: float) -> Singles:
    """Matrix (4, 4) from world to clip space, for column vectors, y up."""
    backward = np.array(camera.backward, float)
    backward /= np.linalg.norm(backward)
    right = np.cross([0.0, 1.0, 0.0], backward)
    if np.linalg.norm(right) < 1e-9:  # looking straight up or down: any right vector works
        right = np.array([1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = np.stack([right, np.cross(backward, right), backward])
    view[:3, 3] = -view[:3, :3] @ np.array(camera.position, float)
    focal = 1.0 / math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)
    projection = np.zeros((4, 4))
    projection[0, 0], projection[1, 1] = focal / aspect, focal
    projection[2, 2], projection[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
    projection[3, 2] = -1.0
    return (projection @ view).astype(np.float32)


def px_per_unit(canvas: Canvas, at: Floats) -> float:
    """Pixels per world unit at the point `at` (3,), the larger of horizontal and vertical."""
    points = np.asarray(at) + np.array([(0, 0, 0), (1e-3, 0, 0), (0, 1e-3, 0)])
    clip = np.column_stack([points, np.ones(3)]) @ canvas.view_projection.astype(float).T
    if np.any(clip[:, 3] <= 0):  # behind the camera: never visible
        return 1.0
    screen = clip[:, :2] / clip[:, 3:] * np.array([canvas.width, canvas.height]) / 2
    return float(np.linalg.norm(screen[1:] - screen[0], axis=1).max() * 1e3)
