"""`drawn_humanoid_detector`: the figures in a picture, as AnimatedDrawings' clients expect them, each with a mask that they ignore."""

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
        """`[{"class_name", "bbox": [left, top, right, bottom], "score", "mask": base64 PNG over the box}]` for each request."""
        predictor = self.predictor
        if rows is None or predictor is None:
            return None
        return self.answers(rows, context, lambda pictures: [[_entry(one) for one in found] for found in predictor.detections_in(pictures)])


def _entry(found: Detection) -> dict[str, Any]:
    box = [found.box.left, found.box.top, found.box.right, found.box.bottom]
    entry: dict[str, Any] = {"class_name": "drawn_humanoid", "bbox": box, "score": found.score}
    if found.mask is not None:
        _, content = cv2.imencode(".png", np.round(found.mask * 255.0).astype(np.uint8))
        entry["mask"] = base64.b64encode(content.tobytes()).decode("ascii")
    return entry
