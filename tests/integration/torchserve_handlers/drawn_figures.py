"""A model archive for the tests: the AnimatedDrawings protocol without a network.

Finds the dark pixels of an image. A magenta block of 16 x 16 px in the image's upper left corner orders a misbehavior: its blue is
32 times the order (JPEG keeps that apart), and the red of the block to its right is the argument. Runs inside TorchServe's own Python: it
can import nothing of this project.
"""

import io
import os
import time

import numpy as np
from PIL import Image

SLOW, DIE, NO_JSON, NOT_A_NUMBER, RAISE, TOO_MANY, HUGE = 1, 2, 3, 4, 5, 6, 7

# Where the joints of a figure with its arms hanging lie, as fractions of its box; COCO's order.
PLACES = (
    (0.5, 0.1), (0.55, 0.08), (0.45, 0.08), (0.6, 0.1), (0.4, 0.1), (0.7, 0.25), (0.3, 0.25), (0.8, 0.4), (0.2, 0.4),
    (0.9, 0.55), (0.1, 0.55), (0.6, 0.55), (0.4, 0.55), (0.6, 0.75), (0.4, 0.75), (0.6, 0.95), (0.4, 0.95),
)  # fmt: skip


class PredictionError(Exception):
    """An exception of a handler, as a network's would be."""


def detect(data, context):
    """TorchServe's entry point of the detector: a list of figures for each image of the batch."""
    return _answers(data, context, _figures)


def estimate(data, context):
    """TorchServe's entry point of the pose estimator: a list of one skeleton for each image of the batch."""
    return _answers(data, context, _skeletons)


def _answers(data, context, answer):
    if data is None:  # TorchServe calls once, with nothing, to let the handler load its network
        return None
    for place in range(len(data)):
        context.set_response_content_type(place, "application/json")
    return [_reply(np.asarray(Image.open(io.BytesIO(part.get("data"))).convert("RGB")), answer) for part in data]


def _reply(rgb, answer):
    red, green, blue = (int(value) for value in rgb[8, 8])
    if red > 240 and green < 16:
        order, argument = round(blue / 32), int(rgb[8, 24, 0])
        rgb = np.concatenate([np.full_like(rgb[:16], 255), rgb[16:]])
        if order == SLOW:
            time.sleep(argument / 10)
        elif order == DIE:
            os._exit(1)
        elif order == NO_JSON:
            return "the figure is in the middle"
        elif order == NOT_A_NUMBER:
            return [{"class_name": "humanoid", "bbox": [0, 0, float("nan"), 1], "score": 1.0, "keypoints": [[float("nan"), 0, 1]] * 17}]
        elif order == RAISE:
            raise PredictionError("the order was to fail")
        elif order == TOO_MANY:
            return [{"keypoints": [[0, 0, 1]] * 17}] * 2
        elif order == HUGE:
            return ["x" * 5_000_000]
    return answer(rgb)


def _dark_box(rgb):
    rows, columns = np.nonzero(rgb.min(axis=2) < 128)
    if not len(rows):
        return None
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def _figures(rgb):
    box = _dark_box(rgb)
    return [] if box is None else [{"class_name": "humanoid", "bbox": list(box), "score": 0.99}]


def _skeletons(rgb):
    left, top, right, bottom = _dark_box(rgb) or (0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0]))
    return [{"keypoints": [[left + x * (right - left), top + y * (bottom - top), 0.9] for x, y in PLACES]}]
