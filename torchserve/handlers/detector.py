"""`drawn_humanoid_detector`: the figures in a picture, as AnimatedDrawings' clients expect them, each with a mask and body parts that they
ignore.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from answering import Answering

from pipeline.types import Detection


class Detector(Answering):
    """TorchServe makes one of these in each worker."""

    def handle(self, rows: Sequence[dict[str, Any]] | None, context: Any) -> list[Any] | None:
        """`[{"class_name", "bbox": [left, top, right, bottom], "score", "mask", "parts"}]` for each request; the latter two are base64
        PNGs over the box: 0..255 for how likely the figure is there, and the `BodyPart` of each pixel.
        """
        predictor = self.predictor
        if rows is None or predictor is None:
            return None
        return self.answers(rows, context, lambda pictures: [[_entry(one) for one in found] for found in predictor.detections_in(pictures)])


def _entry(found: Detection) -> dict[str, Any]:
    box = [found.box.left, found.box.top, found.box.right, found.box.bottom]
    entry: dict[str, Any] = {"class_name": "drawn_humanoid", "bbox": box, "score": found.score}
    if found.mask is not None:
        entry["mask"] = _png(np.round(found.mask * 255.0).astype(np.uint8))
    if found.parts is not None:
        entry["parts"] = _png(found.parts)
    return entry


def _png(layer: np.ndarray) -> str:
    _, content = cv2.imencode(".png", layer)
    return base64.b64encode(content.tobytes()).decode("ascii")
